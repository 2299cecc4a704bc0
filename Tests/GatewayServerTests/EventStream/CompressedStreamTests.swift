import GatewayCore
import NIOCore
import Testing

@testable import GatewayServer

/// A gzip stream says what the plain one says.
extension InProcess {
    struct CompressedStreamTests {
        /// What two engines of one client have written: a plain one, and a compressed one.
        private struct Pair: Sendable {
            var head = ""
            var plain: [UInt8] = []
            var compressed: [UInt8] = []
            /// Whether everything so far could be read after each step.
            var problems: [String] = []
        }

        private static func engines(
            _ gateway: Gateway, _ body: @escaping @Sendable (EventStreamEngine, EventStreamEngine, inout Pair) -> Void
        ) async throws -> Pair {
            try await onLoop(gateway) { loop in
                loop.begin()
                var request = EventStreamRequest(clientID: ClientID("a"))
                let plain = EventStreamEngine(request, loop: loop)
                plain.start()
                loop.outbound.reset()
                request.isCompressed = true
                let compressed = EventStreamEngine(request, loop: loop)
                compressed.id = ConnectionID(loop: 0, slot: 1, generation: 0)
                compressed.start()
                var pair = Pair()
                let bytes = loop.outbound.takeBytes()
                if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                    pair.head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                    pair.compressed = Array(bytes[end.upperBound...])
                }
                body(plain, compressed, &pair)
                plain.closed()
                compressed.closed()
                return pair
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: 0..<20)
        func `messages of any size, age and kind read like those of a plain stream`(seed: Int) async throws {
            try await withGateway { gateway in
                let pair = try await Self.engines(gateway) { plain, compressed, pair in
                    var random = SeededGenerator(seed)
                    let loop = plain.loop
                    let beginning = (try? Gunzipped(pair.compressed))?.text.count ?? 0
                    for number in 0..<12 {
                        let size = random.pick([0, 10, 900, 1100, 4000, 8000, 8300, 65_400, 65_536, 200_000])
                        let isNoise = random.oneIn(3)
                        let text =
                            isNoise
                            ? (0..<(size / 12)).map { _ in String(random.next(), radix: 36) }.joined()
                            : String(repeating: "ab1 ", count: size / 4)
                        let age = Instant.Span.seconds(random.pick([0, -2]))
                        let message = Message.encoded(data: "\"\(text)\"", now: loop.now + age) {
                            $0.event = random.pick([nil, "tick", String(repeating: "e", count: 255)])
                        }
                        plain.write(message, sequence: number)
                        pair.plain += loop.outbound.takeBytes()
                        // The second time the compressed bytes are those of another stream.
                        compressed.write(message, sequence: number)
                        pair.compressed += loop.outbound.takeBytes()
                        guard let soFar = try? Gunzipped(pair.compressed),
                            soFar.text.dropFirst(beginning) == pair.plain[...]
                        else { pair.problems.append("message \(number) of \(size) bytes, seed \(seed)"); return }
                    }
                    compressed.goAway()
                    pair.compressed += loop.outbound.takeBytes()
                }
                #expect(pair.problems == [])
                #expect(try Gunzipped(pair.compressed).isComplete)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `everything else is in the stream too, and its end is one`() async throws {
            try await withGateway { gateway in
                let pair = try await Self.engines(gateway) { _, compressed, pair in
                    compressed.writeGap(from: 3, to: 4, reason: "expired")
                    // Heartbeat first, then silence.
                    for span in [Instant.Span.seconds(40), .seconds(20)] {
                        compressed.loop.context.now = compressed.loop.now + span
                        _ = compressed.visit()
                    }
                    compressed.goAway()
                    pair.compressed += compressed.loop.outbound.takeBytes()
                }
                #expect(pair.head.contains("\r\nContent-Encoding: gzip"))
                #expect(pair.head.contains("\r\nVary: Accept-Encoding"))
                let whole = try Gunzipped(pair.compressed)
                #expect(whole.isComplete)
                let text = String(decoding: whole.text, as: UTF8.self)
                #expect(text.hasPrefix("retry: 2000\n\nevent: connected\ndata: {"))
                #expect(text.contains("-4\nevent: gap\ndata: {"))
                #expect(text.contains("}\n\nevent: heartbeat\ndata: {"))
                #expect(text.contains("}\n\n:\n\n"))
                #expect(text.contains("event: gateway_close\ndata: {"))
                #expect(text.hasSuffix("}\n\n"))
            }
        }

        @Test func `streams share what was compressed`() throws {
            let compression = SharedCompression(webSocketLevel: 1, eventStreamLevel: 6)
            let message = Message.encoded(data: "\"" + String(repeating: "abc ", count: 2000) + "\"")
            let first = try #require(compression.shared(message, .eventStream).bytes)
            let second = try #require(compression.shared(message, .eventStream).bytes)
            #expect(
                first.withUnsafeReadableBytes(\.baseAddress) == second.withUnsafeReadableBytes(\.baseAddress),
                "the same bytes, not equal ones")
        }

        @Test func `the level is that of the transport`() throws {
            let words = (0..<1500).map { "word \($0 * 7919 % 211) " }.joined()
            let message = Message.encoded(data: "\"\(words)\"")
            let form = SharedCompression.Form(windowBits: 15, ending: .phoenixV2)
            func sizes(_ webSocket: Int, _ eventStream: Int) throws -> [Int] {
                let compression = SharedCompression(webSocketLevel: webSocket, eventStreamLevel: eventStream)
                return try [form, .eventStream].map {
                    try #require(compression.shared(message, $0).bytes).readableBytes
                }
            }
            let (fast, small) = (try sizes(1, 1), try sizes(9, 9))
            #expect(small[0] < fast[0] && small[1] < fast[1])
            #expect(try sizes(1, 9) == [fast[0], small[1]])
        }
    }
}
