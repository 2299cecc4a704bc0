import DequeModule
import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

/// The session of a client up to revision 2025-11-25: what it said of itself at the beginning, its streams, and a session
/// of its own with every server that it has used.
final class ClientSession {
    let id: String
    unowned let hub: MCPHub
    /// What the address that it began at shows.
    let view: ServerView
    let version: ProtocolVersion
    /// JSON text of what the client can do and what it is; servers are told the same.
    let capabilities: [UInt8]
    let clientInfo: [UInt8]
    /// Who began the session; nobody else may use it. What they may do is as their last token says.
    var caller: Caller
    /// Whether it stands for all requests of a credential that have no session: then nobody listens to it.
    let isPrincipal: Bool
    private(set) var lastActivity: Instant
    private(set) var isClosed = false
    private var sessionLog: SessionLog
    private var nextStream = 1
    /// Streams of requests that are not answered yet, by number.
    private var streams: [Int: ReplyStream] = [:]
    /// The stream that belongs to no request, while the client reads it.
    private var standalone: ReplyStream?
    /// The connection that carries all messages, while the client has one.
    private var link: ClientLink?
    /// The last event of that stream that a connection has been given.
    private var standaloneSent = -1
    private var upstreams: [Int: UpstreamSession] = [:]
    private(set) var level: [UInt8]?
    /// Requests of servers that the client has not answered yet.
    var questions = OpenQuestions()
    /// Tasks that calls have made, with their servers, oldest first.
    private var taskOwners: [String: Int] = [:]
    private var taskOrder = Deque<String>()
    /// Announcements that wait a moment for others of their kind.
    private var changed: Set<RPCMethod> = []

    /// What its servers have told it.
    var lists = SessionLists()
    /// What they are to tell it of.
    var resources = WatchedResources()
    /// Streams of news that go on without a session.
    var listeners = 0

    init(
        id: String, hub: MCPHub, view: ServerView, version: ProtocolVersion, capabilities: [UInt8], clientInfo: [UInt8],
        caller: Caller, isPrincipal: Bool = false
    ) {
        self.isPrincipal = isPrincipal
        self.id = id
        self.hub = hub
        self.view = view
        self.version = version
        self.capabilities = capabilities
        self.clientInfo = clientInfo
        self.caller = caller
        lastActivity = hub.now
        sessionLog = SessionLog(maxMessages: hub.settings.logMessages, maxBytes: hub.settings.logBytes)
    }

    /// Whether the caller may use something of a server; of all of it if no name is given.
    func permits(_ name: String, of server: UpstreamServer) -> Bool {
        caller.capabilities?.allow(.mcp, "\(server.name)/\(name)") ?? true
    }

    /// Whose lists and answers may be kept together.
    var authorization: String? { caller.owner }

    // MARK: - Life

    func touch() { lastActivity = hub.now }

    /// Whether nothing has happened for so long that the client has left without a word.
    func isIdle(at now: Instant) -> Bool {
        standalone == nil && link == nil && streams.isEmpty && listeners == 0
            && now - lastActivity >= hub.settings.sessionIdleTimeout && upstreams.values.allSatisfy { !$0.hasCalls }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for stream in streams.values { stream.cut() }
        standalone?.end()
        standalone = nil
        link?.close(1000, "the session has ended")
        link = nil
        streams = [:]
        questions = OpenQuestions()
        // A session that is shared is not this client's to end.
        for upstream in upstreams.values where !upstream.isShared { upstream.close() }
        upstreams = [:]
    }

    /// Whether the client listens for news.
    var isListening: Bool { standalone != nil }

    /// Ends the stream that the client listens on. What answers its requests goes on until they are answered.
    func endListening(retryAfter wait: Instant.Span) {
        standalone?.advise(retryAfter: wait)
        standalone?.end()
    }

    /// The session that it has with a server for itself; `nil` if there is none.
    func ownSession(with server: UpstreamServer) -> UpstreamSession? {
        upstreams[server.index].flatMap { $0.isShared || $0.server !== server ? nil : $0 }
    }

    func tend(now: Instant) {
        standalone?.tend(now: now)
        for stream in streams.values { stream.tend(now: now) }
        for upstream in upstreams.values where !upstream.isShared { upstream.tend(now: now) }
    }

    // MARK: - Streams

    func openReply(
        _ exchange: Exchange, ids: [[UInt8]], isBatch: Bool, headers: HTTPHeaders = [:]
    ) -> ReplyStream {
        let stream = ReplyStream(
            number: nextStream, hub: hub, session: self, exchange: exchange, open: ids, isBatch: isBatch,
            headers: headers)
        streams[nextStream] = stream
        nextStream += 1
        return stream
    }

    /// A request that came over a link.
    func openReply(_ link: ClientLink, token: Int, ids: [[UInt8]], isBatch: Bool = false) -> ReplyStream {
        let stream = ReplyStream(
            number: nextStream, hub: hub, session: self, link: link, token: token, open: ids, isBatch: isBatch)
        streams[nextStream] = stream
        nextStream += 1
        return stream
    }

    /// From now on all messages go over this connection; what has waited for one goes first.
    func attach(_ new: ClientLink) {
        touch()
        link?.close(1000, "MCP session reconnected on another connection")
        link = new
        new.replay(sessionLog.messages(of: 0, after: standaloneSent))
        standaloneSent = max(standaloneSent, sessionLog.last(of: 0))
    }

    /// A connection has gone. To leave is neither to cancel nor to end: what is still to come waits.
    func detach(_ gone: ClientLink, unsent: [ByteBuffer]) {
        touch()
        if link === gone { link = nil }
        for message in unsent { announce(message) }
    }

    /// Sends what belongs to a request that came over a link; on another connection if that one has gone.
    func say(_ message: ByteBuffer, on origin: ClientLink, answering token: Int) {
        if let link, link === origin, link.isOpen {
            link.send(message, answering: token)
        } else {
            announce(message)
        }
    }

    func streamEnded(_ stream: ReplyStream) {
        touch()
        if standalone === stream { standalone = nil }
        streams[stream.number] = nil
        if stream.number > 0 { sessionLog.end(stream.number) }
    }

    /// `GET`: the stream that belongs to no request, or the rest of one that broke. A client that reads the former has left
    /// the connection that carried its messages, even where that is not known yet.
    func listen(_ exchange: Exchange, lastEventID: String?) {
        touch()
        var after: Int?
        if let lastEventID {
            guard let place = SessionLog.place(lastEventID),
                let missed = sessionLog.events(of: place.stream, after: place.sequence)
            else {
                return exchange.respond(
                    .rpc(.badRequest, .invalidRequest("the events behind that id are no longer kept")))
            }
            guard place.stream == 0 else { return resume(exchange, place.stream, missed) }
            after = place.sequence
        }
        if let standalone, standalone.isConnected {
            guard after != nil else {
                return exchange.respond(.rpc(.conflict, .invalidRequest("Only one SSE stream is allowed per session")))
            }
            // The client says where it stood: the old connection is one that it has lost.
            standalone.cut()
        }
        guard link?.isEventStream != true else {
            return exchange.respond(.rpc(.conflict, .invalidRequest("the session has the event stream of /sse")))
        }
        link?.close(1000, "MCP session reconnected on another connection")
        link = nil
        let stream = ReplyStream(number: 0, hub: hub, session: self, exchange: exchange, open: [])
        standalone = stream
        let missed = sessionLog.events(of: 0, after: after ?? standaloneSent) ?? []
        stream.beginStreaming()
        standaloneSent = max(standaloneSent, sessionLog.last(of: 0))
        for event in missed { stream.send(event) }
    }

    private func resume(_ exchange: Exchange, _ number: Int, _ missed: [ByteBuffer]) {
        exchange.beginStream(ReplyStream.streamHeaders([:]))
        if let stream = streams[number] {
            stream.resume(on: exchange)
            for event in missed { stream.send(event) }
        } else {
            for event in missed { exchange.write(event) }
            exchange.end()
        }
    }

    /// Begins a stream with an event that has no data, so that the client has a place to resume from.
    func prime(_ stream: ReplyStream) {
        // The stream of a GET may have events already: those are its places.
        if stream.number == 0, standaloneSent >= 0 || sessionLog.events(of: 0, after: -1)?.isEmpty == false { return }
        let event = sessionLog.append(nil, stream: stream.number)
        if stream.number == 0 { standaloneSent = sessionLog.last(of: 0) }
        stream.send(event)
    }

    func log(_ message: ByteBuffer, on stream: ReplyStream) {
        let event = sessionLog.append(message, stream: stream.number)
        if stream.number == 0 { standaloneSent = sessionLog.last(of: 0) }
        stream.send(event)
    }

    /// Says something that belongs to no request.
    func announce(_ message: ByteBuffer) {
        guard !isPrincipal else { return }
        if let link, link.isOpen {
            link.send(message)
        } else if let standalone, standalone.isConnected {
            standalone.emit(message)
        } else {
            // It waits for the client's next GET.
            _ = sessionLog.append(message, stream: 0)
        }
    }

    /// A list of one of its servers has changed; said once for several changes that come together.
    func announceChange(_ method: RPCMethod) {
        guard changed.insert(method).inserted else { return }
        hub.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) { [weak self] in
            guard let self, !isClosed else { return }
            hub.readClock()
            changed.remove(method)
            guard !isPrincipal else {
                for listener in hub.listeners.values where listener.session === self { listener.tell(method) }
                return
            }
            announce(MCPHub.notification(method))
        }
    }

    // MARK: - From the client

    /// A message that wants no answer.
    func receive(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        if message.kind == .response { return answer(message, bytes) }
        switch message.method {
        case .cancelled:
            guard let place = message.requestID else { return }
            cancel([UInt8](bytes[place.offset..<place.end]), message, bytes)
        case .progress:
            guard let place = message.notifiedToken, let number = RPCMessage.integer(place, bytes),
                let question = questions[number], let token = question.progressToken
            else { return }
            var splice = Splice()
            splice.replace(place, with: token)
            question.session?.send(splice.apply(to: bytes, oneLine: true))
        case .initialized: break
        default:
            let copy = Splice().apply(to: bytes, oneLine: true)
            for upstream in upstreams.values where !upstream.isShared { upstream.send(copy) }
        }
    }

    private func cancel(_ id: [UInt8], _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard let stream = streams.values.first(where: { $0.open.contains(id) }) else { return }
        for upstream in upstreams.values {
            guard let call = upstream.call(of: stream, id: id) else { continue }
            var splice = Splice()
            splice.replace(message.requestID, with: call.number)
            upstream.cancel(call, notice: splice.apply(to: bytes, oneLine: true))
        }
        let error = RPCError(-32800, "Request cancelled")
        stream.respond(ByteBuffer(bytes: error.response(id: id)), to: id)
    }

    /// Remembers the level of log messages, and says it to every server that has one.
    func setLevel(_ level: [UInt8]) {
        self.level = level
        for upstream in upstreams.values { upstream.setLevel(level) }
    }

    // MARK: - Servers

    /// This client's session with a server; it begins when it is first used.
    func upstream(_ server: UpstreamServer) -> UpstreamSession {
        if let session = upstreams[server.index], session.phase != .closed { return session }
        let session = server.session(for: self)
        upstreams[server.index] = session
        return session
    }

    /// Notes whose task it is, so that requests about it go there.
    func remember(task id: String, of server: Int) {
        guard taskOwners.updateValue(server, forKey: id) == nil else { return }
        taskOrder.append(id)
        if taskOrder.count > hub.settings.maxTasks, let oldest = taskOrder.popFirst() { taskOwners[oldest] = nil }
    }

    /// Whose task it is.
    func owner(ofTask id: String) -> Int? { taskOwners[id] }

    /// A server is no longer there.
    func leave(_ server: UpstreamServer) {
        lists.forget(server)
        guard let session = upstreams.removeValue(forKey: server.index), !session.isShared else { return }
        session.close()
    }

    var openCalls: Int { streams.values.reduce(0) { $0 + $1.open.count } }

    /// Sends what a server says on the stream that it belongs to; else on one that the client reads.
    func deliver(_ message: ByteBuffer, on stream: ReplyStream?) {
        if let stream, !stream.isOver { return stream.emit(message) }
        guard !isPrincipal else { return }
        if let link, link.isOpen { return link.send(message) }
        if let standalone, standalone.isConnected { return standalone.emit(message) }
        let reading = streams.values.filter { $0.isConnected }.max { $0.number < $1.number }
        if let reading { reading.emit(message) } else { announce(message) }
    }
}

extension APIResponse {
    /// An error before there is a request to answer: the status says it, and the body says it to JSON-RPC.
    static func rpc(_ status: HTTPResponseStatus, _ error: RPCError, id: [UInt8]? = nil) -> APIResponse {
        APIResponse(
            status: status, headers: ["content-type": "application/json", "cache-control": "no-store"],
            body: ByteBuffer(bytes: error.response(id: id)))
    }
}
