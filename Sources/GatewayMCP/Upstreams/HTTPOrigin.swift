import DequeModule
import GatewayCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A request to a server, and who takes its answer.
struct HTTPOutboundRequest {
    var method: HTTPMethod
    var headers: HTTPHeaders
    var body: ByteBuffer
    let receiver: any HTTPReceiver
}

/// Takes one answer in pieces.
protocol HTTPReceiver: AnyObject {
    func responseBegan(_ head: HTTPResponseHead, on connection: HTTPConnection)
    func responseContinued(_ bytes: ByteBuffer)
    func responseEnded()
    /// - Parameter wasSent: whether the server may have seen the request.
    func responseFailed(_ reason: String, wasSent: Bool)
}

/// The connections of one event loop to one address. A connection carries one request at a time; requests that find none
/// free wait in order.
final class HTTPOrigin {
    private unowned let hub: MCPHub
    let target: String
    private let host: String
    private let port: Int
    private let hostHeader: String
    private let tls: NIOSSLContext?
    /// Why the address cannot be used at all.
    private(set) var problem: String?
    /// Free connections; the one used last is used first, so that what is not needed falls idle.
    private var idle: [HTTPConnection] = []
    private var count = 0
    private var waiting = Deque<(request: HTTPOutboundRequest, until: Instant)>()
    private var isClosed = false

    init(_ url: String, hub: MCPHub) {
        self.hub = hub
        var rest = url[...]
        var isSecure = false
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
        } else {
            problem = "its URL must begin with http:// or https://"
        }
        let pathStart = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<pathStart]
        let path = rest[pathStart...]
        target = path.isEmpty ? "/" : path.hasPrefix("/") ? String(path) : "/" + path
        hostHeader = String(authority)
        let hostEnd: Substring.Index
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            hostEnd = authority.index(after: bracket)
            host = String(authority[authority.index(after: authority.startIndex)..<bracket])
        } else {
            hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
            host = String(authority[..<hostEnd])
        }
        if hostEnd < authority.endIndex, let number = Int(authority[authority.index(after: hostEnd)...]) {
            port = number
        } else {
            port = isSecure ? 443 : 80
        }
        if host.isEmpty { problem = "its URL has no host" }
        do {
            tls = isSecure ? try NIOSSLContext(configuration: .makeClientConfiguration()) : nil
        } catch {
            tls = nil
            problem = "TLS cannot be used: \(error)"
        }
    }

    // MARK: - Requests

    /// Sends a request on a free connection, on a new one, or when one falls free.
    func send(_ request: HTTPOutboundRequest) {
        if let problem { return request.receiver.responseFailed(problem, wasSent: false) }
        var request = request
        request.headers.replaceOrAdd(name: "host", value: hostHeader)
        if let connection = idle.popLast() {
            connection.send(request, target: target)
        } else if count < hub.settings.maxConnections {
            connect(request)
        } else if waiting.count < hub.settings.maxConnections * 64 {
            waiting.append((request, hub.now + hub.settings.listTimeout))
        } else {
            request.receiver.responseFailed("all mcp.max_connections connections are in use", wasSent: false)
        }
    }

    private func connect(_ request: HTTPOutboundRequest) {
        count += 1
        let connection = HTTPConnection(self)
        let loop = hub.eventLoop
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let tls = tls
        let host = host
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        // A name in the handshake must be a name: an address is left out.
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try pipeline.addHandler(
                            try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host))
                    }
                    try pipeline.addHandler(HTTPRequestEncoder(configuration: .init()))
                    try pipeline.addHandler(
                        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)))
                    try pipeline.addHandler(bound.value)
                }
            }
            .connect(host: host, port: port)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success:
                    guard !self.isClosed else { return connection.close() }
                    connection.send(request, target: self.target)
                case .failure(let error):
                    self.count -= 1
                    request.receiver.responseFailed("cannot connect: \(Self.describe(error))", wasSent: false)
                    self.serveWaiting()
                }
            }
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        return error.connectionErrors.first.map { "\($0.error)" } ?? "its name has no address"
    }

    // MARK: - Connections

    /// The connection can carry another request.
    func returned(_ connection: HTTPConnection) {
        guard !isClosed else { return connection.close() }
        connection.idleSince = hub.now
        idle.append(connection)
        serveWaiting()
    }

    func gone(_ connection: HTTPConnection) {
        count -= 1
        idle.removeAll { $0 === connection }
        serveWaiting()
    }

    private func serveWaiting() {
        while !waiting.isEmpty, !idle.isEmpty || count < hub.settings.maxConnections,
            let (request, until) = waiting.popFirst()
        {
            guard hub.now <= until else {
                request.receiver.responseFailed("no connection fell free in time", wasSent: false)
                continue
            }
            send(request)
        }
    }

    func tend(now: Instant) {
        // Connections that a server would soon close by itself are closed before a request meets that.
        while let oldest = idle.first, now - oldest.idleSince > .seconds(30) {
            idle.removeFirst()
            oldest.close()
        }
        while let first = waiting.first, now > first.until {
            waiting.removeFirst()
            first.request.receiver.responseFailed("no connection fell free in time", wasSent: false)
        }
    }

    func close() {
        isClosed = true
        for connection in idle { connection.close() }
        idle = []
    }
}

/// One connection to a server.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private weak var origin: HTTPOrigin?
    private var context: ChannelHandlerContext?
    private var receiver: (any HTTPReceiver)?
    private var isKeptAlive = true
    private var hasAnswered = false
    private var isGone = false
    var idleSince = Instant.zero

    init(_ origin: HTTPOrigin) { self.origin = origin }

    func send(_ request: HTTPOutboundRequest, target: String) {
        guard let context, !isGone else {
            return request.receiver.responseFailed("the connection is gone", wasSent: false)
        }
        receiver = request.receiver
        hasAnswered = false
        let head = HTTPRequestHead(version: .http1_1, method: request.method, uri: target, headers: request.headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(request.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Cuts the connection; nobody wants what it still carries.
    func close() {
        receiver = nil
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status.code >= 200 else { return }
            hasAnswered = true
            isKeptAlive = head.isKeepAlive
            receiver?.responseBegan(head, on: self)
        case .body(let bytes): receiver?.responseContinued(bytes)
        case .end:
            let receiver = receiver
            self.receiver = nil
            if isKeptAlive, receiver != nil {
                origin?.returned(self)
            } else {
                context.close(promise: nil)
            }
            receiver?.responseEnded()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !isGone else { return }
        isGone = true
        let receiver = receiver
        self.receiver = nil
        origin?.gone(self)
        receiver?.responseFailed(hasAnswered ? "the connection broke off" : "the connection was closed", wasSent: true)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
