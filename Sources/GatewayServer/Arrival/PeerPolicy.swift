import GatewayCore
import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Whose word counts on where a connection or a request comes from.
struct PeerPolicy: Sendable {
    private let trusted: [IPAddressRange]

    init(trusted: [IPAddressRange]) { self.trusted = trusted }

    func isTrusted(_ address: SocketAddress?) -> Bool {
        guard !trusted.isEmpty, let address = IPAddress(address) else { return false }
        return isTrusted(address)
    }

    private func isTrusted(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }

    /// Who sent a request, and whether it was encrypted on its way to the outermost proxy; `nil` if nobody says so.
    func origin(of headers: HTTPHeaders, peer: SocketAddress?) -> (address: SocketAddress?, isSecure: Bool?) {
        guard isTrusted(peer), let address = IPAddress(peer) else { return (peer, nil) }
        func values(_ name: String) -> [String] {
            headers.filter { $0.name.lowercased() == name }.map(\.value)
        }
        let path = ForwardedPath(
            forwarded: values("forwarded"), forwardedFor: values("x-forwarded-for"),
            forwardedProto: values("x-forwarded-proto"))
        let origin = path.origin(peer: address) { isTrusted($0) }
        let isSecure = origin.scheme.map { $0 == "https" }
        return (origin.address == address ? peer : SocketAddress(origin.address, port: 0), isSecure)
    }
}

extension IPAddress {
    /// `nil` for what has no IP address.
    init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): self.init(ipv4: UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            self = withUnsafeBytes(of: address.address.sin6_addr) { bytes in
                IPAddress(
                    ipv6: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        default: return nil
        }
    }
}

extension SocketAddress {
    init(_ address: IPAddress, port: UInt16) {
        if address.isIPv6 {
            var value = sockaddr_in6()
            value.sin6_family = sa_family_t(AF_INET6)
            value.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &value.sin6_addr) { bytes in
                bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            self.init(value)
        } else {
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = port.bigEndian
            value.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            self.init(value)
        }
    }
}
