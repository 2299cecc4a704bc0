import Deflate
import Synchronization

/// The memory that connections may use to compress with what they were sent before (RFC 7692 §7.1.1.1).
final class CompressionContextBudget: Sendable {
    private let most: Int
    private let level: Int
    private let taken = Atomic<Int>(0)

    /// - Parameters:
    ///   - bytes: for all connections together; 0 is none.
    ///   - level: 1 (fast) to 9 (small).
    init(bytes: Int, level: Int) {
        most = bytes / ContextDeflater.memory
        self.level = level
    }

    /// Takes a part of the budget for a connection; `nil` if it is used up.
    func context() -> CompressionContext? {
        guard most > 0 else { return nil }
        guard taken.add(1, ordering: .relaxed).newValue <= most else {
            giveBack()
            return nil
        }
        return CompressionContext(self, level: level)
    }

    fileprivate func giveBack() { taken.subtract(1, ordering: .relaxed) }
}

/// One connection's part of the budget, used from its first message on. Given back when the connection is gone.
final class CompressionContext {
    private let budget: CompressionContextBudget
    private let level: Int
    private var deflater: ContextDeflater?

    fileprivate init(_ budget: CompressionContextBudget, level: Int) {
        self.budget = budget
        self.level = level
    }

    deinit { budget.giveBack() }

    /// Something compressed has been sent that was not made here.
    func forget() { deflater?.forget() }

    /// - Parameter windowBits: the largest window that the client can hold.
    func compress(_ text: [UInt8], windowBits: Int, to output: inout [UInt8]) {
        let deflater = deflater ?? ContextDeflater(windowBits: windowBits, level: level)
        self.deflater = deflater
        text.withUnsafeBytes { deflater.compress($0, to: &output) }
    }
}
