/// What a session tells the owner of a store, and is told by it.
extension Session {
    /// A session whose log begins with what an earlier process has left for the client.
    public init(epoch: Epoch, now: Instant, restored messages: [Message]) {
        self.init(epoch: epoch, now: now)
        for message in messages { _ = log.append(message) }
        restored = messages.count
        durableEnd = messages.count
    }

    /// A message could not be stored, and its sender has been refused: whoever has not had it never gets it.
    public mutating func withdraw(_ sequence: Int) {
        guard sequence >= log.oldest, sequence < log.next else { return }
        log.replace(sequence, with: .hole(.notStored))
    }

    /// Stored messages that are not needed any more: done, or too far behind what the log can still replay.
    /// - Returns: sequences whose stored form may be deleted; each is named once.
    public mutating func takeReleasable(limits: SessionLimits) -> Range<Int>? {
        // Delivered but not done messages outlive their place in the log, so that a crash does not lose what was under
        // way; but not without bound, for a client that never acknowledges.
        let reach = log.isEmpty ? log.next : log.oldest - limits.offlineMessages
        let end = min(max(done, reach), durableEnd)
        guard end > released else { return nil }
        defer { released = end }
        return released..<end
    }
}
