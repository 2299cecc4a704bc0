import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// One list of all servers: every server is asked at once, page by page, and the answer is put together when the last one
/// has answered or its time is over. A server that fails is represented by what it had before.
final class ListAssembly {
    private unowned let hub: MCPHub
    private let kind: ListKind
    private let session: ClientSession
    private let view: ServerView
    private let finished: (ListAssembly) -> Void
    private var parts: [Part]
    private var open: Int
    private var timer: Scheduled<Void>?
    private var isOver = false
    /// How long the list may be kept, in milliseconds: as long as the most short-lived of its parts.
    private(set) var timeToLive: Int?

    private struct Part {
        let server: UpstreamServer
        var list = KnownList.Draft()
        var pages = 0
        var isDone = false
        var call: Call?
    }

    /// - Parameters:
    ///   - view: whose servers are asked.
    ///   - session: the session in which they are asked, and which knows the list afterwards.
    ///   - finished: called once.
    init(
        _ kind: ListKind, of view: ServerView, hub: MCPHub, session: ClientSession,
        finished: @escaping (ListAssembly) -> Void
    ) {
        self.kind = kind
        self.hub = hub
        self.session = session
        self.view = view
        self.finished = finished
        parts = view.servers.map { Part(server: $0) }
        open = parts.count
    }

    func start() {
        hub.assemblies[ObjectIdentifier(self)] = self
        guard !parts.isEmpty else { return finish() }
        let amount = TimeAmount.nanoseconds(hub.settings.listTimeout.nanoseconds)
        timer = hub.eventLoop.assumeIsolated().scheduleTask(in: amount) { self.timeUp() }
        for index in parts.indices { ask(index, cursor: nil) }
    }

    private func ask(_ index: Int, cursor: [UInt8]?) {
        let number = hub.nextNumber()
        let message = JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.member("id", number)
            writer.member("method", kind.method.rawValue)
            writer.member("params") { if let cursor { $0.member("cursor", raw: cursor) } }
        }
        let call = Call(
            number: number, origin: .gateway { outcome in self.answered(index, outcome) }, method: kind.method,
            message: ByteBuffer(bytes: message), isRepeatable: true, now: hub.now,
            deadline: hub.now + hub.settings.listTimeout)
        parts[index].call = call
        let upstream = session.upstream(parts[index].server)
        if upstream.mayHandOver { call.client = session }
        upstream.submit(call)
    }

    private func answered(_ index: Int, _ outcome: CallOutcome) {
        guard !isOver, !parts[index].isDone else { return }
        switch outcome {
        case .failed(let error): close(index, error: error.message)
        case .answered(let message, let bytes):
            guard let result = message.result else {
                // A server that does not have this kind of list has nothing in it.
                learned(index)
                return close(index, error: nil)
            }
            do throws(RPCError) {
                let page = try ListPage(bytes, result, kind, maxDepth: hub.settings.maxJSONDepth)
                take(page, bytes, index)
            } catch { close(index, error: error.message) }
        }
    }

    private func take(_ page: ListPage, _ bytes: UnsafeRawBufferPointer, _ index: Int) {
        for item in page.items { parts[index].list.append(item, bytes) }
        timeToLive = min(timeToLive ?? .max, page.timeToLive ?? 0)
        parts[index].pages += 1
        if let next = page.nextCursor, parts[index].pages < hub.settings.maxListPages {
            ask(index, cursor: [UInt8](bytes[next.offset..<next.end]))
        } else {
            learned(index)
            close(index, error: nil)
        }
    }

    private func learned(_ index: Int) {
        let (server, list) = (parts[index].server, parts[index].list)
        guard kind != .tasks else {
            for name in list.names { session.remember(task: name, of: server.index) }
            return
        }
        session.lists.learned(
            kind, of: server, server.learned(kind, list, authorization: session.authorization))
    }

    /// The `result` that tells the list.
    func result(modern: [UInt8]? = nil) -> [UInt8] {
        let end = modern.map { (timeToLive: timeToLive ?? 0, server: $0) }
        guard kind == .tasks else {
            return session.lists.catalogue(view).result(kind, modern: end, permits: session.permits)
        }
        var output = ListText(kind)
        for part in parts { for item in part.list.items { output.append(item.text) } }
        return output.end(modern: end)
    }

    private func close(_ index: Int, error: String?) {
        if let error { parts[index].server.failed(error) }
        parts[index].isDone = true
        parts[index].call = nil
        open -= 1
        if open == 0 { finish() }
    }

    private func timeUp() {
        for part in parts where !part.isDone { part.server.failed("no answer within mcp.list_timeout") }
        finish()
    }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        hub.assemblies[ObjectIdentifier(self)] = nil
        if kind != .tasks { session.lists.refresh(kind, view, authorization: session.authorization) }
        finished(self)
    }
}
