import DequeModule
import NIOCore
import NIOHTTP1

/// Publishes what event streams are to receive, over a few connections, each with one request after the other.
final class Publisher {
    private unowned let loop: LoadLoop
    private let place: LoadPlan.Place
    private var idle: [Connection] = []
    private var all: [ObjectIdentifier: Connection] = [:]
    /// When what is not on its way yet was due.
    private var pending = Deque<UInt64>()
    private var opening = 0

    private static let maxConnections = 8

    private final class Connection {
        var channel: (any Channel)?
        var handler: HTTPExchangeHandler?
        var due: UInt64?
    }

    init(_ place: LoadPlan.Place, loop: LoadLoop) {
        self.place = place
        self.loop = loop
    }

    var underWay: Int { pending.count + all.values.count { $0.due != nil } }

    func publish(due: UInt64) {
        guard pending.count < loop.plan.window else {
            return loop.problem(.notSent, "\(loop.plan.window) publishes were waiting for their turn")
        }
        pending.append(due)
        sendNext()
    }

    private func sendNext() {
        while let due = pending.first {
            guard let connection = idle.popLast() else {
                if all.count + opening < Self.maxConnections, opening < pending.count { open() }
                return
            }
            pending.removeFirst()
            connection.due = due
            loop.sent()
            var headers = HTTPHeaders([("host", place.authority), ("content-type", "application/json")])
            if let token = loop.plan.token { headers.add(name: "authorization", value: "Bearer \(token)") }
            connection.handler?.post(place.path, headers, LoadConversation.publish(loop.plan, at: due))
        }
    }

    private func open() {
        opening += 1
        let connection = Connection()
        let bound = NIOLoopBound((publisher: self, connection: connection), eventLoop: loop.eventLoop)
        LoadConnection.open(place, tls: loop.tls, timeout: loop.plan.timeout, on: loop.eventLoop) { channel in
            let (publisher, connection) = bound.value
            connection.channel = channel
            let handler = HTTPExchangeHandler(
                ready: {
                    publisher.opening -= 1
                    publisher.all[ObjectIdentifier(connection)] = connection
                    publisher.idle.append(connection)
                    publisher.sendNext()
                },
                answered: { publisher.take($0, $1, connection) },
                lost: { publisher.lost(connection, $0) })
            connection.handler = handler
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(handler)
        }.assumeIsolated().whenFailure { error in
            self.opening -= 1
            guard self.pending.popFirst() != nil else { return }
            self.loop.problem(.connect, "publishing: \(LoadConnection.words(error))")
        }
    }

    private func take(_ head: HTTPResponseHead, _ body: ByteBuffer, _ connection: Connection) {
        guard let due = connection.due else { return }
        connection.due = nil
        if head.status.code < 300 {
            loop.published(due)
        } else {
            loop.problem(.answer, "publishing was answered \(head.status.code) \(String(buffer: body).prefix(160))")
        }
        if head.isKeepAlive { idle.append(connection) }
        sendNext()
    }

    private func lost(_ connection: Connection, _ words: String) {
        guard all.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        idle.removeAll { $0 === connection }
        if connection.due != nil { loop.problem(.unanswered, "publishing: \(words)") }
        connection.due = nil
    }

    func sweep(now: UInt64, limit: UInt64) {
        for connection in all.values {
            guard let due = connection.due, now > due, now - due > limit else { continue }
            connection.channel?.close(promise: nil)
        }
        while let oldest = pending.first, now > oldest, now - oldest > limit {
            pending.removeFirst()
            loop.problem(.notSent, "no connection for publishing within the timeout")
        }
    }

    func stop() {
        for connection in all.values { connection.channel?.close(promise: nil) }
        all = [:]
        idle = []
    }
}
