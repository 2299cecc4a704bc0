import EventStream
import NIOCore
import NIOHTTP1
import WireJSON

/// A client of MCP over Streamable HTTP that calls one tool again and again.
final class ToolConnection: LoadConnection {
    private var handler: HTTPExchangeHandler?
    private var step = Step.initialize
    private var session: String?
    private var version = "2025-11-25"
    private var isBusy = false
    private var calls = 0

    private enum Step { case initialize, initialized, calls }

    override func install(on channel: any Channel) throws {
        let handler = HTTPExchangeHandler(
            ready: { [unowned self] in initialize() },
            answered: { [unowned self] in take($0, $1) },
            lost: { [unowned self] in lost($0) })
        self.handler = handler
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(handler)
    }

    private var headers: HTTPHeaders {
        var headers = HTTPHeaders([
            ("host", plan.place.authority), ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ])
        if let token = plan.token { headers.add(name: "authorization", value: "Bearer \(token)") }
        if let session { headers.add(name: "mcp-session-id", value: session) }
        if step != .initialize { headers.add(name: "mcp-protocol-version", value: version) }
        return headers
    }

    private func post(_ body: String) {
        handler?.post(LoadConversation(plan, number: number).path, headers, body)
    }

    private func initialize() {
        post(
            """
            {"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"\(version)","capabilities":{},\
            "clientInfo":{"name":"\(plan.client(number))","version":"1"}}}
            """)
    }

    override func transmit() {
        guard !isBusy else { return }
        isBusy = true
        calls += 1
        loop.sent()
        let arguments = plan.arguments.replacing("{text}", with: String(repeating: "x", count: plan.payload))
        let name = String(decoding: JSONText.quoted(plan.tool), as: UTF8.self)
        post(
            #"{"jsonrpc":"2.0","id":\#(calls),"method":"tools/call","params":{"name":\#(name),"arguments":\#(arguments)}}"#
        )
    }

    private func take(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        loop.received(body.readableBytes)
        let isStream = head.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true
        let failure = head.status.code < 300 ? nil : "answered \(head.status.code) \(String(buffer: body).prefix(160))"
        switch step {
        case .initialize:
            let text = Self.message(body, isStream)
            if let failure = failure ?? ToolAnswer.failure(text) { return end(.refused, "initialize: \(failure)") }
            session = head.headers.first(name: "mcp-session-id")
            if let chosen = ToolAnswer.protocolVersion(text) { version = chosen }
            step = .initialized
            post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        case .initialized:
            if let failure { return end(.refused, "notifications/initialized: \(failure)") }
            step = .calls
            opened()
        case .calls:
            isBusy = false
            if let failure = failure ?? ToolAnswer.failure(Self.message(body, isStream)) {
                failed(failure)
            } else {
                answered()
            }
            if !waiting.isEmpty { transmit() }
        }
    }

    /// The last message of an answer: what comes before it on a stream are notifications.
    private static func message(_ body: ByteBuffer, _ isStream: Bool) -> [UInt8] {
        guard isStream else { return Array(body.readableBytesView) }
        var parser = EventStreamParser()
        return (parser.append(body.readableBytesView).last { !$0.data.isEmpty }).map { Array($0.data.utf8) } ?? []
    }
}
