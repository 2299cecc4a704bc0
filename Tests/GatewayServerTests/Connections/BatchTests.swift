import GatewayCore
import NIOCore
import Testing

@testable import GatewayServer

/// How much one write gathers when messages wait: `chunk_size` of event streams, `batch_size` of WebSockets.
extension InProcess {
    struct BatchTests {
        /// Publishes `count` messages to client `a` and counts what each turn of `engine` writes.
        private static func turns(
            _ gateway: Gateway, _ count: Int, size: Int, _ make: @escaping @Sendable (LoopState) -> ConnectionEngine
        ) async throws -> [Int] {
            try await onLoop(gateway) { loop in
                loop.begin()
                let engine = make(loop)
                loop.outbound.reset()
                for number in 0..<count {
                    _ = try? gateway.publish(
                        "{\"client_id\":\"a\",\"data\":\"n\(number) \(String(repeating: "x", count: size))\"}")
                }
                var turns: [Int] = []
                var hasMore = true
                while hasMore {
                    hasMore = engine.drain()
                    let bytes = loop.outbound.takeBytes()
                    turns.append(bytes.ranges(of: Array("\"data\":\"n".utf8)).count)
                }
                engine.closed()
                return turns
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: [1_024, 5_000, 16_384])
        func `a stream is given messages until they have chunk_size bytes`(chunkSize: Int) async throws {
            var settings = settings()
            settings.eventStreamChunkSize = chunkSize
            let cost = Message.encoded(data: "\"n10 \(String(repeating: "x", count: 1000))\"").cost
            let turns = try await withGateway(settings) { gateway in
                try await Self.turns(gateway, 40, size: 1000) { loop in
                    let engine = EventStreamEngine(EventStreamRequest(clientID: ClientID("a")), loop: loop)
                    engine.start()
                    return engine
                }
            }
            #expect(turns.reduce(0, +) == 40)
            let most = (chunkSize + cost - 1) / cost
            #expect(turns.dropLast().allSatisfy { $0 == most || $0 == most + 1 }, "\(turns) for \(most)")
        }

        @Test(.timeLimit(.minutes(5)), arguments: [1, 7, 100])
        func `a socket is given batch_size messages`(batchSize: Int) async throws {
            var settings = settings()
            settings.webSocketBatchSize = batchSize
            let turns = try await withGateway(settings) { gateway in
                try await Self.turns(gateway, 30, size: 10) { loop in
                    var request = PhoenixRequest(version: .v2)
                    request.clientID = ClientID("a")
                    let engine = PhoenixEngine(request, opening: .init(answer: [], deflate: nil), loop: loop)
                    engine.start()
                    let join = Array("[\"1\",\"1\",\"mcp:gateway\",\"phx_join\",{}]".utf8)
                    let frame = [0x81, 0x80 | UInt8(join.count), 0, 0, 0, 0] + join
                    frame.withUnsafeBytes { engine.received($0) }
                    return engine
                }
            }
            let whole = [Int](repeating: batchSize, count: 30 / batchSize)
            #expect(turns == whole + (30 % batchSize > 0 ? [30 % batchSize] : []))
        }
    }
}
