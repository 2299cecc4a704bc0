import Testing

@testable import PhoenixProtocol

/// Phoenix's binary layout, written out by hand (`v2_json_serializer.ex`, `serializer.js`).
@Suite struct BinaryFrameTests {
    /// A binary frame with its texts.
    private struct Push: Equatable {
        var joinRef: [UInt8]
        var ref: [UInt8]
        var topic: [UInt8]
        var event: [UInt8]
        var payload: [UInt8]

        init(_ joinRef: String, _ ref: String, _ topic: String, _ event: String, _ payload: [UInt8]) {
            self.joinRef = Array(joinRef.utf8)
            self.ref = Array(ref.utf8)
            self.topic = Array(topic.utf8)
            self.event = Array(event.utf8)
            self.payload = payload
        }

        /// What phoenix.js writes (`binaryEncode`).
        var bytes: [UInt8] {
            [0, UInt8(joinRef.count), UInt8(ref.count), UInt8(topic.count), UInt8(event.count)]
                + joinRef + ref + topic + event + payload
        }
    }

    private func decode(_ bytes: [UInt8]) throws(PhoenixBinaryFrameError) -> Push {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(PhoenixBinaryFrameError) in
                let frame = try PhoenixBinaryFrame.decode(raw)
                var push = Push("", "", "", "", Array(raw[frame.payload]))
                push.joinRef = Array(raw[frame.joinRef])
                push.ref = Array(raw[frame.ref])
                push.topic = Array(raw[frame.topic])
                push.event = Array(raw[frame.event])
                return push
            }
        }
        return try result.get()
    }

    private func refusal(_ bytes: [UInt8]) -> PhoenixBinaryFrameError? {
        do throws(PhoenixBinaryFrameError) {
            _ = try decode(bytes)
            return nil
        } catch {
            return error
        }
    }

    /// A frame that phoenix.js has really sent: join_ref "3", ref "4", event `bin`.
    @Test func aFrameOfPhoenixJS() throws {
        let frame: [UInt8] =
            [0x00, 0x01, 0x01, 0x0b, 0x03, 0x33, 0x34] + [
                0x6d, 0x63, 0x70, 0x3a, 0x67, 0x61, 0x74, 0x65, 0x77, 0x61, 0x79,
            ] + [0x62, 0x69, 0x6e] + [0x01, 0x02, 0x03]
        let push = Push("3", "4", "mcp:gateway", "bin", [1, 2, 3])
        #expect(try decode(frame) == push)
        #expect(push.bytes == frame)
    }

    @Test func everyTextMayBeEmptyOrAsLongAsOneByteCanSay() throws {
        let lengths = [0, 1, 2, 127, 128, 254, 255]
        for joinRef in lengths {
            for ref in lengths {
                for topic in lengths {
                    for event in lengths {
                        let push = Push(
                            String(repeating: "j", count: joinRef), String(repeating: "r", count: ref),
                            String(repeating: "t", count: topic), String(repeating: "e", count: event), [0xFF, 0])
                        #expect(try decode(push.bytes) == push)
                    }
                }
            }
        }
    }

    /// Whatever is behind the texts is the payload: no byte of it is looked at.
    @Test func anyBytesAreAPayload() throws {
        for size in [0, 1, 2, 255, 256, 70_000] {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(try decode(Push("1", "2", "t", "e", payload).bytes).payload == payload)
        }
    }

    @Test func everyShorterFrameIsRefused() {
        let whole = Push("12", "345", "room:ü", "message", []).bytes
        for count in 0..<whole.count { #expect(refusal(Array(whole[..<count])) == .truncated, "\(count) bytes") }
        #expect(refusal(whole) == nil)
    }

    @Test func onlyPushesComeFromClients() {
        let push = Push("1", "2", "t", "e", [7])
        for kind in UInt8(1)...255 { #expect(refusal([kind] + push.bytes.dropFirst()) == .unknownKind(kind)) }
    }

    /// The old JavaScript client counted characters in place of bytes: then a character lies across a border.
    @Test func aTextThatIsNotUTF8IsRefused() {
        for place in 0..<4 {
            var lengths: [UInt8] = [1, 1, 1, 1]
            lengths[place] = 2
            var texts: [[UInt8]] = [[0x61], [0x61], [0x61], [0x61]]
            texts[place] = [0xC3, 0xBC]
            #expect(refusal([0] + lengths + texts.flatMap { $0 }) == nil)
            lengths[place] = 1
            #expect(refusal([0] + lengths + texts.flatMap { $0 } + [0x61]) == .notUTF8)
            texts[place] = [0xFF]
            #expect(refusal([0] + lengths + texts.flatMap { $0 }) == .notUTF8)
        }
        // Each half alone is not UTF-8, although both together are.
        #expect(refusal([0, 1, 1, 0, 0, 0xC3, 0xBC]) == .notUTF8)
    }

    @Test(arguments: 0..<200)
    func randomBytesAreReadOrRefused(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<50 {
            var bytes = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            if !bytes.isEmpty, random.oneIn(2) { bytes[0] = 0 }
            for index in bytes.indices.dropFirst().prefix(4) where random.oneIn(2) { bytes[index] %= 6 }
            if let push = try? decode(bytes) { #expect(push.bytes == bytes) }
        }
    }

    // MARK: - Writing

    private func written(_ write: (inout [UInt8]) -> Void) -> [UInt8] {
        var output: [UInt8] = []
        write(&output)
        return output
    }

    @Test func pushesOfTheGatewayHaveNoRef() {
        #expect(
            written { PhoenixBinaryWriter.appendPush(joinRef: Array("3".utf8), topic: "t:1", event: "ev", to: &$0) }
                == [0x00, 0x01, 0x03, 0x02] + Array("3t:1ev".utf8))
        #expect(
            written { PhoenixBinaryWriter.appendPush(joinRef: [], topic: "ü", event: "e", to: &$0) }
                == [0x00, 0x00, 0x02, 0x01, 0xC3, 0xBC, 0x65])
    }

    @Test func repliesSayTheirStatusInPlaceOfAnEvent() {
        let (joinRef, ref) = (Array("12".utf8), Array("345".utf8))
        #expect(
            written {
                PhoenixBinaryWriter.appendReply(joinRef: joinRef, ref: ref, topic: "t", isError: false, to: &$0)
            } == [0x01, 0x02, 0x03, 0x01, 0x02] + Array("12345tok".utf8))
        #expect(
            written {
                PhoenixBinaryWriter.appendReply(joinRef: joinRef, ref: ref, topic: "t", isError: true, to: &$0)
            } == [0x01, 0x02, 0x03, 0x01, 0x05] + Array("12345terror".utf8))
    }

    @Test func broadcastsNameNoJoin() {
        #expect(
            written { PhoenixBinaryWriter.appendBroadcast(topic: "room:1", event: "thumb", to: &$0) }
                == [0x02, 0x06, 0x05] + Array("room:1thumb".utf8))
    }

    @Test func theLongestTextsFit() {
        let long = String(repeating: "x", count: 255)
        #expect(
            written { PhoenixBinaryWriter.appendBroadcast(topic: long, event: long, to: &$0) }
                == [2, 255, 255] + Array(repeating: 0x78, count: 510))
    }

    @Test(arguments: [("null", ""), (#""3""#, "3"), ("17", "17"), (#""\u00fc""#, "ü"), (#""""#, ""), ("true", "true")])
    func referencesLoseTheirQuotes(json: String, text: String) {
        #expect(PhoenixBinaryWriter.referenceText(Array(json.utf8)) == Array(text.utf8))
    }
}
