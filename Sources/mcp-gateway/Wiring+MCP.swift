import GatewayConfiguration
import GatewayCore
import GatewayMCP
import ModelContextProtocol

/// From what the operator wrote to what the MCP side is told.
extension MCPSettings {
    /// - Throws: what is wrong with a server's words.
    init(_ configuration: GatewayConfiguration, environment: [String: String]) throws(CommandFailure) {
        self.init()
        let mcp = configuration.mcp
        let connections = configuration.pool
        pool = LeasePool.Limits(
            size: connections.size, overflow: connections.overflow,
            strategy: connections.strategy == .fifo ? .fifo : .lifo,
            checkoutTimeout: Instant.Span(connections.checkoutTimeout), queue: connections.queue,
            idleTimeout: Instant.Span(connections.idleTimeout))
        adaptiveLimits.isEnabled = configuration.adaptiveLimits.enabled
        adaptiveLimits.limits = AdaptiveLimit.Limits(configuration.adaptiveLimits)
        adaptiveLimits.queue = configuration.adaptiveLimits.queue
        servers = []
        for server in configuration.mcpServers { servers.append(try MCPSettings.Server(server, environment, pool)) }
        if mcp.demo, !servers.contains(where: { $0.name == "demo" }) {
            servers.append(MCPSettings.Server(name: "demo", target: .demo))
        }
        prefix =
            switch mcp.prefix {
            case .always: .always
            case .collision: .collision
            case .never: .never
            }
        for virtual in mcp.virtualServers {
            if let stranger = virtual.servers.first(where: { name in !servers.contains { $0.name == name } }) {
                throw CommandFailure("mcp.virtual_servers.\(virtual.name): there is no server \(stranger)", code: 2)
            }
            virtualServers.append(
                VirtualServer(
                    name: virtual.name, servers: virtual.servers, allow: virtual.allow.map { NamePattern($0) },
                    deny: virtual.deny.map { NamePattern($0) }, rename: virtual.rename))
        }
        for case .tool(_, let server, _) in configuration.routes.map(\.handler)
        where !servers.contains(where: { $0.name == server }) {
            throw CommandFailure("routes: there is no MCP server \(server)", code: 2)
        }
        maxTasks = mcp.maxTasks
        maxSubscriptions = mcp.maxSubscriptions
        inputTimeout = Instant.Span(mcp.inputTimeout)
        maxSessions = mcp.maxSessions
        sessionIdleTimeout = Instant.Span(mcp.sessionIdleTimeout)
        logMessages = mcp.logMessages
        logBytes = mcp.logBytes
        maxUnsentBytes = mcp.maxUnsentBytes
        maxCalls = mcp.maxCalls
        callTimeout = Instant.Span(mcp.callTimeout)
        maxCallTime = Instant.Span(mcp.maxCallTime)
        listTimeout = Instant.Span(mcp.listTimeout)
        startTimeout = Instant.Span(mcp.startTimeout)
        streamAfter = Instant.Span(mcp.streamAfter)
        keepaliveInterval = Instant.Span(mcp.keepaliveInterval)
        maxResultBytes = mcp.maxResultBytes
        maxToolMetrics = mcp.toolMetrics
        connectTimeout = Instant.Span(mcp.connectTimeout)
        replicas = ReplicaSet.Limits(
            breaker: CircuitBreaker.Limits(
                ratio: configuration.circuitBreaker.threshold,
                consecutiveFailures: configuration.routing.failoverThreshold,
                backoff: Backoff(
                    initial: Instant.Span(configuration.circuitBreaker.timeout),
                    limit: max(.seconds(300), Instant.Span(configuration.circuitBreaker.timeout)), jitter: 0.2)),
            retryRatio: mcp.retryRatio, retryReserve: mcp.retryReserve,
            virtualNodes: configuration.routing.virtualNodes)
        healthCheckInterval = Instant.Span(configuration.routing.healthCheckInterval)
        certificateAuthorities = mcp.certificateAuthorities
        maxListPages = mcp.maxListPages
        maxProcesses = mcp.maxProcesses
        maxPoolConnections = configuration.pool.maxConnections
        processIdleTimeout = mcp.processIdleTimeout == .zero ? nil : Instant.Span(mcp.processIdleTimeout)
        maxJSONDepth = configuration.json.maxDepth
        version = Version.current
    }
}

extension AdaptiveLimit.Limits {
    init(_ limits: GatewayConfiguration.AdaptiveLimits) {
        self.init(
            initial: limits.initial, minimum: min(limits.minimum, limits.maximum), maximum: limits.maximum,
            slack: Instant.Span(limits.slack))
    }
}

extension MCPSettings.Server {
    init(
        _ server: GatewayConfiguration.MCPServer, _ environment: [String: String], _ pool: LeasePool.Limits
    ) throws(CommandFailure) {
        func filled(_ text: String) throws(CommandFailure) -> String {
            try Self.filled(text, environment, server.name)
        }
        func filled(_ texts: [String: String]) throws(CommandFailure) -> [String: String] {
            var result: [String: String] = [:]
            for (name, text) in texts { result[name] = try filled(text) }
            return result
        }
        let target: Target
        switch server.target {
        case .url(let addresses, let headers):
            var replicas: [Replica] = []
            for address in addresses {
                replicas.append(Replica(url: try filled(address.url), weight: address.weight))
            }
            target = .url(replicas, headers: try filled(headers))
        case .command(let command, let arguments, let variables, let directory):
            var list: [String] = []
            for argument in arguments { list.append(try filled(argument)) }
            target = .command(
                try filled(command), arguments: list, environment: try filled(variables), directory: directory)
        }
        var own = pool
        own.size = server.poolSize ?? pool.size
        own.overflow = server.poolOverflow ?? pool.overflow
        self.init(
            name: server.name, target: target, isStateless: server.isStateless, isEventStream: server.isEventStream,
            pool: own == pool ? nil : own, isLimited: server.isLimited)
    }

    /// Puts variables of the environment in the place of `${NAME}`.
    static func filled(
        _ text: String, _ environment: [String: String], _ server: String
    ) throws(CommandFailure) -> String {
        var output = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            let name = String(rest[start.upperBound..<end])
            guard let value = environment[name] else {
                throw CommandFailure("mcpServers.\(server): the variable \(name) is not set", code: 1)
            }
            output += rest[..<start.lowerBound] + value
            rest = rest[rest.index(after: end)...]
        }
        return output + rest
    }
}
