import DequeModule
import NIOCore

/// What a session's streams have carried lately, so that a client whose connection broke misses nothing.
struct SessionLog {
    private struct Entry {
        let stream: Int
        let sequence: Int
        let event: ByteBuffer
    }

    private var entries = Deque<Entry>()
    private var bytes = 0
    private var nextSequence: [Int: Int] = [:]
    /// The last sequence of each stream that is no longer kept.
    private var droppedThrough: [Int: Int] = [:]
    private let maxMessages: Int
    private let maxBytes: Int

    init(maxMessages: Int, maxBytes: Int) {
        self.maxMessages = maxMessages
        self.maxBytes = maxBytes
    }

    /// Adds a message to a stream; without one, an event that only marks a place.
    /// - Returns: the whole event, with its id.
    mutating func append(_ message: ByteBuffer?, stream: Int) -> ByteBuffer {
        let sequence = nextSequence[stream, default: 0]
        nextSequence[stream] = sequence + 1
        let event = Self.event(message, id: "\(stream)-\(sequence)")
        entries.append(Entry(stream: stream, sequence: sequence, event: event))
        bytes += event.readableBytes
        while entries.count > maxMessages || bytes > maxBytes && entries.count > 1, let oldest = entries.popFirst() {
            bytes -= oldest.event.readableBytes
            droppedThrough[oldest.stream] = oldest.sequence
        }
        return event
    }

    /// What a stream has carried behind a place; `nil` if not all of it is there any more.
    func events(of stream: Int, after sequence: Int) -> [ByteBuffer]? {
        guard sequence < nextSequence[stream, default: 0] else { return nil }
        if let dropped = droppedThrough[stream], dropped > sequence { return nil }
        return entries.filter { $0.stream == stream && $0.sequence > sequence }.map(\.event)
    }

    /// The last sequence of a stream; -1 before the first.
    func last(of stream: Int) -> Int { nextSequence[stream, default: 0] - 1 }

    /// The stream and the sequence of an event id.
    static func place(_ id: String) -> (stream: Int, sequence: Int)? {
        let parts = id.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, let stream = Int(parts[0]), let sequence = Int(parts[1]), stream >= 0, sequence >= 0
        else { return nil }
        return (stream, sequence)
    }

    /// An event as it is written.
    static func event(_ message: ByteBuffer?, id: String?) -> ByteBuffer {
        var event = ByteBuffer()
        event.reserveCapacity((message?.readableBytes ?? 0) + 48)
        if let id { event.writeString("id: \(id)\n") }
        if let message {
            event.writeString("event: message\ndata: ")
            event.writeImmutableBuffer(message)
            event.writeString("\n\n")
        } else {
            event.writeString("data:\n\n")
        }
        return event
    }
}
