import Foundation
import GatewayCore
import GatewayViability
import Synchronization
import Testing

@testable import GatewayServer

extension InProcess {
    /// The beat of a real gateway, given by hand.
    @Suite struct ViabilityTests {
        private static func settings() -> GatewaySettings {
            var settings = InProcess.settings()
            settings.isViabilityOn = false
            return settings
        }

        private static func report(_ gateway: Gateway) throws -> [String: Any] {
            try #require(JSONSerialization.jsonObject(with: Data(gateway.viabilityReport())) as? [String: Any])
        }

        private static func check(_ gateway: Gateway, _ kind: String) throws -> (differences: Int, repaired: Int) {
            let audit = try #require(report(gateway)["s3_star"] as? [String: Any])
            let checks = try #require(audit["checks"] as? [[String: Any]])
            let check = try #require(checks.first { $0["kind"] as? String == kind })
            return (check["differences"] as? Int ?? -1, check["repaired"] as? Int ?? -1)
        }

        /// Reads until the client is connected.
        private static func connect(_ client: StreamClient) async throws {
            for _ in 0..<2000 where !client.isReady {
                client.readable()
                try await Task.sleep(for: .milliseconds(5))
            }
            try #require(client.isReady)
        }

        @Test func aSoundNodeHasNoDiscrepancies() async throws {
            try await InProcess.withGateway(Self.settings()) { gateway in
                let stream = try StreamClient(.eventStream, name: "s", topic: "t", port: gateway.port(.eventStream))
                let socket = try StreamClient(
                    .webSocket(version: 2), name: "w", topic: "t", port: gateway.port(.webSocket))
                try await Self.connect(stream)
                try await Self.connect(socket)
                // As many as there are shards of sessions.
                for _ in 0..<64 { await gateway.audit() }
                for kind in AuditFindings.Kind.allCases {
                    let check = try Self.check(gateway, kind.rawValue)
                    #expect(check == (0, 0), "\(kind)")
                }
            }
        }

        @Test func aCounterThatLiesIsFoundAndPutRight() async throws {
            try await InProcess.withGateway(Self.settings()) { gateway in
                _ = try await InProcess.onLoop(gateway) { $0.counters[0].connections += 5 }
                gateway.admission.correct(.webSocket, by: 3)
                await gateway.audit()
                #expect(try Self.check(gateway, "unit_connections") == (5, 5))
                #expect(try Self.check(gateway, "admitted_connections") == (0, 0), "it may be a coincidence")
                await gateway.audit()
                #expect(try Self.check(gateway, "unit_connections") == (5, 5))
                #expect(try Self.check(gateway, "admitted_connections") == (3, 3))
                #expect(gateway.admission.open(.webSocket) == 0)
                #expect(try await InProcess.onLoop(gateway) { $0.counters[0].connections } == 0)
            }
        }

        @Test func aCursorWithoutItsConnectionIsFoundAndTakenAway() async throws {
            try await InProcess.withGateway(Self.settings()) { gateway in
                let client = try #require(ClientID("leaked"))
                try await InProcess.onLoop(gateway) { loop in
                    loop.begin()
                    let request = Session.AttachRequest(
                        connection: ConnectionID(loop: 0, slot: 99_999, generation: 1), transport: .webSocket)
                    _ = gateway.directory.withSession(client, now: loop.now) { _, session in
                        session.attach(
                            request, limits: gateway.sessionLimits, now: loop.now, wakes: &loop.context.wakes)
                    }
                }
                let handle = try #require(gateway.directory.find(client))
                let isHeld = handle.session.withLock { $0.hasConnections }
                #expect(isHeld)
                // Every session is looked at within as many audits as there are shards.
                for _ in 0..<64 { await gateway.audit() }
                #expect(try Self.check(gateway, "cursors") == (1, 1))
                let isHeldStill = handle.session.withLock { $0.hasConnections }
                #expect(!isHeldStill)
            }
        }

        @Test func theUnitsReportWhatClientsDo() async throws {
            try await InProcess.withGateway(Self.settings()) { gateway in
                let socket = try StreamClient(
                    .webSocket(version: 2), name: "w", topic: "t", port: gateway.port(.webSocket))
                try await Self.connect(socket)
                await gateway.beat()
                for number in 0..<50 { socket.push("{\"type\":\"echo\",\"data\":\(number)}") }
                for _ in 0..<2000 where socket.messages.count < 50 {
                    socket.readable()
                    try await Task.sleep(for: .milliseconds(5))
                }
                await gateway.beat()
                let operations = try #require(Self.report(gateway)["s1"] as? [String: Any])
                let units = try #require(operations["units"] as? [[String: Any]])
                let unit = try #require(units.first { $0["unit"] as? String == "websocket/0" })
                #expect(unit["connections"] as? Int == 1)
                for figure in ["received_per_second", "delivered_per_second", "delivered_bytes_per_second"] {
                    #expect((unit[figure] as? Double ?? 0) > 0, "\(figure)")
                }
                #expect(unit["latency_p99_ms"] as? Double != nil)
                let traffic = try await InProcess.onLoop(gateway) { $0.variety[0] }
                #expect(traffic.arrivals.values[0] == 50 && traffic.accepted.values[0] == 50)
            }
        }

        /// Clients that follow the node are told of its state, others are not; and what is refused changes with it.
        @Test func theModeChangesWhatIsTakenAndFollowersAreTold() async throws {
            var settings = Self.settings()
            settings.viability.policy.patience = .seconds(0)
            settings.viability.policy.dwell = .seconds(0)
            settings.viability.policy.maxLag = .seconds(-1)
            try await InProcess.withGateway(settings) { gateway in
                let follower = try StreamClient(
                    .eventStream, name: "f&vsm=true", topic: "t", port: gateway.port(.eventStream))
                let other = try StreamClient(.eventStream, name: "o", topic: "t", port: gateway.port(.eventStream))
                try await Self.connect(follower)
                try await Self.connect(other)
                let events = gateway.viability.bus.events(of: .policy)
                var policy = settings.viability.policy
                policy.maxLag = .init(nanoseconds: 1)
                #expect(gateway.viability.reload(policy) == 2 && gateway.viability.reload(policy) == nil)
                await gateway.beat()
                await gateway.beat()
                #expect(gateway.viability.mode == .survive && gateway.memory.step == .normalPriority)
                #expect(throws: Problem.self) { try gateway.memory.require(.normal) }
                #expect(throws: Never.self) { try gateway.memory.require(.high) }
                #expect(gateway.memory.refuseConnection(.webSocket)?.reason.contains("policy") == true)
                policy.maxLag = .seconds(3600)
                #expect(gateway.viability.reload(policy) == 3)
                await gateway.beat()
                await gateway.beat()
                #expect(gateway.viability.mode == .normal && gateway.memory.step == .none)
                for _ in 0..<2000 where follower.events.count(where: { $0 == "vsm_update" }) < 4 {
                    follower.readable()
                    try await Task.sleep(for: .milliseconds(5))
                }
                other.readable()
                #expect(follower.events.count { $0 == "vsm_update" } == 4)
                #expect(!other.events.contains("vsm_update"))
                gateway.viability.bus.end()
                var modes: [OperatingMode] = []
                for await case .event(.mode(let change)) in events { modes.append(change.to) }
                #expect(modes == [.conserve, .survive, .conserve, .normal])
            }
        }

        @Test func theBeatGoesOnByItself() async throws {
            var settings = InProcess.settings()
            settings.viability.interval = .milliseconds(10)
            settings.viability.auditInterval = .milliseconds(20)
            try await InProcess.withGateway(settings) { gateway in
                for _ in 0..<2000 {
                    if gateway.viability.withSystem({ $0.auditFigures.count }) >= 2 { break }
                    try await Task.sleep(for: .milliseconds(5))
                }
                let audits = gateway.viability.withSystem { $0.auditFigures.count }
                #expect(audits >= 2)
                let metrics = String(decoding: await gateway.metrics(), as: UTF8.self)
                #expect(metrics.contains("\nmcp_gateway_mode 0\n") && metrics.contains("mcp_gateway_audits_total"))
                let statistics = String(decoding: await gateway.statistics(), as: UTF8.self)
                #expect(statistics.contains("\"vsm\":{\"mode\":\"normal\""))
            }
        }
    }
}
