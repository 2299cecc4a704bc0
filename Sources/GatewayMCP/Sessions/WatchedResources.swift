import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// Resources that servers tell of for a session, each asked for once, however many listen.
struct WatchedResources {
    fileprivate struct Watch {
        let server: UpstreamServer
        var listeners = 0
        /// Whether the server has agreed.
        var isActive = false
        var waiting: [(Bool) -> Void] = []
    }

    fileprivate var watches: [String: Watch] = [:]
    /// What the client of the session has subscribed to itself.
    var subscribed: Set<String> = []

    var count: Int { watches.count + subscribed.count }

    func contains(_ uri: String) -> Bool { subscribed.contains(uri) || watches[uri] != nil }
}

extension ClientSession {
    /// Lets a server tell of a resource.
    /// - Parameter done: whether it does.
    func watch(_ uri: String, on server: UpstreamServer, _ done: @escaping (Bool) -> Void) {
        if let known = resources.watches[uri] {
            resources.watches[uri]?.listeners += 1
            if known.isActive { done(true) } else { resources.watches[uri]?.waiting.append(done) }
            return
        }
        guard resources.count < hub.settings.maxSubscriptions else { return done(false) }
        resources.watches[uri] = WatchedResources.Watch(server: server, listeners: 1, waiting: [done])
        ask(.subscribe, uri, server) { [self] outcome in
            var isActive = false
            if case .answered(let message, _) = outcome { isActive = message.result != nil }
            let waiting = resources.watches[uri]?.waiting ?? []
            resources.watches[uri]?.waiting = []
            resources.watches[uri]?.isActive = isActive
            if !isActive { resources.watches[uri] = nil }
            for done in waiting { done(isActive) }
        }
    }

    /// One listener less.
    func unwatch(_ uri: String) {
        guard let watch = resources.watches[uri] else { return }
        resources.watches[uri]?.listeners -= 1
        guard watch.listeners <= 1 else { return }
        resources.watches[uri] = nil
        guard !isClosed, !watch.server.isRemoved else { return }
        ask(.unsubscribe, uri, watch.server) { _ in }
    }

    private func ask(
        _ method: RPCMethod, _ uri: String, _ server: UpstreamServer, _ done: @escaping (CallOutcome) -> Void
    ) {
        let number = hub.nextNumber()
        let message = JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.member("id", number)
            writer.member("method", method.rawValue)
            writer.member("params") { $0.member("uri", uri) }
        }
        upstream(server).submit(
            Call(
                number: number, origin: .gateway(done), method: method, name: uri, message: ByteBuffer(bytes: message),
                isRepeatable: true, now: hub.now, deadline: hub.now + hub.settings.listTimeout))
    }

    /// A server says that a resource has changed.
    func resourceUpdated(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, on stream: ReplyStream?) {
        guard isPrincipal else { return deliver(ModernRequest.legacyNotification(message, bytes), on: stream) }
        guard let place = message.uri else { return }
        let uri = RPCMessage.text(place, bytes)
        for listener in hub.listeners.values where listener.session === self { listener.tell(uri, message, bytes) }
    }
}
