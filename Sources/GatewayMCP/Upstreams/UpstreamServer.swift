import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A server behind the gateway, as one event loop knows it.
final class UpstreamServer {
    let index: Int
    let settings: MCPSettings.Server
    unowned let hub: MCPHub
    /// What it speaks, once that is known.
    var era = Era.unknown
    /// What it had in its lists when they were last asked for.
    private(set) var lists: [ListKind: KnownList] = [:]
    /// Whether the last attempt to ask it failed.
    var problem: String?
    /// The session that all clients share, if they may.
    private var shared: UpstreamSession?
    /// Connections of Streamable HTTP.
    let origin: HTTPOrigin?
    /// Sessions in a row that did not come about, and when the next one may be tried.
    private var failedStarts = 0
    private var nextStart = Instant.zero

    enum Era { case unknown, legacy, modern }

    /// A list as it was, kept for the time when its server does not answer.
    struct KnownList {
        var names: [String] = []
        /// JSON text of the items, in the order of `names`, and where the name stands in each.
        var items: [(text: [UInt8], name: JSONSpan)] = []
        /// Tools that may be called again when it is not known whether the first call arrived.
        var repeatable: Set<String> = []
    }

    init(index: Int, settings: MCPSettings.Server, hub: MCPHub) {
        self.index = index
        self.settings = settings
        self.hub = hub
        if case .url(let url, _) = settings.target { origin = HTTPOrigin(url, hub: hub) } else { origin = nil }
    }

    var name: String { settings.name }

    /// A session for a client of the older revisions.
    func session(for client: ClientSession) -> UpstreamSession {
        guard settings.isStateless || era == .modern else { return makeSession(client: client) }
        return sharedSession()
    }

    /// The session that belongs to no client.
    func sharedSession() -> UpstreamSession {
        if let shared, shared.phase != .closed { return shared }
        let session = makeSession(client: nil)
        shared = session
        return session
    }

    private func makeSession(client: ClientSession?) -> UpstreamSession {
        switch settings.target {
        case .demo: DemoSession(server: self, client: client)
        case .url(_, let headers): HTTPSession(server: self, client: client, headers: headers)
        case .command: ProcessSession(server: self, client: client)
        }
    }

    /// A list has come whole.
    func learned(_ kind: ListKind, _ list: KnownList) {
        problem = nil
        let isNew = lists[kind]?.names != list.names
        lists[kind] = list
        if isNew { hub.listsChanged(kind) }
    }

    func failed(_ reason: String) {
        if problem == nil {
            hub.logger.warning("MCP server failed", metadata: ["server": "\(name)", "reason": "\(reason)"])
        }
        problem = reason
    }

    /// Why no session is begun just now; `nil` if one may be.
    var reasonToWait: String? {
        guard hub.now < nextStart else { return nil }
        return "\(problem ?? "it failed"); it is tried again in \((nextStart - hub.now).milliseconds + 1) ms"
    }

    /// A session has come about.
    func started() {
        failedStarts = 0
        nextStart = .zero
    }

    /// A session did not come about: the next attempt but one waits, and each time twice as long. A program that cannot
    /// run is not started again for every request.
    func failedToStart() {
        failedStarts += 1
        guard failedStarts > 1 else { return }
        var generator = SystemRandomNumberGenerator()
        nextStart = hub.now + Self.backoff.delay(attempt: failedStarts - 2, random: generator.next())
    }

    /// Whether one more attempt may follow a failed one at once: a connection may just have been an old one.
    var mayStartAgain: Bool { failedStarts <= 1 }

    private static let backoff = Backoff(initial: .milliseconds(200), limit: .seconds(30))

    func tend(now: Instant) {
        origin?.tend(now: now)
        if let shared, shared.phase != .closed { shared.tend(now: now) }
    }

    func stop() {
        shared?.close()
        shared = nil
        origin?.close()
    }
}
