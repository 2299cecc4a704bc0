import Testing

@testable import WebSocketProtocol

/// However the bytes arrive, the same comes out.
@Suite struct SplitTests {
    /// Short inputs: all ways to cut them.
    @Test(arguments: [
        [ClientFrame.bytes(9)], [.text("Hé")], [.text("H", isFinal: false), .bytes(0, [0x69])], [.close(1000)],
        [.text(""), .bytes(0xA)],
    ])
    func everyWayToCutAShortInput(frames: [ClientFrame]) {
        let bytes = frames.encoded
        precondition(bytes.count <= 16)
        let expected = decode([bytes])
        #expect(!expected.seen.isEmpty)
        for pattern in 0..<(1 << (bytes.count - 1)) {
            let cuts = (1..<bytes.count).filter { pattern >> ($0 - 1) & 1 == 1 }
            let actual = decode(cut(bytes, at: cuts))
            if actual != expected { Issue.record("cut at \(cuts): \(actual)") }
        }
    }

    static let mixed: [[ClientFrame]] = [
        [
            .text("größer", isFinal: false), .bytes(9, [1, 2, 3]), .bytes(0, Array("€ 😀".utf8), isFinal: false),
            .bytes(0xA), .bytes(0, [0x21]),
        ],
        [
            .bytes(2, [0xFF, 0x00, 0xFE]), .text("x"), .bytes(9), .bytes(2, [], isFinal: false), .bytes(0, [7]),
            .close(1001, Array("bye".utf8)),
        ],
        [.bytes(2, [UInt8](repeating: 5, count: 126)), .text("a")],
        [ClientFrame(opcode: 1, payload: Array("mask".utf8), mask: [0, 0, 0, 0]), .text("and")],
        [.text("ok"), ClientFrame(reserved: 4, opcode: 1), .text("never")],
        [.text("ok"), .text("bad \u{FF}", isFinal: false), .bytes(0, [0xFF], isFinal: false), .bytes(0)],
        [.close(1005)], [.close(1000, [0xC3])], [.bytes(8, [3])],
    ]

    /// Longer ones: all pairs of places, so that every border of two fields is met.
    @Test(arguments: mixed.indices)
    func everyPairOfCuts(index: Int) {
        let bytes = Self.mixed[index].encoded
        let expected = decode([bytes])
        for first in 1..<bytes.count {
            for second in first..<bytes.count {
                let actual = decode(cut(bytes, at: first == second ? [first] : [first, second]))
                if actual != expected { Issue.record("cut at \(first) and \(second): \(actual)") }
            }
        }
        #expect(decode(chop(bytes, into: 1)) == expected)
    }

    /// Random frames in random pieces, with any room for unmasking.
    @Test(arguments: 0..<80)
    func randomMessagesInRandomPieces(seed: Int) {
        var random = SeededGenerator(seed)
        var bytes: [UInt8] = []
        var expected: [Seen] = []
        for _ in 0..<(1 + random.below(8)) { append(&bytes, &expected, &random) }
        let limits = WebSocketLimits(maxFrameSize: 1 << 20, maxMessageSize: 1 << 20)
        let isRight = decode([bytes], limits: limits).seen == expected
        #expect(isRight, "seed \(seed)")
        for _ in 0..<5 {
            let cuts = (0..<random.below(12)).map { _ in random.below(bytes.count + 1) }.sorted()
            let scratch = random.pick([0, 1, 125, 1000, 1 << 20])
            let actual = decode(cut(bytes, at: cuts), limits: limits, scratch: scratch)
            let isRight = actual.seen == expected && actual.isBetweenMessages
            #expect(isRight, "seed \(seed), cut at \(cuts), room \(scratch)")
        }
    }

    /// Writes a message in some fragments with control frames between.
    private func append(_ bytes: inout [UInt8], _ expected: inout [Seen], _ random: inout SeededGenerator) {
        let isText = random.oneIn(2)
        let length =
            random.oneIn(12) ? random.pick([65_535, 65_536]) : random.pick([0, 1, 7, 124, 125, 126, 127, 128, 1000])
        var payload: [UInt8] = []
        while payload.count < length {
            if !isText {
                payload += withUnsafeBytes(of: random.next()) { Array($0) }
            } else if length - payload.count > 100, random.oneIn(2) {
                payload += [UInt8](repeating: 0x61, count: length - payload.count - 50)
            } else {
                payload += Array(random.pick(["a", "é", "€", "😀", "plain text of some length "]).utf8)
            }
        }
        let count = random.oneIn(2) ? 1 : 1 + random.below(5)
        let cuts = (1..<count).map { _ in random.below(payload.count + 1) }.sorted()
        for (index, part) in cut(payload, at: cuts).enumerated() {
            while random.oneIn(4) {
                let control = [UInt8](repeating: UInt8(random.below(256)), count: random.pick([0, 1, 125]))
                let isPing = random.oneIn(2)
                bytes += frame(isPing ? 9 : 10, control, isFinal: true, &random)
                expected.append(isPing ? .ping(control) : .pong(control))
            }
            bytes += frame(index == 0 ? (isText ? 1 : 2) : 0, part, isFinal: index == count - 1, &random)
        }
        expected.append(isText ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload))
    }

    private func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool, _ random: inout SeededGenerator) -> [UInt8] {
        var frame = ClientFrame.bytes(opcode, payload, isFinal: isFinal)
        frame.mask = (0..<4).map { _ in UInt8(random.below(256)) }
        return frame.encoded
    }
}
