import GatewayViability
import Synchronization

/// Who may have one more of what servers share, processes or connections; asked by all event loops where one is begun, and
/// nowhere else.
public final class ServerShare: Sendable {
    private struct State {
        /// `nil` as long as nobody keeps account.
        var ledger: ServerLedger?
        var servers: [String] = []
        /// Those who are to know when there may be a place again.
        var waiting: [Int: @Sendable () -> Void] = [:]

    }

    let resource: Loan.Resource
    private let capacity: Int
    private let state: Mutex<State>
    private let shortage = Atomic<Bool>(false)

    private init(_ resource: Loan.Resource, capacity: Int, ledger: ServerLedger? = nil) {
        self.resource = resource
        self.capacity = capacity
        state = Mutex(State(ledger: ledger))
    }

    /// Processes that servers run in. How many there may be is somebody else's to watch; who may have one is said here, once
    /// a gateway shares them.
    public static func processes(capacity: Int) -> ServerShare { ServerShare(.processes, capacity: capacity) }

    /// Connections of pools to servers, so many at the most, whether a gateway shares them or not.
    public static func connections(capacity: Int) -> ServerShare {
        ServerShare(.pool, capacity: capacity, ledger: ServerLedger(capacity: capacity))
    }

    /// What has become of the wish to have one more.
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

    /// Whoever was refused, and wants to know when there may be a place.
    public struct Waiter: Sendable {
        let id: Int
        let wake: @Sendable () -> Void

        /// - Parameters:
        ///   - id: who; it waits once, however often it is refused.
        ///   - wake: called once, on any thread.
        public init(_ id: Int, _ wake: @escaping @Sendable () -> Void) {
            self.id = id
            self.wake = wake
        }
    }

    /// Whether somebody waits for a place: then none is to be kept that is not used. A look, and no lock.
    public var isShort: Bool { shortage.load(ordering: .relaxed) }

    /// The servers that there are, from now on.
    public func serve(_ servers: [String]) { state.withLock { $0.servers = servers } }

    /// A server is to have one more.
    /// - Parameters:
    ///   - again: whether that was refused before; it counts once.
    ///   - waiter: is woken, if it is refused now.
    public func admit(_ server: String, again: Bool = false, waiter: Waiter? = nil) -> Answer {
        state.withLock { state in
            guard state.ledger != nil else { return .unshared }
            guard let refusal = state.ledger!.admit(server, again: again) else { return .admitted }
            if let waiter {
                state.waiting[waiter.id] = waiter.wake
                shortage.store(true, ordering: .relaxed)
            }
            switch refusal {
            case .usedUp: return .usedUp
            case .lent(let borrower): return .lent(to: borrower)
            }
        }
    }

    /// One of a server is given back because it belongs to others.
    public func ends(_ server: String) { state.withLock { $0.ledger?.ends(server) } }

    /// What was admitted is gone, or has not come about.
    /// - Parameter wasEnding: whether `ends` was said of it.
    public func left(_ server: String, wasEnding: Bool = false) {
        let waiting = state.withLock { state in
            state.ledger?.leave(server, wasEnding: wasEnding)
            return takeWaiting(&state)
        }
        for wake in waiting { wake() }
    }

    /// A waiter is not to be woken any more.
    public func stopWaiting(_ id: Int) { state.withLock { $0.waiting[id] = nil } }

    /// Those who are to try again. Who is refused again is short again.
    private func takeWaiting(_ state: inout State) -> [@Sendable () -> Void] {
        guard !state.waiting.isEmpty else { return [] }
        defer { state.waiting = [:] }
        shortage.store(false, ordering: .relaxed)
        return Array(state.waiting.values)
    }

    /// Writes down what each server has been using and missing.
    func ask(_ node: inout NodeSample) {
        node.serverDemands[resource] = state.withLock { state in
            ServerDemand(capacity: capacity, state.ledger?.demands(of: state.servers) ?? [:])
        }
    }

    /// Keeps account from now on. To be called before the first one begins.
    func begin() { state.withLock { $0.ledger = $0.ledger ?? ServerLedger(capacity: capacity) } }

    /// Other grants hold from now on.
    /// - Returns: how many each server is to give back now.
    func grant(_ grants: [String: PlaceGrant], recalled: [String: Int]) -> [String: Int] {
        let (counts, waiting) = state.withLock { state in
            state.ledger?.grant(grants)
            let counts = recalled.reduce(into: [String: Int]()) { counts, recall in
                let count = state.ledger?.outstanding(recall.key, of: recall.value) ?? 0
                if count > 0 { counts[recall.key] = count }
            }
            return (counts, takeWaiting(&state))
        }
        for wake in waiting { wake() }
        return counts
    }
}

/// What servers share, as S3 has it.
struct SharedPlaces: Sendable {
    let share: ServerShare
    /// Takes so many back from each server, as far as they are not needed.
    let takeBack: @Sendable ([String: Int]) async -> Void
}
