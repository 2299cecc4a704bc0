import NIOCore

@testable import GatewayCore

extension Message {
    /// A message as a publisher would have encoded it; its `cost` is at least `size`.
    static func sample(
        _ id: String, isDurable: Bool = false, topic: String? = nil, size: Int = 0,
        priority: Priority = .normal, key: String? = nil, transport: Transport? = nil, acceptedAt: Instant = .zero,
        expiresAt: Instant = .distantFuture
    ) -> Message {
        let start = #""id":""#
        var tail = ByteBuffer(string: start + id + #"","data":""#)
        tail.writeRepeatingByte(UInt8(ascii: "x"), count: max(0, size - 128 - tail.readableBytes - 2))
        tail.writeString("\"}")
        return Message(
            tail: tail, idOffset: start.utf8.count, idLength: id.utf8.count, topic: topic, event: nil,
            priority: priority, isDurable: isDurable, transport: transport, key: key,
            acceptedAt: acceptedAt, expiresAt: expiresAt)
    }
}

extension Session {
    /// Bytes of the messages from `sequence` on.
    func bytes(from sequence: Int) -> Int {
        (min(max(sequence, log.oldest), log.next)..<log.next).reduce(0) { $0 + log[$1].cost }
    }
}

extension ConnectionID {
    /// Everything runs on one loop here.
    init(slot: Int) { self.init(loop: 0, slot: slot, generation: 1) }
}

extension WakeSet {
    /// Empties the set and returns what was in it.
    mutating func takeAll() -> [ConnectionID] {
        defer { removeAll(loop: 0) }
        return byLoop[0]
    }
}
