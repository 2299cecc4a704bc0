import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import WireJSON

/// `subscriptions/listen` (2026-07-28): a stream of news, of lists and of single resources.
extension MCPHub {
    func listen(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ reply: ReplyStream,
        _ session: ClientSession, _ view: ServerView
    ) {
        let wanted = message.notifications.map { ListenFilter(bytes, $0) } ?? ListenFilter()
        let listener = Listener(reply: reply, id: id, filter: wanted, session: session, view: view)
        listeners[ObjectIdentifier(reply)] = listener
        listener.begin()
    }

    /// A server says in a session that all clients share that a resource has changed.
    func resourceUpdated(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, by server: UpstreamServer) {
        guard let place = message.uri else { return }
        let uri = RPCMessage.text(place, bytes)
        for session in sessions.values where session.resources.contains(uri) {
            session.resourceUpdated(message, bytes, on: nil)
        }
    }
}

/// A stream that waits for news.
final class Listener {
    private let reply: ReplyStream
    private let id: [UInt8]
    private var filter: ListenFilter
    let session: ClientSession
    let view: ServerView
    private unowned let hub: MCPHub
    /// Resources that its servers tell of for it.
    private var watched: [String] = []
    private var isReleased = false

    init(reply: ReplyStream, id: [UInt8], filter: ListenFilter, session: ClientSession, view: ServerView) {
        self.reply = reply
        self.id = id
        self.filter = filter
        self.session = session
        self.view = view
        hub = session.hub
    }

    /// Asks for what is wanted, and says what of it will be told.
    func begin() {
        session.listeners += 1
        // Who is not there cannot tell. What changes behind the acknowledgement must not be missed, so that it waits
        // until news would arrive: of servers that let one wait, for no longer than their lists are waited for.
        var waitsFor = 1 + view.servers.count
        func done() {
            waitsFor -= 1
            if waitsFor == 0 { watchAll() }
        }
        for server in view.servers { whenNewsArrive(of: server, done) }
        done()
        guard waitsFor > 0 else { return }
        let limit = TimeAmount.nanoseconds(hub.settings.listTimeout.nanoseconds)
        hub.eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in
            guard let self, waitsFor > 0 else { return }
            waitsFor = 0
            hub.readClock()
            watchAll()
        }
    }

    private func whenNewsArrive(of server: UpstreamServer, _ done: @escaping () -> Void) {
        let upstream = session.upstream(server)
        upstream.whenNewsArrive { [weak self] in
            // It has turned out to need a session for each client: that one is meant.
            guard let self, upstream.isShared, upstream.phase == .closed, server.speaksModern == false else {
                return done()
            }
            session.upstream(server).whenNewsArrive(done)
        }
    }

    private func watchAll() {
        guard !isReleased else { return }
        guard !filter.subscriptions.isEmpty else { return acknowledge() }
        let request = Forwarding(
            method: .readResource, id: id, progressToken: nil, reply: reply, client: session, view: view,
            isModern: true)
        let isKnown = filter.subscriptions.allSatisfy { place(of: $0) != nil }
        guard !isKnown else { return watch() }
        hub.learn([.resources, .resourceTemplates], request) { [self] in watch() }
    }

    private func place(of uri: String) -> Int? {
        let server = hub.destination(.readResource, uri, session.lists.catalogue(view))?.server
        return server.flatMap { session.permits(uri, of: hub.servers[$0]) ? $0 : nil }
    }

    private func watch() {
        guard !isReleased else { return }
        var waitsFor = 1
        func done() {
            waitsFor -= 1
            if waitsFor == 0 { acknowledge() }
        }
        for uri in filter.subscriptions {
            guard let server = place(of: uri) else { continue }
            waitsFor += 1
            session.watch(uri, on: hub.servers[server]) { [self] isWatched in
                if isWatched, isReleased { session.unwatch(uri) } else if isWatched { watched.append(uri) }
                done()
            }
        }
        done()
    }

    private func acknowledge() {
        guard !isReleased else { return }
        filter = filter.honouring(watched.sorted())
        reply.emit(
            ByteBuffer(
                bytes: JSONWriter.object { writer in
                    writer.member("jsonrpc", "2.0")
                    writer.member("method", "notifications/subscriptions/acknowledged")
                    writer.member("params") { params in
                        params.member("_meta") { $0.member("io.modelcontextprotocol/subscriptionId", raw: id) }
                        params.member("notifications") { filter.write(to: &$0) }
                    }
                }))
    }

    /// A list has changed.
    func tell(_ method: RPCMethod) {
        guard filter.contains(method) else { return }
        reply.emit(
            ByteBuffer(
                bytes: JSONWriter.object { writer in
                    writer.member("jsonrpc", "2.0")
                    writer.member("method", method.rawValue)
                    writer.member("params") { params in
                        params.member("_meta") { $0.member("io.modelcontextprotocol/subscriptionId", raw: id) }
                    }
                }))
    }

    /// A resource has changed.
    func tell(_ uri: String, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard filter.contains(resource: uri) else { return }
        reply.emit(ModernRequest.subscriptionNotification(message, bytes, id: id))
    }

    /// Ends the stream as the revision has it: with the answer to the request that opened it.
    func end(retryAfter wait: Instant.Span) {
        reply.advise(retryAfter: wait)
        let body = RPCAnswer.result(Array(#"{"resultType":"complete"}"#.utf8), id: id)
        reply.respond(ByteBuffer(bytes: body), to: id)
    }

    /// Nobody listens any more.
    func release() {
        guard !isReleased else { return }
        isReleased = true
        session.listeners -= 1
        session.touch()
        for uri in watched { session.unwatch(uri) }
    }
}
