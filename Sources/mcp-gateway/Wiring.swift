import GatewayConfiguration
import GatewayCore
import GatewayServer
import WebSocketProtocol

/// From what the operator wrote to what the server is told. No logic: names on the left, names on the right.
extension GatewaySettings {
    init(_ configuration: GatewayConfiguration) {
        self.init()
        let transports = configuration.transports
        hosts = configuration.listen.hosts
        ports = [
            .http: transports.http.port, .eventStream: transports.httpSSE.port, .webSocket: transports.webSocket.port,
        ]
        maxConnections = [
            .http: transports.http.maxConnections, .eventStream: transports.httpSSE.maxConnections,
            .webSocket: transports.webSocket.maxConnections,
        ]
        eventLoops = configuration.listen.eventLoops
        backlog = configuration.listen.backlog
        handshakeTimeout = Instant.Span(configuration.listen.handshakeTimeout)
        keepAliveTimeout = Instant.Span(configuration.listen.keepAliveTimeout)
        closeTimeout = Instant.Span(configuration.listen.closeTimeout)
        tcpUserTimeout = Instant.Span(configuration.listen.tcpUserTimeout)
        tcpNoDelay = transports.webSocket.tcpNoDelay

        heartbeatInterval = Instant.Span(transports.httpSSE.heartbeatInterval)
        keepaliveInterval = Instant.Span(transports.httpSSE.keepaliveInterval)
        retry = Instant.Span(transports.httpSSE.retry)
        eventStreamCompression = transports.httpSSE.compression
        eventStreamCompressionLevel = transports.httpSSE.compressionLevel
        eventStreamChunkSize = transports.httpSSE.chunkSize
        eventStreamKeepAliveTimeout = Instant.Span(transports.httpSSE.keepAliveTimeout)

        webSocket = WebSocketLimits(
            maxFrameSize: transports.webSocket.maxFrameSize, maxMessageSize: transports.webSocket.maxMessageSize,
            maxFragments: transports.webSocket.maxFragments)
        controlFrames = RateLimit(
            rate: Double(transports.webSocket.maxControlFrames), burst: transports.webSocket.maxControlFrames)
        maxChannels = transports.webSocket.maxChannels
        webSocketBatchSize = transports.webSocket.batchSize
        webSocketCompression = transports.webSocket.compression
        compressionLevel = transports.webSocket.compressionLevel
        maxInflateRatio = transports.webSocket.maxInflateRatio
        inflateRatioFrom = transports.webSocket.inflateRatioFrom
        pingInterval = Instant.Span(transports.webSocket.pingInterval)
        pongTimeout = Instant.Span(transports.webSocket.pongTimeout)
        idleTimeout = Instant.Span(transports.webSocket.idleTimeout)

        session.logMessages = configuration.session.logMessages
        session.logBytes = configuration.session.logBytes
        session.retention = Instant.Span(configuration.session.retention)
        session.maxConnections = configuration.session.maxConnections
        session.maxTopics = configuration.session.maxTopics
        session.unackedGrace = Instant.Span(configuration.session.unackedGrace)
        session.maxUnsentBytes = configuration.session.maxUnsentBytes
        session.offlineMessages = configuration.session.offlineMessages
        session.offlineBytes = configuration.session.offlineBytes
        session.offlineAge = Instant.Span(configuration.session.offlineTTL)
        maxSessions = configuration.session.maxSessions

        rateLimit = RateLimit(
            rate: configuration.rateLimiting.refillRate, burst: configuration.rateLimiting.defaultLimit)
        maxConnectionsPerAddress = configuration.security.maxConnectionsPerIP
        allowedOrigins = configuration.cors.origins
        maxJSONDepth = configuration.json.maxDepth
        routes = configuration.routes.map { GatewayServer.Route($0) }
        idempotencyWindow = Instant.Span(configuration.idempotency.window)
        maxRememberedIDs = configuration.idempotency.maxIDs
        maxOperations = configuration.operations.logMessages
        maxOperationBytes = configuration.operations.logBytes
        maxOperationAge = Instant.Span(configuration.operations.maxAge)
        publicHost = configuration.listen.publicHost
        nodeID = configuration.cluster.nodeID
        debug = configuration.debug
        logConnections = configuration.logConnections || configuration.debug
    }
}

extension GatewayServer.Route {
    init(_ route: ConfiguredRoute) {
        let pattern =
            switch route.type {
            case .exact(let type): type
            case .prefix(let beginning): beginning + "*"
            case .any: "*"
            }
        switch route.handler {
        case .echo: self.init(pattern: pattern, handler: .echo)
        case .topic(let topic): self.init(pattern: pattern, handler: .topic(topic))
        case .events: self.init(pattern: pattern, handler: .events)
        }
    }
}
