/// Why a WebSocket is closed (RFC 6455 §7.4, and the gateway's own codes of contract §5).
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }
    private init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// The client left by itself. Phoenix clients do not come back after it.
    public static let normal = CloseCode(1000)
    /// An administrator closed the connection.
    public static let goingAway = CloseCode(1001)
    public static let protocolError = CloseCode(1002)
    /// A kind of data that the endpoint does not take.
    public static let unsupportedData = CloseCode(1003)
    /// Text that is not UTF-8, or not the JSON that was expected.
    public static let invalidPayload = CloseCode(1007)
    public static let policyViolation = CloseCode(1008)
    public static let messageTooBig = CloseCode(1009)
    public static let internalError = CloseCode(1011)
    /// The gateway drains; come back.
    public static let serviceRestart = CloseCode(1012)
    /// Overload; come back later.
    public static let tryAgainLater = CloseCode(1013)
    /// No token, a wrong one, or one that was revoked.
    public static let authenticationFailed = CloseCode(4001)
    /// The token has ended; come back with a fresh one.
    public static let tokenExpired = CloseCode(4003)
    /// The client reads more slowly than messages arrive; it may resume.
    public static let slowConsumer = CloseCode(4008)
    /// Too many messages in too short a time.
    public static let rateLimited = CloseCode(4029)

    /// Whether a peer may send this code in a close frame (RFC 6455 §7.4.1, §7.4.2).
    public var mayBeReceived: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
