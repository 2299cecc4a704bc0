import GatewayCore
import NIOCore
import WireJSON

/// What operators ask about one client.
extension Gateway {
    /// `GET /mcp/admin/trace/:client_id`: what happened to a client lately, and everything since it is traced.
    /// - Returns: `nil` if nobody knows the client, and it is not traced.
    public func trace(pathPart: String) -> [UInt8]? {
        guard let client = ClientID(RequestTarget.decode(pathPart[...])) else { return nil }
        let handle = directory.find(client)
        let trace = observers.traces.trace(of: client)
        guard handle != nil || trace != nil else { return nil }
        let events = handle?.session.withLock(\.recentEvents) ?? []
        let now = Clock.now
        let wall = Clock.wall
        return JSONWriter.object { writer in
            writer.member("client_id", client.text)
            writer.key("events")
            writer.array { list in
                for event in events { list.object { Self.write(event, now: now, wall: wall, to: &$0) } }
            }
            writer.member("traced", trace != nil)
            guard let trace else { return }
            writer.member("remaining_seconds", max(0, (trace.endsAt - now).seconds))
            writer.key("trace")
            writer.array { list in for entry in trace.entries { list.raw(entry.json) } }
        }
    }

    private static func write(
        _ event: ClientHistory.Event, now: Instant, wall: Timestamp, to writer: inout JSONWriter
    ) {
        let at = Timestamp(milliseconds: wall.milliseconds - (now - event.at).milliseconds)
        writer.member("timestamp", at.text)
        switch event.kind {
        case .resumed, .connected:
            writer.member("event", "connected")
            writer.member("recovered", event.kind == .resumed)
        case .disconnected: writer.member("event", "disconnected")
        case .closed:
            writer.member("event", "closed")
            writer.member("code", event.code)
        case .switched: writer.member("event", "transport_switch")
        case .gap:
            writer.member("event", "gap")
            writer.member("messages", event.value)
        case .rateLimited:
            writer.member("event", "rate_limited")
            writer.member("messages", event.value)
        }
        writer.member("transport", event.transport.name)
    }

    /// `GET /mcp/admin/errors/:client_id`: what went wrong for a client.
    /// - Returns: `nil` if nobody knows the client, and nothing is known of it.
    public func clientErrors(pathPart: String, transport: String?) -> [UInt8]? {
        let name = RequestTarget.decode(pathPart[...])
        let handle = ClientID(name).flatMap { directory.find($0) }
        let entries = recentErrors.newest(RecentErrors.capacity, of: name)
            .filter { transport == nil || $0.transport == transport }
        guard handle != nil || !entries.isEmpty else { return nil }
        let now = Clock.now
        let wall = Clock.wall
        // What has its words among the entries is not told twice.
        let events = (handle?.session.withLock(\.recentEvents) ?? [])
            .filter { $0.isError && $0.kind != .closed && (transport == nil || $0.transport.name == transport) }
        return JSONWriter.object { writer in
            writer.member("client_id", name)
            writer.key("errors")
            writer.array { list in
                for event in events.reversed() { list.object { Self.write(event, now: now, wall: wall, to: &$0) } }
                for entry in entries { list.object { Self.write(entry, to: &$0) } }
            }
        }
    }

    static func write(_ entry: RecentErrors.Entry, to writer: inout JSONWriter) {
        writer.member("timestamp", entry.at.text)
        writer.member("event", "error")
        writer.member("client_id", entry.client)
        writer.member("transport", entry.transport)
        writer.member("code", entry.code)
        writer.member("reason", entry.reason)
    }

    /// `POST /mcp/admin/trace/:client_id`: notes everything about a client from now on.
    /// - Returns: why that cannot be; `nil` if it is so now.
    public func beginTrace(pathPart: String, for time: Instant.Span? = nil) -> QueryProblem? {
        guard let client = ClientID(RequestTarget.decode(pathPart[...])) else {
            return QueryProblem("the path does not name a client")
        }
        let end = Clock.now + (time ?? settings.operations.traceTime)
        guard let more = observers.traces.arm(client, until: end) else {
            return QueryProblem("as many clients are traced as trace.max_clients allows")
        }
        observers.count(more)
        return nil
    }

    /// `DELETE /mcp/admin/trace/:client_id`
    /// - Returns: whether the client was traced.
    public func endTrace(pathPart: String) -> Bool {
        guard let client = ClientID(RequestTarget.decode(pathPart[...])) else { return false }
        let ended = observers.traces.disarm(client)
        observers.count(-ended)
        return ended > 0
    }

    /// Hands the events of a traced client over: those that are known, then each as it happens.
    /// - Parameter reader: called in order with an event's number and its JSON text; it only passes them on.
    /// - Returns: ends it; `nil` if the client is not traced.
    public func readTrace(
        pathPart: String, _ reader: @escaping @Sendable (Int, [UInt8]) -> Void
    ) -> (@Sendable () -> Void)? {
        guard let client = ClientID(RequestTarget.decode(pathPart[...])),
            let number = observers.traces.read(client, { reader($0.number, $0.json) })
        else { return nil }
        return { [observers] in observers.traces.unread(client, number) }
    }
}
