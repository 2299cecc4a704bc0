import GatewayCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A port that could not be opened, in words for the operator.
public struct ListenError: Error, CustomStringConvertible {
    public let service: GatewaySettings.Service
    public let host: String
    public let port: Int
    public let cause: String

    public var description: String {
        "cannot listen on \(host):\(port) for \(service.rawValue): \(cause) "
            + "(set transports.\(service.rawValue).port to another port, or 0 for any free one)"
    }
}

/// The listening sockets of one service: one for each address and event loop.
struct Listener: Sendable {
    let service: GatewaySettings.Service
    let addresses: [SocketAddress]
    private let channels: [any Channel]

    static func open(
        _ service: GatewaySettings.Service, identity: TLSIdentity?, gateway: Gateway,
        states: [NIOLoopBound<LoopState>]
    ) async throws -> Listener {
        if let sockets = gateway.settings.inheritedSockets[service], !sockets.isEmpty {
            return try await take(sockets, service, identity, gateway, states)
        }
        var channels: [any Channel] = []
        var addresses: [SocketAddress] = []
        var port = gateway.settings.ports[service] ?? 0
        for host in gateway.settings.hosts {
            do {
                let bound = try await bind(service, identity, host: host, port: port, gateway: gateway, states: states)
                channels += bound
                if let address = bound.first?.localAddress {
                    addresses.append(address)
                    // All addresses get the port that the first one was given.
                    port = address.port ?? port
                }
            } catch {
                // Many machines have no IPv6: its loopback address is a wish, as long as another address works.
                if host == "::1", !addresses.isEmpty, isAddressMissing(error) { continue }
                for channel in channels { try? await channel.close() }
                throw ListenError(service: service, host: host, port: port, cause: describe(error))
            }
        }
        return Listener(service: service, addresses: addresses, channels: channels)
    }

    /// Takes sockets that somebody else has opened and keeps open: nobody is refused while one gateway follows another.
    private static func take(
        _ sockets: [CInt], _ service: GatewaySettings.Service, _ identity: TLSIdentity?, _ gateway: Gateway,
        _ states: [NIOLoopBound<LoopState>]
    ) async throws -> Listener {
        var channels: [any Channel] = []
        var addresses: [SocketAddress] = []
        for (index, socket) in sockets.enumerated() {
            do {
                // One event loop takes from the one queue of connections, and hands them round: if all of them waited
                // for it, each client would wake all of them, and all but one in vain.
                let channel = try await bootstrap(
                    service, identity, states[index % states.count], gateway, sharesPort: false, handsTo: states
                ).withBoundSocket(socket).get()
                channels.append(channel)
                if let address = channel.localAddress { addresses.append(address) }
            } catch {
                for channel in channels { try? await channel.close() }
                throw ListenError(
                    service: service, host: "descriptor \(socket)", port: gateway.settings.ports[service] ?? 0,
                    cause: describe(error))
            }
        }
        return Listener(service: service, addresses: addresses, channels: channels)
    }

    func close() async {
        for channel in channels { try? await channel.close() }
    }

    private static func bind(
        _ service: GatewaySettings.Service, _ identity: TLSIdentity?, host: String, port: Int, gateway: Gateway,
        states: [NIOLoopBound<LoopState>]
    ) async throws -> [any Channel] {
        guard states.count > 1 else {
            return [
                try await bootstrap(service, identity, states[0], gateway, sharesPort: false).bind(
                    host: host, port: port
                ).get()
            ]
        }
        // Between the trial and the sockets that stay, somebody else may be given a free port: then another one is found.
        var attempts = port == 0 ? 16 : 1
        while true {
            attempts -= 1
            do {
                return try await bindAll(service, identity, host: host, port: port, gateway: gateway, states: states)
            } catch let error as IOError where error.errnoCode == EADDRINUSE && attempts > 0 {
                continue
            }
        }
    }

    /// One socket for each event loop, all on one port.
    private static func bindAll(
        _ service: GatewaySettings.Service, _ identity: TLSIdentity?, host: String, port: Int, gateway: Gateway,
        states: [NIOLoopBound<LoopState>]
    ) async throws -> [any Channel] {
        // Sockets that share a port would also share it with another gateway, in silence: a plain one tries first.
        let trial = try await ServerBootstrap(group: gateway.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // It takes no client: those who come in this moment are turned away and try again.
            .serverChannelOption(.autoRead, value: false).bind(host: host, port: port).get()
        let chosen = trial.localAddress?.port ?? port
        try await trial.close()
        var channels: [any Channel] = []
        for state in states {
            let bootstrap = bootstrap(service, identity, state, gateway, sharesPort: true)
            channels.append(try await bootstrap.bind(host: host, port: chosen).get())
        }
        return channels
    }

    private static func bootstrap(
        _ service: GatewaySettings.Service, _ identity: TLSIdentity?, _ state: NIOLoopBound<LoopState>,
        _ gateway: Gateway, sharesPort: Bool, handsTo states: [NIOLoopBound<LoopState>] = []
    ) -> ServerBootstrap {
        let settings = gateway.settings
        let loop = state.eventLoop
        var bootstrap = ServerBootstrap(group: loop, childGroup: states.count > 1 ? gateway.group : loop)
            .serverChannelOption(.backlog, value: Int32(clamping: settings.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: ReceiveBuffers())
            // Unwritable as soon as anything waits: requests are not answered faster than the peer reads.
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 1, high: 1))
            .childChannelInitializer { channel in
                let state = states.first { $0.eventLoop === channel.eventLoop } ?? state
                return channel.eventLoop.makeCompletedFuture {
                    try ConnectionPrelude.install(
                        on: channel, service: service, identity: identity, loop: state.value)
                }
            }
        #if os(Linux)
            // Accepted sockets inherit it. A peer that vanished acknowledges nothing; without this, what is sent to it
            // would be tried again for a quarter of an hour.
            bootstrap = bootstrap.serverChannelOption(
                .tcpOption(.init(rawValue: CInt(TCP_USER_TIMEOUT))),
                value: Int(settings.tcpUserTimeout.nanoseconds / 1_000_000))
        #endif
        if sharesPort {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: 1)
        }
        return bootstrap
    }

    private static func isAddressMissing(_ error: any Error) -> Bool {
        guard let error = error as? IOError else { return false }
        return error.errnoCode == EADDRNOTAVAIL || error.errnoCode == EAFNOSUPPORT
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return switch error.errnoCode {
        case EADDRINUSE: "the port is in use"
        case EACCES: "not allowed to use the port"
        case EADDRNOTAVAIL: "this machine does not have the address"
        default: String(cString: strerror(error.errnoCode))
        }
    }
}
