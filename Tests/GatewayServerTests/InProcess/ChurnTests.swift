import Foundation
import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    /// Clients that lose their connection again and again while messages come.
    struct ChurnTests {
        private static let clients = 10
        private static let messages = 300

        @Test(.timeLimit(.minutes(2)), arguments: 0..<3)
        func `clients that drop and resume on either transport get every message once and in order`(
            seed: Int
        ) async throws {
            try await withGateway(settings(eventLoops: 2)) { gateway in
                let port = try gateway.port(.http)
                let names = (0..<Self.clients).map { "c\($0)" }
                let list = names.map { "\"\($0)\"" }.joined(separator: ",")
                async let findings = onThread {
                    let findings = Findings()
                    onThreads(Self.clients) { number in
                        Self.live(gateway, names[number], port, seed: seed * 100 + number, findings)
                    }
                    return findings
                }
                try await withThrowingTaskGroup { group in
                    for publisher in 0..<2 {
                        group.addTask {
                            for number in 0..<(Self.messages / 2) {
                                let padding = String(repeating: "x", count: number % 9 == 0 ? 9000 : 20)
                                let outcome = try gateway.publish(
                                    "{\"client_ids\":[\(list)],\"data\":{\"n\":\(number * 2 + publisher),\"x\":\"\(padding)\"}}"
                                )
                                #expect(outcome.delivered + outcome.queued == Self.clients)
                                await Task.yield()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(await findings.all == [])
                #expect(await eventually { gateway.admission.openConnections == 0 })
            }
        }

        /// One client's life: it connects, takes some messages, drops, and goes on from its last one.
        private static func live(_ gateway: Gateway, _ name: String, _ port: Int, seed: Int, _ findings: Findings) {
            var random = SeededGenerator(seed)
            var taken: [StreamClient.Message] = []
            var kind = StreamClient.Kind.eventStream
            let end = Clock.now + .seconds(40)
            while taken.count < messages, Clock.now < end {
                let last = taken.last?.sequence
                guard
                    let client = try? StreamClient(kind, name: name, topic: "t", port: port, lastSequence: last)
                else { return findings.expect(false, "\(name) cannot connect") }
                let enough = 1 + random.below(60)
                while client.messages.count < enough, taken.count + client.messages.count < messages,
                    !client.isClosed, Clock.now < end
                {
                    var polled = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
                    if poll(&polled, 1, 20) > 0 { client.readable() }
                }
                findings.expect(!client.isClosed, "\(name) was closed: \(client.events)")
                findings.expect(client.complaints == [], "\(name): \(client.complaints)")
                findings.expect(last == nil || client.isRecovered, "\(name) was not resumed after \(last ?? -1)")
                // Some of what has arrived is lost with the connection.
                let kept = random.oneIn(2) ? client.messages.count : random.below(client.messages.count + 1)
                taken += client.messages.prefix(taken.count + client.messages.count >= messages ? messages : kept)
                client.close()
                let next = random.pick([StreamClient.Kind.eventStream, .webSocket(version: 1), .webSocket(version: 2)])
                // While the old connection still counts, another transport would stand by behind it.
                if (next == .eventStream) != (kind == .eventStream) { waitUntilGone(gateway, name, end) }
                kind = next
            }
            findings.expect(taken.map(\.sequence) == Array(0..<messages), "\(name) got \(taken.map(\.sequence))")
            findings.expect(Set(taken.map(\.number)) == Set(0..<messages), "\(name) did not get everything")
        }

        private static func waitUntilGone(_ gateway: Gateway, _ name: String, _ end: Instant) {
            guard let id = ClientID(name), let handle = gateway.directory.find(id) else { return }
            while handle.session.withLock({ $0.hasConnections }), Clock.now < end { usleep(500) }
        }
    }
}
