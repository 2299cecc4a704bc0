import GatewayCore
import Synchronization

/// How many bytes wait for connections. That is known of each connection only, so all are looked at now and then, and not
/// each time that somebody asks: a question is answered with what was found last, and has it looked after anew.
final class QueueFigures: Sendable {
    private struct State {
        /// By transport; `nil` before the first look.
        var bytes: [Int]?
        var at = Instant.zero
        var isLooking = false
    }

    private let state = Mutex(State())

    /// What was found is good for so long.
    private static let validity = Instant.Span.seconds(2)

    /// - Returns: bytes by transport.
    func bytes(of gateway: Gateway) async -> [Int] {
        let (known, looks) = state.withLock { state in
            let looks = !state.isLooking && Clock.now - state.at >= Self.validity
            if looks { state.isLooking = true }
            return (state.bytes, looks)
        }
        guard looks else { return known ?? [Int](repeating: 0, count: Transport.allCases.count) }
        guard let known else { return await look(at: gateway) }
        Task { await look(at: gateway) }
        return known
    }

    @discardableResult private func look(at gateway: Gateway) async -> [Int] {
        let none = [Int](repeating: 0, count: Transport.allCases.count)
        let parts = await gateway.walk(none) { member, bytes in
            guard let engine = member.connection else { return }
            bytes[Int(engine.transport.rawValue)] += member.heldBytes
            let waiting = engine.handle?.session.withLock { $0.waiting(for: engine.id)?.bytes }
            bytes[Int(engine.transport.rawValue)] += waiting ?? 0
        }
        let sum = parts.reduce(none) { sum, part in zip(sum, part).map(+) }
        state.withLock { state in
            state.bytes = sum
            state.at = Clock.now
            state.isLooking = false
        }
        return sum
    }
}
