import Deflate
import GatewayCore
import NIOCore

/// Compresses messages for all subscribers of one event loop: the part that they share is deflated once for each form,
/// and its bytes go to every one of them. What differs between clients goes before it as a stored block
/// (RFC 1951 §3.2.4), which costs no compression.
final class SharedCompression {
    private let webSocketLevel: Int
    private let eventStreamLevel: Int
    private var deflaters: [DeflaterKind: Deflater] = [:]
    private lazy var inflater = Inflater()
    /// The messages of late. A broadcast stays here for as long as its subscribers are drained; only few are needed.
    private var recent: [Entry] = []
    private var next = 0

    private struct DeflaterKind: Hashable {
        let windowBits: Int
        let level: Int
    }

    private struct Entry {
        let message: Message
        let form: Form
        let shared: Shared
    }

    /// What the subscribers of one form get of a message.
    struct Shared {
        /// The compressed bytes; `nil` if compressing does not pay.
        let bytes: ByteBuffer?
        /// What gzip needs to know of the text; `nil` for WebSockets.
        let text: Checksum.Text?
    }

    /// A way of writing that subscribers share.
    struct Form: Equatable {
        let windowBits: Int
        let ending: Ending

        /// All event streams have one form: a window of 32 KiB is what gzip has.
        static let eventStream = Form(windowBits: 15, ending: .eventStream)
    }

    /// What closes a message behind the envelope.
    enum Ending {
        case phoenixV1, phoenixV2, eventStream

        var text: StaticString {
            switch self {
            case .phoenixV1: "}"
            case .phoenixV2: "]"
            case .eventStream: "\n\n"
            }
        }
    }

    private static let entries = 16
    /// Messages older than this are no broadcast that others are getting too.
    private static let liveness = Instant.Span.seconds(1)
    /// Messages up to this size are not worth it.
    static let threshold = 1024

    init(webSocketLevel: Int, eventStreamLevel: Int) {
        self.webSocketLevel = webSocketLevel
        self.eventStreamLevel = eventStreamLevel
    }

    /// Whether a message is to be compressed: replays are each client's own, and would cost every one of them.
    @inline(__always)
    static func isWorth(_ message: Message, now: Instant) -> Bool {
        message.tail.readableBytes > threshold && now - message.acceptedAt < liveness
    }

    /// The shared part of a message and its ending. For WebSockets the compressed bytes come without the four that
    /// RFC 7692 §7.2.1 takes off.
    func shared(_ message: Message, _ form: Form) -> Shared {
        if let entry = recent.first(where: { $0.message === message && $0.form == form }) { return entry.shared }
        let entry = Entry(message: message, form: form, shared: make(message, form))
        if recent.count < Self.entries {
            recent.append(entry)
        } else {
            recent[next] = entry
            next = (next + 1) % Self.entries
        }
        return entry.shared
    }

    /// Forgets the messages of late, so that they do not outlive their logs.
    func forget() {
        recent.removeAll(keepingCapacity: true)
        next = 0
    }

    func inflate(
        _ bytes: UnsafeRawBufferPointer, limits: Inflater.Limits, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Inflater.Result {
        inflater.inflate(bytes, limits: limits, body)
    }

    /// The compressed bytes of a message that goes to one client; `nil` if compressing it does not pay.
    func deflated(_ payload: UnsafeRawBufferPointer, windowBits: Int) -> [UInt8]? {
        guard payload.count > Self.threshold else { return nil }
        var bytes = deflater(.init(windowBits: windowBits, level: webSocketLevel)).compress([payload])
        bytes.removeLast(4)
        return bytes.count < payload.count ? bytes : nil
    }

    private func make(_ message: Message, _ form: Form) -> Shared {
        let isEventStream = form.ending == .eventStream
        let deflater = deflater(
            .init(windowBits: form.windowBits, level: isEventStream ? eventStreamLevel : webSocketLevel))
        let ending = UnsafeRawBufferPointer(
            start: form.ending.text.utf8Start, count: form.ending.text.utf8CodeUnitCount)
        return message.tail.withUnsafeReadableBytes { tail in
            var bytes = deflater.compress([tail, ending])
            // A stream goes on behind its blocks and needs the empty one at their end.
            if !isEventStream { bytes.removeLast(4) }
            let pays = bytes.count < tail.count * 9 / 10
            return Shared(
                bytes: pays ? ByteBuffer(bytes: bytes) : nil, text: isEventStream ? .init([tail, ending]) : nil)
        }
    }

    private func deflater(_ kind: DeflaterKind) -> Deflater {
        if let present = deflaters[kind] { return present }
        let deflater = Deflater(windowBits: kind.windowBits, level: kind.level)
        deflaters[kind] = deflater
        return deflater
    }
}
