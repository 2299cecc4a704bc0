import NIOCore
import NIOHTTP1

/// Which web pages may use the gateway (contract §5): browsers name the page's origin, everything else has none.
struct OriginPolicy: Sendable {
    private let listed: Set<String>
    private let allowsLoopback: Bool
    private let publicHost: String?

    /// - Parameters:
    ///   - allowed: origins of the key `cors.origin`.
    ///   - hosts: the addresses that the gateway is bound to; if all are loopback, pages of this machine may connect.
    ///   - publicHost: the name under which clients reach the gateway, when it differs.
    init(allowed: [String], hosts: [String], publicHost: String?) {
        self.publicHost = publicHost?.lowercased()
        listed = Set(allowed.map { $0.lowercased() })
        allowsLoopback = hosts.allSatisfy { Self.isLoopback(host: $0) }
    }

    enum Decision: Equatable {
        /// No browser, or no page of another origin.
        case notCrossOrigin
        /// The page may; the answer has to name its origin.
        case allowed(String)
        case refused
    }

    func decide(_ headers: HTTPHeaders) -> Decision {
        guard let origin = headers.first(name: "origin") else { return .notCrossOrigin }
        let lowered = origin.lowercased()
        if listed.contains(lowered) { return .allowed(origin) }
        guard let (scheme, host, port) = Self.parts(lowered) else { return .refused }
        let defaultPort = scheme == "https" ? 443 : 80
        if let own = headers.first(name: "host"),
            let (_, ownHost, ownPort) = Self.parts("\(scheme)://\(own.lowercased())"),
            ownHost == host, (ownPort ?? defaultPort) == (port ?? defaultPort)
        {
            return .allowed(origin)
        }
        if let publicHost, host == publicHost { return .allowed(origin) }
        return allowsLoopback && Self.isLoopback(host: host) ? .allowed(origin) : .refused
    }

    /// Whether the request names a host that this gateway may go by. On loopback that is a loopback name or the public
    /// one: a page that has its own name resolve to this machine gives another.
    func acceptsHost(_ headers: HTTPHeaders) -> Bool {
        guard allowsLoopback, let text = headers.first(name: "host"), !Self.isPlainLoopback(text),
            let (_, host, _) = Self.parts("http://\(text.lowercased())")
        else { return true }
        return Self.isLoopback(host: host) || host == publicHost
    }

    /// What nearly every client on this machine says, told without taking it apart: this is asked for every request.
    static func isPlainLoopback(_ text: String) -> Bool {
        for name: StaticString in ["127.0.0.1", "localhost", "[::1]"] {
            let known = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            guard text.utf8.starts(with: known) else { continue }
            let rest = text.utf8.dropFirst(known.count)
            return rest.isEmpty
                || rest.count > 1 && rest.first == UInt8(ascii: ":")
                    && rest.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        return false
    }

    static func isLoopback(host: String) -> Bool {
        host == "localhost" || host == "::1" || host == "[::1]"
            || host.hasPrefix("127.") && (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }

    private static func parts(_ origin: String) -> (scheme: String, host: String, port: Int?)? {
        guard let separator = origin.firstRange(of: "://") else { return nil }
        let scheme = String(origin[..<separator.lowerBound])
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = origin[separator.upperBound...]
        let hostEnd = rest.hasPrefix("[") ? rest.firstIndex(of: "]").map(rest.index(after:)) : rest.firstIndex(of: ":")
        let host = rest[..<(hostEnd ?? rest.endIndex)]
        guard !host.isEmpty, !host.contains("/"), !host.contains("@") else { return nil }
        guard let hostEnd, hostEnd < rest.endIndex else { return (scheme, String(host), nil) }
        guard rest[hostEnd] == ":", let port = Int(rest[rest.index(after: hostEnd)...]) else { return nil }
        return (scheme, String(host), port)
    }
}
