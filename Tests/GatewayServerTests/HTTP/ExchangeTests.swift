import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import GatewayServer

@Suite struct ExchangeTests {
    /// Takes answers, as the connection of a request does.
    private final class Carrier: ExchangeCarrier {
        var statuses: [HTTPResponseStatus] = []

        func finish(_ exchange: Exchange, _ response: APIResponse) { statuses.append(response.status) }
        func beginStream(_ exchange: Exchange, _ headers: HTTPHeaders) {}
        func writeStream(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) { promise.succeed() }
        func endStream(_ exchange: Exchange) {}
        func abort() {}
    }

    private final class Owner: ExchangeOwner {
        let exchange: Exchange
        init(_ exchange: Exchange) { self.exchange = exchange }
        func exchangeClosed(_ exchange: Exchange) {}
    }

    private struct Remains: @unchecked Sendable {
        // Written on the event loop, read when it is done.
        weak var exchange: Exchange?
        weak var owner: Owner?
    }

    @Test func `Nothing stays of an exchange that is over`() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        for way in ["answered", "streamed", "cut", "left"] {
            let remains = try await loop.submit {
                let exchange = Exchange(Carrier(), extraHeaders: [:], eventLoop: loop)
                let owner = Owner(exchange)
                exchange.owner = owner
                switch way {
                case "answered": exchange.respond(APIResponse(status: .ok))
                case "streamed":
                    exchange.beginStream([:])
                    exchange.end()
                case "cut": exchange.abort()
                default: exchange.connectionClosed()
                }
                return Remains(exchange: exchange, owner: owner)
            }.get()
            #expect(remains.exchange == nil, "\(way)")
            #expect(remains.owner == nil, "\(way)")
        }
    }

    @Test func `Nothing stays of an exchange that another event loop has answered`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (near, far) = (group.next(), group.next())
        let remains = try await near.submit {
            let exchange = Exchange(Carrier(), extraHeaders: [:], eventLoop: near)
            exchange.move(to: far) { $0.respond(APIResponse(status: .ok)) }
            return Remains(exchange: exchange)
        }.get()
        // There, and back again.
        try await far.submit {}.get()
        try await near.submit {}.get()
        try await far.submit {}.get()
        try await near.submit {}.get()
        #expect(remains.exchange == nil)
        try await group.shutdownGracefully()
    }
}
