import GatewayCore
import Testing

@testable import GatewayServer

struct RawWriterTests {
    /// What `body` writes, and that it does not write beyond `capacity`.
    private func written(capacity: Int = 64, _ body: (inout RawWriter) -> Void) -> String {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + 8, alignment: 16)
        defer { room.deallocate() }
        room.initializeMemory(as: UInt8.self, repeating: 0xAA)
        var writer = RawWriter(room.baseAddress!)
        body(&writer)
        #expect(room[writer.count...].allSatisfy { $0 == 0xAA }, "nothing is written behind the count")
        return String(decoding: room[..<writer.count], as: UTF8.self)
    }

    private static let edges: [Int] = {
        var list = [0, 1, -1, Int.max, Int.max - 1, Int.min, Int.min + 1]
        var power = 1
        for _ in 0..<18 {
            power *= 10
            list += [power - 1, power, power + 1, -power + 1, -power, -power - 1]
        }
        for bit in 0..<63 { list += [1 << bit, (1 << bit) - 1, -(1 << bit)] }
        return list
    }()

    @Test func `every integer is written as Swift writes it`() {
        var random = SeededGenerator(1)
        let numbers =
            Self.edges + (0..<1000).map { _ in Int(truncatingIfNeeded: random.next() >> UInt64(random.below(64))) }
        for number in numbers {
            #expect(written { $0.put(decimal: number) } == "\(number)")
            #expect(PushWriter.decimalLength(number) == "\(number)".utf8.count)
        }
    }

    @Test func `pieces follow each other without gaps`() {
        let text = written { writer in
            writer.put("a")
            writer.put(decimal: -12)
            writer.put(text: "é")
            writer.put(UnsafeRawBufferPointer(start: nil, count: 0))
            writer.put(text: "")
            let room = writer.reserve(2)
            room[0] = UInt8(ascii: "x")
            room[1] = UInt8(ascii: "y")
            Array("z".utf8).withUnsafeBytes { writer.put($0) }
        }
        #expect(text == "a-12éxyz")
    }

    @Test func `the kept text of an epoch is its description`() {
        var random = SeededGenerator(2)
        var values: [UInt64] = [0, 1, 35, 36, 1295, 1296, .max, .max - 1, 1 << 63]
        values += (0..<1000).map { _ in random.next() >> UInt64(random.below(64)) }
        for value in values {
            let epoch = Epoch(value)
            let text = EpochText(epoch)
            #expect(text.text == epoch.description)
            #expect(text.count == epoch.description.utf8.count)
            #expect(written { text.put(to: &$0) } == epoch.description)
            #expect(Epoch(epoch.description) == epoch)
        }
    }
}
