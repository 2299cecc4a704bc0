import GatewayCore
import NIOCore
import Testing

@testable import GatewayServer

/// The engine's bytes, without a channel around it.
extension InProcess {
    struct EventStreamEngineTests {
        /// A block of the stream: its field lines in order.
        private struct Block {
            var fields: [(name: String, value: String)] = []

            subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
            var names: [String] { fields.map(\.name) }

            func data() throws -> [String: Any] { try JSONOracle.object(try #require(self["data"]).utf8) }
        }

        private static func blocks(_ bytes: ArraySlice<UInt8>) throws -> [Block] {
            let text = String(decoding: bytes, as: UTF8.self)
            // By scalars: CR LF would be one character.
            #expect(!text.unicodeScalars.contains("\r"))
            var parts = text.components(separator: "\n\n")
            #expect(parts.removeLast() == "", "the last block is whole")
            return try parts.map { part in
                var block = Block()
                for line in part.components(separator: "\n") {
                    let colon = try #require(line.firstIndex(of: ":"))
                    let value = line[line.index(after: colon)...]
                    #expect(value.isEmpty || value.first == " ")
                    block.fields.append((String(line[..<colon]), String(value.dropFirst())))
                }
                return block
            }
        }

        /// Lets a new engine of client `a` do what `body` says, and returns what it writes after its beginning.
        private static func written(
            _ gateway: Gateway, _ body: @escaping @Sendable (EventStreamEngine) -> Void
        ) async throws -> (epoch: String, bytes: [UInt8]) {
            try await onLoop(gateway) { loop in
                loop.begin()
                let engine = EventStreamEngine(EventStreamRequest(clientID: ClientID("a")), loop: loop)
                engine.start()
                loop.outbound.reset()
                body(engine)
                let bytes = loop.outbound.takeBytes()
                let epoch = engine.epochText.text
                engine.closed()
                return (epoch, bytes)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a stream begins with its head, the reconnection time and connected`() async throws {
            try await withGateway { gateway in
                let bytes = try await onLoop(gateway) { loop in
                    loop.begin()
                    var request = EventStreamRequest(clientID: ClientID("a"))
                    request.extraHeaders = [("access-control-allow-origin", "http://x")]
                    request.topics = ["room:1"]
                    let engine = EventStreamEngine(request, loop: loop)
                    engine.start()
                    defer { engine.closed() }
                    return loop.outbound.takeBytes()
                }
                let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separator: "\r\n")
                #expect(head.first == "HTTP/1.1 200 OK")
                let headers = Dictionary(
                    head.dropFirst().map { line in
                        let parts = line.split(separator: ":", maxSplits: 1)
                        return (parts[0].lowercased(), String(parts[1].dropFirst()))
                    }, uniquingKeysWith: { _, _ in "twice" })
                #expect(headers["content-type"] == "text/event-stream; charset=utf-8")
                #expect(headers["cache-control"] == "no-cache, no-transform")
                #expect(headers["x-accel-buffering"] == "no")
                #expect(headers["access-control-allow-origin"] == "http://x")
                #expect(headers["x-ratelimit-limit"] == "100")
                #expect(headers["x-ratelimit-remaining"] == "100")
                #expect(headers["x-ratelimit-reset"] == "0")
                let blocks = try Self.blocks(bytes[end.upperBound...])
                try #require(blocks.count == 2)
                #expect(blocks[0]["retry"] == "2000")
                #expect(blocks[1].names == ["event", "data"], "connected does not move the client's place")
                #expect(blocks[1]["event"] == "connected")
                let connected = try blocks[1].data()
                #expect(connected["sequence"] as? Int == -1)
                let data = try #require(connected["data"] as? [String: Any])
                #expect(data["client_id"] as? String == "a")
                #expect(data["next_sequence"] as? Int == 0)
                #expect(data["recovered"] as? Bool == false)
                #expect(data["reason"] as? String == "new")
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: 0..<10)
        func `messages of any name, sequence and size are whole events with their ids`(seed: Int) async throws {
            struct Case: Sendable {
                let event: String?
                let sequence: Int
                let padding: Int
            }
            var random = SeededGenerator(seed)
            let base = Message.encoded(data: "\"\"").tail.readableBytes
            let cases = (0..<15).map { _ in
                Case(
                    event: random.pick([nil, "e", "data_update", "é 😀", String(repeating: "e", count: 255)]),
                    sequence: random.pick([0, 9, 10, 999_999, Int.max - 1, Int.max]),
                    padding: random.pick([
                        0, 1, random.below(300), Outbound.shareFrom - base - 1, Outbound.shareFrom - base,
                        Outbound.shareFrom - base + 1, 70_000,
                    ]))
            }
            try await withGateway { gateway in
                let (epoch, bytes) = try await Self.written(gateway) { engine in
                    for each in cases {
                        let message = Message.encoded(data: "\"" + String(repeating: "x", count: each.padding) + "\"") {
                            $0.event = each.event
                        }
                        engine.write(message, sequence: each.sequence)
                    }
                }
                let blocks = try Self.blocks(bytes[...])
                try #require(blocks.count == cases.count)
                for (each, block) in zip(cases, blocks) {
                    #expect(block.names == ["id", "event", "data"])
                    #expect(block["id"] == "\(epoch)-\(each.sequence)")
                    #expect(block["event"] == each.event ?? "message")
                    let envelope = try block.data()
                    #expect(envelope["epoch"] as? String == epoch)
                    #expect(envelope["sequence"] as? Int == each.sequence)
                    #expect((envelope["data"] as? String)?.utf8.count == each.padding)
                }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `events of the gateway have no id, a gap moves the place to its end`() async throws {
            try await withGateway { gateway in
                let (epoch, bytes) = try await Self.written(gateway) { engine in
                    engine.write(event: "heartbeat", data: Array("{}".utf8), sequence: 41)
                    engine.writeGap(from: 42, to: 45, reason: "expired")
                }
                let blocks = try Self.blocks(bytes[...])
                try #require(blocks.count == 2)
                #expect(blocks[0].names == ["event", "data"])
                #expect(blocks[0]["event"] == "heartbeat")
                #expect(try blocks[0].data()["sequence"] as? Int == 41)
                #expect(blocks[1].names == ["id", "event", "data"])
                #expect(blocks[1]["id"] == "\(epoch)-45")
                #expect(blocks[1]["event"] == "gap")
                let gap = try #require(blocks[1].data()["data"] as? [String: Any])
                #expect(gap["from"] as? Int == 42)
                #expect(gap["to"] as? Int == 45)
                #expect(gap["reason"] as? String == "expired")
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a drain writes what was published, in order, in bounded pieces, and tells an expired one as a gap`()
            async throws
        {
            let findings = Findings()
            try await withGateway { gateway in
                let (_, bytes) = try await Self.written(gateway) { engine in
                    for number in 0..<600 {
                        let ttl = number == 300 ? ",\"ttl\":1" : ""
                        _ = try? gateway.publish("{\"client_id\":\"a\",\"data\":\(number)\(ttl)}")
                    }
                    // Its time is over when it is taken.
                    engine.loop.context.now = engine.loop.context.now + .seconds(60)
                    var turns = 0
                    while engine.drain() { turns += 1 }
                    findings.expect(turns >= 2, "one turn does not take all")
                    findings.expect(engine.takenBefore == 600, "taken before \(engine.takenBefore)")
                    findings.expect(engine.flushedBefore == 0, "nothing has been sent yet")
                    engine.flushed()
                    findings.expect(engine.flushedBefore == 600, "flushed before \(engine.flushedBefore)")
                }
                #expect(findings.all == [])
                let blocks = try Self.blocks(bytes[...])
                #expect(blocks.count == 600)
                for (number, block) in blocks.enumerated() {
                    #expect(block["id"]?.hasSuffix("-\(number)") == true)
                    #expect(block["event"] == (number == 300 ? "gap" : "message"))
                    if number != 300 { #expect(try block.data()["data"] as? Int == number) }
                }
            }
        }
    }
}

extension String {
    fileprivate func components(separator: String) -> [String] {
        var rest = Substring(self).unicodeScalars
        let wanted = separator.unicodeScalars
        var parts: [String] = []
        while let range = rest.firstRange(of: wanted) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
