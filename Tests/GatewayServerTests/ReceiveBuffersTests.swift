import NIOCore
import Testing

@testable import GatewayServer

/// The room that a connection has for what arrives.
@Suite struct ReceiveBuffersTests {
    private let allocator = ByteBufferAllocator()

    @Test func theFirstBufferIsSmallSinceTheChannelKeepsIt() {
        var buffers = ReceiveBuffers()
        #expect(buffers.buffer(allocator: allocator).capacity == 16)
        let mayGrow = buffers.record(actualReadBytes: 16)
        #expect(mayGrow)
        #expect(buffers.buffer(allocator: allocator).capacity == 1024)
    }

    /// A channel reuses the buffer that it keeps unless it is told that the next may be larger.
    @Test func noBufferIsReusedByTheChannel() {
        var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: ReceiveBuffers())
        for count in [16, 3, 1024, 1] {
            let (buffer, _) = pool.buffer(allocator: allocator) { $0.writeRepeatingByte(7, count: count) }
            #expect(buffer.readableBytes == count)
            pool.record(actualReadBytes: count)
        }
        #expect(pool.count == 1)
    }

    @Test func theyGrowWithWhatComesAndShrinkAgain() {
        var buffers = ReceiveBuffers()
        _ = buffers.record(actualReadBytes: 16)
        for expected in [1024, 4096, 16_384, 65_536, 65_536] {
            #expect(buffers.buffer(allocator: allocator).capacity == expected)
            _ = buffers.record(actualReadBytes: expected)
        }
        for expected in [65_536, 16_384, 4096, 1024, 1024] {
            #expect(buffers.buffer(allocator: allocator).capacity == expected)
            _ = buffers.record(actualReadBytes: 1)
        }
    }

    @Test func connectionsShareWhatIsGivenBack() {
        let shared = SharedReceiveBuffer()
        let one = ReceiveBuffers(lending: shared)
        let other = ReceiveBuffers(lending: shared)
        func place(_ buffer: ByteBuffer) -> UnsafeRawPointer? { buffer.withVeryUnsafeBytes { $0.baseAddress } }
        let first: UnsafeRawPointer?
        do {
            var buffer = one.buffer(allocator: allocator)
            buffer.writeString("one's")
            first = place(buffer)
            shared.giveBack(buffer)
        }
        do {
            let buffer = other.buffer(allocator: allocator)
            #expect(place(buffer) == first && buffer.readableBytes == 0)
            shared.giveBack(buffer)
        }
        // Not while somebody reads it.
        let held = one.buffer(allocator: allocator)
        shared.giveBack(held)
        #expect(place(other.buffer(allocator: allocator)) != place(held))
        // Nor anything else than what was lent.
        shared.giveBack(ByteBuffer(string: "small"))
        #expect(one.buffer(allocator: allocator).capacity == 65_536)
    }
}
