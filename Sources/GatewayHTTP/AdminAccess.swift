import Crypto
import GatewayServer
import HTTPTypes
import Hummingbird

/// Who may see what administrators see (contract §7, §12): whoever brings the admin token, in a header or in the cookie
/// that the link of the start sets.
public struct AdminAccess: Sendable {
    private let digest: SHA256.Digest?
    /// Whether the dashboard's figures, which name no client, are for everybody who reaches the port.
    let isOpen: Bool

    /// - Parameters:
    ///   - token: the admin token; `nil` closes everything that needs it.
    ///   - isOpen: whether the dashboard's figures are for everybody.
    public init(token: String?, isOpen: Bool) {
        digest = token.map { SHA256.hash(data: Array($0.utf8)) }
        self.isOpen = isOpen
    }

    /// What a request may do.
    enum Verdict: Equatable {
        /// It brought the token itself.
        case token
        /// It brought the cookie, which a browser adds by itself.
        case cookie
        case missing
        /// Nobody may: there is no token.
        case closed
    }

    func verdict(authorization: String?, cookies: [String], host: String?) -> Verdict {
        guard digest != nil else { return .closed }
        if let authorization, authorization.hasPrefix("Bearer "), isToken(String(authorization.dropFirst(7))) {
            return .token
        }
        let name = cookieName(host: host) + "="
        for line in cookies {
            for part in line.split(separator: ";") {
                let cookie = part.drop { $0 == " " }
                if cookie.hasPrefix(name), isToken(String(cookie.dropFirst(name.count))) { return .cookie }
            }
        }
        return .missing
    }

    /// Whether a text is the admin token. Digests are compared, all of them to the end: how long it takes tells neither how
    /// much was right nor how long the token is.
    func isToken(_ text: String) -> Bool {
        guard let digest else { return false }
        return zip(SHA256.hash(data: Array(text.utf8)), digest).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
    }

    /// Browsers do not tell the ports of one host apart where cookies are concerned: the name does.
    func cookieName(host: String?) -> String {
        let port = host?.split(separator: ":").last.flatMap { Int($0) }
        return "mcp_gateway_admin" + (port.map { "_\($0)" } ?? "")
    }
}

extension AdminAccess {
    /// The answer to a request that may not have what it asks for; `nil` if it may.
    func refusal(of request: Request, _ context: APIContext) -> Response? {
        // Its own token says so.
        guard !context.isAdministrator else { return nil }
        let verdict = verdict(
            authorization: request.headers[.authorization], cookies: request.headers[values: .cookie],
            host: request.head.authority)
        switch verdict {
        case .token: return nil
        // A page of another port of this host sends the cookie along; it cannot send this header.
        case .cookie where request.method == .get || request.headers[Self.intent] != nil: return nil
        case .cookie:
            return Problems.response(.forbidden, "forbidden", "with the cookie, send the header X-Gateway-Admin: 1 too")
        case .closed:
            return Problems.response(
                .forbidden, "forbidden", "admin paths need security.admin_token (MCP_ADMIN_TOKEN) to be set")
        case .missing:
            var response = Problems.response(
                .unauthorized, "authentication_failed", "the admin token is missing or wrong")
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
    }

    private static let intent: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Gateway-Admin") else { preconditionFailure("Not a field name") }
        return name
    }()
}

/// What administrators see that others know.
public struct AdminSources: Sendable {
    /// The MCP servers behind the gateway, as JSON text.
    public var upstreams: @Sendable () async -> [UInt8]
    /// The last calls of MCP clients, as JSON text.
    public var calls: @Sendable () -> [UInt8]

    public init(
        upstreams: @escaping @Sendable () async -> [UInt8] = { Array(#"{"upstreams":[]}"#.utf8) },
        calls: @escaping @Sendable () -> [UInt8] = { Array(#"{"calls":[]}"#.utf8) }
    ) {
        self.upstreams = upstreams
        self.calls = calls
    }
}
