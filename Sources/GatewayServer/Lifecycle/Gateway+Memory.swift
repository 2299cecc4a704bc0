import GatewayCore
import GatewayViability

/// What is given up of sessions while memory is short.
extension Gateway {
    /// The bounds for all sessions.
    var sessionLimits: SessionLimits { memory.step >= .slowReaders ? reducedSession : settings.session }

    /// The bounds for the connections of one transport, which may hold what others miss, and for the logs of their clients.
    func sessionLimits(_ transport: Transport) -> SessionLimits {
        memory.cutsSlowReaders(transport) ? reducedSession : settings.session
    }

    /// The bounds for one client's log.
    func logLimits(_ session: borrowing Session) -> SessionLimits {
        guard memory.step >= .connections, let transport = session.usualTransport else { return sessionLimits }
        return sessionLimits(transport)
    }

    /// Looks how much memory is in use, and tells if something else is given up than before.
    func watchMemory() {
        guard let step = memory.look() else { return }
        logger.warning(
            "memory: what is given up has changed",
            metadata: ["shedding": "\(step.name)", "used": "\(memory.figures.used)", "budget": "\(memory.budget)"])
    }

    /// While memory is short, brings the logs of some sessions back within their bounds, so that each is looked at every two
    /// seconds: clients that are away, or are sent nothing, hold as much as others.
    func shortenLogs() {
        guard memory.step >= .connections else { return }
        var wakes = WakeSet(loops: loopCount)
        for _ in 0..<8 {
            let step = shortenStep.add(1, ordering: .relaxed).newValue
            for handle in directory.handles(ofShard: step) {
                handle.session.withLock { $0.shorten(limits: logLimits($0), wakes: &wakes) }
            }
        }
        for (loop, ids) in wakes.byLoop.enumerated() where !ids.isEmpty { inboxes[loop].post(ids) }
    }
}
