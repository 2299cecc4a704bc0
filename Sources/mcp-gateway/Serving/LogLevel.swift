import Logging
import Synchronization

/// How much is logged, by all loggers of the process: it can change while they are in use.
final class LogLevel: Sendable {
    static let shared = LogLevel()

    private let position = Atomic<Int>(2)

    var level: Logger.Level { Logger.Level.allCases[position.load(ordering: .relaxed)] }

    func set(_ level: Logger.Level) {
        position.store(Logger.Level.allCases.firstIndex(of: level) ?? 2, ordering: .relaxed)
    }
}
