import GatewayCore
import GatewayViability
import Synchronization
import Testing

@testable import GatewayServer

extension InProcess {
    /// What a real gateway makes of its budgets.
    @Suite struct BudgetTests {
        private final class Gauge: Sendable {
            let bytes = Atomic<Int>(0)
        }

        /// The logs of clients with sockets fill the memory.
        @Test func memoryOfOneTransportIsAskedBackFromItAlone() async throws {
            let gauge = Gauge()
            var settings = InProcess.settings()
            settings.isViabilityOn = false
            settings.memoryBudget = 1_000_000
            settings.memoryMeasure = { _ in gauge.bytes.load(ordering: .relaxed) }
            try await InProcess.withGateway(settings) { gateway in
                let socket = try StreamClient(
                    .webSocket(version: 2), name: "w", topic: "t", port: gateway.port(.webSocket))
                for _ in 0..<2000 where !socket.isReady {
                    socket.readable()
                    try await Task.sleep(for: .milliseconds(5))
                }
                let data = String(repeating: "x", count: 100_000)
                for _ in 0..<5 { _ = try gateway.publish("{\"client_id\":\"w\",\"data\":\"\(data)\"}") }
                gauge.bytes.store(500_000, ordering: .relaxed)
                #expect(gateway.memory.look() == nil)
                await gateway.beat()
                #expect(gateway.viability.withSystem { $0.memory?.accounts.isEmpty } == true, "nobody has looked")
                gauge.bytes.store(810_000, ordering: .relaxed)
                #expect(gateway.memory.look() == .connections)
                await gateway.beat()
                let accounts = gateway.viability.withSystem { $0.memory?.accounts ?? [:] }
                #expect((accounts[.webSocket]?.used ?? 0) >= 500_000 && accounts[.eventStream]?.used == 0)
                #expect(gateway.memory.refuseConnection(.webSocket) != nil)
                #expect(gateway.memory.refuseConnection(.eventStream) == nil)
                #expect(gateway.sessionLimits(.webSocket).maxUnsentBytes == settings.session.maxUnsentBytes / 8)
                #expect(gateway.sessionLimits(.eventStream).maxUnsentBytes == settings.session.maxUnsentBytes)
                socket.close()
            }
        }
    }
}
