import GatewayCore

/// The bounds of long-poll (`transports.websocket.longpoll.*`).
public struct LongPollSettings: Sendable {
    /// How long a poll waits for something to tell.
    public var window = Instant.Span.seconds(10)
    /// Without a poll for this time the client has gone.
    public var idleTimeout = Instant.Span.seconds(15)
    /// Frames that may wait for a session's next poll, or for the client to show that it has them.
    public var bufferMessages = 1000
    /// Bytes of those.
    public var bufferBytes = 1 << 20
    /// Polls that may wait at once.
    public var maxPolls = 10_000
    /// Messages in one request.
    public var maxBatch = 100
    /// Bytes in the body of a request.
    public var maxBodySize = 1 << 20
    /// How long a token is good when the client does not come back.
    public var tokenLifetime = Instant.Span.seconds(14 * 86_400)

    public init() {}
}
