import GatewayCore
import WireJSON

/// What a connection tells those who look after the gateway. Everything here happens seldom, or only while somebody
/// follows a client.
extension ConnectionEngine {
    /// Notes what happened in the client's history.
    final func note(_ kind: ClientHistory.Event.Kind, code: UInt16 = 0, value: Int = 0) {
        guard let handle else { return }
        let event = ClientHistory.Event(kind, transport, code: code, value: value, at: loop.now)
        handle.session.withLock { $0.note(event) }
    }

    /// Something went wrong for the client.
    final func tellError(_ code: UInt16, _ reason: String) {
        let entry = RecentErrors.Entry(
            at: loop.context.wallClock, client: clientName ?? handle?.clientID.text, transport: transportName,
            code: code, reason: reason)
        gateway.recentErrors.note(entry)
    }

    /// The client sent more than it may.
    final func noteRateLimit() {
        loop.counters[Int(transport.rawValue)].rateLimited += 1
        note(.rateLimited, value: 1)
        trace("rate_limited") { _ in }
    }

    /// Messages have been written.
    final func traceDelivery(_ messages: Int, bytes: Int, missing: Int) {
        trace("messages_sent") { writer in
            writer.member("messages", messages)
            writer.member("size", bytes)
            writer.member("before", takenBefore)
            if missing > 0 { writer.member("missing", missing) }
        }
    }

    final func traceAttachment(_ attachment: Session.Attachment) {
        trace("connected") { writer in
            writer.member("recovered", attachment.recovered)
            writer.member("reason", attachment.reason?.rawValue)
            writer.member("replayed", attachment.replayed)
            writer.member("active", attachment.isActive)
        }
    }

    final func traceEnd(closing code: UInt16?) {
        trace(code == nil ? "disconnected" : "closed") { writer in if let code { writer.member("code", code) } }
    }

    final func traceAcknowledgement(_ sequence: Int?, _ messageID: String?) {
        trace("acknowledged") { writer in
            if let sequence { writer.member("sequence", sequence) }
            if let messageID { writer.member("id", messageID) }
        }
    }

    private func trace(_ event: String, _ data: (inout JSONWriter) -> Void) {
        guard gateway.observers.isUsed, let client = handle?.clientID else { return }
        gateway.observers.traces.note(client, event) { writer in
            writer.member("transport", transportName)
            data(&writer)
        }
    }
}
