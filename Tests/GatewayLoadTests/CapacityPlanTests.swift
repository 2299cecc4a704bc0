import Testing

@testable import GatewayLoad

@Suite struct CapacityPlanTests {
    private static let figures = MachineFigures(
        base: 100e6, webSocket: .init(memory: 10_000, opening: 200, delivery: 10, overhead: 100),
        stream: .init(memory: 5_000, opening: 100, delivery: 5, overhead: 50), message: 50, payload: 1000, cores: 4,
        memory: 8e9)

    private static func demand(_ connections: Int, received: Double = 1, sent: Double = 0) -> CapacityDemand {
        CapacityDemand(
            connections: connections, streams: 0, received: received, sent: sent, size: 900, cores: 4, memory: 8e9,
            utilization: 0.5, spare: 1)
    }

    @Test func `The formulas are those of the documentation`() throws {
        let plan = try #require(CapacityPlan(Self.demand(500_000), Self.figures))
        #expect(plan.connectionsByMemory == 390_000)
        // 4 cores half used are 2 s of a processor each second; a connection takes 10 µs.
        #expect(plan.connectionsByProcessor == 200_000)
        #expect(plan.bound == .processor)
        #expect((plan.nodesNeeded, plan.nodes) == (3, 4))
        #expect((plan.connectionsPerNode, plan.connectionsPerNodeAtWorst) == (125_000, 166_667))
        #expect(plan.cores == 5)
        #expect(plan.egress == 500_000_000)
        // 125,000 × 200 µs = 25 s of a processor, on three nodes with 12 cores, 5 of which are busy.
        let expected = 25.0 / 7
        #expect(abs(plan.returnSeconds - expected) < 1e-9)
        #expect(plan.descriptors == 167_691)
        #expect(plan.logBytes(messages: 1000, bytes: 100_000) == 16_666_700_000)
        #expect(plan.logBytes(messages: 10, bytes: 100_000) == 1_500_003_000)
    }

    @Test func `Connections that are silent are bound by memory`() throws {
        let plan = try #require(CapacityPlan(Self.demand(1_000_000, received: 0), Self.figures))
        #expect(plan.bound == .memory)
        #expect(plan.nodesNeeded == 3)
        #expect(!plan.connectionsByProcessor.isFinite)
    }

    @Test func `Event streams and WebSockets are mixed as they are asked for`() throws {
        var demand = Self.demand(1000, sent: 2)
        demand.streams = 0.5
        let plan = try #require(CapacityPlan(demand, Self.figures))
        #expect(plan.memoryPerConnection == 7500)
        #expect(abs(plan.cores - 0.1075) < 1e-9)
        #expect((plan.nodesNeeded, plan.nodes) == (1, 2))
    }

    @Test func `What does not fit on any node is no plan`() {
        #expect(CapacityPlan(Self.demand(10, received: 1e9), Self.figures) == nil)
        var small = Self.demand(10)
        small.memory = 150e6
        #expect(CapacityPlan(small, Self.figures) == nil)
    }
}
