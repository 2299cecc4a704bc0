import Testing

@testable import PhoenixProtocol

@Suite struct LongPollTokenTests {
    private func random(_ seed: Int) -> LongPollToken {
        var random = SeededGenerator(seed)
        var token = LongPollToken(
            session: .init(high: random.next(), low: random.next()), version: random.pick([.v1, .v2]),
            expiresAt: Int64(bitPattern: random.next()))
        token.position = random.pick([0, 1, 255, 256, .max, random.below(1 << 40)])
        token.isEnded = random.oneIn(2)
        token.acknowledges = random.oneIn(2)
        token.isIndependent = random.oneIn(2)
        token.clientID = random.pick(["", "alice", String(repeating: "c", count: 128)])
        token.epoch = random.next()
        token.nextSequence = random.below(1 << 40)
        token.channels = (0..<random.below(5)).map { number in
            .init(topic: "room:\(number)ü", joinRef: Array(random.pick(["null", "\"3\"", "17"]).utf8))
        }
        token.topics = (0..<random.below(5)).map { "news:\($0)" }
        return token
    }

    @Test(arguments: 0..<200)
    func whatIsWrittenIsRead(seed: Int) {
        let token = random(seed)
        #expect(LongPollToken(token.bytes) == token)
    }

    @Test(arguments: 0..<40)
    func everyBeginningAndEveryOtherByteIsReadOrRefused(seed: Int) {
        let bytes = random(seed).bytes
        for count in 0..<bytes.count {
            if let token = LongPollToken(Array(bytes[..<count])) { #expect(token.bytes == Array(bytes[..<count])) }
        }
        var other = SeededGenerator(seed)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << UInt8(other.below(8))
            _ = LongPollToken(changed)
        }
    }

    @Test func listsThatAreTooLongStayOut() {
        var token = random(1)
        let topic = String(repeating: "t", count: 98)
        token.channels = []
        token.topics = Array(repeating: topic, count: 20)
        #expect(LongPollToken(token.bytes)?.isWhole == true)
        token.topics.append(topic)
        let read = LongPollToken(token.bytes)
        #expect(read?.isWhole == false)
        #expect(read?.topics == [])
        #expect(read?.clientID == token.clientID)
    }
}
