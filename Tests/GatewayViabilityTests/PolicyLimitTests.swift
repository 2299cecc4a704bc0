import GatewayCore
import Testing

@testable import GatewayViability

/// What is never to be crossed.
struct PolicyLimitTests {
    @Test func aSubjectFitsWhomItNames() {
        let everybody = PolicySubject()
        #expect(everybody.fits(client: nil, tier: nil) && everybody.name == "everybody")
        let sensors = PolicySubject(client: .prefix("sensor-"), tier: "trial")
        #expect(sensors.name == "client sensor-*, tier trial")
        #expect(sensors.fits(client: "sensor-1", tier: "trial"))
        #expect(!sensors.fits(client: "sensor-1", tier: nil) && !sensors.fits(client: "desk", tier: "trial"))
        #expect(!sensors.fits(client: nil, tier: "trial"), "a back end has no name")
        #expect(PolicySubject(client: .any).name == "client *" && PolicySubject(client: .exact("a")).name == "client a")
    }

    @Test func aSecondsWorthMayComeAtOnce() {
        #expect(PolicyLimit(PolicySubject(), rate: 0.5).pace == RateLimit(rate: 0.5, burst: 1))
        #expect(PolicyLimit(PolicySubject(), rate: 2.5).pace == RateLimit(rate: 2.5, burst: 3))
        #expect(PolicyLimit(PolicySubject(), connections: 4).pace == nil)
    }

    @Test func whoRunsAgainstALimitIsToldOfOnce() {
        var watch = LimitWatch()
        var now = Instant.zero
        func beat(_ connections: Int, _ messages: Int) -> [LimitCrossing] {
            now = now + .seconds(1)
            let figures = PolicyLimit.Figures(
                subject: "tier a", refusedConnections: connections, refusedMessages: messages)
            return watch.observe([figures], calm: .seconds(3), now: now)
        }
        #expect(beat(0, 0).isEmpty)
        #expect(beat(1, 2) == [LimitCrossing(subject: "tier a", isCrossed: true, refused: 3)])
        #expect(beat(1, 7).isEmpty && beat(1, 7).isEmpty && beat(1, 8).isEmpty)
        #expect(beat(1, 8).isEmpty && beat(1, 8).isEmpty)
        #expect(beat(1, 8) == [LimitCrossing(subject: "tier a", isCrossed: false, refused: 9)])
        #expect(beat(1, 8).isEmpty)
        #expect(beat(2, 8) == [LimitCrossing(subject: "tier a", isCrossed: true, refused: 1)])
        #expect(watch.observe([], calm: .seconds(3), now: now).isEmpty)
    }

    @Test func limitsHoldAsLongAsThePolicyIsOn() {
        var settings = ViabilitySettings()
        settings.policy.limits = [PolicyLimit(PolicySubject(tier: "trial"), connections: 3)]
        #expect(ViableSystem(settings).limits == settings.policy.limits)
        settings.isPolicyOn = false
        #expect(ViableSystem(settings).limits.isEmpty)
    }
}
