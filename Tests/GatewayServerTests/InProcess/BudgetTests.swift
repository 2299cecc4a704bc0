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
                for _ in 0..<5 {
                    _ = try gateway.publish("{\"client_id\":\"w\",\"durable\":false,\"data\":\"\(data)\"}")
                }
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
                // Who goes away leaves its log there: that is asked back, too.
                socket.close()
                let id = try #require(ClientID("w"))
                let handle = try #require(gateway.directory.find(id))
                for _ in 0..<2000 where handle.session.withLock(\.hasConnections) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(await gateway.heldBytes()?[.webSocket] ?? 0 >= 500_000)
                for _ in 0..<8 { gateway.shortenLogs() }
                #expect(handle.session.withLock(\.logBytes) <= settings.session.logBytes / 8)
                _ = try gateway.publish("{\"client_id\":\"w\",\"durable\":false,\"data\":\"\(data)\"}")
                #expect(handle.session.withLock(\.logBytes) <= settings.session.logBytes / 8)
                // Those who hold nothing that others miss keep theirs.
                #expect(gateway.logLimits(Session(epoch: Epoch(1), now: .zero)).logBytes == settings.session.logBytes)
                gauge.bytes.store(0, ordering: .relaxed)
                _ = gateway.memory.look()
                let limits = handle.session.withLock { gateway.logLimits($0) }
                #expect(limits.logBytes == settings.session.logBytes)
            }
        }
    }
}
