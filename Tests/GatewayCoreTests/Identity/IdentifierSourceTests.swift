import Testing

@testable import GatewayCore

/// Message ids are UUIDs of version 7 (RFC 9562 §5.7).
@Suite struct IdentifierSourceTests {
    private static func source(_ seed: Int) -> IdentifierSource {
        var random = SeededGenerator(seed)
        return IdentifierSource(seed: (random.next(), random.next(), random.next(), random.next()))
    }

    @Test(arguments: 0..<10)
    func theForm(seed: Int) {
        var source = Self.source(seed)
        let time = Timestamp(milliseconds: 0x0123_4567_89AB)
        for _ in 0..<100 {
            let text = Array(source.uuid(at: time).utf8)
            #expect(text.count == IdentifierSource.uuidLength)
            for (index, byte) in text.enumerated() {
                switch index {
                case 8, 13, 18, 23: #expect(byte == UInt8(ascii: "-"))
                case 14: #expect(byte == UInt8(ascii: "7"))
                case 19: #expect("89ab".utf8.contains(byte))
                default: #expect("0123456789abcdef".utf8.contains(byte))
                }
            }
            #expect(String(decoding: text[..<13], as: UTF8.self) == "01234567-89ab")
        }
    }

    @Test func laterMillisecondsSortLater() {
        var source = Self.source(1)
        var milliseconds: Int64 = 1_768_472_625_123
        var last = source.uuid(at: Timestamp(milliseconds: milliseconds))
        var random = SeededGenerator(2)
        for _ in 0..<500 {
            milliseconds += Int64(1 + random.below(100_000))
            let next = source.uuid(at: Timestamp(milliseconds: milliseconds))
            #expect(last < next)
            last = next
        }
    }

    @Test func allDiffer() {
        var source = Self.source(3)
        let time = Timestamp(milliseconds: 1_768_472_625_123)
        let texts = Set((0..<5000).map { _ in source.uuid(at: time) })
        #expect(texts.count == 5000)
        #expect(Set((0..<5000).map { _ in source.epoch() }).count == 5000)
    }

    @Test func theSameSeedGivesTheSame() {
        var one = Self.source(4)
        var other = Self.source(4)
        #expect((0..<10).map { _ in one.next() } == (0..<10).map { _ in other.next() })
    }

    /// The first outputs of xoshiro256** for the state 1, 2, 3, 4, from its authors' program.
    @Test func theGeneratorIsTheOneItSays() {
        var source = IdentifierSource(seed: (1, 2, 3, 4))
        #expect(
            (0..<6).map { _ in source.next() } == [
                11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
            ])
    }

    /// Every bit of the random part is used: none is always set or always clear.
    @Test func everyRandomBitVaries() {
        var source = Self.source(5)
        var seen = [Set<UInt8>](repeating: [], count: 36)
        for _ in 0..<400 {
            for (index, byte) in source.uuid(at: Timestamp(milliseconds: 0)).utf8.enumerated() {
                seen[index].insert(byte)
            }
        }
        for index in [15, 16, 17] + Array(20...22) + Array(24...35) {
            #expect(seen[index].count == 16, "digit \(index)")
        }
        #expect(seen[19].count == 4)
    }

    @Test func sourcesOfTheSystemDiffer() {
        var one = IdentifierSource()
        var other = IdentifierSource()
        #expect(one.epoch() != other.epoch())
    }
}
