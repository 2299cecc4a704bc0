import GatewayCore
import NIOCore
import NIOPosix
import NIOSSL

/// The connections of one event loop to one address: a pool of those that carry one request after the other, and beside it
/// one for each answer that goes on for long.
final class HTTPOrigin {
    private unowned let hub: MCPHub
    /// Whose address it is.
    private let server: String
    let url: String
    let target: String
    let hostHeader: String
    private let host: String
    private let port: Int
    private let tls: NIOSSLContext?
    /// Why the address cannot be used at all.
    private(set) var problem: String?
    private var pool: LeasePool
    private var effects = LeasePool.Effects()
    /// By the slot that the pool knows them by.
    private var connections: [HTTPConnection?]
    private var waiting: [LeasePool.Ticket: HTTPOutboundRequest] = [:]
    private var long: [ObjectIdentifier: HTTPConnection] = [:]
    /// What the pool wants opened, and has no place among the connections to all servers.
    private var parked: [LeasePool.ResourceID] = []
    /// Why there was none when one was last asked for.
    private var lastRefusal = ""
    /// Why no connection came about, for those whom the pool has to tell.
    private var lastFailure = ""
    private var isClosed = false

    init(_ url: String, of server: String, pool limits: LeasePool.Limits, hub: MCPHub) {
        self.hub = hub
        self.server = server
        self.url = url
        pool = LeasePool(limits: limits)
        connections = Array(repeating: nil, count: limits.capacity)
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
        let path = rest[pathStart...].prefix { $0 != "#" }
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
        do {
            tls = isSecure ? try NIOSSLContext(configuration: hub.settings.clientTLS()) : nil
        } catch {
            tls = nil
            problem = "TLS cannot be used: \(error)"
        }
        if host.isEmpty { problem = "its URL has no host" }
        if !url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { problem = "its URL must be printable ASCII" }
    }

    /// Whether a URL that this server gave leads to this server.
    func ownTarget(_ url: String) -> String? {
        if url.hasPrefix("/") { return url.hasPrefix("//") ? nil : url }
        guard let scheme = self.url.firstRange(of: "://") else { return nil }
        let own = self.url[..<scheme.upperBound] + hostHeader + "/"
        if url.hasPrefix(own) { return "/" + url.dropFirst(own.utf8.count) }
        // Relative to the own path.
        guard !url.contains("://") else { return nil }
        let base = target.prefix { $0 != "?" }
        guard let slash = base.lastIndex(of: "/") else { return nil }
        return base[...slash] + url
    }

    var health: PoolHealth { pool.health }

    // MARK: - Requests

    /// Sends a request on a free connection, on a new one, or when one falls free.
    func send(_ request: HTTPOutboundRequest) {
        if let problem { return request.receiver.responseFailed(problem, wasSent: false) }
        if request.isLong { return connect(nil, first: request) }
        switch pool.checkout(now: hub.now, effects: &effects) {
        case .leased(let lease):
            guard let connection = connections[Int(lease.resource.slot)] else {
                preconditionFailure("the pool lends what is not there")
            }
            connection.lease = lease
            connection.send(request)
        case .waiting(let ticket):
            waiting[ticket] = request
            carryOut()
        case .refused(.closed): request.receiver.responseNotTried("the server has been removed")
        case .refused:
            request.receiver.responseNotTried(
                "all pool.size and pool.overflow connections are in use, and pool.queue requests wait")
        }
    }

    /// Does what the pool wants; whoever is called here may ask the pool for more.
    private func carryOut() {
        while !effects.isEmpty {
            var work = LeasePool.Effects()
            swap(&work, &effects)
            for resource in work.open { open(resource) }
            for resource in work.close {
                let connection = connections[Int(resource.slot)]
                guard connection?.resource == resource else { continue }
                connections[Int(resource.slot)] = nil
                connection?.close()
            }
            for grant in work.granted {
                let request = waiting.removeValue(forKey: grant.ticket)
                guard let connection = connections[Int(grant.lease.resource.slot)] else {
                    pool.checkin(grant.lease, reuse: false, now: hub.now, effects: &effects)
                    request?.receiver.responseFailed("the connection is gone", wasSent: false)
                    continue
                }
                connection.lease = grant.lease
                if let request, !request.receiver.isCut {
                    connection.send(request)
                } else {
                    returned(connection)
                }
            }
            for ticket in work.expired {
                let reason = parked.isEmpty ? "" : ": \(lastRefusal)"
                waiting.removeValue(forKey: ticket)?.receiver
                    .responseNotTried("no connection fell free within pool.checkout_timeout\(reason)")
            }
            for ticket in work.failed {
                waiting.removeValue(forKey: ticket)?.receiver.responseFailed(lastFailure, wasSent: false)
            }
            for _ in work.overdue {
                hub.logger.debug("a connection has been in use for long", metadata: ["url": "\(url)"])
            }
        }
    }

    /// Opens a connection of the pool if there is a place for it among those of all servers; else it waits for one.
    private func open(_ resource: LeasePool.ResourceID, again: Bool = false) {
        switch hub.directory.connectionShare.admit(server, again: again, waiter: hub.placeWaiter) {
        case .admitted, .unshared: return connect(resource, first: nil)
        case .usedUp:
            lastRefusal = "none of pool.max_connections is free for \(server) (viability.control)"
        case .lent(let borrower):
            lastRefusal =
                "some of \(server)'s are lent to \(borrower ?? "others"); they come back within "
                + "viability.control.reclaim_time as far as calls end (pool.max_connections)"
        }
        parked.append(resource)
        hub.directory.spareConnections()
    }

    /// There may be places now.
    func openParked() {
        forgetParked()
        guard !parked.isEmpty else { return }
        let resources = parked
        parked = []
        for resource in resources { open(resource, again: true) }
    }

    /// Who waited may have got another connection, or nothing in time.
    private func forgetParked() { while parked.count > waiting.count { pool.withdraw(parked.removeLast()) } }

    private func connect(_ resource: LeasePool.ResourceID?, first request: HTTPOutboundRequest?) {
        let connection = HTTPConnection(
            self, resource: resource, first: request, isBare: tls == nil, turn: hub.requests,
            received: hub.received)
        let loop = hub.eventLoop
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let tls = tls
        let host = host
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(hub.settings.connectTimeout.nanoseconds))
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
                    try pipeline.addHandler(bound.value)
                }
            }
            .connect(host: host, port: port)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success: if tls == nil { connection.becameReady() }
                case .failure(let error): connection.notConnected(error)
                }
            }
    }

    func connected(_ connection: HTTPConnection, _ request: HTTPOutboundRequest?) {
        hub.readClock()
        guard !isClosed else {
            request?.receiver.responseFailed(lastFailure, wasSent: false)
            return connection.close()
        }
        if let request {
            long[ObjectIdentifier(connection)] = connection
            connection.send(request)
        } else if let resource = connection.resource {
            connections[Int(resource.slot)] = connection
            if !pool.opened(resource, now: hub.now, effects: &effects) {
                connections[Int(resource.slot)] = nil
                connection.close()
            }
            carryOut()
        }
    }

    func notConnected(
        _ resource: LeasePool.ResourceID?, _ request: HTTPOutboundRequest?, _ error: any Error
    ) {
        hub.readClock()
        if !isClosed { lastFailure = "cannot connect: \(Self.describe(error))" }
        request?.receiver.responseFailed(lastFailure, wasSent: false)
        if let resource {
            hub.directory.connectionShare.left(server)
            pool.openFailed(resource, now: hub.now, effects: &effects)
        }
        carryOut()
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        return error.connectionErrors.first.map { "\($0.error)" } ?? "its name has no address"
    }

    // MARK: - Connections

    /// The connection can carry another request.
    func returned(_ connection: HTTPConnection) {
        guard let lease = connection.lease else { return }
        connection.lease = nil
        pool.checkin(lease, now: hub.now, effects: &effects)
        if !effects.isEmpty { carryOut() }
        if hub.directory.connectionShare.isShort { _ = closeIdle(1) }
    }

    func gone(_ connection: HTTPConnection) {
        long[ObjectIdentifier(connection)] = nil
        guard let resource = connection.resource else { return }
        hub.directory.connectionShare.left(server)
        if connections[Int(resource.slot)] === connection { connections[Int(resource.slot)] = nil }
        pool.lost(resource, now: hub.now, effects: &effects)
        if let lease = connection.lease {
            connection.lease = nil
            pool.checkin(lease, reuse: false, now: hub.now, effects: &effects)
        }
        if !effects.isEmpty { carryOut() }
    }

    func tend(now: Instant) {
        pool.advance(to: now, effects: &effects)
        if !effects.isEmpty { carryOut() }
        forgetParked()
    }

    /// Connections of the pool that are there.
    var openConnections: Int { pool.open - parked.count }

    /// Closes connections that nobody uses.
    /// - Parameter count: so many at the most.
    /// - Returns: how many there were.
    func closeIdle(_ count: Int) -> Int {
        let closed = pool.closeIdle(count, now: hub.now, effects: &effects)
        if !effects.isEmpty { carryOut() }
        return closed
    }

    /// So many of those that are in use are closed when their answers are there, instead of what was said before.
    func closeOnReturn(_ count: Int) { pool.closesOnReturn = count }

    func close() {
        isClosed = true
        lastFailure = "the server has been removed"
        parked = []
        pool.close(effects: &effects)
        carryOut()
        for connection in Array(long.values) { connection.close() }
        for connection in connections { connection?.close() }
    }
}
