/// Values that are fine each for itself and wrong together.
extension ConfigurationMerge {
    mutating func checkCombinations() {
        checkPorts()
        let webSocket = configuration.transports.webSocket
        require(
            webSocket.pongTimeout < webSocket.pingInterval,
            "transports.websocket.pong_timeout", "must be less than", "transports.websocket.ping_interval")
        require(
            webSocket.idleTimeout > webSocket.pingInterval,
            "transports.websocket.idle_timeout", "must be more than", "transports.websocket.ping_interval")
        require(
            webSocket.maxFrameSize <= webSocket.maxMessageSize,
            "transports.websocket.max_frame_size", "must not be more than", "transports.websocket.max_message_size")
        require(
            webSocket.longPoll.idleTimeout > webSocket.longPoll.window,
            "transports.websocket.longpoll.idle_timeout", "must be more than", "transports.websocket.longpoll.window")
        checkTLS()
        if configuration.listen.proxyProtocol, configuration.listen.trustedProxies.isEmpty {
            refuse("listen.proxy_protocol", "only listed proxies are believed: set listen.trusted_proxies")
        }
        let backpressure = configuration.session.backpressure
        require(
            backpressure.halfRatePending < backpressure.criticalPending,
            "session.backpressure.half_rate_pending", "must be less than", "session.backpressure.critical_pending")
        require(
            configuration.routing.minimumDwell <= configuration.routing.maximumDwell,
            "routing.minimum_dwell", "must not be more than", "routing.maximum_dwell")
        require(
            configuration.webhooks.retryDelay <= configuration.webhooks.maxRetryDelay,
            "webhooks.retry_delay", "must not be more than", "webhooks.max_retry_delay")
        require(
            configuration.viability.algedonic.release < configuration.viability.algedonic.onset,
            "viability.algedonic.release", "must be less than", "viability.algedonic.onset")
        require(
            configuration.adaptiveLimits.minimum <= configuration.adaptiveLimits.maximum,
            "adaptive_limits.minimum", "must not be more than", "adaptive_limits.maximum")
        let control = configuration.viability.control
        if control.webSocketFloor + control.eventStreamFloor > 1 {
            refuse(
                "viability.control.floors.http_sse",
                "more than everything is promised: together with viability.control.floors.websocket it must be 1 at the most"
            )
        }
        checkExposure()
    }

    private mutating func checkTLS() {
        let transports = configuration.transports
        let listeners = [
            ("transports.http", transports.http.tls), ("transports.http_sse", transports.httpSSE.tls),
            ("transports.websocket", transports.webSocket.tls),
        ]
        var isSharedReported = false
        for (section, listener) in listeners {
            guard let tls = listener.effective(configuration.tls) else { continue }
            // What is wrong with the shared section is said once.
            let isShared = listener == GatewayConfiguration.ListenerTLS()
            if isShared, isSharedReported { continue }
            let prefix = isShared ? "tls" : section + ".tls"
            let before = findings.count
            if tls.certificate == nil {
                refuse(isShared ? "tls.certificate" : prefix + ".enabled", "TLS needs \(prefix).certificate")
            } else if tls.key == nil {
                refuse(prefix + ".certificate", "TLS needs \(prefix).key beside the certificate")
            }
            if tls.clientCertificate != .none, tls.clientCA == nil {
                refuse(
                    prefix + ".client_certificate",
                    "client certificates are checked against \(prefix).client_ca: set it")
            }
            if isShared, findings.count != before { isSharedReported = true }
        }
    }

    private mutating func checkPorts() {
        let transports = configuration.transports
        let ports = [
            ("transports.http.port", transports.http.port),
            ("transports.http_sse.port", transports.httpSSE.port),
            ("transports.websocket.port", transports.webSocket.port),
        ]
        for (index, (key, port)) in ports.enumerated() where port != 0 {
            guard let (other, _) = ports[..<index].first(where: { $0.1 == port }) else { continue }
            require(false, key, "must not be the same as", other)
        }
    }

    /// Without authentication the gateway stays on this machine unless it was told otherwise in so many words.
    private mutating func checkExposure() {
        let authentication = configuration.security.authentication
        require(
            authentication.keySetPause <= authentication.keySetRefresh,
            "security.authentication.key_set_pause", "must not be more than", "security.authentication.key_set_refresh")
        guard !configuration.security.allowAnonymous, !configuration.isAuthenticated else { return }
        let remedy = "authentication is off; set security.secret_key_base, security.allow_anonymous: true"
        if let host = configuration.listen.hosts.first(where: { !HostAddress.isLoopback($0) }) {
            refuse("listen.host", "refused to listen on \(host): \(remedy) or bind to loopback")
        }
        if configuration.production {
            refuse("production", "refused to start in production: \(remedy) if anyone may connect")
        }
    }

    private mutating func refuse(_ key: String, _ message: String) {
        report(origin(of: key), key: key, message)
    }

    /// The place that is named is that of the stronger source: the last one that somebody touched.
    private mutating func require(_ holds: Bool, _ key: String, _ relation: String, _ other: String) {
        guard !holds else { return }
        let place = [origin(of: key), origin(of: other)].max { $0.precedence < $1.precedence }
        report(place ?? .builtIn, key: nil, "\(described(key)) \(relation) \(described(other))")
    }

    private func described(_ key: String) -> String {
        let value = table[key]?.shown(in: configuration).yaml
        return "\(key) (\(value.map { "\($0), " } ?? "")\(origin(of: key)))"
    }

    private func origin(of key: String) -> Origin { origins[key] ?? .builtIn }
}
