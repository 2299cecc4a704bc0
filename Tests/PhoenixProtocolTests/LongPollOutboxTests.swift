import Testing

@testable import PhoenixProtocol

@Suite struct LongPollOutboxTests {
    private typealias Answer = LongPollOutbox.Answer

    private func outbox(_ count: Int) -> LongPollOutbox {
        var outbox = LongPollOutbox()
        for number in 0..<count { outbox.append([UInt8(number)], sequence: number) }
        return outbox
    }

    @Test func aPollIsAnsweredAtOnceIfThereIsSomething() {
        var outbox = outbox(3)
        #expect(outbox.poll(1, from: 0) == nil)
        #expect(outbox.answer() == Answer(poll: 1, status: .messages, positions: 0..<3))
        #expect(outbox.answer() == nil, "once")
        #expect(Array(outbox.texts(0..<3)) == [[0], [1], [2]])
    }

    @Test func anAnswerThatDidNotArriveComesAgainWithWhatIsNew() {
        var outbox = outbox(2)
        _ = outbox.poll(1, from: 0)
        _ = outbox.answer()
        outbox.append([2], sequence: 2)
        #expect(outbox.poll(2, from: 0) == nil)
        #expect(outbox.answer() == Answer(poll: 2, status: .messages, positions: 0..<3))
        #expect(outbox.confirmed == 0)
        #expect(outbox.poll(3, from: 3) == nil)
        #expect((outbox.confirmed, outbox.count, outbox.bytes) == (3, 0, 0))
        #expect(outbox.answer() == nil)
    }

    @Test func aClientThatHasToldMoreCannotGoBackAndDisturbsNobody() {
        var outbox = outbox(2)
        _ = outbox.poll(1, from: 2)
        #expect(outbox.poll(2, from: 1) == Answer(poll: 2, status: .gone, positions: 2..<2))
        #expect(outbox.poll(3, from: 9) == Answer(poll: 3, status: .gone, positions: 2..<2))
        outbox.append([9], sequence: nil)
        #expect(outbox.answer() == Answer(poll: 1, status: .messages, positions: 2..<3))
    }

    @Test func theNewestPollWaits() {
        var outbox = outbox(0)
        #expect(outbox.poll(1, from: 0) == nil)
        #expect(outbox.poll(2, from: 0) == Answer(poll: 1, status: .noContent, positions: 0..<0))
        outbox.cancel(1)
        #expect(outbox.windowPassed(1) == nil)
        #expect(outbox.isWaiting)
        #expect(outbox.windowPassed(2) == Answer(poll: 2, status: .noContent, positions: 0..<0))
        #expect(!outbox.isWaiting)
    }

    @Test func afterTheEndTheRestComesAndThenNothing() {
        var outbox = outbox(1)
        outbox.finish()
        _ = outbox.poll(1, from: 0)
        #expect(outbox.answer()?.status == .messages)
        _ = outbox.poll(2, from: 0)
        #expect(outbox.answer()?.status == .messages, "again, if it did not arrive")
        _ = outbox.poll(3, from: 1)
        #expect(outbox.answer()?.status == .gone)
    }

    @Test func theLogGoesOnAtTheLowestSequenceThatTheClientLacks() {
        var outbox = LongPollOutbox(position: 10)
        for sequence in [5, nil, 6, 2, 3] { outbox.append([0], sequence: sequence) }
        #expect((10...15).map { outbox.sequence(from: $0) } == [2, 2, 2, 2, 3, nil])
    }

    /// A client that polls over a network that loses requests and answers, repeats itself, and is late: as long as it has
    /// a token, it gets everything once and in order.
    @Test(arguments: 0..<300)
    func nothingIsLostOrRepeatedWhateverTheNetworkLoses(seed: Int) {
        var random = SeededGenerator(seed)
        var outbox = LongPollOutbox()
        var produced = 0
        var received: [Int] = []
        var token = 0
        var number: UInt64 = 0
        /// Answers on their way to the client.
        var underway: [(poll: UInt64, token: Int, texts: [[UInt8]])] = []
        var open: UInt64?

        func send(_ answer: LongPollOutbox.Answer?) {
            guard let answer else { return }
            #expect(answer.status != .gone)
            underway.append((answer.poll, answer.positions.upperBound, Array(outbox.texts(answer.positions))))
        }
        func poll() {
            number += 1
            open = number
            guard !random.oneIn(5) else { return }  // the request is lost
            send(outbox.poll(number, from: token))
            send(outbox.answer())
        }
        for _ in 0..<400 {
            switch random.below(8) {
            case 0, 1:
                for _ in 0...random.below(3) {
                    outbox.append([UInt8(produced >> 8), UInt8(produced & 0xFF)], sequence: produced)
                    produced += 1
                }
                send(outbox.answer())
            case 2: if open == nil { poll() }
            case 3: if let open { send(outbox.windowPassed(open)) }
            case 4: if random.oneIn(2), let open { outbox.cancel(open) }
            case 5:
                // The client gives its poll up and asks again.
                if random.oneIn(3) { poll() }
            case 6: outbox.confirm(token)
            default:
                guard !underway.isEmpty else { continue }
                let answer = underway.remove(at: 0)
                // Only the answer to the client's present request reaches it, and not always.
                guard answer.poll == open, !random.oneIn(4) else { continue }
                received += answer.texts.map { Int($0[0]) << 8 | Int($0[1]) }
                token = answer.token
                open = nil
            }
            #expect(outbox.confirmed <= token && token <= outbox.end)
            #expect(outbox.bytes == 2 * outbox.count)
            #expect(outbox.sequence(from: outbox.confirmed) == (outbox.count > 0 ? outbox.confirmed : nil))
        }
        // The network is well again.
        number += 1
        send(outbox.poll(number, from: token))
        if let answer = outbox.answer() {
            received += outbox.texts(answer.positions).map { Int($0[0]) << 8 | Int($0[1]) }
        }
        #expect(received == Array(0..<produced))
    }
}
