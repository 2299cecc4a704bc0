import GatewayViability
import Synchronization

/// Who may start one more process, as far as servers share processes; asked by all event loops where one is started, and
/// nowhere else.
public final class ProcessShare: Sendable {
    private struct State {
        /// `nil` as long as whoever comes first takes what there is.
        var ledger: ProcessLedger?
        var servers: [String] = []
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: processes of all servers together.
    public init(capacity: Int) { self.capacity = capacity }

    /// What has become of the wish to start one more.
    public enum Answer: Equatable, Sendable {
        /// Nobody keeps account of it.
        case unshared
        /// It has a place, until `left`.
        case admitted
        /// Its server has what it may have.
        case usedUp
        /// What its server may have is lent, most of it to the one that is named, and comes back.
        case lent(to: String?)
    }

    /// The servers that run in processes, from now on.
    public func serve(_ servers: [String]) { state.withLock { $0.servers = servers } }

    /// A process of a server is to start.
    public func admit(_ server: String) -> Answer {
        state.withLock { state in
            guard state.ledger != nil else { return .unshared }
            switch state.ledger!.admit(server) {
            case nil: return .admitted
            case .usedUp: return .usedUp
            case .lent(let borrower): return .lent(to: borrower)
            }
        }
    }

    /// A process is being stopped because its place belongs to others.
    public func ends(_ server: String) { state.withLock { $0.ledger?.ends(server) } }

    /// A process that was admitted is gone, or has not come about.
    /// - Parameter wasEnding: whether `ends` was said of it.
    public func left(_ server: String, wasEnding: Bool) {
        state.withLock { $0.ledger?.leave(server, wasEnding: wasEnding) }
    }

    /// Writes down what each server has been using and missing.
    func ask(_ node: inout NodeSample) {
        node.processCapacity = capacity
        node.processDemand = state.withLock { $0.ledger?.demands(of: $0.servers) } ?? [:]
    }

    /// Keeps account from now on. To be called before the first process.
    func begin() { state.withLock { $0.ledger = ProcessLedger(capacity: capacity) } }

    /// Other grants hold from now on.
    /// - Returns: how many processes of each server are to be stopped now.
    func grant(_ grants: [String: PlaceGrant], recalled: [String: Int]) -> [String: Int] {
        state.withLock { state in
            state.ledger?.grant(grants)
            return recalled.reduce(into: [:]) { counts, recall in
                let count = state.ledger?.outstanding(recall.key, of: recall.value) ?? 0
                if count > 0 { counts[recall.key] = count }
            }
        }
    }
}

/// The processes of servers, as S3 shares them.
struct SharedProcesses: Sendable {
    let share: ProcessShare
    /// Stops so many processes of each server, if they are idle.
    let takeBack: @Sendable ([String: Int]) async -> Void
}
