public import NIOCore

/// What one event loop writes to its sockets while it handles what has come: sent when a handful is there, and at the
/// latest when everything that came has been handled.
///
/// Sent one by one, each write wakes a peer that then finds a single message; wakes cost more than anything else that a
/// short answer does. Several at once find the peer awake. The handful is small, so that peers have something to do
/// while the rest is being handled.
public final class TurnOutput {
    private var waiting: [SocketOutput] = []
    private var isScheduled = false
    private let eventLoop: any EventLoop

    /// Connections that are written to together.
    private static let handful = 8
    /// Room that has been written from, for what is written next.
    private var spares: [ByteBuffer] = []

    /// What is larger is let go of after it has been written.
    private static let largestSpare = 16_384

    /// - Parameter eventLoop: the one on which it is used, and only there.
    public init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        waiting.reserveCapacity(Self.handful)
    }

    fileprivate func add(_ output: SocketOutput) {
        waiting.append(output)
        if waiting.count >= Self.handful { return send() }
        guard !isScheduled else { return }
        isScheduled = true
        // Tasks run when the events of this turn have been handled.
        eventLoop.assumeIsolated().execute { [self] in
            isScheduled = false
            send()
        }
    }

    /// Room for something that is written with one of these outputs.
    public func buffer(capacity: Int) -> ByteBuffer {
        // Out of here first: it is to have one owner.
        guard var spare = spares.popLast() else { return ByteBufferAllocator().buffer(capacity: max(capacity, 512)) }
        spare.clear(minimumCapacity: capacity)
        return spare
    }

    fileprivate func giveBack(_ written: ByteBuffer) {
        if spares.count < Self.handful, written.storageCapacity <= Self.largestSpare { spares.append(written) }
    }

    private func send() {
        for output in waiting { output.send() }
        waiting.removeAll(keepingCapacity: true)
    }
}

/// What one handler writes to its channel. On a bare socket it goes to the kernel without passing through the channel's
/// queue, at the end of the turn; everything else goes the channel's way. Nothing overtakes what was written before.
public final class SocketOutput {
    private let context: ChannelHandlerContext
    private let turn: TurnOutput
    private let socket: DirectSocket?
    private var pending = ByteBuffer()
    private var isWaiting = false
    /// Writes that were left to the channel, and of which it is not known that they have reached the kernel.
    private var heldWrites = 0

    /// - Parameters:
    ///   - context: where writes enter the channel that carries them as they are.
    ///   - isBare: whether nothing between there and the socket changes bytes.
    public init(_ context: ChannelHandlerContext, isBare: Bool, turn: TurnOutput) {
        self.context = context
        self.turn = turn
        socket = isBare ? DirectSocket(context) : nil
    }

    /// Whether the channel holds something.
    var isHeld: Bool { heldWrites > 0 }

    /// Writes, now or at the end of the turn.
    public func write(_ bytes: ByteBuffer) {
        guard socket != nil, heldWrites == 0 else {
            return context.writeAndFlush(NIOAny(bytes), promise: nil)
        }
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
        guard !isWaiting else { return }
        isWaiting = true
        turn.add(self)
    }

    /// Sends what has been written: something is about to be written another way, or the channel to be closed.
    public func flush() { if pending.readableBytes > 0 { send() } }

    /// Something was written to the channel by others; what comes now goes behind it.
    func follow() {
        guard socket != nil else { return }
        heldWrites += 1
        // Nothing, behind everything else: when this has been written, so has all before it.
        let last = context.eventLoop.makePromise(of: Void.self)
        last.futureResult.assumeIsolated().whenComplete { _ in self.heldWrites -= 1 }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: last)
    }

    fileprivate func send() {
        isWaiting = false
        guard pending.readableBytes > 0 else { return }
        var bytes = pending
        pending = ByteBuffer()
        guard let socket, context.channel.isActive else { return }
        switch socket.send(bytes) {
        case .all: turn.giveBack(bytes)
        case .part(let count):
            bytes.moveReaderIndex(forwardBy: count)
            context.write(NIOAny(bytes), promise: nil)
            follow()
        case .failed:
            // Not at once: whoever writes to another connection is in the middle of something.
            context.eventLoop.assumeIsolated().execute { self.context.close(promise: nil) }
        }
    }
}
