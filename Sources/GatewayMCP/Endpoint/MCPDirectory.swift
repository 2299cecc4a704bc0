import GatewayCore
import GatewayProcesses
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
    let settings: MCPSettings
    private let logger: Logger
    private let turns = Atomic<Int>(0)
    private let sessionCount = Atomic<Int>(0)
    /// Made when the first program is started: many gateways never start one.
    private let processes = Mutex<ProcessHost?>(nil)
    /// Who of the servers may start one more program.
    public let processShare: ServerShare
    /// Who of the servers may have one more connection in a pool.
    public let connectionShare: ServerShare
    /// Whether the event loops have been asked already to spare a connection.
    let isSparing = Atomic<Bool>(false)
    /// What is known of the replicas of each server, with what the configuration said of it.
    private let knownReplicas = Mutex<[String: (settings: MCPSettings.Server, replicas: Replicas)]>([:])
    /// What each server was found to speak, with what the configuration said of it.
    private let knownEras = Mutex<[String: (settings: MCPSettings.Server, era: ServerEra)]>([:])
    /// Counts what callers may not do.
    private let gateway = Mutex(WeakGateway())
    private let hubs = Mutex<[Int: NIOLoopBound<MCPHub>]>([:])
    /// What clients have called lately.
    let lastCalls = LastCalls()

    public init(settings: MCPSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        processShare = .processes(capacity: settings.maxProcesses)
        processShare.serve(Self.programs(settings.servers))
        connectionShare = .connections(capacity: settings.maxPoolConnections)
        connectionShare.serve(Self.addresses(settings.servers))
        // A child that has gone must not take the gateway with it: writing to it is an error and no more.
        signal(SIGPIPE, SIG_IGN)
    }

    public func serves(path: String, on service: GatewaySettings.Service) -> Bool {
        service == .http
            && (path == "/mcp" || path == "/sse" || path == MCPHub.messagesPath
                || path.hasPrefix(MCPHub.serversPath))
    }

    public func subprotocol(path: String, on service: GatewaySettings.Service) -> String? {
        service != .eventStream && path == "/mcp/socket" ? "mcp" : nil
    }

    public func makeEndpoint(on eventLoop: any EventLoop, index: Int, gateway: Gateway) -> any LoopEndpoint {
        let hub = MCPHub(index: index, eventLoop: eventLoop, settings: settings, directory: self, logger: logger)
        hubs.withLock { $0[index] = NIOLoopBound(hub, eventLoop: eventLoop) }
        self.gateway.withLock { $0.gateway = gateway }
        return hub
    }

    private struct WeakGateway { weak var gateway: Gateway? }

    /// A caller wanted what its token does not allow.
    func denied() { gateway.withLock(\.gateway)?.countDenial(.mcp) }

    /// Sessions of all event loops.
    public var openSessions: Int { sessionCount.load(ordering: .relaxed) }

    /// Counts a session in, if there is room for it.
    func sessionBegins() -> Bool {
        guard sessionCount.add(1, ordering: .relaxed).newValue > settings.maxSessions else { return true }
        sessionCount.subtract(1, ordering: .relaxed)
        return false
    }

    func sessionEnded() { sessionCount.subtract(1, ordering: .relaxed) }

    /// Who starts and reaps the programs of all event loops; `nil` if the system does not let it.
    func processHost() -> ProcessHost? {
        processes.withLock { host in
            if let host { return host }
            do throws(ProcessStartFailure) {
                host = try ProcessHost(maximumProcesses: settings.maxProcesses)
            } catch { logger.error("processes cannot be started", metadata: ["reason": "\(error)"]) }
            return host
        }
    }

    /// What the event loops share about a server.
    func replicas(of server: MCPSettings.Server) -> Replicas? {
        guard case .url(let urls, _) = server.target else { return nil }
        return knownReplicas.withLock { known in
            if let found = known[server.name], found.settings == server { return found.replicas }
            let nodes = urls.map { HashRing.Node(id: $0.url, weight: $0.weight) }
            let replicas = Replicas(name: server.name, nodes: nodes, limits: settings.replicas, logger: logger)
            known[server.name] = (server, replicas)
            return replicas
        }
    }

    /// What is known of what a server speaks.
    func era(of server: MCPSettings.Server) -> ServerEra {
        knownEras.withLock { known in
            if let found = known[server.name], found.settings == server { return found.era }
            let era = ServerEra()
            known[server.name] = (server, era)
            return era
        }
    }

    /// The event loop at which the sessions are that a credential without sessions has with servers; `nil` if it is this one.
    func home(of owner: String?, otherThan index: Int) -> NIOLoopBound<MCPHub>? {
        // FNV-1a
        let hash = (owner ?? "").utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return hubs.withLock { hubs in
            let home = Int(hash % UInt64(max(1, hubs.count)))
            return home == index ? nil : hubs[home]
        }
    }

    /// The configuration has other servers now. Those that are as they were keep their sessions and streams.
    public func reload(_ servers: [MCPSettings.Server]) async {
        processShare.serve(Self.programs(servers))
        connectionShare.serve(Self.addresses(servers))
        for hub in hubs.withLock({ hubs in Array(hubs.values) }) {
            try? await hub.eventLoop.submit { hub.value.replaceServers(servers) }.get()
        }
        knownReplicas.withLock { known in
            let names = Set(servers.map(\.name))
            known = known.filter { names.contains($0.key) }
        }
        knownEras.withLock { known in
            let names = Set(servers.map(\.name))
            known = known.filter { names.contains($0.key) }
        }
    }

    /// The hubs, in the order of their event loops.
    var loops: [NIOLoopBound<MCPHub>] { hubs.withLock { hubs in hubs.sorted { $0.key < $1.key }.map(\.value) } }

    /// Points on the ring of a replica of weight 1.
    var virtualNodes: Int { settings.replicas.virtualNodes }

    /// Programs that run.
    public var liveProcesses: Int { processes.withLock { $0?.liveProcesses } ?? 0 }

    /// Ends all sessions and with them the programs, which have a moment to go by themselves. To be called before the
    /// event loops end.
    public func stop() async {
        let hubs = hubs.withLock { hubs in Array(hubs.values) }
        for hub in hubs { try? await hub.eventLoop.submit { hub.value.stop() }.get() }
        let end = ContinuousClock.now + Self.farewell
        while liveProcesses > 0, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
        await processes.withLock { $0 }?.close()
    }

    /// How long programs have to go after their input was closed, when the gateway itself ends.
    private static let farewell = Duration.milliseconds(500)

    /// The hub that a session lives on, when that is another one.
    func hub(ofSession id: String, otherThan index: Int) -> NIOLoopBound<MCPHub>? {
        guard let owner = Int(id.prefix { $0 != "." }) else { return nil }
        return hub(owner, otherThan: index)
    }

    /// One hub after the other.
    func anyHub() -> NIOLoopBound<MCPHub>? {
        let turn = turns.add(1, ordering: .relaxed).newValue
        return hubs.withLock { hubs in hubs.isEmpty ? nil : hubs[turn % hubs.count] ?? hubs.first?.value }
    }

    /// The hub of an event loop, when that is another one.
    func hub(_ owner: Int, otherThan index: Int) -> NIOLoopBound<MCPHub>? {
        guard owner != index else { return nil }
        return hubs.withLock { $0[owner] }
    }
}
