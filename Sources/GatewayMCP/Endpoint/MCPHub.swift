import GatewayCore
import GatewayServer
import Logging
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The MCP side of one event loop: its sessions, its servers, and what is on the way between them. From the client's
/// connection to the server's nothing leaves the event loop.
final class MCPHub: LoopEndpoint {
    let index: Int
    let eventLoop: any EventLoop
    let settings: MCPSettings
    let logger: Logger
    /// Who knows the hubs of the other event loops.
    let directory: MCPDirectory
    private(set) var servers: [UpstreamServer] = []
    /// What `/mcp` shows, and what the addresses of single servers and virtual servers do.
    let everything = ServerView(nil)
    var views: [String: ServerView] = [:]
    var sessions: [String: ClientSession] = [:]
    /// Replies that belong to no session, and those among them that wait for news.
    var replies: [ObjectIdentifier: ReplyStream] = [:]
    var listeners: [ObjectIdentifier: Listener] = [:]
    /// Event streams of revision 2024-11-05, by the id of their sessions.
    var conversations: [String: EventStreamConversation] = [:]
    /// Calls that wait for what a client without a session is asked, by what the client is to bring back.
    var heldCalls: [String: HeldCall] = [:]
    /// The session of the last request without one.
    weak var lastPrincipal: ClientSession?
    /// Lists in the making.
    var assemblies: [ObjectIdentifier: ListAssembly] = [:]
    /// Requests on their way to servers.
    let requests: TurnOutput
    /// Where servers' answers arrive.
    let received = SharedReceiveBuffer()
    /// Is woken when there may be places for connections that had none.
    private(set) lazy var placeWaiter = {
        let hub = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerShare.Waiter(index) { hub.eventLoop.execute { hub.value.openParked() } }
    }()
    private var number = 0
    private(set) var now = Instant.zero
    private var ticker: RepeatedTask?
    private(set) var isDraining = false
    /// Announcements that wait a moment for others of their kind.
    private var changed: Set<RPCMethod> = []
    /// What the gateway tells servers of itself when no client stands behind it.
    let ownInfo: [UInt8]

    init(index: Int, eventLoop: any EventLoop, settings: MCPSettings, directory: MCPDirectory, logger: Logger) {
        self.index = index
        self.eventLoop = eventLoop
        self.settings = settings
        self.directory = directory
        self.logger = logger
        requests = TurnOutput(eventLoop: eventLoop)
        ownInfo = JSONWriter.object { writer in
            writer.member("name", "mcp-gateway")
            writer.member("version", settings.version)
        }
        readClock()
        servers = settings.servers.enumerated().map { UpstreamServer(index: $0, settings: $1, hub: self) }
        refreshViews()
        let hub = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) { _ in
            hub.value.tend()
        }
    }

    /// Reads the clock: once for each event from outside.
    func readClock() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        now = Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    /// The time of day, for those who read it.
    var wallMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
    }

    /// A number that no other request of this event loop has.
    func nextNumber() -> Int {
        number += 1
        return number
    }

    // MARK: - Life

    private func tend() {
        readClock()
        for session in sessions.values {
            session.tend(now: now)
            if session.isIdle(at: now) { end(session) }
        }
        for stream in conversations.values { stream.conversation.link.tend(now: now) }
        for reply in replies.values { reply.tend(now: now) }
        for held in heldCalls.values { held.tend(now: now) }
        for server in servers { server.tend(now: now) }
    }

    func drain() -> [(Instant.Span) -> Void] {
        isDraining = true
        var ends: [(Instant.Span) -> Void] = []
        for session in sessions.values where session.isListening {
            ends.append { [weak session] in session?.endListening(retryAfter: $0) }
        }
        for listener in listeners.values { ends.append { listener.end(retryAfter: $0) } }
        return ends
    }

    var openRequests: Int {
        sessions.values.reduce(0) { $0 + $1.openCalls } + replies.count - listeners.count
    }

    func remainingStreams() -> [(Instant.Span) -> Void] {
        conversations.values.map { stream in
            { wait in
                stream.conversation.link.advise(retryAfter: wait)
                stream.end()
            }
        }
    }

    func stop() {
        isDraining = true
        directory.connectionShare.stopWaiting(index)
        ticker?.cancel()
        for session in sessions.values { session.close() }
        sessions = [:]
        conversations = [:]
        heldCalls = [:]
        for server in servers { server.stop() }
        assemblies = [:]
    }

    /// Ends a session, and with it everything that servers keep for it.
    func end(_ session: ClientSession) {
        guard sessions.removeValue(forKey: session.id) != nil else { return }
        directory.sessionEnded()
        conversations[session.id] = nil
        session.close()
    }

    /// The configuration has other servers now.
    func replaceServers(_ wanted: [MCPSettings.Server]) {
        readClock()
        var new = wanted
        for server in servers where !server.isRemoved {
            if let place = new.firstIndex(of: server.settings) {
                new.remove(at: place)
            } else {
                for session in sessions.values { session.leave(server) }
                server.remove()
            }
        }
        for settings in new {
            let index = servers.firstIndex { $0.isRemoved } ?? servers.count
            let server = UpstreamServer(index: index, settings: settings, hub: self)
            if index < servers.count { servers[index] = server } else { servers.append(server) }
        }
        refreshViews()
        for session in sessions.values { session.lists.forgetCatalogues() }
        for kind in [ListKind.tools, .prompts, .resources] { serversChanged(kind, nil) }
    }

    // MARK: - Lists

    /// A server says that one of its lists has changed: its clients are told, once for several that come together.
    func serverChanged(_ kind: ListKind, server: UpstreamServer, client: ClientSession?) {
        guard let client else { return serversChanged(kind, server) }
        client.announceChange(Self.announcement(of: kind))
    }

    private static func announcement(of kind: ListKind) -> RPCMethod {
        switch kind {
        case .tools: .toolsChanged
        case .prompts: .promptsChanged
        case .resources, .resourceTemplates, .tasks: .resourcesChanged
        }
    }

    /// A list has changed for all clients that see the server; without one, for all.
    private func serversChanged(_ kind: ListKind, _ server: UpstreamServer?) {
        let method = Self.announcement(of: kind)
        guard changed.insert(method).inserted else { return }
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) { [weak self] in
            guard let self else { return }
            readClock()
            changed.remove(method)
            for session in sessions.values where server.map(session.view.shows) ?? true {
                session.announce(Self.notification(method))
            }
            for listener in listeners.values where server.map(listener.view.shows) ?? true { listener.tell(method) }
        }
    }

    static func notification(_ method: RPCMethod) -> ByteBuffer {
        ByteBuffer(string: "{\"jsonrpc\":\"2.0\",\"method\":\"\(method.rawValue)\"}")
    }

    // MARK: - HTTP

    /// Before the name of a virtual server.
    static let serversPath = "/mcp/servers/"

    /// What the address of a request shows; if there is no such address the request is answered.
    func view(of request: EndpointRequest, _ exchange: Exchange) -> ServerView? {
        let name: String? =
            request.path.hasPrefix(Self.serversPath)
            ? String(request.path.dropFirst(Self.serversPath.count)) : request.query("server")
        if let view = view(name) { return view }
        exchange.respond(.rpc(.notFound, .invalidRequest("there is no server \(name ?? "")")))
        return nil
    }

    func handle(_ request: EndpointRequest, _ exchange: Exchange) {
        readClock()
        guard !isDraining else {
            return exchange.respond(.rpc(.serviceUnavailable, .internalError("the gateway is shutting down")))
        }
        switch request.path {
        case "/sse": return openEventStream(request, exchange)
        case Self.messagesPath: return receiveMessage(request, exchange)
        default: break
        }
        if let id = request.head.headers.first(name: "mcp-session-id"),
            let other = directory.hub(ofSession: id, otherThan: index)
        {
            // The connection came to another event loop than the session's: the answer has a longer way.
            return exchange.move(to: other.eventLoop) { other.value.handle(request, $0) }
        }
        switch request.head.method {
        case .POST: post(request, exchange)
        case .GET: get(request, exchange)
        case .DELETE: delete(request, exchange)
        default:
            var response = APIResponse.rpc(.methodNotAllowed, .invalidRequest("use POST, GET or DELETE"))
            response.headers.add(name: "allow", value: "GET, POST, DELETE")
            exchange.respond(response)
        }
    }

    /// The session that a request names; otherwise the request is answered.
    func session(of request: EndpointRequest, _ exchange: Exchange) -> ClientSession? {
        let headers = request.head.headers
        guard let id = headers.first(name: "mcp-session-id") else {
            exchange.respond(.rpc(.badRequest, .invalidRequest("Missing session ID")))
            return nil
        }
        if let name = headers.first(name: "mcp-protocol-version"), ProtocolVersion(rawValue: name) == nil {
            exchange.respond(.rpc(.badRequest, .invalidRequest("unknown MCP-Protocol-Version")))
            return nil
        }
        guard let view = view(of: request, exchange) else { return nil }
        // One answer for all that is not this client's: whoever guesses learns nothing.
        guard let session = sessions[id], !session.isPrincipal, session.view === view,
            session.caller == request.caller
        else {
            exchange.respond(.rpc(.notFound, .invalidRequest("Session not found")))
            return nil
        }
        session.caller = request.caller
        session.touch()
        return session
    }

    private func get(_ request: EndpointRequest, _ exchange: Exchange) {
        if request.head.headers.first(name: "mcp-protocol-version") == ProtocolVersion.july2026.rawValue {
            return refuseMethod(exchange)
        }
        guard MediaTypes.accepts("text/event-stream", request.head.headers) else {
            return exchange.respond(.rpc(.notAcceptable, .invalidRequest("the client must accept text/event-stream")))
        }
        guard let session = session(of: request, exchange) else { return }
        session.listen(exchange, lastEventID: request.head.headers.first(name: "last-event-id"))
    }

    private func delete(_ request: EndpointRequest, _ exchange: Exchange) {
        if request.head.headers.first(name: "mcp-protocol-version") == ProtocolVersion.july2026.rawValue {
            return refuseMethod(exchange)
        }
        guard let session = session(of: request, exchange) else { return }
        end(session)
        exchange.respond(APIResponse(status: .ok))
    }

    /// The revisions without sessions have nothing to read or to delete.
    private func refuseMethod(_ exchange: Exchange) {
        var response = APIResponse.rpc(.methodNotAllowed, .invalidRequest("use POST"))
        response.headers.add(name: "allow", value: "POST")
        exchange.respond(response)
    }
}

/// The `Accept` and `Content-Type` of requests.
enum MediaTypes {
    /// Whether the client takes answers of this type; wildcards and parameters are understood.
    static func accepts(_ type: String, _ headers: HTTPHeaders) -> Bool {
        // What nearly every client sends.
        if headers.first(name: "accept") == "application/json, text/event-stream" { return true }
        let ranges = headers[canonicalForm: "accept"]
        let group = type.prefix { $0 != "/" } + "/*"
        return ranges.contains { range in
            let media = range.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            return media == type || media == "*/*" || media == group
        }
    }

    /// Whether the body is JSON.
    static func isJSON(_ headers: HTTPHeaders) -> Bool {
        let type = headers.first(name: "content-type") ?? ""
        if type == "application/json" { return true }
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return media == "application/json"
    }
}
