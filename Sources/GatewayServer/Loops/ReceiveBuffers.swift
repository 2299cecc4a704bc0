public import NIOCore

/// Where bytes from sockets arrive, so that a connection at rest keeps no room for them.
///
/// A channel keeps the first buffer that it is given for as long as it lives, and no other when it is told that the next
/// may be larger. So the first one is as small as can be (the rest of the request follows with the next read), and all
/// others are made for one read each, or lent by the event loop to those that keep nothing of what they are given.
public struct ReceiveBuffers: RecvByteBufferAllocator {
    /// Lent to connections whose handler is done with the bytes when it returns; `nil` while a request is read, since
    /// parsers keep slices.
    private let shared: SharedReceiveBuffer?
    private var hasRead: Bool
    private var capacity = ReceiveBuffers.smallest

    private static let first = 16
    private static let smallest: Int32 = 1024
    private static let largest: Int32 = 65_536

    /// For a connection from its beginning.
    init() {
        shared = nil
        hasRead = false
    }

    /// For a connection whose handler gives back what it is lent.
    public init(lending shared: SharedReceiveBuffer) {
        self.shared = shared
        hasRead = true
    }

    public func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        guard hasRead else { return allocator.buffer(capacity: Self.first) }
        return shared?.take(allocator) ?? allocator.buffer(capacity: Int(capacity))
    }

    public func nextBufferSize() -> Int? { nil }

    public mutating func record(actualReadBytes: Int) -> Bool {
        if !hasRead {
            hasRead = true
        } else if actualReadBytes >= capacity {
            capacity = min(capacity * 4, Self.largest)
        } else if actualReadBytes < capacity / 8 {
            capacity = max(capacity / 4, Self.smallest)
        }
        // "The next one may be larger": then the channel asks for it.
        return true
    }
}

/// One buffer for all connections of an event loop that read into it one after another.
///
/// `@unchecked Sendable`: a receive allocator has to be; it is used on its event loop only, as its channels are.
public final class SharedReceiveBuffer: @unchecked Sendable {
    private var spare: ByteBuffer?

    public init() {}

    private static let capacity = 65_536

    /// The buffer, or another one if somebody holds on to it.
    fileprivate func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        // Out of here first: nobody else may refer to what the socket writes to.
        if var buffer = spare.take(), buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil { return buffer }
        return allocator.buffer(capacity: Self.capacity)
    }

    /// What was read has been dealt with.
    public func giveBack(_ buffer: ByteBuffer) {
        if buffer.capacity == Self.capacity { spare = buffer }
    }
}
