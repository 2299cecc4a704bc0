import GatewayProcesses
import GatewayServer
import Synchronization

/// The place of one process among those of all servers.
final class ServerProcessPermit: ProcessPermit {
    private struct State {
        var isHeld = false
        /// The process is being stopped because its place belongs to others.
        var isEnding = false
        var isLent = false
    }

    private let server: String
    private let share: ServerShare
    private let state = Mutex(State())

    init(server: String, share: ServerShare) {
        self.server = server
        self.share = share
    }

    /// Whether the last refusal was for want of what is lent to others.
    var isLent: Bool { state.withLock(\.isLent) }

    func take() -> String? {
        let answer = share.admit(server)
        state.withLock { state in
            state.isHeld = answer == .admitted
            if case .lent = answer { state.isLent = true } else { state.isLent = false }
        }
        switch answer {
        case .unshared, .admitted: return nil
        case .usedUp:
            return "the processes that \(server) may have are in use (mcp.max_processes, viability.control)"
        case .lent(let borrower):
            return
                "processes that \(server) may have are lent to \(borrower ?? "others"); those that are idle come back "
                + "within viability.control.reclaim_time (mcp.max_processes)"
        }
    }

    /// The process is being stopped because its place belongs to others.
    func ends() {
        let isNews = state.withLock { state in
            defer { if state.isHeld { state.isEnding = true } }
            return state.isHeld && !state.isEnding
        }
        if isNews { share.ends(server) }
    }

    func giveBack() {
        let before = state.withLock { state in
            defer { state = State() }
            return state
        }
        if before.isHeld { share.left(server, wasEnding: before.isEnding) }
    }
}
