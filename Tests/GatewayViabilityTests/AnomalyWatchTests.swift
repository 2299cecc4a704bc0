import GatewayCore
import Testing

@testable import GatewayViability

struct AnomalyWatchTests {
    private static func seconds(_ count: Int64) -> Instant { .zero + .seconds(count) }

    private static func told(
        _ pattern: Anomaly.Pattern, _ isPresent: Bool, _ connections: Int, _ client: String
    ) -> ViableEvent {
        .anomaly(
            Anomaly(
                pattern: pattern, isPresent: isPresent, sightings: .init(connections: connections, client: client)))
    }

    @Test func anEpisodeIsToldOnceAndEndsWithAMinuteOfCalm() {
        var watch = AnomalyWatch()
        #expect(watch.observe([[:], [:]], now: Self.seconds(1)).isEmpty)
        let hasty = Anomaly.Sightings(connections: 2, client: "a")
        #expect(
            watch.observe(
                [[.rapidReconnect: hasty], [.rapidReconnect: .init(connections: 1, client: "b")]],
                now: Self.seconds(2)) == [Self.told(.rapidReconnect, true, 3, "b")])
        // Nothing is told again while it goes on, however long.
        for second in stride(from: 30, to: 300, by: 30) {
            #expect(watch.observe([[.rapidReconnect: hasty]], now: Self.seconds(Int64(second))).isEmpty)
        }
        #expect(watch.present[.rapidReconnect]?.since == Self.seconds(2))
        #expect(watch.observe([[:]], now: Self.seconds(329)).isEmpty)
        #expect(watch.observe([[:]], now: Self.seconds(330)) == [Self.told(.rapidReconnect, false, 21, "a")])
        #expect(watch.present.isEmpty && watch.counted == [.rapidReconnect: 21])
        #expect(watch.observe([[:]], now: Self.seconds(400)).isEmpty)
    }

    @Test func patternsHaveEpisodesOfTheirOwn() {
        var watch = AnomalyWatch()
        let hoarder = Anomaly.Sightings(connections: 1, client: "h")
        #expect(
            watch.observe([[.connectionHoarding: hoarder]], now: Self.seconds(1)) == [
                Self.told(.connectionHoarding, true, 1, "h")
            ])
        #expect(
            watch.observe([[.rapidReconnect: hoarder]], now: Self.seconds(40)) == [
                Self.told(.rapidReconnect, true, 1, "h")
            ])
        #expect(
            watch.observe([], now: Self.seconds(61)) == [Self.told(.connectionHoarding, false, 1, "h")])
        #expect(Array(watch.present.keys) == [.rapidReconnect])
    }
}
