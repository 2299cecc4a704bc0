/// Bounds on what a client may send.
public struct WebSocketLimits: Equatable, Sendable {
    /// Payload bytes of one frame.
    public var maxFrameSize: Int
    /// Bytes of one assembled message.
    public var maxMessageSize: Int
    /// Frames of one message.
    public var maxFragments: Int

    public init(maxFrameSize: Int = 65_536, maxMessageSize: Int = 1 << 20, maxFragments: Int = 1024) {
        self.maxFrameSize = maxFrameSize
        self.maxMessageSize = maxMessageSize
        self.maxFragments = maxFragments
    }
}

/// What a client did against the protocol, and how the connection is closed for it.
public struct ProtocolViolation: Error, Equatable, Sendable {
    public let code: CloseCode
    /// A sentence for the close frame; cites the rule.
    public let reason: String

    init(_ code: CloseCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// Decodes what a client sends (RFC 6455 §5): bytes in any pieces in, messages out. Payloads are unmasked, fragments
/// joined, and text is checked as it arrives.
///
/// An idle decoder holds no memory beside itself.
public struct MessageDecoder: Sendable {
    /// Something a client has sent. Payload pointers are valid until the next call.
    public enum Event {
        case text(UnsafeRawBufferPointer)
        /// Compressed text: what it becomes is not checked yet.
        case compressedText(UnsafeRawBufferPointer)
        case compressedBinary(UnsafeRawBufferPointer)
        case binary(UnsafeRawBufferPointer)
        case ping(UnsafeRawBufferPointer)
        case pong(UnsafeRawBufferPointer)
        /// The close frame; `code` is absent if its body was empty.
        case close(code: CloseCode?)
        case violation(ProtocolViolation)
    }

    private let limits: WebSocketLimits
    /// Whether permessage-deflate was agreed on.
    private let allowsCompression: Bool
    private var messageIsCompressed = false
    private var phase = Phase.header
    /// The bytes of a header that is not whole yet.
    private var header: (UInt64, UInt64) = (0, 0)
    private var headerCount: UInt8 = 0
    private var frameIsFinal = false
    private var frameOpcode = Opcode.text
    private var mask: UInt32 = 0
    private var remaining = 0
    /// The kind of the message under assembly; `nil` between messages.
    private var messageOpcode: Opcode?
    private var fragments = 0
    private var utf8 = UTF8Stream()
    private var message: PayloadBuffer?
    private var control: PayloadBuffer?
    /// Which buffer was handed out by the last call and is empty again with the next.
    private var handedOut: UInt8 = 0

    private enum Phase: UInt8, Sendable {
        /// Waiting for a header.
        case header
        /// Inside a frame's payload.
        case payload
        /// A violation or a close frame has been seen; all further bytes are ignored.
        case ended
    }

    public init(limits: WebSocketLimits, allowsCompression: Bool = false) {
        self.limits = limits
        self.allowsCompression = allowsCompression
    }

    /// Whether the bytes so far end between two messages.
    public var isBetweenMessages: Bool { phase == .header && headerCount == 0 && messageOpcode == nil }

    /// Takes bytes from `input`, starting at `offset`, until something is whole.
    /// - Parameters:
    ///   - offset: moved behind what was taken.
    ///   - scratch: room for unmasking; a message that arrives whole and fits is unmasked there and copied nowhere.
    /// - Returns: `nil` when all of `input` was taken and nothing is whole.
    public mutating func next(
        _ input: UnsafeRawBufferPointer, _ offset: inout Int, scratch: UnsafeMutableRawBufferPointer
    ) -> Event? {
        releaseHandedOut()
        while true {
            switch phase {
            case .ended:
                offset = input.count
                return nil
            case .header:
                guard readHeader(input, &offset) else { return nil }
                if let violation = beginFrame() { return end(violation) }
                if let event = wholeFrame(input, &offset, scratch) { return event }
            case .payload:
                if let event = readPayload(input, &offset) { return event }
                if phase == .payload { return nil }
            }
        }
    }

    // MARK: - Header

    private mutating func readHeader(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Bool {
        while true {
            let count = Int(headerCount)
            if count >= 2, count >= neededHeader() {
                return true
            }
            guard offset < input.count else { return false }
            withUnsafeMutableBytes(of: &header) { $0[count] = input[offset] }
            headerCount += 1
            offset += 1
        }
    }

    /// Header bytes including the mask, known after two of them.
    private func neededHeader() -> Int {
        let second = withUnsafeBytes(of: header) { $0[1] }
        let length = second & 0x7F
        return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + (second & 0x80 != 0 ? 4 : 0)
    }

    /// Reads the header that is whole now and checks it against the rules.
    private mutating func beginFrame() -> ProtocolViolation? {
        headerCount = 0
        return withUnsafeBytes(of: header) { beginFrame($0) }
    }

    private mutating func beginFrame(_ bytes: UnsafeRawBufferPointer) -> ProtocolViolation? {
        let first = bytes[0]
        guard let opcode = Opcode(rawValue: first & 0x0F) else {
            return ProtocolViolation(.protocolError, "unknown opcode (RFC 6455 5.2)")
        }
        // The first of the three bits marks the first frame of a compressed message (RFC 7692 §6).
        let isCompressed = first & 0x40 != 0
        guard first & 0x30 == 0,
            !isCompressed || allowsCompression && (opcode == .text || opcode == .binary)
        else {
            return ProtocolViolation(.protocolError, "reserved bits are set without an extension (RFC 6455 5.2)")
        }
        guard bytes[1] & 0x80 != 0 else {
            return ProtocolViolation(.protocolError, "client frames must be masked (RFC 6455 5.1)")
        }
        var length = UInt64(bytes[1] & 0x7F)
        var position = 2
        if length == 126 {
            length = UInt64(bytes[2]) << 8 | UInt64(bytes[3])
            position = 4
            guard length >= 126 else { return .notMinimal }
        } else if length == 127 {
            length = 0
            for i in 2..<10 { length = length << 8 | UInt64(bytes[i]) }
            position = 10
            guard length >= 65_536 else { return .notMinimal }
            guard length >> 63 == 0 else {
                return ProtocolViolation(.protocolError, "the length's highest bit is set (RFC 6455 5.2)")
            }
        }
        mask = bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
        frameIsFinal = first & 0x80 != 0
        frameOpcode = opcode
        if opcode.isControl {
            guard frameIsFinal, length <= 125 else {
                return ProtocolViolation(.protocolError, "control frames are short and whole (RFC 6455 5.5)")
            }
        } else {
            if opcode == .continuation {
                guard messageOpcode != nil else {
                    return ProtocolViolation(.protocolError, "a continuation without a beginning (RFC 6455 5.4)")
                }
            } else {
                guard messageOpcode == nil else {
                    return ProtocolViolation(.protocolError, "a new message inside another one (RFC 6455 5.4)")
                }
                messageOpcode = opcode
                messageIsCompressed = isCompressed
                fragments = 0
                utf8 = UTF8Stream()
            }
            fragments += 1
            guard length <= UInt64(limits.maxFrameSize) else {
                return ProtocolViolation(.messageTooBig, "a frame may have \(limits.maxFrameSize) bytes")
            }
            guard UInt64(message?.count ?? 0) + length <= UInt64(limits.maxMessageSize) else {
                return ProtocolViolation(.messageTooBig, "a message may have \(limits.maxMessageSize) bytes")
            }
            guard fragments <= limits.maxFragments else {
                return ProtocolViolation(.policyViolation, "a message may have \(limits.maxFragments) fragments")
            }
        }
        remaining = Int(length)
        phase = .payload
        return nil
    }

    // MARK: - Payload

    /// The fast way: the frame is all of its message, all of it is here, and it fits into the scratch.
    private mutating func wholeFrame(
        _ input: UnsafeRawBufferPointer, _ offset: inout Int, _ scratch: UnsafeMutableRawBufferPointer
    ) -> Event? {
        guard frameIsFinal, frameOpcode != .continuation, input.count - offset >= remaining, scratch.count >= remaining
        else { return nil }
        let count = remaining
        let target = UnsafeMutableRawBufferPointer(rebasing: scratch[..<count])
        if count > 0 { Masking.unmask(input.baseAddress! + offset, to: target.baseAddress!, count: count, key: mask) }
        offset += count
        phase = .header
        let payload = UnsafeRawBufferPointer(target)
        if frameOpcode.isControl { return controlEvent(payload) }
        messageOpcode = nil
        if messageIsCompressed { return frameOpcode == .text ? .compressedText(payload) : .compressedBinary(payload) }
        if frameOpcode == .text {
            guard utf8.append(payload), utf8.isComplete else { return end(.invalidUTF8) }
            return .text(payload)
        }
        return .binary(payload)
    }

    private mutating func readPayload(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event? {
        let count = min(remaining, input.count - offset)
        let buffer: PayloadBuffer
        if frameOpcode.isControl {
            buffer = control ?? PayloadBuffer(capacity: 125)
            control = buffer
        } else {
            buffer = message ?? PayloadBuffer(capacity: max(256, min(remaining, 65_536)))
            message = buffer
        }
        if count > 0 {
            let target = buffer.reserve(count)
            Masking.unmask(input.baseAddress! + offset, to: target, count: count, key: mask)
            buffer.count += count
            // The key goes on where this piece ended.
            let turn = UInt32(count & 3) * 8
            if turn > 0 { mask = mask >> turn | mask << (32 - turn) }
            offset += count
            remaining -= count
            if !frameOpcode.isControl, messageOpcode == .text, !messageIsCompressed,
                !utf8.append(UnsafeRawBufferPointer(start: target, count: count))
            {
                return end(.invalidUTF8)
            }
        }
        guard remaining == 0 else { return nil }
        phase = .header
        if frameOpcode.isControl {
            handedOut = 1
            return controlEvent(buffer.bytes)
        }
        guard frameIsFinal else { return nil }
        let kind = messageOpcode
        messageOpcode = nil
        handedOut = 2
        if messageIsCompressed {
            return kind == .text ? .compressedText(buffer.bytes) : .compressedBinary(buffer.bytes)
        }
        if kind == .text {
            guard utf8.isComplete else { return end(.invalidUTF8) }
            return .text(buffer.bytes)
        }
        return .binary(buffer.bytes)
    }

    private mutating func controlEvent(_ payload: UnsafeRawBufferPointer) -> Event {
        switch frameOpcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default:
            phase = .ended
            guard payload.count != 1 else {
                return .violation(ProtocolViolation(.protocolError, "a close frame of one byte (RFC 6455 5.5.1)"))
            }
            guard payload.count >= 2 else { return .close(code: nil) }
            let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
            guard code.mayBeReceived else {
                return .violation(ProtocolViolation(.protocolError, "close code \(code.rawValue) (RFC 6455 7.4)"))
            }
            var reason = UTF8Stream()
            guard reason.append(UnsafeRawBufferPointer(rebasing: payload[2...])), reason.isComplete else {
                return .violation(.invalidUTF8)
            }
            return .close(code: code)
        }
    }

    private mutating func end(_ violation: ProtocolViolation) -> Event {
        phase = .ended
        return .violation(violation)
    }

    private mutating func releaseHandedOut() {
        switch handedOut {
        case 0: return
        case 1: control = nil
        default: message = nil
        }
        handedOut = 0
    }
}

extension ProtocolViolation {
    static let notMinimal = ProtocolViolation(.protocolError, "a length that is not minimal (RFC 6455 5.2)")
    static let invalidUTF8 = ProtocolViolation(.invalidPayload, "text that is not UTF-8 (RFC 6455 8.1)")
}

/// Memory for a payload that arrives in pieces. It has an address of its own, so that events can point into it.
///
/// `@unchecked Sendable`: only its decoder knows it, and that is a value with one owner.
final class PayloadBuffer: @unchecked Sendable {
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        storage = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit { storage.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: storage, count: count) }

    /// Room for `more` bytes behind what is here.
    func reserve(_ more: Int) -> UnsafeMutableRawPointer {
        if count + more > capacity {
            capacity = max(capacity * 2, count + more)
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
            larger.copyMemory(from: storage, byteCount: count)
            storage.deallocate()
            storage = larger
        }
        return storage + count
    }
}
