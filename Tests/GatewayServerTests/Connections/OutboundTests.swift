import NIOCore
import Testing

@testable import GatewayServer

struct OutboundTests {
    private static let noise: [UInt8] = {
        var random = SeededGenerator(0)
        return (0..<50_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }()

    private static func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let start = random.below(noise.count - count)
        return Array(noise[start..<(start + count)])
    }

    private static func size(_ random: inout SeededGenerator) -> Int {
        let edge = Outbound.shareFrom
        return random.pick([0, 1, 7, random.below(100), random.below(100), edge - 1, edge, edge + 1, 20_000])
    }

    @Test(arguments: 0..<30)
    func `any sequence of writes and partial sends comes out in order, nothing twice`(seed: Int) {
        var random = SeededGenerator(seed)
        var outbound = Outbound()
        /// What must still come.
        var model: [UInt8] = []
        /// What was handed out, with what it was then: later writes must not change it.
        var taken: [(buffer: ByteBuffer, bytes: [UInt8])] = []
        /// Bytes that other connections write too.
        var shared: [(buffer: ByteBuffer, bytes: [UInt8])] = []
        for _ in 0..<120 {
            switch random.below(8) {
            case 0, 1, 2:
                let bytes = Self.bytes(Self.size(&random), &random)
                outbound.append(bytes)
                model += bytes
            case 3, 4:
                if shared.isEmpty || random.oneIn(2) {
                    let bytes = Self.bytes(Self.size(&random), &random)
                    shared.append((ByteBuffer(bytes: bytes), bytes))
                }
                let choice = random.pick(shared)
                outbound.append(shared: choice.buffer)
                model += choice.bytes
            case 5, 6:
                guard outbound.count > 0 else { continue }
                let count = random.pick([0, 1, random.below(outbound.count), outbound.count - 1])
                outbound.skip(count)
                model.removeFirst(count)
            default:
                if random.oneIn(4) {
                    outbound.reset()
                } else {
                    var all: [UInt8] = []
                    outbound.takeAll { buffer in
                        #expect(buffer.readableBytes > 0, "nothing empty is written")
                        let bytes = Array(buffer: buffer)
                        taken.append((buffer, bytes))
                        all += bytes
                    }
                    #expect(all == model)
                }
                model = []
            }
            #expect(outbound.count == model.count)
        }
        #expect(outbound.takeBytes() == model)
        #expect(taken.allSatisfy { $0.bytes == Array(buffer: $0.buffer) })
        #expect(shared.allSatisfy { $0.bytes == Array(buffer: $0.buffer) })
    }

    @Test func `bytes are shared from a size on, and copied below it`() {
        for (size, isShared) in [(Outbound.shareFrom - 1, false), (Outbound.shareFrom, true)] {
            var outbound = Outbound()
            outbound.append([1])
            outbound.append(shared: ByteBuffer(repeating: 7, count: size))
            outbound.append([2])
            #expect(outbound.segments.count == (isShared ? 2 : 0))
            #expect(outbound.takeBytes() == [1] + [UInt8](repeating: 7, count: size) + [2])
        }
    }

    @Test func `what waits for a slow peer does not hold a large buffer`() {
        var outbound = Outbound()
        outbound.append([UInt8](repeating: 1, count: 100_000))
        outbound.skip(99_990)
        #expect(outbound.buffer.capacity <= 1024)
        #expect(outbound.takeBytes() == [UInt8](repeating: 1, count: 10))
    }

    @Test func `a buffer that one large event has grown is let go`() {
        var outbound = Outbound()
        outbound.append([UInt8](repeating: 1, count: 1 << 20))
        outbound.reset()
        #expect(outbound.count == 0)
        #expect(outbound.buffer.capacity <= 8192)
        outbound.append([UInt8](repeating: 1, count: 1 << 20))
        _ = outbound.takeBytes()
        #expect(outbound.buffer.capacity <= 8192)
    }
}
