import Testing

@testable import WebSocketProtocol

/// Bounds on frames, messages and fragments.
@Suite struct LimitTests {
    static let limits = WebSocketLimits(maxFrameSize: 200, maxMessageSize: 500, maxFragments: 4)

    private func frames(_ sizes: [Int]) -> [UInt8] {
        sizes.enumerated().flatMap { index, size in
            ClientFrame.bytes(index == 0 ? 2 : 0, [UInt8](repeating: 1, count: size), isFinal: index == sizes.count - 1)
                .encoded
        }
    }

    private func seen(_ sizes: [Int]) -> [Seen] { decode([frames(sizes)], limits: Self.limits).seen }

    private func message(_ size: Int) -> [Seen] { [.binary([UInt8](repeating: 1, count: size))] }

    @Test func aFrame() {
        #expect(seen([200]) == message(200))
        #expect(seen([201]) == [.violation(1009)])
        #expect(seen([1, 201]) == [.violation(1009)])
    }

    @Test func aMessage() {
        #expect(seen([200, 200, 100]) == message(500))
        #expect(seen([200, 200, 101]) == [.violation(1009)])
        #expect(seen([200, 200, 100, 0]) == message(500))
        #expect(seen([200, 200, 100, 1]) == [.violation(1009)])
    }

    @Test func fragments() {
        #expect(seen([0, 0, 0, 0]) == message(0))
        #expect(seen([1, 1, 1, 1]) == message(4))
        #expect(seen([1, 1, 1, 1, 1]) == [.violation(1008)])
        #expect(seen([0, 0, 0, 0, 0]) == [.violation(1008)])
    }

    @Test func controlFramesDoNotCount() {
        var bytes = ClientFrame.bytes(2, [1], isFinal: false).encoded
        for _ in 0..<10 { bytes += ClientFrame.bytes(9, [UInt8](repeating: 7, count: 125)).encoded }
        bytes += ClientFrame.bytes(0, [1]).encoded
        let pings = [Seen](repeating: .ping([UInt8](repeating: 7, count: 125)), count: 10)
        #expect(decode([bytes], limits: Self.limits).seen == pings + message(2))
    }

    @Test func everyMessageStartsAnew() {
        let bytes = frames([200, 200, 100]) + frames([1, 1, 1, 1]) + frames([200, 200, 100])
        #expect(decode([bytes], limits: Self.limits).seen == message(500) + message(4) + message(500))
        #expect(decode(chop(bytes, into: 7), limits: Self.limits).seen == message(500) + message(4) + message(500))
    }

    @Test func aRefusalComesWithTheHeader() {
        let header = ClientFrame(opcode: 0, payload: [], claimedLength: 101).encoded
        let bytes = frames([200, 200, 1]).dropLast(7) + header
        #expect(decode([Array(bytes)], limits: Self.limits).seen == [.violation(1009)])
    }

    @Test func manyFragmentsInOneMessage() {
        let limits = WebSocketLimits(maxFrameSize: 65_536, maxMessageSize: 1 << 20, maxFragments: 65_536)
        let bytes = frames([Int](repeating: 1, count: 65_536))
        #expect(decode([bytes], limits: limits).seen == message(65_536))
    }

    @Test func theDefaultsAreTheContracts() {
        let limits = WebSocketLimits()
        #expect(limits.maxFrameSize == 65_536)
        #expect(limits.maxMessageSize == 1_048_576)
    }
}
