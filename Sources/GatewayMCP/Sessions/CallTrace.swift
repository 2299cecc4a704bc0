import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1

/// The spans of one call of a client: what the client asked of the gateway, and what the gateway asked of a server. Names
/// and attributes are OpenTelemetry's conventions for the Model Context Protocol.
final class CallTrace {
    private let recorder: SpanRecorder
    private var server: FinishedSpan
    private var client: FinishedSpan

    /// - Returns: `nil` if the trace is not recorded.
    init?(_ recorder: SpanRecorder, parent: TraceContext?, method: String, target: String?, start: Instant) {
        let context = recorder.begin(parent: parent)
        guard context.isSampled else { return nil }
        self.recorder = recorder
        let name = target.map { "\(method) \($0)" } ?? method
        server = FinishedSpan(name, .server, context, parent: parent?.spanID, start: start, end: start)
        server.attributes.append(("mcp.method.name", .text(method)))
        client = FinishedSpan(
            name, .client, recorder.begin(parent: context), parent: context.spanID, start: start, end: start)
        client.attributes.append(("mcp.method.name", .text(method)))
    }

    /// What servers are told of the trace.
    var traceParent: String { client.context.text }

    /// Adds to what is said of the call as the client sees it, and as the server does.
    func add(_ key: String, _ value: String?, ofClient: Bool = true, ofServer: Bool = true) {
        guard let value, !value.isEmpty else { return }
        if ofClient { server.attributes.append((key, .text(value))) }
        if ofServer { client.attributes.append((key, .text(value))) }
    }

    /// - Parameters:
    ///   - error: `error.type`, `nil` if all went well.
    ///   - message: what the error says.
    func end(error: String?, message: String?) {
        let now = recorder.now
        for var span in [client, server] {
            span.end = now
            if let error {
                span.attributes.append(("error.type", .text(error)))
                if Int(error) != nil { span.attributes.append(("rpc.response.status_code", .text(error))) }
                span.failure = message ?? error
            }
            recorder.record(span)
        }
    }
}

extension MCPHub {
    /// Where in a trace the head of a request says that it stands.
    func traceParent(of request: EndpointRequest) -> TraceContext? {
        guard settings.tracing != nil else { return nil }
        return request.head.headers.first(name: "traceparent").flatMap { TraceContext($0) }
    }

    /// Begins the trace of a call, if anybody wants one.
    func trace(
        _ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, target: String,
        server: UpstreamServer
    ) -> CallTrace? {
        guard let recorder = settings.tracing else { return nil }
        let given = message.traceParent.flatMap { TraceContext(RPCMessage.text($0, bytes)) }
        let method = message.methodName.map { RPCMessage.text($0, bytes) } ?? ""
        // A URI may be any: it is no name of an operation.
        let isNamed = request.method == .callTool || request.method == .getPrompt
        guard
            let trace = CallTrace(
                recorder, parent: given ?? request.reply.traceParent, method: method, target: isNamed ? target : nil,
                start: recorder.now)
        else { return nil }
        switch request.method {
        case .callTool:
            trace.add("gen_ai.operation.name", "execute_tool")
            trace.add("gen_ai.tool.name", target)
        case .getPrompt: trace.add("gen_ai.prompt.name", target)
        case .readResource: trace.add("mcp.resource.uri", target)
        default: break
        }
        trace.add(
            "jsonrpc.request.id", String(decoding: request.id, as: UTF8.self).filter { $0 != "\"" }, ofServer: false)
        if !request.isModern { trace.add("mcp.session.id", request.client.id, ofServer: false) }
        trace.add(
            "mcp.protocol.version",
            request.isModern ? ProtocolVersion.july2026.rawValue : request.client.version.rawValue, ofServer: false)
        trace.add("mcp_gateway.upstream", server.name)
        return trace
    }
}
