import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import WireJSON

/// What a connection that carries whole messages is about: it begins a session or takes one up that lost its connection, and
/// from 2026-07-28 on it has requests that stand alone.
final class Conversation {
    unowned let hub: MCPHub
    let link: ClientLink
    /// What its address shows.
    private let view: ServerView
    let caller: Caller
    /// The id that its session is to have; `nil` if that is made when it begins.
    private let sessionID: String?
    private(set) weak var session: ClientSession?
    /// Answers to requests without a session that are still to come.
    private var replies: [ObjectIdentifier: ReplyStream] = [:]

    init(_ link: ClientLink, hub: MCPHub, view: ServerView, caller: Caller, sessionID: String? = nil) {
        self.link = link
        self.view = view
        self.hub = hub
        self.caller = caller
        self.sessionID = sessionID
    }

    // MARK: - Messages

    /// A message of the client.
    /// - Parameter pipe: what the conversation could go on with at another event loop.
    func receive(_ bytes: UnsafeRawBufferPointer, token: Int, pipe: MessagePipe? = nil) {
        let message: RPCMessage
        do throws(RPCError) {
            guard bytes.first(where: { $0 > 0x20 }) != UInt8(ascii: "[") else {
                return try receiveBatch(bytes, token)
            }
            message = try RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth)
        } catch { return send(error, to: nil, token) }
        guard let place = message.sessionID else { return receive(message, bytes, token) }
        // The id is for the gateway; servers are not told.
        let id = RPCMessage.text(place, bytes)
        if message.method == .initialize, message.kind == .request, session == nil {
            return take(up: id, message, bytes, token, pipe)
        }
        guard id == session?.id else {
            return send(.invalidRequest("Session not found"), to: message.id, in: bytes, token)
        }
        message.withoutSessionID(bytes).withUnsafeReadableBytes { rest in
            guard let message = try? RPCMessage(rest, maxDepth: hub.settings.maxJSONDepth) else { return }
            receive(message, rest, token)
        }
    }

    /// Several messages in one array; their answers come in one array too.
    private func receiveBatch(_ bytes: UnsafeRawBufferPointer, _ token: Int) throws(RPCError) {
        guard let session, session.version.hasBatches else {
            throw .invalidRequest("batches are of revision 2025-03-26 only")
        }
        // What is new would not be answered any more, as below.
        guard !hub.isDraining else { throw .internalError("the gateway is shutting down") }
        let parts = try hub.messages(ofBatch: bytes)
        session.touch()
        let requests = parts.filter { $0.0.kind == .request }
        let ids = requests.compactMap { message, part in message.id.map { [UInt8](part[$0.offset..<$0.end]) } }
        guard Set(ids).count == ids.count else { throw .invalidRequest("an id stands in the batch twice") }
        guard session.openCalls + ids.count <= hub.settings.maxCalls else {
            throw .internalError("too many open calls (mcp.max_calls)")
        }
        for (message, part) in parts where message.kind != .request { session.receive(message, part) }
        guard !ids.isEmpty else { return link.acknowledge(token) }
        let reply = session.openReply(link, token: token, ids: ids, isBatch: true)
        for ((message, part), id) in zip(requests, ids) { hub.dispatch(message, part, id, session, reply) }
    }

    private func receive(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ token: Int) {
        let id = message.id.map { [UInt8](bytes[$0.offset..<$0.end]) }
        guard message.kind == .request, let id else {
            if !cancelled(message, bytes) { session?.receive(message, bytes) }
            return link.acknowledge(token)
        }
        // What is new would not be answered any more; what has come before is.
        guard !hub.isDraining else { return send(.internalError("the gateway is shutting down"), to: id, token) }
        if message.modernVersion != nil { return receiveModern(message, bytes, id, token) }
        guard let session else {
            guard message.method == .initialize else {
                return send(.invalidRequest("the session has not begun: send initialize"), to: id, token)
            }
            return begin(message, bytes, id, token)
        }
        session.touch()
        guard session.openCalls < hub.settings.maxCalls else {
            return send(.internalError("too many open calls (mcp.max_calls)"), to: id, token)
        }
        let reply = session.openReply(link, token: token, ids: [id])
        hub.dispatch(message, bytes, id, session, reply)
    }

    private func begin(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ token: Int) {
        let session: ClientSession
        do throws(RPCError) {
            session = try hub.beginSession(
                message, bytes, id: sessionID, view: view, caller: caller)
        } catch { return send(error, to: id, token) }
        answer(session, id, token)
    }

    /// The client names a session whose connection it has lost.
    private func take(
        up name: String, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ token: Int, _ pipe: MessagePipe?
    ) {
        if let pipe, let other = hub.directory.hub(ofSession: name, otherThan: hub.index) {
            let copy = ByteBuffer(bytes: bytes)
            let caller = caller
            abandon()
            return pipe.move(to: other.eventLoop) { pipe in
                let hub = other.value
                hub.readClock()
                // A session keeps what it was shown, whatever the new address is.
                let conversation = Conversation(
                    ClientLink(pipe, hub: hub), hub: hub, view: hub.everything, caller: caller)
                pipe.owner = PipeConversation(conversation)
                copy.withUnsafeReadableBytes { conversation.receive($0, token: token) }
            }
        }
        guard let id = message.id.map({ [UInt8](bytes[$0.offset..<$0.end]) }) else { return }
        // One answer for all that is not this client's: whoever guesses learns nothing.
        guard let session = hub.sessions[name], !session.isPrincipal, session.caller == caller else {
            return send(.invalidRequest("Session not found"), to: id, token)
        }
        session.caller = caller
        answer(session, id, token)
    }

    private func answer(_ session: ClientSession, _ id: [UInt8], _ token: Int) {
        self.session = session
        let result = RPCAnswer.initialize(session.version, server: hub.settings.version)
        let body = RPCAnswer.result(result, id: id, session: sessionID == nil ? session.id : nil)
        link.send(ByteBuffer(bytes: body), answering: token)
        session.attach(link)
    }

    private func send(_ error: RPCError, to place: JSONSpan?, in bytes: UnsafeRawBufferPointer, _ token: Int) {
        send(error, to: place.map { [UInt8](bytes[$0.offset..<$0.end]) }, token)
    }

    private func send(_ error: RPCError, to id: [UInt8]?, _ token: Int) {
        link.send(ByteBuffer(bytes: error.response(id: id)), answering: token)
    }

    // MARK: - Without a session

    private func receiveModern(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ token: Int) {
        if let problem = ModernRequest.problem(message, bytes) { return send(problem, to: id, token) }
        guard replies.count < hub.settings.maxCalls else {
            return send(.internalError("too many open calls (mcp.max_calls)"), to: id, token)
        }
        let reply = ReplyStream(hub: hub, session: nil, link: link, token: token, open: [id])
        replies[ObjectIdentifier(reply)] = reply
        reply.onEnded = { [weak self, unowned reply] in self?.replies[ObjectIdentifier(reply)] = nil }
        hub.answerModern(message, bytes, id, caller, view, reply)
    }

    /// A request without a session is cancelled by a message here: the connection has others.
    private func cancelled(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard message.method == .cancelled, let place = message.requestID else { return false }
        let id = [UInt8](bytes[place.offset..<place.end])
        guard let reply = replies.values.first(where: { $0.open.contains(id) }) else { return false }
        reply.abandon()
        return true
    }

    private func abandon() { for reply in Array(replies.values) { reply.abandon() } }

    // MARK: - The end

    /// The connection has gone: requests that stand alone are cancelled by that, a session waits for its client.
    func closed(unsent: [ByteBuffer]) {
        hub.readClock()
        abandon()
        session?.detach(link, unsent: unsent)
    }
}

/// A conversation over a pipe.
final class PipeConversation: MessagePipeOwner {
    private let conversation: Conversation

    init(_ conversation: Conversation) { self.conversation = conversation }

    func pipe(_ pipe: MessagePipe, received message: UnsafeRawBufferPointer, token: Int) {
        conversation.hub.readClock()
        conversation.receive(message, token: token, pipe: pipe)
    }

    func pipeClosed(_ pipe: MessagePipe, unsent: [ByteBuffer]) { conversation.closed(unsent: unsent) }
}
