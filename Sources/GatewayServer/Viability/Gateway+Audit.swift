import GatewayCore
import GatewayViability
import NIOCore

/// Audits (S3*): what the units report is compared with what there is, found another way. One shard of the sessions is
/// looked at each time, all event loops, and what differs is put right.
extension Gateway {
    /// One audit.
    func audit() async {
        var findings = AuditFindings()
        await auditConnections(&findings)
        await auditSessions(&findings)
        let found = findings
        carry(out: viability.withSystem { $0.audited(found, now: Clock.now) })
    }

    private func auditConnections(_ findings: inout AuditFindings) async {
        var streams = 0
        var sockets = 0
        for (own, counted) in await collect({ $0.auditConnections() }) {
            findings.add(own)
            streams += counted[Int(Transport.eventStream.rawValue)]
            sockets += counted[Int(Transport.webSocket.rawValue)]
        }
        for (service, counted) in [(GatewaySettings.Service.eventStream, streams), (.webSocket, sockets)] {
            let difference = admission.open(service) - counted
            // The loops were asked one after another, and connections come and go meanwhile: what stays is wrong.
            let isLasting = difference != 0 && admissionDifferences.withLock { $0[service] } == difference
            admissionDifferences.withLock { $0[service] = isLasting ? 0 : difference }
            if isLasting { admission.correct(service, by: -difference) }
            findings.note(
                .admittedConnections, checked: 1, difference: isLasting ? difference : 0,
                repaired: isLasting ? difference : 0)
        }
    }

    private func auditSessions(_ findings: inout AuditFindings) async {
        var cursors = [[(SessionHandle, ConnectionID)]](repeating: [], count: loopCount)
        for handle in directory.handles(ofShard: auditStep.add(1, ordering: .relaxed).newValue) {
            let (connections, recount) = handle.session.withLock { ($0.cursorConnections, $0.recountLog()) }
            findings.note(.logs, checked: 1, difference: recount.difference, repaired: recount.difference)
            for id in connections where id.loop < loopCount { cursors[id.loop].append((handle, id)) }
        }
        let perLoop = cursors
        for own in await collect({ $0.auditCursors(perLoop[$0.index]) }) { findings.add(own) }
    }
}

extension LoopState {
    /// Compares the units' counts with the connections of this loop, and puts them right.
    /// - Returns: also how many connections there are, by transport.
    fileprivate func auditConnections() -> (AuditFindings, counted: [Int]) {
        var counted = [Int](repeating: 0, count: Transport.allCases.count)
        forEachMember { member in
            if let engine = member.connection { counted[Int(engine.transport.rawValue)] += 1 }
        }
        var findings = AuditFindings()
        for index in counted.indices {
            let difference = counters[index].connections - counted[index]
            findings.note(.unitConnections, checked: 1, difference: difference, repaired: difference)
            counters[index].connections = counted[index]
        }
        return (findings, counted)
    }

    /// Looks for cursors whose connection is gone. Cursors of this loop's connections come and go on this loop only, so that
    /// what is found here is so.
    fileprivate func auditCursors(_ cursors: [(SessionHandle, ConnectionID)]) -> AuditFindings {
        begin()
        var findings = AuditFindings()
        for (handle, id) in cursors {
            let isThere = member(id)?.connection?.handle === handle
            let isLeaked = handle.session.withLock { session in
                guard !isThere, session.hasCursor(id) else { return false }
                session.detach(
                    id, flushed: 0, isLost: true, damping: gateway.settings.damping, now: now, wakes: &context.wakes)
                return true
            }
            findings.note(.cursors, checked: 1, difference: isLeaked ? 1 : 0, repaired: isLeaked ? 1 : 0)
        }
        dispatchWakes(except: nil)
        return findings
    }
}
