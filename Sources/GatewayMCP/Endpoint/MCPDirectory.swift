import GatewayCore
public import GatewayServer
public import Logging
public import NIOCore
import NIOHTTP1
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// MCP at `/mcp`: makes the hub of each event loop, and knows what they have in common.
public final class MCPDirectory: EndpointProvider {
    private let settings: MCPSettings
    private let logger: Logger
    private let sessionCount = Atomic<Int>(0)
    private let processCount = Atomic<Int>(0)
    private let hubs = Mutex<[Int: NIOLoopBound<MCPHub>]>([:])

    public init(settings: MCPSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        // A child that has gone must not take the gateway with it: writing to it is an error and no more.
        signal(SIGPIPE, SIG_IGN)
    }

    public func serves(path: String, on service: GatewaySettings.Service) -> Bool {
        service == .http && (path == "/mcp" || path == "/sse" || path == MCPHub.messagesPath)
    }

    public func subprotocol(path: String, on service: GatewaySettings.Service) -> String? {
        service != .eventStream && path == "/mcp/socket" ? "mcp" : nil
    }

    public func makeEndpoint(on eventLoop: any EventLoop, index: Int, gateway: Gateway) -> any LoopEndpoint {
        let hub = MCPHub(index: index, eventLoop: eventLoop, settings: settings, directory: self, logger: logger)
        hubs.withLock { $0[index] = NIOLoopBound(hub, eventLoop: eventLoop) }
        return hub
    }

    /// Sessions of all event loops.
    public var openSessions: Int { sessionCount.load(ordering: .relaxed) }

    /// Counts a session in, if there is room for it.
    func sessionBegins() -> Bool {
        guard sessionCount.add(1, ordering: .relaxed).newValue > settings.maxSessions else { return true }
        sessionCount.subtract(1, ordering: .relaxed)
        return false
    }

    func sessionEnded() { sessionCount.subtract(1, ordering: .relaxed) }

    /// Counts a child process in, if there is room for it.
    func processBegins() -> Bool {
        guard processCount.add(1, ordering: .relaxed).newValue > settings.maxProcesses else { return true }
        processCount.subtract(1, ordering: .relaxed)
        return false
    }

    func processEnded() { processCount.subtract(1, ordering: .relaxed) }

    /// The hub that a session lives on, when that is another one.
    func hub(ofSession id: String, otherThan index: Int) -> NIOLoopBound<MCPHub>? {
        guard let owner = Int(id.prefix { $0 != "." }), owner != index else { return nil }
        return hubs.withLock { $0[owner] }
    }
}
