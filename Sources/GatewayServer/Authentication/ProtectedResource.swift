public import GatewayCore
import NIOHTTP1
import WireJSON

/// Whoever calls an endpoint: the owner of what it leaves there, and what it may do.
public struct Caller: Sendable, Equatable {
    /// Nobody else may use what a caller leaves behind: the person, or the credential while nobody has to prove anything.
    public let owner: String?
    /// `nil` permits everything.
    public let capabilities: Capabilities?

    /// The gateway itself, by its operator's routes.
    public static let gateway = Caller(owner: nil, capabilities: nil)

    init(owner: String?, capabilities: Capabilities?) {
        self.owner = owner
        self.capabilities = capabilities
    }

    init(_ identity: RequestIdentity, authorization: String?) {
        guard let principal = identity.principal else {
            self.init(owner: authorization, capabilities: nil)
            return
        }
        self.init(owner: "\(principal.issuer ?? "")\n\(principal.subject)", capabilities: principal.capabilities)
    }

    public static func == (a: Caller, b: Caller) -> Bool { a.owner == b.owner }
}

/// Endpoints as protected resources (RFC 9728): who issues tokens for them, and for whom those have to be.
extension Gateway {
    private static let wellKnown = "/.well-known/oauth-protected-resource"

    /// The address of an endpoint, as tokens name it.
    private func resource(_ path: String, _ request: FrontRequest) -> String {
        let host = settings.publicHost ?? request.head.headers.first(name: "host") ?? settings.nodeID
        return (request.isSecure ? "https://" : "http://") + host + path
    }

    func metadataAddress(_ request: FrontRequest) -> String {
        resource(Self.wellKnown + request.target.path, request)
    }

    /// Answers `/.well-known/oauth-protected-resource/mcp` and the like; `nil` if that is not asked for.
    func resourceMetadata(_ request: FrontRequest, _ loop: LoopState) -> APIResponse? {
        guard gatekeeper.isOn, let settings = gatekeeper.settings, request.target.path.hasPrefix(Self.wellKnown) else {
            return nil
        }
        let rest = String(request.target.path.dropFirst(Self.wellKnown.count))
        let path = rest.isEmpty ? "/mcp" : rest
        guard loop.endpoint(for: path, on: request.service) != nil, originPolicy.acceptsHost(request.head.headers)
        else {
            return nil
        }
        guard [.GET, .HEAD].contains(request.head.method) else {
            return APIResponse.problem(.methodNotAllowed(["GET"])).adding(["allow": "GET, HEAD"])
        }
        var response = APIResponse.json(
            .ok,
            JSONWriter.object { writer in
                writer.member("resource", resource(path, request))
                writer.key("authorization_servers")
                writer.array { list in for server in settings.authorizationServers { list.value(server) } }
                writer.key("bearer_methods_supported")
                writer.array { $0.value("header") }
                writer.key("scopes_supported")
                writer.array { $0.value("mcp") }
            })
        // Public, and read by pages of other origins before they have a token.
        response.headers.add(name: "access-control-allow-origin", value: "*")
        return response
    }

    /// Who calls an endpoint.
    func caller(_ request: FrontRequest) throws(Problem) -> Caller {
        let authorization = request.head.headers.first(name: "authorization")
        guard gatekeeper.isOn else { return Caller(owner: authorization, capabilities: nil) }
        // Administrators' paths are no protected resource.
        if Self.isAdministrative(request.target.path) { return Caller(request.identity, authorization: nil) }
        let principal = try requirePrincipal(request)
        if let principal, gatekeeper.settings?.checksAudience == false, !principal.audiences.isEmpty,
            !principal.audiences.contains(where: { isOurs($0, request) })
        {
            gatekeeper.count(.audience)
            throw .authenticationFailed(.audience)
        }
        guard principal?.capabilities.allowSome(.mcp) == true else {
            gatekeeper.countDenial(.mcp)
            throw .lacks(Capability(.mcp))
        }
        return Caller(request.identity, authorization: nil)
    }

    /// A token is for the endpoint itself, or for the gateway as a whole.
    private func isOurs(_ audience: String, _ request: FrontRequest) -> Bool {
        let path = request.target.path
        return audience == resource(path, request) || audience == resource("", request)
            || audience == resource("/", request) || audience == resource("/mcp", request)
    }
}
