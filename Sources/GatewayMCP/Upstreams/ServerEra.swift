import Synchronization

/// Which revisions a server speaks, as far as it has been found out; known to all event loops.
final class ServerEra: Sendable {
    private let legacy = Atomic<UInt8>(0)
    private let modern = Atomic<UInt8>(0)

    /// Whether it speaks the revisions with a handshake; `nil` as long as nobody knows.
    var speaksLegacy: Bool? {
        get { Self.answer(legacy.load(ordering: .relaxed)) }
        set { legacy.store(Self.code(newValue), ordering: .relaxed) }
    }

    /// Whether it speaks those without; `nil` as long as nobody knows.
    var speaksModern: Bool? {
        get { Self.answer(modern.load(ordering: .relaxed)) }
        set { modern.store(Self.code(newValue), ordering: .relaxed) }
    }

    private static func answer(_ code: UInt8) -> Bool? { code == 0 ? nil : code == 2 }
    private static func code(_ answer: Bool?) -> UInt8 { answer.map { $0 ? 2 : 1 } ?? 0 }
}
