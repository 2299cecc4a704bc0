import ArgumentParser
import GatewayLoad

extension LoadTest {
    /// What the arguments ask for.
    func plan() throws -> LoadPlan {
        let dialect = try dialect()
        let given = try url.map { try Self.place($0) } ?? Self.own(dialect)
        var plan = LoadPlan(
            dialect: dialect, place: given, run: String(UInt32.random(in: 0 ... .max), radix: 36))
        if plan.place.path.isEmpty { plan.place.path = Self.path(of: dialect) }
        plan.connections = connections
        plan.ramp = ramp
        plan.duration = duration
        plan.rate = rate
        plan.payload = payload
        plan.timeout = timeout
        plan.window = window
        plan.threads = min(threads, connections)
        plan.token = token
        plan.authorities = ca
        plan.channel = channel
        plan.event = event
        plan.pushPayload = push
        plan.tool = tool
        plan.arguments = arguments
        guard dialect == .sse || publishURL != nil, rate > 0, publishURL != "none" else { return plan }
        guard dialect == .sse || dialect == .phoenix else {
            throw ValidationError(
                "--publish-url is for sse and phoenix: only these receive what they have not asked for")
        }
        if let publishURL {
            var place = try Self.place(publishURL)
            if place.path.isEmpty { place.path = "/" }
            plan.publishing = place
        } else {
            // The event streams' own port does not take messages; that of the whole gateway does both.
            var place = plan.place
            place.path = "/mcp/messages"
            plan.publishing = place
        }
        return plan
    }

    private func dialect() throws -> LoadPlan.Dialect {
        if let transport {
            guard let dialect = LoadPlan.Dialect(rawValue: transport) else {
                throw ValidationError("--transport is phoenix, sse, echo or mcp")
            }
            return dialect
        }
        guard let url, let place = try? Self.place(url) else { return .phoenix }
        let path = place.path.prefix { $0 != "?" }
        if url.lowercased().hasPrefix("ws") { return path.hasSuffix("/echo") ? .echo : .phoenix }
        switch path {
        case "": return .phoenix
        case _ where path.hasSuffix("/sse") || path.hasSuffix("/events"): return .sse
        case _ where path.hasSuffix("/websocket") || path.hasSuffix("/ws"): return .phoenix
        case _ where path.hasSuffix("/echo"): return .echo
        case _ where path == "/mcp" || path.hasPrefix("/mcp/servers/"): return .mcp
        default: throw ValidationError("say with --transport what \(url) speaks: phoenix, sse, echo or mcp")
        }
    }

    private static func path(of dialect: LoadPlan.Dialect) -> String {
        switch dialect {
        case .phoenix: "/mcp/ws/websocket"
        case .sse: "/mcp/sse"
        case .echo: "/mcp/echo"
        case .mcp: "/mcp"
        }
    }

    /// The gateway on this machine, as it starts without a configuration.
    private static func own(_ dialect: LoadPlan.Dialect) -> LoadPlan.Place {
        LoadPlan.Place(
            isSecure: false, host: "127.0.0.1", port: 4000, authority: "127.0.0.1:4000", path: path(of: dialect))
    }

    /// Takes an address apart.
    static func place(_ url: String) throws -> LoadPlan.Place {
        guard let colon = url.firstRange(of: "://") else {
            throw ValidationError("\(url) is no address: ws://, wss://, http:// or https:// and a host")
        }
        let isSecure: Bool
        switch url[..<colon.lowerBound].lowercased() {
        case "ws", "http": isSecure = false
        case "wss", "https": isSecure = true
        default: throw ValidationError("\(url): the address begins with ws, wss, http or https")
        }
        let rest = url[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...].prefix { $0 != "#" }
        guard !authority.contains("@") else {
            throw ValidationError("an address does not hold a password: use --token")
        }
        var host = String(authority)
        var port = isSecure ? 443 : 80
        if let end = authority.lastIndex(of: ":"), !authority[end...].contains("]") {
            guard let number = Int(authority[authority.index(after: end)...]), (1...65_535).contains(number) else {
                throw ValidationError("\(url): a port is 1 to 65535")
            }
            port = number
            host = String(authority[..<end])
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw ValidationError("\(url) has no host") }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ValidationError("\(url): blanks and letters beyond ASCII are written as %XX")
        }
        return LoadPlan.Place(
            isSecure: isSecure, host: host, port: port, authority: String(authority),
            path: path.hasPrefix("?") ? "/" + path : String(path))
    }
}
