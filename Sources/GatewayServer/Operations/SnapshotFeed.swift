import GatewayCore
public import NIOCore
import Synchronization

/// What the dashboards show, for all who look at once: one snapshot each interval, encoded once, and none while nobody
/// looks.
public final class SnapshotFeed: Sendable {
    /// Takes an event of the stream.
    public typealias Viewer = @Sendable (ByteBuffer) -> Void

    private struct State {
        var next = 0
        var viewers: [Int: (isAdministrator: Bool, show: Viewer)] = [:]
        var task: Task<Void, Never>?
        /// What those who come between two snapshots begin with.
        var latest: (open: ByteBuffer, administrators: ByteBuffer)?
        var isOver = false
    }

    private unowned let gateway: Gateway
    private let state = Mutex(State())

    public init(gateway: Gateway) { self.gateway = gateway }

    /// Begins to show.
    /// - Parameters:
    ///   - isAdministrator: whether it may see the names of clients.
    ///   - viewer: called on any thread; it only passes on.
    /// - Returns: what `leave` wants.
    public func enter(isAdministrator: Bool, _ viewer: @escaping Viewer) -> Int {
        let interval = Duration.nanoseconds(gateway.settings.operations.interval.nanoseconds)
        return state.withLock { state in
            state.next += 1
            state.viewers[state.next] = (isAdministrator, viewer)
            if let latest = state.latest {
                viewer(latest.open)
                if isAdministrator { viewer(latest.administrators) }
            }
            if state.task == nil, !state.isOver {
                state.task = Task { [self] in
                    var snapshot = Snapshot()
                    repeat {
                        show(await snapshot.take(of: gateway))
                    } while (try? await Task.sleep(for: interval)) != nil
                }
            }
            return state.next
        }
    }

    public func leave(_ viewer: Int) {
        state.withLock { state in
            state.viewers[viewer] = nil
            guard state.viewers.isEmpty else { return }
            state.task?.cancel()
            state.task = nil
            state.latest = nil
        }
    }

    /// The gateway ends.
    public func stop() async {
        let task = state.withLock { state in
            state.isOver = true
            state.viewers = [:]
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
        await task?.value
    }

    private func show(_ texts: Snapshot.Texts) {
        let open = Self.event("snapshot", texts.open)
        let administrators = Self.event("clients", texts.administrators)
        let viewers = state.withLock { state in
            guard !state.viewers.isEmpty else { return [(isAdministrator: Bool, show: Viewer)]() }
            state.latest = (open, administrators)
            return Array(state.viewers.values)
        }
        for viewer in viewers {
            viewer.show(open)
            if viewer.isAdministrator { viewer.show(administrators) }
        }
    }

    private static func event(_ name: String, _ data: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(data.count + 32)
        buffer.writeString("event: \(name)\ndata: ")
        buffer.writeBytes(data)
        buffer.writeString("\n\n")
        return buffer
    }
}
