import Foundation
import GatewayCore
import Logging
import NIOCore
import Testing

@testable import GatewayServer

extension InProcess {
    struct StartStopTests {
        @Test(.timeLimit(.minutes(5)))
        func `starting and stopping leaves no descriptor and no gateway behind`() async throws {
            // What the system opens once stays open.
            try await Self.live(eventLoops: 2, drains: true)
            let before = try Self.openDescriptors()
            let rounds = 10
            for round in 0..<rounds {
                weak var gateway: Gateway?
                gateway = try await Self.live(eventLoops: 1 + round % 2, drains: round % 3 > 0)
                #expect(await eventually { gateway == nil }, "something holds a stopped gateway")
            }
            // Other suites of the process open and close some meanwhile; a leak would have grown with the rounds.
            var open = 0
            _ = await eventually {
                open = (try? Self.openDescriptors()) ?? 0
                return open < before + rounds
            }
            #expect(open < before + rounds, "descriptors")
        }

        /// Starts a gateway, lets clients connect and messages flow, and stops it.
        /// - Returns: the stopped gateway, which nothing else should hold.
        @discardableResult
        private static func live(eventLoops: Int, drains: Bool) async throws -> Gateway {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let gateway = Gateway(settings: settings(eventLoops: eventLoops), logger: logger)
            try await gateway.start(api: Echo())
            let port = try gateway.port(.http)
            let crowd = try Crowd {
                try (0..<6).map { number in
                    try StreamClient(
                        number < 3 ? .eventStream : .webSocket(version: 2), name: "c\(number)", topic: "t", port: port)
                }
            }
            #expect(await eventually { crowd.look { $0.allSatisfy(\.isReady) } })
            try gateway.publish("{\"topic\":\"t\",\"data\":{\"n\":1}}")
            #expect(await eventually { crowd.look { $0.allSatisfy { $0.messages.count == 1 } } })
            if drains { await gateway.drain(deadline: .seconds(20)) }
            await gateway.stop()
            #expect(gateway.currentPhase == .stopped)
            #expect(await eventually { crowd.look { $0.allSatisfy(\.isClosed) } }, "stopping closes every connection")
            crowd.end()
            return gateway
        }

        @Test(.timeLimit(.minutes(5)))
        func `a port in use stops the start in words, and what was opened is closed`() async throws {
            try await withGateway { first in
                let taken = try first.port(.http)
                for eventLoops in 1...2 {
                    var settings = settings(eventLoops: eventLoops)
                    settings.ports[.webSocket] = taken
                    let second = Gateway(settings: settings, logger: Logger(label: "test"))
                    let error = await #expect(throws: ListenError.self) { try await second.start(api: Echo()) }
                    #expect(
                        error?.description.hasPrefix(
                            "cannot listen on 127.0.0.1:\(taken) for websocket: the port is in use") == true)
                    #expect(error?.description.contains("transports.websocket.port") == true)
                    await second.stop()
                    #expect(second.addresses.isEmpty)
                }
                #expect(first.currentPhase == .serving)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `all addresses of a service get the same free port, and services get different ones`() async throws {
            var settings = settings(eventLoops: 2)
            settings.hosts = ["127.0.0.1", "::1"]
            try await withGateway(settings) { gateway in
                var ports: Set<Int> = []
                for service in GatewaySettings.Service.allCases {
                    let addresses = try #require(gateway.addresses[service])
                    #expect(Set(addresses.map(\.port)).count == 1)
                    #expect(addresses.first?.ipAddress == "127.0.0.1")
                    ports.insert(try gateway.port(service))
                }
                #expect(ports.count == 3)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a drain without connections ends at once, and phases only go forward`() async throws {
            let gateway = try await withGateway { gateway in
                #expect(gateway.currentPhase == .serving)
                let before = Clock.now
                await gateway.drain(deadline: .seconds(30))
                #expect(Clock.now - before < .seconds(5))
                #expect(gateway.currentPhase == .draining)
                await gateway.drain(deadline: .seconds(30))
                return gateway
            }
            #expect(gateway.currentPhase == .stopped)
        }

        /// A second SIGTERM cancels the drain and stops at once (contract §11).
        @Test(.timeLimit(.minutes(5)))
        func `a cancelled drain returns at once, whoever is still there`() async throws {
            try await withGateway { gateway in
                let crowd = try Crowd {
                    try [StreamClient(.webSocket(version: 2), name: "c", topic: "t", port: try gateway.port(.http))]
                }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0.allSatisfy(\.isReady) } })
                // It does not answer the close frame.
                crowd.look { $0[0].isLazy = true }
                let drain = Task { await gateway.drain(deadline: .seconds(3)) }
                #expect(await eventually { gateway.addresses.isEmpty })
                let before = Clock.now
                drain.cancel()
                await drain.value
                #expect((Clock.now - before).milliseconds < 1000)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `stopping a second time changes nothing and ends`() async throws {
            let gateway = try await withGateway { $0 }
            let hasEnded = Flag()
            // Not waited for: should it never end, the tests still do.
            Task {
                await gateway.stop()
                hasEnded.raise()
            }
            #expect(await eventually(within: 3) { hasEnded.isRaised })
        }

        private static func openDescriptors() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        }
    }
}
