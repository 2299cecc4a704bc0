import GatewayCore
public import GatewayServer
public import NIOCore
import NIOHTTP1

/// What is live: the dashboard's figures, the events of a client that is traced, and those of the viable system. Server-sent events, answered on the
/// connection's own event loop.
public struct AdminStreams: EndpointProvider {
    static let dashboardPath = "/metrics/dashboard/stream"
    static let busPath = "/mcp/admin/vsm/events"
    private static let tracePrefix = "/mcp/admin/trace/"
    private static let traceSuffix = "/stream"

    private let access: AdminAccess
    private let feed: SnapshotFeed
    private let maxUnsentBytes: Int

    /// - Parameters:
    ///   - access: who may look.
    ///   - feed: the dashboard's figures.
    ///   - maxUnsentBytes: bytes that wait on one stream before figures and events are left out, and traces are cut.
    public init(access: AdminAccess, feed: SnapshotFeed, maxUnsentBytes: Int) {
        self.access = access
        self.feed = feed
        self.maxUnsentBytes = maxUnsentBytes
    }

    public func serves(path: String, on service: GatewaySettings.Service) -> Bool {
        service == .http && (path == Self.dashboardPath || path == Self.busPath || Self.tracedClient(path) != nil)
    }

    /// The client that a path names, as it stands there.
    static func tracedClient(_ path: String) -> String? {
        guard path.hasPrefix(tracePrefix), path.hasSuffix(traceSuffix),
            path.utf8.count > tracePrefix.utf8.count + traceSuffix.utf8.count
        else { return nil }
        let name = path.dropFirst(tracePrefix.count).dropLast(traceSuffix.count)
        return name.contains("/") ? nil : String(name)
    }

    public func subprotocol(path: String, on service: GatewaySettings.Service) -> String? { nil }

    public func makeEndpoint(on eventLoop: any EventLoop, index: Int, gateway: Gateway) -> any LoopEndpoint {
        AdminStreamEndpoint(eventLoop, gateway, access, feed, maxWaitingBytes: maxUnsentBytes)
    }
}

/// The streams of one event loop.
private final class AdminStreamEndpoint: LoopEndpoint {
    private let eventLoop: any EventLoop
    private unowned let gateway: Gateway
    private let access: AdminAccess
    private let feed: SnapshotFeed
    private var viewers: [ObjectIdentifier: Viewer] = [:]
    private var ticker: RepeatedTask?

    let maxUnsentBytes = 0

    /// How long a stream may be silent.
    private static let keepalive = TimeAmount.seconds(15)
    /// A viewer that has not taken so much is not shown more.
    private let maxWaitingBytes: Int

    init(
        _ eventLoop: any EventLoop, _ gateway: Gateway, _ access: AdminAccess, _ feed: SnapshotFeed,
        maxWaitingBytes: Int
    ) {
        self.maxWaitingBytes = maxWaitingBytes
        self.eventLoop = eventLoop
        self.gateway = gateway
        self.access = access
        self.feed = feed
        let endpoint = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: Self.keepalive, delay: Self.keepalive) { _ in
            for viewer in endpoint.value.viewers.values { viewer.exchange.write(ByteBuffer(string: ":\n\n")) }
        }
    }

    /// One stream.
    private final class Viewer: ExchangeOwner {
        let exchange: Exchange
        let leave: (Viewer) -> Void
        private let maxWaitingBytes: Int
        var end: () -> Void = {}
        /// How many events it was not shown since the last one that it was.
        private var missed = 0

        init(_ exchange: Exchange, maxWaitingBytes: Int, leave: @escaping (Viewer) -> Void) {
            self.exchange = exchange
            self.maxWaitingBytes = maxWaitingBytes
            self.leave = leave
        }

        func exchangeClosed(_ exchange: Exchange) { leave(self) }

        /// - Parameter mayMiss: whether what does not fit can be left out, rather than ending the stream.
        func show(_ event: ByteBuffer, mayMiss: Bool) {
            if exchange.unsentBytes < maxWaitingBytes { return exchange.write(event) }
            guard !mayMiss else { return }
            exchange.abort()
            leave(self)
        }

        /// Shows an event, and before it how many there was no room for.
        func count(_ event: ByteBuffer) {
            guard exchange.unsentBytes < maxWaitingBytes else { return missed += 1 }
            if missed > 0 { exchange.write(ByteBuffer(string: "event: missed\ndata: {\"missed\":\(missed)}\n\n")) }
            missed = 0
            exchange.write(event)
        }

        /// The gateway has nothing more to show.
        func finish() {
            exchange.end()
            leave(self)
        }
    }

    func handle(_ request: EndpointRequest, _ exchange: Exchange) {
        guard request.head.method == .GET else {
            var response = APIResponse.json(.methodNotAllowed, Problems.json("method_not_allowed", "use GET"))
            response.headers.add(name: "allow", value: "GET")
            return exchange.respond(response)
        }
        let headers = request.head.headers
        let verdict = access.verdict(
            authorization: headers.first(name: "authorization"), cookies: headers["cookie"],
            host: headers.first(name: "host"))
        let isAdministrator =
            verdict == .token || verdict == .cookie || request.caller.capabilities?.allow(.admin) == true
        guard let client = AdminStreams.tracedClient(request.path) else {
            if request.path == AdminStreams.busPath {
                guard isAdministrator else { return refuse(exchange, verdict) }
                return showBus(request.query("topics"), exchange)
            }
            guard isAdministrator || access.isOpen else { return refuse(exchange, verdict) }
            return showFigures(exchange, isAdministrator: isAdministrator)
        }
        guard isAdministrator else { return refuse(exchange, verdict) }
        showTrace(client, exchange)
    }

    private func refuse(_ exchange: Exchange, _ verdict: AdminAccess.Verdict) {
        verdict == .closed
            ? refuse(
                exchange, .forbidden, "forbidden", "admin paths need security.admin_token (MCP_ADMIN_TOKEN) to be set")
            : refuse(exchange, .unauthorized, "authentication_failed", "the admin token is missing or wrong")
    }

    private func refuse(_ exchange: Exchange, _ status: HTTPResponseStatus, _ error: String, _ reason: String) {
        exchange.respond(.json(status, Problems.json(error, reason)))
    }

    private func begin(_ exchange: Exchange) -> NIOLoopBound<Viewer> {
        let viewer = Viewer(exchange, maxWaitingBytes: maxWaitingBytes) { [weak self] viewer in
            self?.viewers[ObjectIdentifier(viewer)] = nil
            viewer.end()
        }
        viewers[ObjectIdentifier(viewer)] = viewer
        exchange.owner = viewer
        exchange.beginStream([
            "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform",
            "x-accel-buffering": "no",
        ])
        return NIOLoopBound(viewer, eventLoop: eventLoop)
    }

    private func showFigures(_ exchange: Exchange, isAdministrator: Bool) {
        let viewer = begin(exchange)
        let number = feed.enter(isAdministrator: isAdministrator) { [eventLoop] event in
            eventLoop.execute { viewer.value.show(event, mayMiss: true) }
        }
        viewer.value.end = { [feed] in feed.leave(number) }
    }

    /// - Parameter names: the topics, with commas between them; `nil` for all.
    private func showBus(_ names: String?, _ exchange: Exchange) {
        let wanted = names.map { $0.split(separator: ",").map { BusFeed.Topic(rawValue: String($0)) } }
        let topics = Set(wanted?.compactMap(\.self) ?? BusFeed.Topic.allCases)
        guard wanted?.contains(nil) != true, !topics.isEmpty else {
            let known = BusFeed.Topic.allCases.map(\.rawValue).joined(separator: ", ")
            return refuse(exchange, .badRequest, "bad_request", "topics can be \(known), with commas between them")
        }
        let viewer = begin(exchange)
        viewer.value.end = BusFeed(gateway.viability.bus).follow(topics) { [eventLoop] topic, json in
            eventLoop.execute {
                var event = ByteBuffer(string: "event: \(topic.rawValue)\ndata: ")
                event.writeBytes(json)
                event.writeString("\n\n")
                viewer.value.count(event)
            }
        } end: { [eventLoop] in
            eventLoop.execute { viewer.value.finish() }
        }
    }

    private func showTrace(_ client: String, _ exchange: Exchange) {
        if let problem = gateway.beginTrace(pathPart: client) {
            return refuse(exchange, .badRequest, "bad_request", problem.reason)
        }
        let viewer = begin(exchange)
        let end = gateway.readTrace(pathPart: client) { [eventLoop] number, json in
            var event = ByteBuffer(string: "id: \(number)\nevent: trace\ndata: ")
            event.writeBytes(json)
            event.writeString("\n\n")
            let whole = event
            eventLoop.execute { viewer.value.show(whole, mayMiss: false) }
        }
        viewer.value.end = end ?? {}
    }

    func open(_ pipe: MessagePipe, _ request: MessagePipeRequest) { pipe.close(1008, "no WebSocket at this path") }

    /// Whoever looks sees the drain, to its end.
    func drain() -> [(Instant.Span) -> Void] { [] }

    let openRequests = 0

    func remainingStreams() -> [(Instant.Span) -> Void] {
        viewers.values.map { viewer in { [weak viewer] _ in viewer?.finish() } }
    }

    func stop() {
        ticker?.cancel()
        for viewer in Array(viewers.values) { viewer.end() }
        viewers = [:]
    }
}
