import Testing

@testable import GatewayCore

/// Arithmetic with time does not overflow.
@Suite struct InstantTests {
    @Test func sumsStayAtTheFarEnd() {
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: .max - 5) + .seconds(1) == .distantFuture)
        #expect(Instant.zero + .seconds(1) == Instant(nanoseconds: 1_000_000_000))
    }

    @Test func spansOfDurations() {
        #expect(Instant.Span(Duration.milliseconds(1500)) == .milliseconds(1500))
        #expect(Instant.Span(Duration.nanoseconds(7)) == Instant.Span(nanoseconds: 7))
        #expect(Instant.Span(Duration.seconds(Int64.max)) == Instant.Span(nanoseconds: .max))
    }

    @Test func spansBetween() {
        let early = Instant.zero + .seconds(2)
        let late = Instant.zero + .milliseconds(2500)
        #expect(late - early == .milliseconds(500))
        #expect((late - early).milliseconds == 500)
        #expect((late - early).seconds == 0.5)
        #expect(early < late)
    }
}
