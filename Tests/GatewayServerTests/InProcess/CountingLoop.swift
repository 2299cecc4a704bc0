import Foundation
import NIOCore
import Synchronization

/// An event loop that counts the tasks it is given, and otherwise is the one behind it.
final class CountingLoop: EventLoop {
    private let loop: any EventLoop
    private let count = Atomic(0)

    init(_ loop: any EventLoop) { self.loop = loop }

    /// How often `execute` was called.
    var tasks: Int { count.load(ordering: .relaxed) }

    var inEventLoop: Bool { loop.inEventLoop }

    func execute(_ task: @escaping @Sendable () -> Void) {
        count.add(1, ordering: .relaxed)
        loop.execute(task)
    }

    @discardableResult
    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        loop.scheduleTask(deadline: deadline, task)
    }

    @discardableResult
    func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        loop.scheduleTask(in: delay, task)
    }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        loop.shutdownGracefully(queue: queue, callback)
    }
}
