extension SettingTable {
    private static let path = SettingKind<String>.path

    /// The section `tls`, and the bounds of what is spoken over it.
    static let tls: [Setting] = [
        Setting(
            "tls.certificate", \.tls.certificate, .optional(path),
            "Certificate and chain of all listeners, PEM; turns TLS on"),
        Setting("tls.key", \.tls.key, .optional(path), "Private key of the certificate, PEM"),
        Setting("tls.minimum_version", \.tls.minimumVersion, .word, "Oldest version of TLS that is spoken"),
        Setting("tls.http2", \.tls.http2, .flag, "Whether HTTP/2 is offered, for event streams and the API"),
        Setting(
            "tls.client_certificate", \.tls.clientCertificate, .word,
            "Whether clients are asked for a certificate, or must have one"),
        Setting(
            "tls.client_ca", \.tls.clientCA, .optional(path), "Authorities of the clients' certificates, PEM"),
        Setting(
            "tls.reload_interval", \.tls.reloadInterval, .duration(.milliseconds(100)...(.seconds(86_400))),
            "How often the files are looked at; SIGHUP does it at once"),
        Setting(
            "http2.max_concurrent_streams", \.http2.maxConcurrentStreams, .integer(1...10_000),
            "Streams that one connection may have at a time"),
        Setting(
            "http2.max_header_list_size", \.http2.maxHeaderListSize, .size(1_024...(1 << 20)),
            "All header fields of one request"),
        Setting(
            "http2.max_resets_per_second", \.http2.maxResetsPerSecond, .integer(1...1_000_000),
            "Streams that a client may give up in a second before the connection ends"),
        Setting(
            "http2.max_control_frames_per_second", \.http2.maxControlFramesPerSecond, .integer(1...1_000_000),
            "Pings, settings and priorities in a second before the connection ends"),
    ]

    static let httpTLS: [Setting] = [
        Setting("transports.http.tls.enabled", \.transports.http.tls.isEnabled, .optional(.flag), enabledHelp),
        Setting("transports.http.tls.certificate", \.transports.http.tls.certificate, .optional(path), certificateHelp),
        Setting("transports.http.tls.key", \.transports.http.tls.key, .optional(path), keyHelp),
        Setting(
            "transports.http.tls.client_certificate", \.transports.http.tls.clientCertificate, .optional(.word),
            clientCertificateHelp),
        Setting("transports.http.tls.client_ca", \.transports.http.tls.clientCA, .optional(path), clientCAHelp),
    ]

    static let httpSSETLS: [Setting] = [
        Setting("transports.http_sse.tls.enabled", \.transports.httpSSE.tls.isEnabled, .optional(.flag), enabledHelp),
        Setting(
            "transports.http_sse.tls.certificate", \.transports.httpSSE.tls.certificate, .optional(path),
            certificateHelp),
        Setting("transports.http_sse.tls.key", \.transports.httpSSE.tls.key, .optional(path), keyHelp),
        Setting(
            "transports.http_sse.tls.client_certificate", \.transports.httpSSE.tls.clientCertificate,
            .optional(.word), clientCertificateHelp),
        Setting("transports.http_sse.tls.client_ca", \.transports.httpSSE.tls.clientCA, .optional(path), clientCAHelp),
    ]

    static let webSocketTLS: [Setting] = [
        Setting(
            "transports.websocket.tls.enabled", \.transports.webSocket.tls.isEnabled, .optional(.flag), enabledHelp),
        Setting(
            "transports.websocket.tls.certificate", \.transports.webSocket.tls.certificate, .optional(path),
            certificateHelp),
        Setting("transports.websocket.tls.key", \.transports.webSocket.tls.key, .optional(path), keyHelp),
        Setting(
            "transports.websocket.tls.client_certificate", \.transports.webSocket.tls.clientCertificate,
            .optional(.word), clientCertificateHelp),
        Setting(
            "transports.websocket.tls.client_ca", \.transports.webSocket.tls.clientCA, .optional(path), clientCAHelp),
    ]

    private static let enabledHelp = "TLS on this port; unless said, when there is a certificate"
    private static let certificateHelp = "Certificate of this port, if not that of tls.certificate"
    private static let keyHelp = "Private key of this port, if not that of tls.key"
    private static let clientCertificateHelp = "For this port, if not as tls.client_certificate"
    private static let clientCAHelp = "For this port, if not that of tls.client_ca"
}
