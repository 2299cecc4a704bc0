import GatewayCore
import GatewayStore
import Testing

@testable import GatewayServer

extension InProcess {
    /// What programs do that hold a gateway.
    struct RouterTests {
        private let alice = ClientID("alice")!

        private func message(_ number: Int, id: String? = nil) -> OutgoingMessage {
            OutgoingMessage(type: "chat", data: "{\"n\":\(number)}", id: id)
        }

        @Test func `what is routed waits for the client or reaches it`() async throws {
            try await withGateway { gateway in
                let first = try await gateway.router.route(to: alice, message: message(1))
                #expect((first.delivered, first.queued, first.sequence, first.transport) == (0, 1, 0, nil))
                let port = try gateway.port(.http)
                let crowd = try Crowd { try [StreamClient(.eventStream, name: "alice", topic: "t", port: port)] }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0[0].isReady } })
                let second = try await gateway.router.route(
                    to: alice, message: message(2), transport: .eventStream, priority: .high, timeout: .seconds(9))
                #expect((second.delivered, second.sequence, second.transport) == (1, 1, .eventStream))
                let third = try await gateway.router.publish(to: "t", message: message(3))
                #expect(third.delivered == 1)
                #expect(await eventually { crowd.look { $0[0].messages.map(\.sequence) == [0, 1, 2] } })
            }
        }

        @Test func `the same id is routed once`() async throws {
            try await withGateway { gateway in
                let first = try await gateway.router.route(to: alice, message: message(1, id: "x"))
                let second = try await gateway.router.route(to: alice, message: message(2, id: "x"))
                #expect(first == second && first.id == "x" && first.sequence == 0)
            }
        }

        @Test func `what is stored is answered when it is stored`() async throws {
            try await withGateway(store: MemoryStore()) { gateway in
                try await withThrowingTaskGroup(of: RouteOutcome.self) { group in
                    for number in 0..<50 {
                        group.addTask { try await gateway.router.route(to: alice, message: message(number)) }
                    }
                    var sequences: Set<Int> = []
                    for try await outcome in group { sequences.insert(outcome.sequence ?? -1) }
                    #expect(sequences == Set(0..<50))
                }
            }
        }

        @Test func `a refusal is thrown`() async throws {
            try await withGateway { gateway in
                await #expect(throws: Problem.self) {
                    try await gateway.router.route(to: alice, message: OutgoingMessage(type: "", data: "1"))
                }
                await #expect(throws: Problem.self) {
                    try await gateway.router.route(to: alice, message: OutgoingMessage(type: "a", data: "{"))
                }
                await gateway.drain(deadline: Instant.Span(nanoseconds: 0))
                await #expect(throws: Problem.draining) {
                    try await gateway.router.route(to: alice, message: message(1))
                }
            }
        }

        @Test func `a client's events come in order`() async throws {
            try await withGateway { gateway in
                var events = gateway.router.events(for: alice).makeAsyncIterator()
                let bystander = gateway.router.events(for: ClientID("bob")!)
                let port = try gateway.port(.http)
                let crowd = try Crowd { try [StreamClient(.eventStream, name: "alice", topic: "t", port: port)] }
                guard case .connectionStatus(let status) = await events.next() else {
                    Issue.record("no status")
                    return
                }
                #expect(status.transports == [.eventStream])
                for number in 0..<20 { try await gateway.router.route(to: alice, message: message(number)) }
                for number in 0..<20 {
                    guard case .message(let message) = await events.next() else {
                        Issue.record("no message")
                        return
                    }
                    #expect(message.sequence == number && message.topic == nil)
                    #expect(String(decoding: message.envelope, as: UTF8.self).contains("\"data\":{\"n\":\(number)}"))
                }
                crowd.end()
                guard case .connectionStatus(let end) = await events.next() else {
                    Issue.record("no end")
                    return
                }
                #expect(!end.isConnected)
                _ = bystander
            }
        }

        @Test func `a change of transport is told once`() async throws {
            try await withGateway { gateway in
                var events = gateway.router.events(for: alice).makeAsyncIterator()
                let port = try gateway.port(.http)
                let crowd = try Crowd {
                    try [
                        StreamClient(.eventStream, name: "alice", topic: "t", port: port),
                        StreamClient(.webSocket(version: 2), name: "alice", topic: "t", port: port),
                        StreamClient(.webSocket(version: 1), name: "alice", topic: "t", port: port),
                    ]
                }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0.allSatisfy(\.isReady) } })
                try await gateway.router.route(to: alice, message: message(1), transport: .eventStream)
                try await gateway.router.route(to: alice, message: message(2), transport: .webSocket)
                var switches: [Transport] = []
                while switches.last != .webSocket || switches.count < 2 {
                    guard let event = await events.next() else {
                        Issue.record("it ended")
                        return
                    }
                    if case .transportSwitched(_, let to) = event { switches.append(to) }
                }
                #expect(zip(switches, switches.dropFirst()).allSatisfy { $0 != $1 }, "\(switches)")
            }
        }

        @Test func `who does not take events is told how many are missing`() async throws {
            try await withGateway { gateway in
                let sequence = gateway.router.events(for: alice, buffer: 4)
                for number in 0..<10 { try await gateway.router.route(to: alice, message: message(number)) }
                var events = sequence.makeAsyncIterator()
                for number in 0..<4 {
                    guard case .message(let message) = await events.next() else {
                        Issue.record("no message")
                        return
                    }
                    #expect(message.sequence == number)
                }
                try await gateway.router.route(to: alice, message: message(10))
                guard case .missed(6) = await events.next() else {
                    Issue.record("nothing is missed")
                    return
                }
                guard case .message(let message) = await events.next() else {
                    Issue.record("no message")
                    return
                }
                #expect(message.sequence == 10)
            }
        }

        @Test func `whoever has lost interest costs nothing`() async throws {
            try await withGateway { gateway in
                let task = Task { for await _ in gateway.router.events(for: alice) {} }
                #expect(await eventually { gateway.observers.isUsed })
                task.cancel()
                await task.value
                #expect(await eventually { !gateway.observers.isUsed })
            }
        }
    }
}
