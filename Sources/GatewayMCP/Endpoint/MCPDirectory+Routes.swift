public import GatewayCore
public import GatewayServer
import ModelContextProtocol
import NIOCore
import Synchronization
import WireJSON

/// Tools that answer the messages of clients which speak no MCP (`routes`).
extension MCPDirectory {
    /// Answers messages by calling a tool with their `data`.
    /// - Parameters:
    ///   - tool: what its server calls it.
    ///   - timeout: how long a call may take; `nil` for what the settings say.
    public func handler(tool: String, server: String, timeout: Instant.Span?) -> MessageHandler {
        let limit = settings.maxCallTime
        return MessageHandler("mcp \(server) \(tool)", limit: settings.maxCalls) { [self] message in
            guard message.data.first == UInt8(ascii: "{") else {
                throw Problem(422, "invalid_message", "data must be an object: it becomes the tool's arguments")
            }
            guard let hub = anyHub() else { throw Problem(503, "overloaded", "the gateway is shutting down") }
            let waiter = RouteWaiter()
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    waiter.wait(continuation)
                    hub.eventLoop.execute {
                        hub.value.callForRoute(tool, server, message.data, within: timeout ?? limit, waiter)
                    }
                }
            } onCancel: {
                waiter.finish(.failure(CancellationError()))
            }
        }
    }
}

/// Whoever waits for a tool's result: told once, whatever comes first.
final class RouteWaiter: Sendable {
    private enum State {
        case early
        case waiting(CheckedContinuation<[UInt8]?, any Error>)
        case over
    }

    private let state = Mutex(State.early)

    func wait(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        let isOver = state.withLock { state in
            if case .over = state { return true }
            state = .waiting(continuation)
            return false
        }
        if isOver { continuation.resume(throwing: CancellationError()) }
    }

    func finish(_ result: Result<[UInt8]?, any Error>) {
        let waiting: CheckedContinuation<[UInt8]?, any Error>? = state.withLock { state in
            defer { state = .over }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(with: result)
    }
}

extension MCPHub {
    /// Calls a tool for a message of a client that speaks no MCP.
    func callForRoute(
        _ tool: String, _ name: String, _ arguments: [UInt8], within limit: Instant.Span, _ waiter: RouteWaiter
    ) {
        readClock()
        guard let server = servers.first(where: { $0.name == name && !$0.isRemoved }) else {
            return waiter.finish(.failure(Problem(502, "tool_failed", "there is no MCP server \(name)")))
        }
        guard let session = routeSession() else {
            return waiter.finish(
                .failure(Problem(503, "overloaded", "too many sessions (mcp.max_sessions)", retryAfter: 1)))
        }
        session.touch()
        let number = nextNumber()
        var message = ByteBuffer(
            bytes: JSONWriter.object { writer in
                writer.member("jsonrpc", "2.0")
                writer.member("id", number)
                writer.member("method", RPCMethod.callTool.rawValue)
                writer.member("params") { params in
                    params.member("name", tool)
                    params.member("arguments", raw: arguments)
                }
            })
        Splice.joinLines(&message)
        let call = Call(
            number: number, origin: .gateway { waiter.finish(Self.reply($0)) }, method: .callTool, name: tool,
            message: message, isRepeatable: false, now: now, deadline: now + limit)
        let upstream = session.upstream(server)
        if upstream.mayHandOver { call.client = session }
        upstream.submit(call)
        guard !call.isOver else { return }
        // To the millisecond, and not only when the session is looked after.
        eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(limit.nanoseconds)) { [weak call, weak self] in
            guard let call, !call.isOver, let self else { return }
            readClock()
            call.session?.cancel(call, notice: call.cancellation)
            waiter.finish(.failure(Problem(504, "timeout", "the tool did not answer in time", retryAfter: 1)))
        }
    }

    /// The session with servers that all routes share.
    private func routeSession() -> ClientSession? {
        let key = "routes"
        if let session = sessions[key] { return session }
        guard directory.sessionBegins() else { return nil }
        let session = ClientSession(
            id: key, hub: self, view: everything, version: .latestWithHandshake, capabilities: Array("{}".utf8),
            clientInfo: ownInfo, caller: .gateway, isPrincipal: true)
        sessions[key] = session
        return session
    }

    private static func reply(_ outcome: CallOutcome) -> Result<[UInt8]?, any Error> {
        switch outcome {
        case .failed(let error): return .failure(Problem(502, "tool_failed", error.message))
        case .answered(let message, let bytes):
            guard let result = message.result else {
                let text = message.errorMessage(bytes) ?? "the tool failed"
                return .failure(Problem(502, "tool_failed", text))
            }
            return .success(bytes[result.offset..<result.end].map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        }
    }
}
