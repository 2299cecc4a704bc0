/// How a listener encrypts.
public struct TLSSettings: Equatable, Sendable {
    public enum Version: Sendable {
        case v12, v13
    }

    /// What is asked of clients.
    public enum ClientCertificate: Sendable {
        /// Nothing.
        case none
        /// A certificate, if they have one; a wrong one is refused.
        case request
        /// A certificate.
        case require
    }

    /// PEM file: the certificate first, then those that lead to its authority.
    public var certificate: String
    /// PEM file.
    public var key: String
    public var minimumVersion = Version.v12
    /// Whether HTTP/2 is offered.
    public var http2 = true
    public var clientCertificate = ClientCertificate.none
    /// PEM file of the authorities whose client certificates are accepted.
    public var clientCA: String?

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// Bounds of one HTTP/2 connection.
public struct HTTP2Limits: Equatable, Sendable {
    public var maxConcurrentStreams = 100
    public var maxHeaderListSize = 16_384
    public var maxResetsPerSecond = 200
    public var maxControlFramesPerSecond = 200

    public init() {}
}
