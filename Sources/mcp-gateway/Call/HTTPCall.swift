import EventStream
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import WireJSON

/// Where a gateway is.
struct HTTPAddress: Sendable {
    let isSecure: Bool
    let host: String
    let port: Int
    /// The host as the header has it.
    let authority: String
    var path: String

    init?(_ url: String) {
        guard let start = url.firstRange(of: "://") else { return nil }
        switch url[..<start.lowerBound].lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: return nil
        }
        let rest = url[start.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        authority = String(rest[..<end])
        path = end < rest.endIndex ? String(rest[end...]) : "/mcp"
        var name = Substring(authority)
        var number: Substring?
        if name.hasPrefix("["), let close = name.firstIndex(of: "]") {
            let behind = name[name.index(after: close)...]
            if !behind.isEmpty {
                guard behind.hasPrefix(":") else { return nil }
                number = behind.dropFirst()
            }
            name = name[name.index(after: name.startIndex)..<close]
        } else if let colon = name.lastIndex(of: ":") {
            number = name[name.index(after: colon)...]
            name = name[..<colon]
        }
        guard !name.isEmpty, let port = number.map({ Int($0) }) ?? (isSecure ? 443 : 80), (1...65_535).contains(port)
        else { return nil }
        host = String(name)
        self.port = port
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    }
}

/// One POST of an MCP message, and the answer to it.
enum HTTPCall {
    /// Sends a message and waits for its answer; progress on the way is told in words.
    static func post(
        _ body: [UInt8], to address: HTTPAddress, authorities: String?, fields: [(String, String)], timeout: Int,
        progress: (String) -> Void
    ) async throws -> [UInt8] {
        let connection = try await Connection(to: address, authorities: authorities, timeout: timeout)
        defer { connection.close() }
        connection.send(.POST, address, body, fields)
        do {
            return try await read(connection.parts, progress)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(address.authority): \(error)", code: 3)
        }
    }

    fileprivate static func context(_ authorities: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        guard let authorities else { return try NIOSSLContext(configuration: configuration) }
        configuration.trustRoots = .file(authorities)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw CommandFailure("--ca \(authorities): no certificates can be read from it", code: 2)
        }
    }

    private static func read(
        _ parts: AsyncThrowingStream<HTTPClientResponsePart, any Error>, _ progress: (String) -> Void
    ) async throws -> [UInt8] {
        var status = HTTPResponseStatus.ok
        var events: EventStreamParser?
        var body: [UInt8] = []
        for try await part in parts {
            switch part {
            case .head(let head):
                status = head.status
                let type = head.headers.first(name: "content-type")?.lowercased() ?? ""
                if type.hasPrefix("text/event-stream") { events = EventStreamParser() }
            case .body(let bytes):
                guard events != nil else {
                    body.append(contentsOf: bytes.readableBytesView)
                    continue
                }
                for event in events?.append(bytes.readableBytesView) ?? [] where !event.data.isEmpty {
                    let message = Array(event.data.utf8)
                    if isAnswer(message) { return message }
                    if let text = progressText(message) { progress(text) }
                }
            case .end: break
            }
        }
        guard !body.isEmpty, isAnswer(body) else {
            let text = String(decoding: body.prefix(300), as: UTF8.self)
            throw CommandFailure("the gateway answered \(status.code)\(text.isEmpty ? "" : ": \(text)")", code: 1)
        }
        return body
    }

    private static func isAnswer(_ message: [UInt8]) -> Bool {
        message.withUnsafeBytes { (try? RPCMessage($0, maxDepth: 512))?.kind == .response }
    }

    private static func progressText(_ message: [UInt8]) -> String? {
        message.withUnsafeBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: 512), parsed.method == .progress,
                let params = parsed.params
            else { return nil }
            let inner = UnsafeRawBufferPointer(rebasing: bytes[params.offset..<params.end])
            var scanner = JSONScanner(inner, maxDepth: 512)
            var fields: [String: String] = [:]
            // The message has been checked: nothing in it can be wrong any more.
            try? readFields(&scanner, inner, into: &fields)
            let done = fields["progress"] ?? "?"
            let total = fields["total"].map { "/\($0)" } ?? ""
            return "\(done)\(total) \(fields["message"] ?? "")"
        }
    }

    private static func readFields(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, into fields: inout [String: String]
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            let value = try scanner.value()
            fields[key] =
                bytes[value.offset] == UInt8(ascii: "\"")
                ? RPCMessage.text(value, bytes) : String(decoding: bytes[value.offset..<value.end], as: UTF8.self)
        } while try scanner.nextMember()
    }

    /// Hands on what comes.
    fileprivate final class AnswerReader: ChannelInboundHandler, Sendable {
        typealias InboundIn = HTTPClientResponsePart

        private let continuation: AsyncThrowingStream<HTTPClientResponsePart, any Error>.Continuation

        init(_ continuation: AsyncThrowingStream<HTTPClientResponsePart, any Error>.Continuation) {
            self.continuation = continuation
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let part = unwrapInboundIn(data)
            continuation.yield(part)
            if case .end = part { continuation.finish() }
        }

        func channelInactive(context: ChannelHandlerContext) {
            continuation.finish(throwing: CommandFailure("the connection ended before the answer", code: 3))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            continuation.finish(throwing: error)
            context.close(promise: nil)
        }
    }
}

extension HTTPCall {
    /// A connection that carries one request.
    struct Connection {
        let parts: AsyncThrowingStream<HTTPClientResponsePart, any Error>
        private let channel: any Channel
        private let late: Scheduled<Void>?

        /// - Parameter timeout: seconds that the answer may take; 0 is any number.
        init(to address: HTTPAddress, authorities: String?, timeout: Int) async throws {
            let (parts, continuation) = AsyncThrowingStream<HTTPClientResponsePart, any Error>.makeStream()
            let group = MultiThreadedEventLoopGroup.singleton
            let tls = address.isSecure ? try HTTPCall.context(authorities) : nil
            do {
                channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(10)).channelInitializer {
                    channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let tls {
                            // An address has no name to be asked for (RFC 6066 §3).
                            let isAddress = (try? SocketAddress(ipAddress: address.host, port: 0)) != nil
                            try pipeline.addHandler(
                                NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : address.host))
                        }
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(HTTPCall.AnswerReader(continuation))
                    }
                }.connect(host: address.host, port: address.port).get()
            } catch {
                throw CommandFailure("no gateway at \(address.authority): \(error)", code: 3)
            }
            late =
                timeout == 0
                ? nil
                : channel.eventLoop.scheduleTask(in: .seconds(Int64(timeout))) {
                    continuation.finish(throwing: CommandFailure("no answer within \(timeout) s", code: 1))
                }
            self.parts = parts
        }

        func send(_ method: HTTPMethod, _ address: HTTPAddress, _ body: [UInt8]?, _ fields: [(String, String)]) {
            var head = HTTPRequestHead(version: .http1_1, method: method, uri: address.path)
            head.headers = ["host": address.authority, "connection": "close"]
            if let body { head.headers.add(name: "content-length", value: "\(body.count)") }
            for (name, value) in fields { head.headers.replaceOrAdd(name: name, value: value) }
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if let body {
                channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        }

        func close() {
            late?.cancel()
            channel.close(promise: nil)
        }
    }

    /// One request and its whole answer.
    static func request(
        _ method: HTTPMethod, _ body: [UInt8]?, to address: HTTPAddress, authorities: String?,
        fields: [(String, String)], timeout: Int
    ) async throws -> (status: Int, body: [UInt8]) {
        let connection = try await Connection(to: address, authorities: authorities, timeout: timeout)
        defer { connection.close() }
        connection.send(method, address, method == .GET ? nil : body ?? [], fields)
        return try await reporting(address) {
            var status = 0
            var bytes: [UInt8] = []
            for try await part in connection.parts {
                switch part {
                case .head(let head): status = Int(head.status.code)
                case .body(let part): bytes.append(contentsOf: part.readableBytesView)
                case .end: break
                }
            }
            return (status, bytes)
        }
    }

    /// Reads an event stream until it ends or `event` says so.
    /// - Parameter refused: told the status and the body of an answer that is no event stream.
    static func follow(
        _ address: HTTPAddress, authorities: String?, fields: [(String, String)],
        refused: (Int, [UInt8]) throws -> Void, event: (String, [UInt8]) throws -> Bool
    ) async throws {
        let connection = try await Connection(to: address, authorities: authorities, timeout: 0)
        defer { connection.close() }
        connection.send(.GET, address, nil, fields)
        try await reporting(address) {
            var status = 0
            var events: EventStreamParser?
            var bytes: [UInt8] = []
            for try await part in connection.parts {
                switch part {
                case .head(let head):
                    status = Int(head.status.code)
                    if status == 200 { events = EventStreamParser() }
                case .body(let part):
                    guard events != nil else {
                        bytes.append(contentsOf: part.readableBytesView)
                        continue
                    }
                    for one in events?.append(part.readableBytesView) ?? [] where !one.data.isEmpty {
                        guard try event(one.event, Array(one.data.utf8)) else { return }
                    }
                case .end: break
                }
            }
            if events == nil { try refused(status, bytes) }
        }
    }

    private static func reporting<Value>(
        _ address: HTTPAddress, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(address.authority): \(error)", code: 3)
        }
    }
}
