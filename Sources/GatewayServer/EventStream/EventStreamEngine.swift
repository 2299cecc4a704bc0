import Deflate
import EventStream
import GatewayCore
import NIOCore
import WebSocketProtocol
import WireJSON

/// What a client asked for with `GET /mcp/sse`.
struct EventStreamRequest: Sendable {
    /// Whose stream it is; `nil` for the operations that back ends read.
    var clientID: ClientID?
    var resume = ResumePoint.none
    var topics: [String] = []
    /// `delivery=all`
    var isIndependent = false
    var slowConsumerPolicy: SlowConsumerPolicy?
    var wantsDebug = false
    /// `vsm=true`: the client follows the node.
    var followsViability = false
    /// The client accepts gzip.
    var isCompressed = false
    /// Messages are to be encrypted.
    var isSealed = false
    /// Header lines that the answer carries beside its own.
    var extraHeaders: [(String, String)] = []
}

/// An event stream (contract §4).
final class EventStreamEngine: ConnectionEngine {
    private let request: EventStreamRequest

    override var isForBackEnds: Bool { request.clientID == nil }

    override var clientName: String? { (request.clientID ?? OperationsLog.name).text }

    private var lastWrite = Instant.zero
    private var nextHeartbeat = Instant.zero
    /// The sequence that the client's last event id names.
    private var placedSequence = -1
    private var isStandby = false
    /// What the end of a compressed stream will say; `nil` if it is not compressed.
    private var gzip: GzipStream?

    override var inquiry: LifecycleInquiry? {
        guard let client = request.clientID, gateway.settings.hooks.asks else { return nil }
        return gateway.inquiry(
            client, transport: transport.name, address: address?.ipAddress, topics: request.topics, connects: true)
    }

    override var batchLimits: BatchLimits {
        BatchLimits(messages: Self.maxBatchMessages, bytes: gateway.settings.eventStreamChunkSize)
    }

    override var stallTimeout: Instant.Span { gateway.settings.eventStreamKeepAliveTimeout }

    override var acknowledgementTimeout: Instant.Span? { gateway.settings.eventStreamKeepAliveTimeout }

    private static let maxBatchMessages = 256

    init(_ request: EventStreamRequest, loop: LoopState) {
        self.request = request
        super.init(loop: loop, transport: .eventStream)
        isSealed = request.isSealed
    }

    override func start() {
        var attachRequest = Session.AttachRequest(connection: id, transport: .eventStream)
        attachRequest.resume = request.resume
        attachRequest.isIndependent = request.isIndependent
        attachRequest.slowConsumerPolicy = request.slowConsumerPolicy
        let attachment: Session.Attachment
        if let client = request.clientID {
            do throws(Problem) {
                attachment = try attach(client, attachRequest).attachment
            } catch {
                return refuse(error)
            }
        } else {
            attachRequest.isIndependent = true
            attachment = attachToOperations(attachRequest)
        }
        var refused: Problem?
        for topic in request.topics {
            do throws(Problem) { try claim(topic) } catch { refused = error }
        }
        isStandby = !attachment.isActive
        placedSequence = takenBefore - 1

        loop.outbound.append(Self.head.utf8)
        if gateway.settings.eventStreamCompression { loop.outbound.append("Vary: Accept-Encoding\r\n".utf8) }
        if request.isCompressed { loop.outbound.append("Content-Encoding: gzip\r\n".utf8) }
        for (name, value) in request.extraHeaders { loop.outbound.append("\(name): \(value)\r\n".utf8) }
        if let usage = handle?.session.withLock({ $0.rateUsage }) {
            let limit = gateway.settings.rateLimit(tier: identity?.principal.tier)
            for (name, value) in gateway.rateHeaders(usage, limit, loop.now) {
                loop.outbound.append("\(name): \(value)\r\n".utf8)
            }
        }
        loop.outbound.append("\r\n".utf8)
        if request.isCompressed {
            loop.outbound.append(GzipStream.header)
            gzip = GzipStream()
        }
        append(EventStreamWriter.retry(milliseconds: gateway.settings.retry.milliseconds))
        write(event: "connected", data: connectedData(attachment), sequence: attachment.nextSequence - 1)
        if let refused { writeError(refused) }
        if request.followsViability { followViability() }
        if request.wantsDebug {
            let data = JSONWriter.object { writer in
                writer.member("decision", "cursor")
                writer.member("start", takenBefore)
                writer.member("reason", attachment.reason?.rawValue ?? "resumed")
                writer.member("active", attachment.isActive)
            }
            write(event: "debug", data: data, sequence: attachment.nextSequence - 1)
        }
        nextHeartbeat = loop.now + staggered(gateway.settings.heartbeatInterval, least: 0.5)
        lastWrite = loop.now
    }

    override func visit() -> Instant {
        let now = loop.now
        let settings = gateway.settings
        // Streams that had the same message last are silent for as long.
        let keepalive = staggered(settings.keepaliveInterval, least: 0.75)
        var next = min(nextHeartbeat, lastWrite + keepalive)
        guard let handle else { return next }
        isStandby = tend()
        let delivered = handle.session.withLock(\.safelyDelivered)
        if isStandby {
            // What another transport delivers moves this stream's place too, so that it can take over or resume.
            if delivered - 1 > placedSequence {
                placedSequence = delivered - 1
                append(EventStreamWriter.place("\(epochText.text)-\(placedSequence)"))
                lastWrite = now
            }
            next = min(next, now + .seconds(1))
        }
        if now >= nextHeartbeat {
            write(event: "heartbeat", data: Array("{}".utf8), sequence: (isStandby ? delivered : takenBefore) - 1)
            nextHeartbeat = now + settings.heartbeatInterval
        } else if now - lastWrite >= keepalive {
            append(EventStreamWriter.comment)
            lastWrite = now
        }
        return min(next, nextHeartbeat, now + keepalive)
    }

    override func goAway() { leave(1012, "the gateway is shutting down") }

    override func giveWay(_ reason: String) { leave(CloseCode.tryAgainLater.rawValue, reason) }

    /// Ends, and says when to come back.
    private func leave(_ code: UInt16, _ reason: String) {
        guard verdict == .open else { return }
        // Browsers come back by themselves, after the time that was told last.
        append(EventStreamWriter.retry(milliseconds: reconnectAfter))
        let data = JSONWriter.object { writer in
            writer.member("code", code)
            writer.member("reason", reason)
            writer.member("reconnect", "after")
            writer.member("retry_after_ms", reconnectAfter)
        }
        leave(data, code)
    }

    override func dismiss(_ reason: String) {
        let data = JSONWriter.object { writer in
            writer.member("code", 1001)
            writer.member("reason", reason)
            writer.member("reconnect", "now")
            writer.member("retry_after_ms", 0)
        }
        leave(data, 1001)
    }

    override func fellBehind(from: Int, to: Int) {
        loop.counters[Int(transport.rawValue)].slowConsumers += 1
        let data = JSONWriter.object { writer in
            writer.member("code", 4008)
            writer.member("reason", "slow_consumer: more than session.max_unsent_bytes or session.log_messages waited")
            writer.member("reconnect", "now")
            writer.member("retry_after_ms", 0)
        }
        tellError(4008, "slow_consumer")
        leave(data, 4008)
    }

    override func endToken(_ code: CloseCode, _ reason: String, reconnect: Reconnect) {
        let data = JSONWriter.object { writer in
            writer.member("code", code.rawValue)
            writer.member("reason", reason)
            writer.member("reconnect", reconnect == .never ? "never" : "now")
            writer.member("retry_after_ms", 0)
        }
        leave(data, code.rawValue)
    }

    /// Says goodbye and makes way for the client's other connections.
    private func leave(_ data: [UInt8], _ code: UInt16) {
        guard verdict == .open else { return }
        write(event: "gateway_close", data: data, sequence: takenBefore - 1)
        if let gzip { loop.outbound.append(gzip.trailer) }
        loop.closes.count(transport, .gateway, code)
        detach(leaving: false, closing: code)
        verdict = .finished
    }

    override func write(_ message: Message, sequence: Int) {
        if gzip == nil { writePlain(message, sequence) } else { writeCompressed(message, sequence) }
        placedSequence = sequence
        lastWrite = loop.now
    }

    override func write(event: String, data: [UInt8], sequence: Int) {
        append(EventStreamWriter.event(event, data: envelope(event, data: data, sequence: sequence)))
        lastWrite = loop.now
    }

    override func writePresence(_ event: String, topic: String, data: [UInt8]) {
        let text = envelope(event, topic: topic, data: data, sequence: takenBefore - 1)
        append(EventStreamWriter.event(event, data: text))
        lastWrite = loop.now
    }

    override func writeGap(from: Int, to: Int, reason: String) {
        append(Array("id: \(epochText.text)-\(to)\n".utf8))
        write(event: "gap", data: gapData(from: from, to: to, reason: reason), sequence: to)
        placedSequence = to
    }

    // MARK: - Messages

    private func writePlain(_ message: Message, _ sequence: Int) {
        let tail = message.tail
        let isShared = tail.readableBytes >= Outbound.shareFrom
        let bound = Self.headBound(message) + (isShared ? 0 : tail.readableBytes + Self.endOfEvent.utf8CodeUnitCount)
        loop.outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { target in
            var out = RawWriter(target.baseAddress!)
            putHead(message, sequence, to: &out)
            if !isShared {
                tail.withUnsafeReadableBytes { out.put($0) }
                out.put(Self.endOfEvent)
            }
            return out.count
        }
        if isShared {
            loop.outbound.append(shared: tail)
            loop.outbound.append("\n\n".utf8)
        }
    }

    /// What is this client's own goes into a stored block; the compressed blocks behind it are those of all streams.
    private func writeCompressed(_ message: Message, _ sequence: Int) {
        let tail = message.tail
        let shared =
            SharedCompression.isWorth(message, now: loop.now) ? loop.compression.shared(message, .eventStream) : nil
        let isInline = shared == nil && tail.readableBytes < Outbound.shareFrom
        let bound = Self.headBound(message) + (isInline ? tail.readableBytes + Self.endOfEvent.utf8CodeUnitCount : 0)
        loop.outbound.buffer.writeWithUnsafeMutableBytes(
            minimumWritableBytes: StoredBlock.headerSize + bound
        ) { target in
            let start = target.baseAddress! + StoredBlock.headerSize
            var out = RawWriter(start)
            putHead(message, sequence, to: &out)
            if isInline {
                tail.withUnsafeReadableBytes { out.put($0) }
                out.put(Self.endOfEvent)
            }
            StoredBlock.writeHeader(count: out.count, to: target.baseAddress!)
            gzip?.append(UnsafeRawBufferPointer(start: start, count: out.count))
            return StoredBlock.headerSize + out.count
        }
        guard !isInline else { return }
        if let text = shared?.text {
            gzip?.append(text)
        } else {
            tail.withUnsafeReadableBytes { gzip?.append($0) }
            Self.withEndOfEvent { gzip?.append($0) }
        }
        if let bytes = shared?.bytes {
            loop.outbound.append(shared: bytes)
        } else {
            store(tail)
            Self.withEndOfEvent { store($0) }
        }
    }

    /// Everything before the part that all streams share.
    @inline(__always)
    private func putHead(_ message: Message, _ sequence: Int, to out: inout RawWriter) {
        out.put("id: ")
        epochText.put(to: &out)
        out.put("-")
        out.put(decimal: sequence)
        if let event = message.event {
            out.put("\nevent: ")
            out.put(text: event)
            out.put("\ndata: {\"epoch\":\"")
        } else {
            out.put("\nevent: message\ndata: {\"epoch\":\"")
        }
        epochText.put(to: &out)
        out.put("\",\"sequence\":")
        out.put(decimal: sequence)
        out.put(",")
    }

    /// Two numbers of 20 digits, two epochs of 13, and the constant parts.
    @inline(__always)
    private static func headBound(_ message: Message) -> Int { 128 + (message.event?.utf8.count ?? 0) }

    private static let endOfEvent: StaticString = "\n\n"

    private static func withEndOfEvent(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(UnsafeRawBufferPointer(start: endOfEvent.utf8Start, count: endOfEvent.utf8CodeUnitCount))
    }

    // MARK: - Compression

    /// Adds text of this client's own.
    private func append(_ text: [UInt8]) {
        guard gzip != nil else { return loop.outbound.append(text) }
        text.withUnsafeBytes {
            gzip?.append($0)
            store($0)
        }
    }

    /// Adds stored blocks. Their text has been noted.
    private func store(_ text: UnsafeRawBufferPointer) {
        var rest = text
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(StoredBlock.maxCount))
            storeHeader(part.count)
            loop.outbound.buffer.writeBytes(part)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
    }

    /// Adds stored blocks around bytes that others write too.
    private func store(_ text: ByteBuffer) {
        var rest = text
        while let part = rest.readSlice(length: min(rest.readableBytes, StoredBlock.maxCount)), part.readableBytes > 0 {
            storeHeader(part.readableBytes)
            loop.outbound.append(shared: part)
        }
    }

    private func storeHeader(_ count: Int) {
        loop.outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: StoredBlock.headerSize) { target in
            StoredBlock.writeHeader(count: count, to: target.baseAddress!)
            return StoredBlock.headerSize
        }
    }

    private func writeError(_ problem: Problem) {
        write(event: "error", data: problem.json, sequence: takenBefore - 1)
        write(event: "gateway_error", data: problem.json, sequence: takenBefore - 1)
    }

    private func refuse(_ problem: Problem) {
        let body = problem.json
        loop.outbound.append(
            ("HTTP/1.1 \(problem.status) Refused\r\ncontent-type: application/json\r\n"
                + "content-length: \(body.count)\r\nretry-after: \(problem.retryAfter ?? 1)\r\nconnection: close\r\n\r\n")
                .utf8)
        loop.outbound.append(body)
        verdict = .finished
    }

    private func connectedData(_ attachment: Session.Attachment) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("client_id", (request.clientID ?? OperationsLog.name).text)
            writer.member("transport", transport.name)
            writer.member("epoch", epochText.text)
            writer.member("next_sequence", attachment.nextSequence)
            writer.member("recovered", attachment.recovered)
            writer.member("reason", attachment.reason?.rawValue)
            writer.member("replayed", attachment.replayed)
            writer.member("active", attachment.isActive)
            writer.member("heartbeat_interval", gateway.settings.heartbeatInterval.milliseconds)
            writer.member("node", gateway.settings.nodeID)
        }
    }

    /// The end of the stream is the end of the connection: no chunks to frame, and one system call less to think of.
    private static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache, no-transform\r\n"
        + "X-Accel-Buffering: no\r\nConnection: close\r\n"
}
