import DequeModule
import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1

/// The way back to a client: what answers one POST, or the stream of a GET. It becomes an event stream as late as it can,
/// because until then a plain JSON answer is possible, which is cheaper for both sides.
final class ReplyStream: ExchangeOwner {
    /// Its number within its session; 0 is the one that belongs to no request.
    let number: Int
    unowned let hub: MCPHub
    /// The session, in the revisions that have them.
    private(set) weak var session: ClientSession?
    private var exchange: Exchange?
    /// The connection that carries all messages of the client, where there is one: then this is no stream of its own, and
    /// only keeps together what belongs to a request.
    private let link: ClientLink?
    /// What the answer is sent with there.
    private let token: Int
    /// Requests that are not answered yet.
    private(set) var open: [[UInt8]]
    private let isBatch: Bool
    private var collected: [ByteBuffer] = []
    private var status = HTTPResponseStatus.ok
    private(set) var isStreaming = false
    private(set) var isOver = false
    private var startedAt: Instant
    private var lastWrite: Instant
    /// Answers carry these beside their own headers.
    private let headers: HTTPHeaders
    /// Where in a trace the request stands that it answers, as its head says.
    var traceParent: TraceContext?
    /// From which level on a request without a session wants log messages; such a request gets none by itself.
    var logLevel: Int?
    /// Called when a client without a session goes away in the middle.
    var onAbandoned: (() -> Void)?
    /// Called when a reply without a session is over.
    var onEnded: (() -> Void)?

    init(
        number: Int, hub: MCPHub, session: ClientSession?, exchange: Exchange, open: [[UInt8]], isBatch: Bool = false,
        headers: HTTPHeaders = [:]
    ) {
        self.number = number
        self.hub = hub
        self.session = session
        self.exchange = exchange
        self.open = open
        self.isBatch = isBatch
        self.headers = headers
        link = nil
        token = 0
        startedAt = hub.now
        lastWrite = hub.now
        exchange.owner = self
    }

    /// A reply to what came over a link.
    init(
        number: Int = 0, hub: MCPHub, session: ClientSession?, link: ClientLink, token: Int, open: [[UInt8]],
        isBatch: Bool = false
    ) {
        self.number = number
        self.hub = hub
        self.session = session
        self.link = link
        self.token = token
        self.open = open
        self.isBatch = isBatch
        headers = [:]
        isStreaming = true
        startedAt = hub.now
        lastWrite = hub.now
    }

    /// Whether the client is still there to read.
    var isConnected: Bool { link?.isOpen ?? exchange?.isOpen ?? false }

    /// Answers one request; behind the last one the stream ends.
    /// - Parameter status: the status of the answer, where there is still a choice.
    func respond(_ message: ByteBuffer, to id: [UInt8], status: HTTPResponseStatus = .ok) {
        self.status = status
        guard !isOver, let place = open.firstIndex(of: id) else { return }
        open.remove(at: place)
        if isBatch, link != nil {
            // What the server says meanwhile does not wait; the answers do, for each other.
            collected.append(message)
            guard open.isEmpty else { return }
            write(batch(), answering: token)
            end()
        } else if isStreaming {
            write(message, answering: token)
            if open.isEmpty { end() }
        } else {
            collected.append(message)
            if open.isEmpty { answer() }
        }
    }

    /// Whether a log message is for the client. In a session that is between the client and its server, by `logging/setLevel`.
    func wants(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard session == nil else { return true }
        guard let logLevel else { return false }
        // A level that nobody knows is not less than the one that was asked for.
        return ModernRequest.logLevel(message.level, bytes).map { $0 >= logLevel } ?? true
    }

    /// Adds a notification or a request of the server: from now on the answer is a stream.
    func emit(_ message: ByteBuffer) {
        guard !isOver else { return }
        beginStreaming()
        write(message)
    }

    /// Tells the client how long to wait before it reads on.
    func advise(retryAfter wait: Instant.Span) {
        guard isStreaming, let exchange, exchange.isOpen else { return }
        exchange.write(ByteBuffer(string: "retry: \(wait.milliseconds)\n\n"))
    }

    /// Ends without what is still owed.
    func end() {
        guard !isOver else { return }
        isOver = true
        if isStreaming { exchange?.end() }
        exchange = nil
        closed()
    }

    private func closed() {
        if let session { session.streamEnded(self) } else { hub.replyEnded(self) }
        onEnded?()
        onEnded = nil
    }

    /// Nobody waits for the answer any more.
    func abandon() {
        guard !isOver else { return }
        isOver = true
        exchange = nil
        closed()
        onAbandoned?()
        onAbandoned = nil
    }

    /// Cuts the connection; the session's log still has what the client has missed.
    func cut() {
        exchange?.abort()
        exchange = nil
        if number == 0 || session == nil { isOver = true }
    }

    /// Looks after the stream now and then.
    func tend(now: Instant) {
        guard !isOver, let exchange, exchange.isOpen else { return }
        if !isStreaming {
            if now - startedAt >= hub.settings.streamAfter { beginStreaming() }
        } else if exchange.unsentBytes == 0, now - lastWrite >= hub.settings.keepaliveInterval {
            lastWrite = now
            exchange.write(ByteBuffer(string: ": ping\n\n"))
        }
    }

    /// The client goes on reading this stream on another connection.
    func resume(on exchange: Exchange) {
        self.exchange?.owner = nil
        self.exchange?.abort()
        self.exchange = exchange
        exchange.owner = self
        isStreaming = true
        lastWrite = hub.now
    }

    func exchangeClosed(_ exchange: Exchange) {
        guard exchange === self.exchange else { return }
        self.exchange = nil
        if let session {
            // To leave is not to cancel: what is still to come waits in the log.
            if number == 0 {
                isOver = true
                session.streamEnded(self)
            }
        } else {
            abandon()
        }
    }

    /// Becomes an event stream, if it is none yet.
    func beginStreaming() {
        guard !isStreaming else { return }
        isStreaming = true
        lastWrite = hub.now
        exchange?.beginStream(Self.streamHeaders(headers))
        if let session, session.version.hasPrimingEvents { session.prime(self) }
        for message in collected { write(message) }
        collected = []
    }

    static func streamHeaders(_ more: HTTPHeaders) -> HTTPHeaders {
        var headers: HTTPHeaders = [
            "content-type": "text/event-stream", "cache-control": "no-cache, no-transform", "x-accel-buffering": "no",
        ]
        headers.add(contentsOf: more)
        return headers
    }

    private func write(_ message: ByteBuffer, answering token: Int = 0) {
        if let link {
            guard let session else { return link.send(message, answering: token) }
            return session.say(message, on: link, answering: token)
        }
        guard let session else { return send(SessionLog.event(message, id: nil)) }
        session.log(message, on: self)
    }

    /// Sends a whole event, if the client is there.
    func send(_ event: ByteBuffer) {
        guard let exchange, exchange.isOpen else { return }
        lastWrite = hub.now
        // One message may be as large as it likes; behind it nothing may pile up.
        guard exchange.unsentBytes > hub.settings.maxUnsentBytes else { return exchange.write(event) }
        hub.logger.info("a stream is cut: its client reads too slowly")
        exchange.abort()
        if session == nil { abandon() } else { cut() }
    }

    /// All answers in one array.
    private func batch() -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(UInt8(ascii: "["))
        for (index, message) in collected.enumerated() {
            if index > 0 { body.writeInteger(UInt8(ascii: ",")) }
            body.writeImmutableBuffer(message)
        }
        body.writeInteger(UInt8(ascii: "]"))
        return body
    }

    private static let answerHeaders: HTTPHeaders = ["content-type": "application/json", "cache-control": "no-store"]

    private func answer() {
        isOver = true
        let body = isBatch ? batch() : collected[0]
        var answerHeaders = Self.answerHeaders
        if !headers.isEmpty { answerHeaders.add(contentsOf: headers) }
        exchange?.respond(APIResponse(status: status, headers: answerHeaders, body: body))
        exchange = nil
        closed()
    }
}
