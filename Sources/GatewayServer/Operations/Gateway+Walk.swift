import GatewayCore
import NIOCore

/// Looking at every connection without holding up any: an event loop looks at some, then at its sockets, then at more.
extension Gateway {
    /// Connections that are looked at in one go.
    private static let step = 512

    /// Takes every event loop past its members.
    /// - Returns: one part for each event loop.
    func walk<Part: Sendable>(
        _ beginning: Part, _ visit: @escaping @Sendable (LoopMember, inout Part) -> Void
    ) async -> [Part] {
        var parts: [Part] = []
        for state in loops.withLock({ $0 }) {
            let promise = state.eventLoop.makePromise(of: Part.self)
            state.eventLoop.execute { Self.walk(state, from: 0, beginning, visit, promise) }
            if let part = try? await promise.futureResult.get() { parts.append(part) }
        }
        return parts
    }

    private static func walk<Part: Sendable>(
        _ state: NIOLoopBound<LoopState>, from slot: Int, _ part: Part,
        _ visit: @escaping @Sendable (LoopMember, inout Part) -> Void, _ promise: EventLoopPromise<Part>
    ) {
        let loop = state.value
        loop.begin()
        var part = part
        let end = min(slot + step, loop.slotCount)
        for slot in slot..<max(slot, end) { if let member = loop.member(at: slot) { visit(member, &part) } }
        loop.dispatchWakes(except: nil)
        guard end < loop.slotCount else { return promise.succeed(part) }
        let rest = part
        // Not at once: tasks that tasks add run before the loop looks at its sockets.
        let next = state.eventLoop.scheduleTask(in: .microseconds(20)) {
            walk(state, from: end, rest, visit, promise)
        }
        next.futureResult.whenFailure { promise.fail($0) }
    }

    /// The connections that a query finds.
    func select(_ query: ConnectionQuery) async -> ConnectionSelection {
        let parts = await walk(ConnectionSelection(query)) { member, selection in
            guard let report = Self.report(of: member, query) else { return }
            selection.add(report)
        }
        var all = ConnectionSelection(query)
        for part in parts { all.add(part) }
        return all
    }

    /// What there is to say of a connection, if the query wants it.
    private static func report(of member: LoopMember, _ query: ConnectionQuery) -> ConnectionReport? {
        guard let engine = member.connection else { return nil }
        if let wanted = query.transport, engine.transportName != wanted { return nil }
        let handle = engine.handle
        let name = handle?.clientID.text ?? engine.clientName
        if let wanted = query.client, name?.contains(wanted) != true { return nil }
        let now = engine.loop.now
        let age = handle == nil ? nil : now - engine.attachedAt
        if let minimum = query.minimumAge, age.map({ $0 < minimum }) ?? true { return nil }
        if let maximum = query.maximumAge, age.map({ $0 > maximum }) ?? false { return nil }
        let address = member.peer?.ipAddress
        if let wanted = query.address, address?.hasPrefix(wanted) != true { return nil }
        var report = ConnectionReport(client: name, transport: engine.transportName, address: address, age: age)
        report.loop = engine.loop.index
        report.unsentBytes = member.heldBytes
        handle?.session.withLock { session in
            if let waiting = session.waiting(for: engine.id) {
                report.pendingMessages = waiting.messages
                report.unsentBytes += waiting.bytes
                report.isActive = waiting.isActive
            }
            report.messagesSent = session.messagesSent
            report.messagesReceived = session.messagesReceived
            report.pendingAcknowledgements = session.pendingAcknowledgements
            report.idle = now - session.lastActivity
        }
        if let minimum = query.minimumUnsent, report.unsentBytes < minimum { return nil }
        return report
    }
}
