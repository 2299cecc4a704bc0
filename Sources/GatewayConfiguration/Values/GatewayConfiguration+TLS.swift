extension GatewayConfiguration {
    /// Encryption of the listeners, as far as they say nothing of their own.
    public struct TLS: Sendable, Equatable {
        /// A version of the protocol.
        public enum Version: String, Sendable, CaseIterable {
            case v12 = "1.2"
            case v13 = "1.3"
        }

        /// What is asked of clients.
        public enum ClientCertificate: String, Sendable, CaseIterable {
            /// Nothing.
            case none
            /// A certificate, if they have one; a wrong one is refused.
            case request
            /// A certificate.
            case require
        }

        /// File with the certificate and those that lead to its authority, PEM. TLS is on when there is one.
        public var certificate: String?
        /// File with the certificate's private key, PEM.
        public var key: String?
        /// The oldest version that is spoken.
        public var minimumVersion: Version = .v12
        /// Whether HTTP/2 is offered.
        public var http2 = true
        /// What is asked of clients.
        public var clientCertificate: ClientCertificate = .none
        /// File with the authorities whose client certificates are accepted, PEM.
        public var clientCA: String?
        /// How often the files are looked at for changes.
        public var reloadInterval: Duration = .seconds(10)

        /// The defaults.
        public init() {}
    }

    /// Encryption of one listener; what is `nil` is as in the section `tls`.
    public struct ListenerTLS: Sendable, Equatable {
        /// Whether the listener speaks TLS; if not said, it does when there is a certificate.
        public var isEnabled: Bool?
        /// See `TLS`.
        public var certificate: String?
        /// See `TLS`.
        public var key: String?
        /// See `TLS`.
        public var clientCertificate: TLS.ClientCertificate?
        /// See `TLS`.
        public var clientCA: String?

        /// The defaults.
        public init() {}

        /// What holds for the listener; `nil` if it does not speak TLS.
        public func effective(_ shared: TLS) -> TLS? {
            guard isEnabled ?? (certificate != nil || shared.certificate != nil) else { return nil }
            var tls = shared
            // A certificate of its own never goes with somebody else's key.
            if let certificate {
                tls.certificate = certificate
                tls.key = key
            } else if let key {
                tls.key = key
            }
            tls.clientCertificate = clientCertificate ?? shared.clientCertificate
            tls.clientCA = clientCA ?? shared.clientCA
            return tls
        }
    }

    /// Bounds of one HTTP/2 connection.
    public struct HTTP2: Sendable, Equatable {
        /// Streams at a time.
        public var maxConcurrentStreams = 100
        /// Bytes of all header fields of a request.
        public var maxHeaderListSize = 16_384
        /// Streams that a client may give up in a second.
        public var maxResetsPerSecond = 200
        /// Pings, settings and priorities that a client may send in a second.
        public var maxControlFramesPerSecond = 200

        /// The defaults.
        public init() {}
    }
}
