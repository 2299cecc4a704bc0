import GatewayConfiguration
import GatewayCore
import GatewayMCP
import GatewayServer
import GatewayStore
import GatewayStoreSQLite
import GatewayViability
import GatewayWebhooks
import WebSocketProtocol

/// From what the operator wrote to what the server is told. No logic: names on the left, names on the right.
extension GatewaySettings {
    init(
        _ configuration: GatewayConfiguration, webhooks: Webhooks, mcp: MCPDirectory,
        authentication: AuthenticationSettings? = nil
    ) {
        self.init()
        self.authentication = authentication
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
        handshakeRate = configuration.listen.handshakeRate
        handshakeBurst = configuration.listen.handshakeBurst
        handshakeDelay = Instant.Span(configuration.listen.handshakeDelay)
        trustedProxies = configuration.listen.trustedProxies.compactMap { IPAddressRange($0) }
        proxyProtocol = configuration.listen.proxyProtocol
        forceSSL = configuration.listen.forceSSL

        tls[.http] = transports.http.tls.effective(configuration.tls).flatMap { TLSSettings($0) }
        tls[.eventStream] = transports.httpSSE.tls.effective(configuration.tls).flatMap { TLSSettings($0) }
        tls[.webSocket] = transports.webSocket.tls.effective(configuration.tls).flatMap { TLSSettings($0) }
        tlsReloadInterval = Instant.Span(configuration.tls.reloadInterval)
        http2.maxConcurrentStreams = configuration.http2.maxConcurrentStreams
        http2.maxHeaderListSize = configuration.http2.maxHeaderListSize
        http2.maxResetsPerSecond = configuration.http2.maxResetsPerSecond
        http2.maxControlFramesPerSecond = configuration.http2.maxControlFramesPerSecond

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
        compressionContextMemory = transports.webSocket.compressionContextMemory
        maxInflateRatio = transports.webSocket.maxInflateRatio
        inflateRatioFrom = transports.webSocket.inflateRatioFrom
        pingInterval = Instant.Span(transports.webSocket.pingInterval)
        pongTimeout = Instant.Span(transports.webSocket.pongTimeout)
        idleTimeout = Instant.Span(transports.webSocket.idleTimeout)

        let polls = transports.webSocket.longPoll
        longPoll.window = Instant.Span(polls.window)
        longPoll.idleTimeout = Instant.Span(polls.idleTimeout)
        longPoll.bufferMessages = polls.bufferMessages
        longPoll.bufferBytes = polls.bufferBytes
        longPoll.maxPolls = polls.maxPolls
        longPoll.maxBatch = polls.maxBatch
        longPoll.maxBodySize = polls.maxBodySize
        longPoll.tokenLifetime = Instant.Span(polls.tokenLifetime)
        secretKeyBase = configuration.security.secretKeyBase

        session.logMessages = configuration.session.logMessages
        session.logBytes = configuration.session.logBytes
        session.retention = Instant.Span(configuration.session.retention)
        session.maxConnections = configuration.session.maxConnections
        session.maxTopics = configuration.session.maxTopics
        session.unackedGrace = Instant.Span(configuration.session.unackedGrace)
        session.maxUnsentBytes = configuration.session.maxUnsentBytes
        session.maxFrameBytes = configuration.transports.webSocket.maxFrameSize
        session.slowConsumerPolicy = SlowConsumerPolicy(configuration.session.slowConsumerPolicy)
        slowConsumerPolicies = Set(configuration.session.allowedSlowConsumerPolicies.map { SlowConsumerPolicy($0) })
        session.backpressure = BackpressureLimits(configuration.session.backpressure)
        session.offlineMessages = configuration.session.offlineMessages
        session.offlineBytes = configuration.session.offlineBytes
        session.offlineAge = Instant.Span(configuration.session.offlineTTL)
        maxSessions = configuration.session.maxSessions

        rateLimit = RateLimit(
            rate: configuration.rateLimiting.refillRate, burst: configuration.rateLimiting.defaultLimit)
        maxConnectionsPerAddress = configuration.security.maxConnectionsPerIP
        protection = ProtectionSettings(configuration)
        validation = ValidationSettings(configuration.validation)
        encryption = MessageEncryption(configuration.security.encryptionKeys)
        allowedOrigins = configuration.cors.origins
        preflight = PreflightPolicy(
            methods: configuration.cors.methods, headers: configuration.cors.headers, maxAge: configuration.cors.maxAge)
        maxJSONDepth = configuration.json.maxDepth
        routes = configuration.routes.map { GatewayServer.Route($0, webhooks, mcp) }
        hooks = webhooks.hooks
        damping.minimumDwell = Instant.Span(configuration.routing.minimumDwell)
        damping.maximumDwell = Instant.Span(configuration.routing.maximumDwell)
        damping.flapHalfLife = Instant.Span(configuration.routing.flapHalfLife)
        if !configuration.viability.coordination.enabled { damping = .none }
        let returns = configuration.routing.maxReturnsPerSecond
        returnRate = RateLimit(rate: Double(returns), burst: returns)
        probeTimeout = Instant.Span(configuration.routing.probeTimeout)
        idempotencyWindow = Instant.Span(configuration.idempotency.window)
        maxRememberedIDs = configuration.idempotency.maxIDs
        memoryBudget = configuration.memory.budget
        isViabilityOn = configuration.viability.enabled
        viability = ViabilitySettings(configuration)
        presence.topics = configuration.presence.topics
        presence.maxMembers = configuration.presence.maxMembers
        presence.interval = Instant.Span(configuration.presence.interval)
        retainedTopics = configuration.retain.topics
        maxRetainedTopics = configuration.retain.maxTopics
        maxRetainedBytes = configuration.retain.maxBytes
        sequencer.buffered = configuration.sequencer.buffer
        sequencer.bufferedBytes = configuration.sequencer.bufferBytes
        sequencer.gapTimeout = Instant.Span(configuration.sequencer.gapTimeout)
        maxOperations = configuration.operations.logMessages
        maxOperationBytes = configuration.operations.logBytes
        maxOperationAge = Instant.Span(configuration.operations.maxAge)
        storage.batchSize = configuration.storage.batchSize
        storage.batchDelay = Instant.Span(configuration.storage.batchDelay)
        storage.queueBytes = configuration.storage.queueBytes
        storage.retryInterval = Instant.Span(configuration.storage.retryInterval)
        storage.maintenanceInterval = Instant.Span(configuration.storage.maintenanceInterval)
        operations = GatewaySettings.Operations(configuration)
        publicHost = configuration.listen.publicHost
        nodeID = configuration.cluster.nodeID
        debug = configuration.debug
        logConnections = configuration.logConnections || configuration.debug
        logMessages = configuration.logMessages
        traceRouting = configuration.traceRouting
        drain.delay = Instant.Span(configuration.drain.delay)
        drain.timeout = Instant.Span(configuration.drain.timeout)
        drain.rate = configuration.drain.rate
        drain.reconnectDelay = Instant.Span(configuration.drain.reconnectDelay)
    }
}

extension GatewayConfiguration.Storage {
    /// What keeps durable messages; `nil` if they end with the process.
    func makeStore() -> (any MessageStore)? {
        switch engine {
        case .memory: return nil
        case .sqlite:
            var options = SQLiteStore.Options(path: path)
            options.synchronous = synchronous == .full ? .full : .normal
            options.onDamage = onDamage == .refuse ? .refuse : .setAside
            options.lockTimeout = Instant.Span(lockTimeout)
            options.reserveBytes = reserveBytes
            return SQLiteStore(options)
        }
    }
}

extension SlowConsumerPolicy {
    init(_ policy: GatewayConfiguration.SlowConsumerPolicy) {
        switch policy {
        case .disconnect: self = .disconnect
        case .dropOldest: self = .dropOldest
        case .conflate: self = .conflate
        case .criticalOnly: self = .criticalOnly
        }
    }
}

extension BackpressureLimits {
    init(_ configuration: GatewayConfiguration.Backpressure) {
        self.init()
        halfRatePending = configuration.halfRatePending
        criticalPending = configuration.criticalPending
        lag = Instant.Span(configuration.lag)
        bundleInterval = Instant.Span(configuration.bundleInterval)
        releasePercent = configuration.releasePercent
        minimumRate = configuration.minimumRate
    }
}

extension WebhookSettings {
    init(_ configuration: GatewayConfiguration) {
        self.init()
        let webhooks = configuration.webhooks
        connect = webhooks.connect
        join = webhooks.join
        disconnect = webhooks.disconnect
        algedonic = webhooks.algedonic
        secret = webhooks.secret
        timeout = Instant.Span(webhooks.timeout)
        attempts = webhooks.attempts
        backoff = Backoff(
            initial: Instant.Span(webhooks.retryDelay), limit: Instant.Span(webhooks.maxRetryDelay))
        retryRatio = webhooks.retryRatio
        concurrency = webhooks.concurrency
        adaptiveLimits =
            configuration.adaptiveLimits.enabled ? AdaptiveLimit.Limits(configuration.adaptiveLimits) : nil
        queue = webhooks.queue
        maxAnswerSize = webhooks.maxAnswerSize
        onFailure = webhooks.onFailure == .allow ? .allow : .deny
        breaker = CircuitBreaker.Limits(
            ratio: configuration.circuitBreaker.threshold,
            backoff: Backoff(
                initial: Instant.Span(configuration.circuitBreaker.timeout),
                limit: Instant.Span(configuration.circuitBreaker.timeout * 10), jitter: 0.2))
        maxJSONDepth = configuration.json.maxDepth
        version = Version.current
        node = configuration.cluster.nodeID
    }
}

extension GatewayServer.Route {
    init(_ route: ConfiguredRoute, _ webhooks: Webhooks, _ mcp: MCPDirectory) {
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
        case .webhook(let url, let timeout):
            self.init(
                pattern: pattern, handler: .handler(webhooks.handler(url, timeout: timeout.map { Instant.Span($0) })))
        case .tool(let tool, let server, let timeout):
            self.init(
                pattern: pattern,
                handler: .handler(
                    mcp.handler(tool: tool, server: server, timeout: timeout.map { Instant.Span($0) })))
        }
    }
}

extension TLSSettings {
    /// `nil` without a certificate and a key, which the configuration's own check refuses.
    init?(_ tls: GatewayConfiguration.TLS) {
        guard let certificate = tls.certificate, let key = tls.key else { return nil }
        self.init(certificate: certificate, key: key)
        minimumVersion = tls.minimumVersion == .v13 ? .v13 : .v12
        http2 = tls.http2
        clientCA = tls.clientCA
        clientCertificate =
            switch tls.clientCertificate {
            case .none: .none
            case .request: .request
            case .require: .require
            }
    }
}
