import DequeModule
import NIOCore

/// What a session's streams have carried lately, so that a client whose connection broke misses nothing.
struct SessionLog {
    private struct Entry {
        let stream: Int
        let sequence: Int
        let event: ByteBuffer
        /// Bytes of the message at the end of the event; 0 if it only marks a place.
        let messageLength: Int
    }

    /// What is known of a stream. It is forgotten with its last event, once it has ended.
    private struct Stream {
        var nextSequence = 0
        /// The last sequence that is no longer kept.
        var droppedThrough = -1
        var kept = 0
        var isEnded = false
    }

    private var entries = Deque<Entry>()
    private var bytes = 0
    private var streams: [Int: Stream] = [:]
    private let maxMessages: Int
    private let maxBytes: Int

    init(maxMessages: Int, maxBytes: Int) {
        self.maxMessages = maxMessages
        self.maxBytes = maxBytes
    }

    /// Streams that something is kept of; for tests.
    var knownStreams: Int { streams.count }

    /// Adds a message to a stream; without one, an event that only marks a place.
    /// - Returns: the whole event, with its id.
    mutating func append(_ message: ByteBuffer?, stream: Int) -> ByteBuffer {
        let sequence = streams[stream, default: Stream()].nextSequence
        streams[stream, default: Stream()].nextSequence += 1
        streams[stream]?.kept += 1
        let event = Self.event(message, id: "\(stream)-\(sequence)")
        entries.append(
            Entry(
                stream: stream, sequence: sequence, event: event, messageLength: message?.readableBytes ?? 0))
        bytes += event.readableBytes
        while entries.count > maxMessages || bytes > maxBytes && entries.count > 1, let oldest = entries.popFirst() {
            bytes -= oldest.event.readableBytes
            streams[oldest.stream]?.droppedThrough = oldest.sequence
            streams[oldest.stream]?.kept -= 1
            forgetIfOver(oldest.stream)
        }
        return event
    }

    /// Nothing more will be added to a stream.
    mutating func end(_ stream: Int) {
        // Most have carried nothing: they were answered in one piece.
        guard streams[stream] != nil else { return }
        streams[stream]?.isEnded = true
        forgetIfOver(stream)
    }

    private mutating func forgetIfOver(_ stream: Int) {
        if let known = streams[stream], known.isEnded, known.kept == 0 { streams[stream] = nil }
    }

    /// What a stream has carried behind a place; `nil` if not all of it is there any more.
    func events(of stream: Int, after sequence: Int) -> [ByteBuffer]? {
        guard let known = streams[stream] else { return sequence < 0 ? [] : nil }
        guard sequence < known.nextSequence, sequence >= known.droppedThrough else { return nil }
        return entries.filter { $0.stream == stream && $0.sequence > sequence }.map(\.event)
    }

    /// The same as messages, as far as they are still there.
    func messages(of stream: Int, after sequence: Int) -> [ByteBuffer] {
        entries.filter { $0.stream == stream && $0.sequence > sequence && $0.messageLength > 0 }.compactMap {
            $0.event.getSlice(at: $0.event.writerIndex - $0.messageLength - 2, length: $0.messageLength)
        }
    }

    /// The last sequence of a stream; -1 before the first.
    func last(of stream: Int) -> Int { (streams[stream]?.nextSequence ?? 0) - 1 }

    /// The stream and the sequence of an event id.
    static func place(_ id: String) -> (stream: Int, sequence: Int)? {
        let parts = id.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
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
