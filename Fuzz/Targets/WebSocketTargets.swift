import Deflate
import WebSocketProtocol
import WireJSON

/// Input: a byte of switches, a byte that decides the split, and what a client sends.
func fuzzFrames(_ input: UnsafeRawBufferPointer) {
    guard input.count >= 2 else { return }
    let switches = input[0]
    let limits = WebSocketLimits(
        maxFrameSize: switches & 1 == 0 ? 125 : 65_536, maxMessageSize: switches & 2 == 0 ? 200 : 1 << 20,
        maxFragments: switches & 4 == 0 ? 3 : 1024)
    let bytes = input.from(2)
    func seen(_ pieces: [UnsafeRawBufferPointer]) -> [SeenFrame] {
        decode(pieces, limits, allowsCompression: switches & 8 != 0, scratch: switches & 16 == 0 ? 65_536 : 16)
    }
    let whole = seen([bytes])
    check(seen(bytes.pieces(input[1])) == whole, "every split of the input gives the same")
    if bytes.count <= 512 { check(seen(bytes.octets) == whole, "octet by octet gives the same") }
    for event in whole { check(event.payload.count <= limits.maxMessageSize || event.isControl, "within the bounds") }

    // What is written is read back.
    var frame = [UInt8](repeating: 0, count: FrameHeader.maxSize + 4 + bytes.count)
    let size = FrameHeader.size(bytes.count)
    let count = frame.withUnsafeMutableBytes { target in
        FrameHeader.write(.binary, count: bytes.count, to: target.baseAddress!)
        target[1] |= 0x80
        for i in 0..<4 { target[size + i] = switches &+ UInt8(i) }
        let key = UnsafeRawBufferPointer(target).loadUnaligned(fromByteOffset: size, as: UInt32.self)
        if let source = bytes.baseAddress {
            Masking.unmask(source, to: target.baseAddress! + size + 4, count: bytes.count, key: key)
        }
        return size + 4 + bytes.count
    }
    frame.withUnsafeBytes { written in
        let written = UnsafeRawBufferPointer(rebasing: written[..<count])
        let back = decode(written.pieces(input[1]), WebSocketLimits(), allowsCompression: false, scratch: 65_536)
        guard bytes.count <= 65_536 else { return }
        check(back == [SeenFrame(kind: 1, payload: Array(bytes))], "decode undoes encode")
    }
}

/// What a decoder handed out.
private struct SeenFrame: Equatable {
    var kind: Int
    var payload: [UInt8] = []

    var isControl: Bool { kind >= 4 }
}

private func decode(
    _ pieces: [UnsafeRawBufferPointer], _ limits: WebSocketLimits, allowsCompression: Bool, scratch: Int
) -> [SeenFrame] {
    var decoder = MessageDecoder(limits: limits, allowsCompression: allowsCompression)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch, alignment: 8)
    defer { room.deallocate() }
    var seen: [SeenFrame] = []
    for piece in pieces {
        var offset = 0
        while let event = decoder.next(piece, &offset, scratch: room) {
            switch event {
            case .text(let bytes):
                check(UTF8Validation.isValid(bytes), "text is UTF-8")
                seen.append(SeenFrame(kind: 0, payload: Array(bytes)))
            case .binary(let bytes): seen.append(SeenFrame(kind: 1, payload: Array(bytes)))
            case .compressedText(let bytes): seen.append(SeenFrame(kind: 2, payload: Array(bytes)))
            case .compressedBinary(let bytes): seen.append(SeenFrame(kind: 3, payload: Array(bytes)))
            case .ping(let bytes): seen.append(SeenFrame(kind: 4, payload: Array(bytes)))
            case .pong(let bytes): seen.append(SeenFrame(kind: 5, payload: Array(bytes)))
            case .close(let code):
                check(code?.mayBeReceived ?? true, "only codes that may be sent")
                seen.append(SeenFrame(kind: 6, payload: [UInt8((code?.rawValue ?? 0) >> 8)]))
            case .violation(let violation):
                seen.append(SeenFrame(kind: 7 + Int(violation.code.rawValue)))
            }
        }
        check(offset == piece.count, "what is not taken would be lost")
    }
    return seen
}

/// Input: a byte that decides window and split, and a compressed message.
func fuzzInflate(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let bytes = input.from(1)
    let inflater = Inflater()
    for limit in [100, 1 << 16] {
        var outputs: [[UInt8]?] = []
        for _ in 0..<2 {
            var output: [UInt8]?
            let result = inflater.inflate(bytes, limits: .init(bytes: limit, ratio: 200, ratioFrom: 1 << 16)) {
                output = Array($0)
            }
            check((result == .message) == (output != nil), "a message is handed out, and nothing else")
            check((output?.count ?? 0) <= limit, "bounded in size")
            outputs.append(output)
        }
        check(outputs[0] == outputs[1], "nothing stays from the message before")
    }
    var compressed = Deflater(windowBits: 9 + Int(first) % 7, level: 1 + Int(first) % 9).compress(
        bytes.isEmpty ? [bytes] : bytes.pieces(first))
    check(compressed.suffix(4) == [0, 0, 0xFF, 0xFF], "a flush ends so")
    compressed.removeLast(4)
    var back: [UInt8]?
    let result = compressed.withUnsafeBytes { compressed in
        inflater.inflate(compressed, limits: .init(bytes: 1 << 22, ratio: 2000, ratioFrom: 0)) { back = Array($0) }
    }
    check(result == .message && back == Array(bytes), "inflate undoes deflate")
}

/// Input: a byte that decides the split, and a text.
func fuzzUTF8(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let bytes = input.from(1)
    func isValid(_ pieces: [UnsafeRawBufferPointer]) -> Bool {
        var stream = UTF8Stream()
        return pieces.allSatisfy { stream.append($0) } && stream.isComplete
    }
    let expected = String(validating: bytes, as: UTF8.self) != nil
    check(isValid([bytes]) == expected, "as the standard library sees it")
    check(isValid(bytes.pieces(first)) == expected, "every split gives the same")
    check(isValid(bytes.octets) == expected, "octet by octet gives the same")
    check(UTF8Validation.isValid(bytes) == expected, "both checks agree")

    // It fails at the first byte that no text can have there: what passed is the beginning of some text.
    var stream = UTF8Stream()
    var passed = 0
    for octet in bytes.octets {
        guard stream.append(octet) else { break }
        passed += 1
    }
    let beginning = UnsafeRawBufferPointer(rebasing: bytes[..<passed])
    let cut = (0...3).contains { missing in
        missing <= passed && UTF8Validation.isValid(UnsafeRawBufferPointer(rebasing: beginning[..<(passed - missing)]))
    }
    check(cut, "at most three bytes wait for the rest of a character")
}
