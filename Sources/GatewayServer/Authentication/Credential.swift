import GatewayCore
import NIOHTTP1
import WireJSON

/// What a request proves itself with.
enum Credential: Equatable {
    case token(String)
    case ticket(TicketBook.Name)

    /// Where it stood. Addresses are what browsers can give at most, so that a refusal is told where pages can read it.
    enum Place { case header, address }

    /// Looks for one: the header `Authorization`, what Phoenix's clients have in its place, then the address.
    static func find(in request: FrontRequest) -> (credential: Credential, place: Place)? {
        let headers = request.head.headers
        if let value = headers.first(name: "authorization") {
            // Another scheme is no credential of ours, and no reason to look further.
            guard let token = bearer(value) else { return (.token(""), .header) }
            return (.token(token), .header)
        }
        if let token = headers.first(name: "x-phoenix-authtoken") { return (.token(token), .address) }
        for offered in headers[canonicalForm: "sec-websocket-protocol"] {
            if offered.hasPrefix(phoenixProtocol) {
                return (.token(decoded(offered.dropFirst(phoenixProtocol.count)) ?? ""), .address)
            }
            if offered.hasPrefix(messageProtocol) {
                return (.token(String(offered.dropFirst(messageProtocol.count))), .header)
            }
        }
        // What is written into an address gets written down elsewhere (RFC 9700 §4.3.2); MCP's clients have no need of it.
        guard !isProtectedResource(request.target.path) else { return nil }
        if let text = request.target["ticket"] {
            return (TicketBook.Name(text).map { .ticket($0) } ?? .token(""), .address)
        }
        guard let text = request.target.first("token", notStartingWith: LongPollTokens.prefix) else { return nil }
        return (TicketBook.Name(text).map { .ticket($0) } ?? .token(text), .address)
    }

    private static func isProtectedResource(_ path: String) -> Bool {
        switch path {
        case "/mcp", "/mcp/socket", "/sse", "/messages": true
        default: path.hasPrefix("/mcp/servers/")
        }
    }

    /// The token of an `Authorization` header.
    static func bearer(_ value: String) -> String? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1].drop { $0 == " " })
    }

    /// What phoenix.js 1.8 offers beside `phoenix` when it has an `authToken`.
    private static let phoenixProtocol = "base64url.bearer.phx."
    private static let messageProtocol = "mcp.auth."

    private static func decoded(_ text: Substring) -> String? {
        let plain = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        return Base64.decode(plain).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What a request has shown of who sent it.
enum RequestIdentity {
    /// Nobody has to prove anything.
    case open
    case nobody
    case principal(Principal)
    case refused(AuthenticationFailure, Credential.Place)

    var principal: Principal? {
        if case .principal(let principal) = self { return principal }
        return nil
    }

    var failure: AuthenticationFailure? {
        switch self {
        case .open, .principal: nil
        case .nobody: .missing
        case .refused(let failure, _): failure
        }
    }
}
