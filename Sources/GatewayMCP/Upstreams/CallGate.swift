import GatewayCore
import ModelContextProtocol

/// Lets calls of a server begin as far as its limit goes; others wait here for their turn. One for each server and event
/// loop, where limits adapt: without them calls pass by.
///
/// Only what makes a server work has turns. Handshakes, lists and subscriptions are few, and how long they take says
/// nothing about calls.
final class CallGate {
    /// What a call has of the gate.
    enum Turn {
        case none
        case waiting(ConcurrencyGate.Ticket)
        case begun(Instant)
    }

    private var gate: ConcurrencyGate
    private unowned let hub: MCPHub
    private let serverName: String
    private let patience: Instant.Span
    private var waiting: [ConcurrencyGate.Ticket: Call] = [:]
    private var isGranting = false
    /// Calls that found the queue full, and calls whose turn did not come in time.
    private(set) var refused = 0

    /// - Parameter patience: how long a call waits for its turn.
    init(_ settings: MCPSettings.AdaptiveLimits, serverName: String, patience: Instant.Span, hub: MCPHub) {
        gate = ConcurrencyGate(limits: settings.limits, queue: settings.queue)
        self.serverName = serverName
        self.patience = patience
        self.hub = hub
    }

    var figures: ConcurrencyGate.Figures {
        var figures = gate.figures
        figures.refused = refused
        return figures
    }

    private static func isLimited(_ method: RPCMethod?) -> Bool {
        switch method {
        case .callTool, .getPrompt, .readResource, .complete: true
        default: false
        }
    }

    /// Whether a call may be sent now. If not, its session is told: `granted`, or `failed`.
    func admits(_ call: Call, of session: UpstreamSession) -> Bool {
        switch call.turn {
        // It is sent once more.
        case .begun: return true
        case .waiting: return false
        case .none: break
        }
        guard Self.isLimited(call.method) else { return true }
        let now = hub.now
        let reason: String
        switch gate.enter(deadline: min(call.deadline, now + patience), now: now) {
        case .entered:
            call.turn = .begun(now)
            return true
        case .waiting(let ticket):
            call.turn = .waiting(ticket)
            waiting[ticket] = call
            return false
        case .queueFull:
            reason = "\(gate.limit.limit) calls are under way, and adaptive_limits.queue calls wait"
        case .timeout: reason = Self.late
        }
        refused += 1
        session.failed(call, .internalError("the server \(serverName) is overloaded: \(reason)"))
        return false
    }

    private static let late = "the turn of the call did not come within pool.checkout_timeout"

    /// A call has ended, is sent elsewhere, or is its client's for a while.
    func leave(_ call: Call, _ outcome: AdaptiveLimit.Outcome) {
        switch call.turn {
        case .none: return
        case .waiting(let ticket):
            gate.withdraw(ticket)
            waiting[ticket] = nil
        case .begun(let begun): gate.leave(begunAt: begun, now: hub.now, outcome)
        }
        call.turn = .none
        grant()
    }

    /// Who begins may end at once, and let the next one begin: that is done here, not within.
    private func grant() {
        guard !isGranting else { return }
        isGranting = true
        defer { isGranting = false }
        while let ticket = gate.next(now: hub.now) {
            let call = waiting.removeValue(forKey: ticket)
            guard let call, let session = call.session else {
                gate.leave(begunAt: hub.now, now: hub.now, .ignored)
                continue
            }
            call.turn = .begun(hub.now)
            session.granted(call)
        }
    }

    func tend(now: Instant) {
        while let ticket = gate.expired(by: now) {
            guard let call = waiting.removeValue(forKey: ticket) else { continue }
            call.turn = .none
            refused += 1
            call.session?.failed(call, .internalError("the server \(serverName) is overloaded: \(Self.late)"))
        }
        grant()
    }
}
