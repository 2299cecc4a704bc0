import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1

/// Transports with one connection for all messages of a client: WebSockets and channels, and the event streams of
/// revision 2024-11-05 with a second address for what clients send.
extension MCPHub {
    func open(_ pipe: MessagePipe, _ request: MessagePipeRequest) {
        readClock()
        guard !isDraining else { return pipe.close(1012, "the gateway is shutting down") }
        guard let view = view(request.server) else { return pipe.close(1008, "there is no such server") }
        let conversation = Conversation(
            ClientLink(pipe, hub: self), hub: self, view: view, caller: request.caller)
        pipe.owner = PipeConversation(conversation)
    }

    var maxUnsentBytes: Int { settings.maxUnsentBytes }

    /// The path that `GET /sse` tells its clients to send to.
    static let messagesPath = "/messages"

    /// `GET /sse`: a stream whose first event says where to send.
    func openEventStream(_ request: EndpointRequest, _ exchange: Exchange) {
        guard request.head.method == .GET else { return Self.refuse(exchange, allow: "GET") }
        guard MediaTypes.accepts("text/event-stream", request.head.headers) else {
            return exchange.respond(.rpc(.notAcceptable, .invalidRequest("the client must accept text/event-stream")))
        }
        guard let view = view(of: request, exchange) else { return }
        let id = newSessionID()
        exchange.beginStream(ReplyStream.streamHeaders([:]))
        let conversation = Conversation(
            ClientLink(exchange, hub: self), hub: self, view: view,
            caller: request.caller, sessionID: id)
        let stream = EventStreamConversation(conversation, id: id)
        conversations[id] = stream
        exchange.owner = stream
        exchange.write(ByteBuffer(string: "event: endpoint\ndata: \(Self.messagesPath)?session_id=\(id)\n\n"))
    }

    /// `POST /messages`: what the client of such a stream says.
    func receiveMessage(_ request: EndpointRequest, _ exchange: Exchange) {
        guard request.head.method == .POST else { return Self.refuse(exchange, allow: "POST") }
        guard let id = request.query("session_id") else {
            return exchange.respond(.rpc(.badRequest, .invalidRequest("session_id is missing")))
        }
        if let other = directory.hub(ofSession: id, otherThan: index) {
            return exchange.move(to: other.eventLoop) { other.value.handle(request, $0) }
        }
        let headers = request.head.headers
        guard let stream = conversations[id],
            stream.conversation.caller == request.caller
        else { return exchange.respond(.rpc(.notFound, .invalidRequest("Could not find session"))) }
        guard MediaTypes.isJSON(headers) else {
            return exchange.respond(
                .rpc(.unsupportedMediaType, .invalidRequest("Content-Type must be application/json")))
        }
        request.body.withUnsafeReadableBytes { bytes in
            do throws(RPCError) {
                if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
                    guard stream.conversation.session?.version.hasBatches == true else {
                        throw .invalidRequest("batches are of revision 2025-03-26 only")
                    }
                    _ = try messages(ofBatch: bytes)
                } else {
                    _ = try RPCMessage(bytes, maxDepth: settings.maxJSONDepth)
                }
            } catch { return exchange.respond(.rpc(.badRequest, error)) }
            exchange.respond(
                APIResponse(
                    status: .accepted, headers: ["content-type": "text/plain"], body: ByteBuffer(string: "Accepted")))
            stream.conversation.receive(bytes, token: 0)
        }
    }

    private static func refuse(_ exchange: Exchange, allow method: String) {
        var response = APIResponse.rpc(.methodNotAllowed, .invalidRequest("use \(method)"))
        response.headers.add(name: "allow", value: method)
        exchange.respond(response)
    }
}

/// A conversation over an event stream: with the stream ends its session, for there is nothing to resume from.
final class EventStreamConversation: ExchangeOwner {
    let conversation: Conversation
    private let id: String

    init(_ conversation: Conversation, id: String) {
        self.conversation = conversation
        self.id = id
    }

    func exchangeClosed(_ exchange: Exchange) { end() }

    /// The stream has ended, or is to end.
    func end() {
        let hub = conversation.hub
        guard hub.conversations.removeValue(forKey: id) != nil else { return }
        conversation.closed(unsent: [])
        if let session = conversation.session { hub.end(session) }
        conversation.link.close(1000, "")
    }
}
