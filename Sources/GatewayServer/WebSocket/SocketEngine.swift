import Deflate
import GatewayCore
import NIOCore
import WebSocketProtocol

/// The WebSocket part of a connection (RFC 6455): frames, pings, the closing handshake, timeouts. What messages mean is
/// for its subclasses.
class SocketEngine: ConnectionEngine {
    private var decoder: MessageDecoder
    private let maxMessageSize: Int
    private var lastReceived = Instant.zero
    private var pingSentAt: Instant?
    /// Finds out whether the peer still reads, while another transport stands by.
    private var livenessProbe: LivenessProbe?
    /// What the client has used of the control frames that it may send.
    private var controlUsage = RateLimit.Usage()
    /// The answer to the opening handshake.
    private var opening: [UInt8]
    /// The window for compressed messages as a power of two; 0 if the client takes none.
    let deflateWindowBits: UInt8
    /// What the connection compresses with, if it was given memory for that.
    let compressionContext: CompressionContext?

    /// The result of an opening handshake.
    struct Opening {
        /// The bytes of the 101 answer.
        let answer: [UInt8]
        let deflate: PerMessageDeflate?
        var context: CompressionContext?
    }

    init(opening: Opening, limits: WebSocketLimits, loop: LoopState) {
        self.opening = opening.answer
        deflateWindowBits = UInt8(opening.deflate?.serverWindowBits ?? 0)
        compressionContext = opening.context
        decoder = MessageDecoder(limits: limits, allowsCompression: opening.deflate != nil)
        maxMessageSize = limits.maxMessageSize
        super.init(loop: loop, transport: .webSocket)
    }

    // MARK: - For subclasses

    /// How many control frames the client may send; `nil` is any number.
    var controlFrameLimit: RateLimit? { gateway.settings.controlFrames }

    func receivedText(_ bytes: UnsafeRawBufferPointer) {}

    func receivedBinary(_ bytes: UnsafeRawBufferPointer) {}

    /// Tells the client why and how to come back, before the close frame.
    func announceClose(_ code: CloseCode, reason: String, reconnect: Reconnect) {}

    /// Closes from our side: announcement, close frame, and then the peer's turn.
    final func close(_ code: CloseCode, _ reason: String, reconnect: Reconnect) {
        guard verdict == .open else { return }
        announceClose(code, reason: reason, reconnect: reconnect)
        writeClose(code, reason)
        if code != .goingAway, code != .serviceRestart { tellError(code.rawValue, reason) }
        loop.closes.count(transport, .gateway, code.rawValue)
        detach(leaving: false, isLost: true, closing: code.rawValue)
        verdict = .awaitingPeer(deadline: loop.now + gateway.settings.closeTimeout)
    }

    /// Writes a frame around bytes.
    func writeFrame(_ opcode: Opcode, isCompressed: Bool = false, _ payload: UnsafeRawBufferPointer) {
        let size = FrameHeader.size(payload.count) + payload.count
        loop.outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
            FrameHeader.write(opcode, isCompressed: isCompressed, count: payload.count, to: target.baseAddress!)
            var out = RawWriter(target.baseAddress! + (size - payload.count))
            out.put(payload)
            return size
        }
    }

    /// Writes the loop's scratch text as a text frame and empties it.
    final func writeText() {
        if let compressionContext {
            compressionContext.compress(loop.text, windowBits: Int(deflateWindowBits), to: &loop.deflated)
            loop.deflated.withUnsafeBytes { writeFrame(.text, isCompressed: true, $0) }
            loop.deflated.removeAll(keepingCapacity: true)
        } else {
            loop.text.withUnsafeBytes { writeFrame(.text, $0) }
        }
        loop.text.removeAll(keepingCapacity: true)
    }

    /// Writes the loop's scratch text and the bytes behind it as a binary frame and empties the scratch.
    func writeBinary(_ payload: ByteBuffer) {
        let count = loop.text.count + payload.readableBytes
        let size = FrameHeader.size(count)
        loop.outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
            FrameHeader.write(.binary, count: count, to: target.baseAddress!)
            return size
        }
        loop.outbound.append(loop.text)
        loop.outbound.append(shared: payload)
        loop.text.removeAll(keepingCapacity: true)
    }

    // MARK: - Engine

    override var batchLimits: BatchLimits {
        BatchLimits(messages: gateway.settings.webSocketBatchSize, bytes: Self.maxBatchBytes)
    }

    private static let maxBatchBytes = 65_536

    override func start() {
        loop.outbound.append(opening)
        opening = []
        lastReceived = loop.now
    }

    override func received(_ bytes: UnsafeRawBufferPointer) {
        lastReceived = loop.now
        pingSentAt = nil
        var offset = 0
        while let event = decoder.next(bytes, &offset, scratch: loop.unmasked) {
            if case .awaitingPeer = verdict {
                // Only the answer to our close frame counts now.
                if case .close = event { verdict = .finished }
                continue
            }
            guard verdict == .open else { return }
            switch event {
            case .text(let payload): receivedText(payload)
            case .binary(let payload): receivedBinary(payload)
            case .compressedText(let payload): inflate(payload) { receivedInflatedText($0) }
            case .compressedBinary(let payload): inflate(payload) { receivedBinary($0) }
            case .ping(let payload):
                guard admitsControlFrame() else { return }
                writeFrame(.pong, payload)
            case .pong(let payload):
                guard admitsControlFrame() else { return }
                livenessProbe?.answered(payload, now: loop.now)
            case .close(let code):
                loop.closes.count(transport, .client, code?.rawValue ?? Closes.unnamed)
                detach(leaving: false)
                writeClose(code ?? .normal, "")
                verdict = .finished
            case .violation(let violation):
                noteProtocolError(violation.code == .messageTooBig ? .messageTooLarge : .websocketProtocol)
                fail(violation.code, violation.reason)
            }
        }
    }

    /// Charges a ping or a pong. Each costs the client six bytes and the gateway an answer.
    private func admitsControlFrame() -> Bool {
        guard let limit = controlFrameLimit, case .refused = limit.admit(&controlUsage, now: loop.now) else {
            return true
        }
        gateway.accessGuard.refusals.count(.controlFrames)
        gateway.accessGuard.note(.rateHit, peerAddress)
        fail(.rateLimited, "more than transports.websocket.max_control_frames a second")
        return false
    }

    private func inflate(_ payload: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        let settings = gateway.settings
        let limits = Inflater.Limits(
            bytes: maxMessageSize, ratio: settings.maxInflateRatio, ratioFrom: settings.inflateRatioFrom)
        switch loop.compression.inflate(payload, limits: limits, body) {
        case .message: break
        case .tooLarge:
            noteProtocolError(.inflation)
            fail(.messageTooBig, "a message may have \(maxMessageSize) bytes when inflated")
        case .tooDense:
            noteProtocolError(.inflation)
            fail(.messageTooBig, "above \(limits.ratioFrom) bytes it may inflate \(limits.ratio) times its size")
        case .invalid:
            noteProtocolError(.websocketProtocol)
            fail(.invalidPayload, "not what permessage-deflate makes (RFC 7692 7.2.2)")
        }
    }

    private func receivedInflatedText(_ bytes: UnsafeRawBufferPointer) {
        var utf8 = UTF8Stream()
        guard utf8.append(bytes), utf8.isComplete else {
            noteProtocolError(.websocketProtocol)
            return fail(.invalidPayload, "text that is not UTF-8 (RFC 6455 8.1)")
        }
        receivedText(bytes)
    }

    private func fail(_ code: CloseCode, _ reason: String) {
        loop.counters[Int(transport.rawValue)].failed(now: loop.now)
        // The same client would do the same again; it may come back, but not in a loop.
        close(code, reason, reconnect: .after(milliseconds: 5000))
        verdict = .finished
    }

    override func visit() -> Instant {
        let now = loop.now
        tend()
        let probeDeadline = checkProbe()
        guard verdict == .open else { return now }
        return min(keepAlive(), probeDeadline ?? .distantFuture)
    }

    override func probe() {
        guard canProbe else { return }
        let probe = livenessProbe ?? LivenessProbe(place: flushedBefore)
        livenessProbe = probe
        guard let number = probe.next(behind: takenBefore, now: loop.now) else { return }
        withUnsafeBytes(of: number) { writeFrame(.ping, $0) }
        guard let deadline = probe.deadline(minimum: gateway.settings.probeTimeout), let member = loop.member(id)
        else { return }
        loop.schedule(member, at: deadline)
    }

    /// Whether pings reach the peer.
    var canProbe: Bool { true }

    /// Gives the connection up if its pong is missing and another transport can take over.
    /// - Returns: when to look again; `nil` if no pong is waited for.
    private func checkProbe() -> Instant? {
        guard let livenessProbe, let deadline = livenessProbe.deadline(minimum: gateway.settings.probeTimeout) else {
            return nil
        }
        let now = loop.now
        guard now >= deadline else { return deadline }
        let hasSuccessor =
            handle?.session.withLock { session in
                session.giveUp(
                    id, confirmed: livenessProbe.confirmed, damping: gateway.settings.damping, now: now,
                    wakes: &loop.context.wakes)
            } ?? false
        guard hasSuccessor else {
            // Nobody to take over any more: the usual patience applies.
            self.livenessProbe = nil
            return nil
        }
        loop.counters[Int(transport.rawValue)].failed(now: now)
        close(.slowConsumer, "no pong within routing.probe_timeout; another transport has taken over", reconnect: .now)
        return nil
    }

    private func keepAlive() -> Instant {
        let now = loop.now
        let settings = gateway.settings
        // Whatever arrives counts as activity, a ping or a pong as well as a message.
        let idleEnd = lastReceived + settings.idleTimeout
        guard now < idleEnd else { return giveUp("silent for transports.websocket.idle_timeout") }
        if let sent = pingSentAt {
            let end = sent + settings.pongTimeout
            guard now < end else { return giveUp("no pong within transports.websocket.pong_timeout") }
            return min(end, idleEnd)
        }
        let nextPing = lastReceived + settings.pingInterval
        guard now >= nextPing else { return min(nextPing, idleEnd) }
        writeFrame(.ping, UnsafeRawBufferPointer(start: nil, count: 0))
        pingSentAt = now
        return min(now + settings.pongTimeout, idleEnd)
    }

    /// Closes on a client that has fallen silent. 1008, because a bound of the gateway was passed: 1001 is for what an
    /// administrator does, and 1000 would keep Phoenix clients away that only slept.
    private func giveUp(_ reason: String) -> Instant {
        loop.counters[Int(transport.rawValue)].failed(now: loop.now)
        close(.policyViolation, reason, reconnect: .now)
        return loop.now
    }

    override func dismiss(_ reason: String) { close(.goingAway, reason, reconnect: .now) }

    override func giveWay(_ reason: String) {
        close(.tryAgainLater, reason, reconnect: .after(milliseconds: reconnectAfter))
    }

    override func goAway() {
        close(
            .serviceRestart, "the gateway is shutting down",
            reconnect: .after(milliseconds: reconnectAfter))
        if verdict == .open { verdict = .finished }
    }

    override func endToken(_ code: CloseCode, _ reason: String, reconnect: Reconnect) {
        close(code, reason, reconnect: reconnect)
    }

    override func expel() {
        close(.policyViolation, "blacklisted", reconnect: .never)
        if verdict == .open { verdict = .finished }
    }

    override func fellBehind(from: Int, to: Int) {
        loop.counters[Int(transport.rawValue)].slowConsumers += 1
        close(
            .slowConsumer, "slow_consumer: more than session.max_unsent_bytes or session.log_messages waited",
            reconnect: .now)
    }

    private func writeClose(_ code: CloseCode, _ reason: String) {
        var body = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
        // A control frame has at most 125 bytes; reasons are ASCII.
        body.append(contentsOf: reason.utf8.prefix(123))
        body.withUnsafeBytes { writeFrame(.close, $0) }
    }
}

/// `/mcp/echo`: sends back what it gets, text as text, binary as binary. For testing the codec.
final class EchoEngine: SocketEngine {
    override var controlFrameLimit: RateLimit? { nil }

    override func receivedText(_ bytes: UnsafeRawBufferPointer) { answer(.text, bytes) }

    override func receivedBinary(_ bytes: UnsafeRawBufferPointer) { answer(.binary, bytes) }

    private func answer(_ opcode: Opcode, _ bytes: UnsafeRawBufferPointer) {
        guard deflateWindowBits > 0,
            let deflated = loop.compression.deflated(bytes, windowBits: Int(deflateWindowBits))
        else { return writeFrame(opcode, bytes) }
        deflated.withUnsafeBytes { writeFrame(opcode, isCompressed: true, $0) }
    }
}
