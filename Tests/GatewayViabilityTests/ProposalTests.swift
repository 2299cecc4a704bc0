import GatewayCore
import Testing

@testable import GatewayViability

struct ProposalTests {
    private static let settings: ViabilitySettings = {
        var settings = ViabilitySettings()
        settings.forecastStep = .seconds(1)
        settings.forecastHorizon = 5
        return settings
    }()

    private static func told(_ isMade: Bool, _ expected: Int) -> ViableEvent {
        .proposal(
            Proposal(
                resource: .connections, unit: "http_sse", isMade: isMade, expected: expected, within: .seconds(5)))
    }

    @Test func roomIsProposedWhileConnectionsBecomeMoreAndNoLonger() throws {
        var proposals = Proposals(Self.settings)
        var told: [ViableEvent] = []
        for step in 0..<60 { told += proposals.observe([.eventStream: 4 * step, .webSocket: 9], capacity: 1000) }
        #expect(told.count == 1)
        // Four more with each of five steps, and that the trend is not believed for ever.
        let expected = try #require(proposals.expected[.eventStream])
        #expect((4 * 59 + 15...4 * 59 + 21).contains(expected))
        #expect(proposals.expected[.webSocket] == nil)
        for _ in 0..<60 { told += proposals.observe([.eventStream: 240, .webSocket: 9], capacity: 1000) }
        #expect(told.count == 2 && proposals.expected.isEmpty)
        guard case .proposal(let first) = told.first, case .proposal(let last) = told.last else {
            Issue.record("\(told)")
            return
        }
        #expect(told == [Self.told(true, first.expected), Self.told(false, last.expected)])
        #expect(last.expected <= 240)
    }

    /// No more than there is, and nothing for a client more or less.
    @Test func whatIsProposedIsBounded() {
        var proposals = Proposals(Self.settings)
        for step in 0..<60 { _ = proposals.observe([.eventStream: 4 * step], capacity: 245) }
        #expect(proposals.expected == [.eventStream: 245])
        var few = Proposals(Self.settings)
        for step in 0..<200 { #expect(few.observe([.eventStream: 10 + step / 10], capacity: 1000).isEmpty) }
    }

    /// Clients that come and go by chance are foretold no better than by what they were: nobody moves for them.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func chanceIsNoReason(_ seed: UInt64) {
        var proposals = Proposals(Self.settings)
        var state = seed
        var made = 0
        for _ in 0..<2000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let events = proposals.observe([.eventStream: 100 + Int((state >> 33) % 3)], capacity: 1000)
            made += events.count
        }
        #expect(made == 0)
    }

    /// Sockets have taken what event streams have lent; these come one after the other.
    private static func refused(_ settings: ViabilitySettings) -> (refused: Int, sockets: Int) {
        var settings = settings
        settings.control.reclaimTime = .seconds(3)
        var system = ViableSystem(settings)
        var ledger = ConnectionLedger(capacity: 1000)
        var now = Instant.zero + .seconds(100)
        for second in 0..<110 {
            for _ in 0..<2 where second > 5 { _ = ledger.admit(.eventStream) }
            // Those that were refused or sent away come again.
            for _ in 0..<1000 where second > 0 { _ = ledger.admit(.webSocket) }
            now = now + .seconds(1)
            var node = NodeSample()
            node.connectionCapacity = 1000
            for transport in [Transport.eventStream, .webSocket] {
                let (used, admitted, refused) = ledger.demand(transport)
                node.connectionDemand[transport] = .init(used: used, admitted: admitted, refused: refused)
            }
            _ = system.beat(units: [], loops: [], node: node, now: now)
            let (granted, recalled) = system.connectionGrants
            ledger.grant(granted, of: 1000)
            for (transport, count) in recalled { for _ in 0..<count { ledger.leave(transport) } }
        }
        return (ledger.demand(.eventStream).refused, ledger.used(.webSocket))
    }

    @Test func roomIsThereBeforeAnybodyIsRefusedForWantOfIt() {
        let with = Self.refused(Self.settings)
        var settings = Self.settings
        settings.isIntelligenceOn = false
        let without = Self.refused(settings)
        #expect(with.refused == 0)
        #expect(without.refused > 0)
        // Not more than what comes in time is taken from the others.
        #expect(with.sockets >= 1000 - 2 * 104 - 5 * 2 * 5)
    }
}
