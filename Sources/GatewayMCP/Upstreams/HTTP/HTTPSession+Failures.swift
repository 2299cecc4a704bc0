import GatewayCore
import ModelContextProtocol
import NIOCore

/// What becomes of a session, and of a call, that did not come to its end: it is begun or sent elsewhere, taken up again, or
/// given up.
extension HTTPSession {
    func callEnded(_ call: Call, _ answer: HTTPAnswer, _ status: Int, _ body: ByteBuffer) {
        guard !call.isOver, !call.isBetweenRounds else { return }
        if !isModern, status == 404, body.readableBytes == 0 || !Self.isMethodNotFound(body) {
            return renew(call, isFirst: answer.generation == generation)
        }
        if let id = answer.lastEventID, status == 200 { return resume(call, after: id, in: answer.retry) }
        if [502, 503, 504].contains(status) {
            return retry(call, answer, "it answered \(status)", wasSent: true)
        }
        if isModern, [400, 404, 405].contains(status) {
            // It has become another one since it was asked what it speaks.
            server.speaksModern = nil
            server.speaksLegacy = nil
            return renew(call, isFirst: answer.generation == generation)
        }
        failed(call, .internalError("\(server.name) answered \(status) without a result"))
    }

    /// The session could not begin here. It begins elsewhere, if there is an elsewhere.
    func openingFailed(_ reason: String, wasSent: Bool = false, isRefusal: Bool = false) {
        guard phase == .opening else { return }
        openFailures += 1
        let hasOther = replica.map { replicas.hasOther(than: $0, now: hub.now) } ?? false
        let mayRetry = hasOther && openFailures <= replicas.count || wasSent && openFailures <= 1
        if hasOther {
            avoided = replica
            leave()
        }
        if !mayRetry { openFailures = 0 }
        lost(reason, mayRetry: mayRetry, isRefusal: isRefusal, isTransport: true)
    }

    /// The session goes to another replica, with this call.
    func move(_ call: Call) {
        avoided = replica
        leave()
        begin(again: true, for: call)
    }

    /// The stream of a call ended or broke before its result; the server has kept what came behind, or is not done yet.
    /// - Parameter wait: when the server wants to be asked, in milliseconds.
    func resume(_ call: Call, after id: String, in wait: Int? = nil) {
        guard let wait, wait > 0 else {
            return send(.get, ByteBuffer(), streamFields(after: id), as: .resumed(call, after: id))
        }
        let amount = TimeAmount.milliseconds(Int64(min(wait, 3_600_000)))
        hub.eventLoop.assumeIsolated().scheduleTask(in: amount) { [weak self, weak call] in
            guard let self, let call, !call.isOver, phase == .ready else { return }
            hub.readClock()
            resume(call, after: id)
        }
    }

    /// Milliseconds between two questions to a server that does not say how often it wants them.
    static let pollInterval = 1000

    func streamFields(after id: String?) -> ByteBuffer {
        var fields = ByteBuffer(string: "accept: text/event-stream\r\n")
        if let sessionID { fields.writeString("mcp-session-id: \(sessionID)\r\n") }
        fields.writeString("mcp-protocol-version: \(version.rawValue)\r\n")
        // What cannot stand in a header cannot have been meant as an id.
        if let id, id.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { fields.writeString("last-event-id: \(id)\r\n") }
        fields.writeString(server.configuredFields)
        return fields
    }

    /// Sends a call again if that can do no harm.
    func retry(_ call: Call, _ answer: HTTPAnswer, _ reason: String, wasSent: Bool) {
        func giveUp(_ more: String = "") {
            server.failed(reason)
            failed(call, .internalError("the server \(server.name) failed: \(reason)\(more)"))
        }
        guard call.attempts <= Self.maxAttempts + replicas.count else { return giveUp() }
        if wasSent {
            guard call.isRepeatable else { return giveUp("; the call may have arrived, and is not repeated") }
            guard replicas.admitRetry(now: hub.now) else { return giveUp("; too much is being repeated already") }
        }
        call.failedReplica = answer.replica
        if isModern || answer.replica != replica || wasSent {
            begin(again: false, for: call)
        } else if replicas.hasOther(than: answer.replica, now: hub.now) {
            move(call)
        } else {
            giveUp()
        }
    }

    /// The server has forgotten the session, so that it has not done this call. Others that are on their way find that
    /// out for themselves.
    private func renew(_ call: Call, isFirst: Bool) {
        guard call.attempts <= Self.maxAttempts else {
            return failed(call, .internalError("\(server.name) does not keep its sessions"))
        }
        if isFirst { sessionID = nil }
        begin(again: isFirst, for: call)
    }

    private static func isMethodNotFound(_ body: ByteBuffer) -> Bool {
        body.withUnsafeReadableBytes { bytes in
            guard let message = try? RPCMessage(bytes, maxDepth: 64) else { return false }
            return message.errorCode(bytes) == -32601
        }
    }
}
