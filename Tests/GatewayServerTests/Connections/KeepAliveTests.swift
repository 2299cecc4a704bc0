#if os(Linux)
    import Foundation
    import NIOCore
    import Testing

    @testable import GatewayServer

    /// `keep_alive_timeout`: a peer that vanished is noticed by the system.
    extension InProcess {
        struct KeepAliveTests {
            /// The time that the system gives a peer of the gateway to acknowledge, by the port of that peer.
            private static func timeout(ofPeer port: in_port_t) -> Int? {
                for descriptor in CInt(3)..<1024 {
                    var address = sockaddr_in()
                    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                    let result = withUnsafeMutablePointer(to: &address) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            getpeername(descriptor, $0, &length)
                        }
                    }
                    guard result == 0, address.sin_family == sa_family_t(AF_INET), address.sin_port == port else {
                        continue
                    }
                    var milliseconds: CUnsignedInt = 0
                    var size = socklen_t(MemoryLayout<CUnsignedInt>.size)
                    guard getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, &size) == 0 else {
                        return nil
                    }
                    return Int(milliseconds)
                }
                return nil
            }

            @Test(.timeLimit(.minutes(5)))
            func `streams have a timeout of their own, sockets that of all connections`() async throws {
                var settings = settings()
                settings.eventStreamKeepAliveTimeout = .milliseconds(12_345)
                settings.tcpUserTimeout = .milliseconds(67_890)
                try await withGateway(settings) { gateway in
                    for (kind, service, expected) in [
                        (StreamClient.Kind.eventStream, GatewaySettings.Service.eventStream, 12_345),
                        (.webSocket(version: 2), .webSocket, 67_890),
                    ] {
                        let client = try StreamClient(
                            kind, name: "a\(expected)", topic: "t", port: try gateway.port(service))
                        #expect(
                            await eventually {
                                client.readable()
                                return client.isReady
                            })
                        var own = sockaddr_in()
                        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                        withUnsafeMutablePointer(to: &own) { pointer in
                            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                                _ = getsockname(client.descriptor, $0, &length)
                            }
                        }
                        #expect(Self.timeout(ofPeer: own.sin_port) == expected)
                        client.close()
                    }
                }
            }
        }
    }
#endif
