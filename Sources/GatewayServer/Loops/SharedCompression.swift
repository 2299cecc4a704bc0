import GatewayCore
import NIOCore
import WebSocketProtocol

/// Compresses messages for all subscribers of one event loop: the part that they share is deflated once for each form,
/// and its bytes go to every one of them. What differs between clients goes before it as a stored block
/// (RFC 1951 §3.2.4), which costs no compression.
final class SharedCompression {
    private let level: Int
    private var deflaters: [Int: Deflater] = [:]
    private lazy var inflater = Inflater()
    /// The messages of late. A broadcast stays here for as long as its subscribers are drained; only few are needed.
    private var recent: [Entry] = []
    private var next = 0

    private struct Entry {
        let message: Message
        let form: Form
        /// `nil` if compressing it does not pay.
        let bytes: ByteBuffer?
    }

    /// A way of writing that subscribers share.
    struct Form: Equatable {
        let windowBits: Int
        /// What closes the message behind the envelope: one byte.
        let suffix: UInt8
    }

    private static let entries = 16
    /// Messages older than this are no broadcast that others are getting too.
    static let liveness = Instant.Span.seconds(1)
    /// Messages up to this size are not worth it.
    static let threshold = 1024

    init(level: Int) { self.level = level }

    /// The compressed bytes of a message's shared part and suffix, without the four bytes that RFC 7692 §7.2.1 takes off.
    func deflated(_ message: Message, _ form: Form) -> ByteBuffer? {
        if let entry = recent.first(where: { $0.message === message && $0.form == form }) { return entry.bytes }
        let entry = Entry(message: message, form: form, bytes: deflate(message, form))
        if recent.count < Self.entries {
            recent.append(entry)
        } else {
            recent[next] = entry
            next = (next + 1) % Self.entries
        }
        return entry.bytes
    }

    /// Forgets the messages of late, so that they do not outlive their logs.
    func forget() {
        recent.removeAll(keepingCapacity: true)
        next = 0
    }

    func inflate(
        _ bytes: UnsafeRawBufferPointer, limit: Int, ratio: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Inflater.Result {
        inflater.inflate(bytes, limit: limit, ratio: ratio, body)
    }

    /// The compressed bytes of a message that goes to one client; `nil` if compressing it does not pay.
    func deflated(_ payload: UnsafeRawBufferPointer, windowBits: Int) -> [UInt8]? {
        guard payload.count > Self.threshold else { return nil }
        var bytes = deflater(windowBits).compress([payload])
        bytes.removeLast(4)
        return bytes.count < payload.count ? bytes : nil
    }

    private func deflater(_ windowBits: Int) -> Deflater {
        if let present = deflaters[windowBits] { return present }
        let deflater = Deflater(windowBits: windowBits, level: level)
        deflaters[windowBits] = deflater
        return deflater
    }

    private func deflate(_ message: Message, _ form: Form) -> ByteBuffer? {
        let deflater = deflater(form.windowBits)
        var bytes = message.tail.withUnsafeReadableBytes { tail in
            withUnsafeBytes(of: form.suffix) { deflater.compress([tail, $0]) }
        }
        bytes.removeLast(4)
        guard bytes.count < message.tail.readableBytes * 9 / 10 else { return nil }
        return ByteBuffer(bytes: bytes)
    }
}
