import GatewayCore

/// Finds out whether a peer still reads, while its client has another transport that could take over: a ping goes behind
/// what is sent, and the pong shows that all before it was read. One ping is under way at a time.
final class LivenessProbe {
    private var roundTrip = RoundTrip()
    private var sent: (number: UInt64, at: Instant, place: Int)?
    private var number: UInt64 = 0
    private var lastAnswer = Instant.zero
    /// Everything before this sequence has been read, as far as pongs have shown.
    private(set) var confirmed: Int

    /// At least this long between a pong and the next ping.
    static let interval = Instant.Span.milliseconds(200)

    /// - Parameter place: the sequence behind what was sent before there was a probe.
    init(place: Int) { confirmed = place }

    /// A ping may go out behind everything before `place`.
    /// - Returns: its number; `nil` if none is due.
    func next(behind place: Int, now: Instant) -> UInt64? {
        guard sent == nil, now - lastAnswer >= Self.interval else { return nil }
        number += 1
        sent = (number, now, place)
        return number
    }

    /// A pong has come.
    func answered(_ payload: UnsafeRawBufferPointer, now: Instant) {
        guard let sent, payload.count == 8, payload.loadUnaligned(as: UInt64.self) == sent.number else { return }
        roundTrip.measured(now - sent.at)
        confirmed = max(confirmed, sent.place)
        lastAnswer = now
        self.sent = nil
    }

    /// When the pong that is waited for is missing; `nil` if none is waited for.
    func deadline(minimum: Instant.Span) -> Instant? { sent.map { $0.at + roundTrip.timeout(minimum: minimum) } }
}
