import GatewayAuthentication
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Logging
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// From keys and rules in the configuration to whoever checks tokens.
extension AuthenticationSettings {
    /// `nil` if authentication is off.
    static func make(_ configuration: GatewayConfiguration, _ logger: Logger) async throws -> AuthenticationSettings? {
        guard configuration.isAuthenticated else { return nil }
        let wanted = configuration.security.authentication
        var policy = ClaimPolicy()
        policy.issuers = wanted.issuers
        policy.audiences = wanted.audiences
        policy.leeway = Instant.Span(wanted.leeway)
        policy.maxLifetime = Instant.Span(wanted.maxTokenLifetime)
        policy.defaultCapabilities = wanted.defaultCapabilities
        var keys: [VerificationKey] = []
        var sets: [KeySetSource] = []
        if let secret = configuration.security.secretKeyBase {
            keys.append(.secret(secret))
            if secret.utf8.count < 32 {
                logger.warning("security.secret_key_base has less than 32 characters: who has a token can try them all")
            }
        }
        for entry in wanted.keys {
            switch entry {
            case .file(let path, let name, let id):
                guard let data = FileManager.default.contents(atPath: path),
                    let algorithm = VerificationKey.Algorithm(rawValue: name)
                else { throw CommandFailure("security.authentication.keys: \(path) cannot be read", code: 1) }
                do {
                    keys.append(
                        try await .publicKey(pem: String(decoding: data, as: UTF8.self), algorithm, id: id))
                } catch {
                    throw CommandFailure(
                        "security.authentication.keys: \(path) is no public key for \(name), PEM", code: 1)
                }
            case .keySet(let place):
                sets.append(
                    KeySetSource(
                        place.contains("://") ? .address(place) : .file(place),
                        refresh: Instant.Span(wanted.keySetRefresh), pause: Instant.Span(wanted.keySetPause),
                        stale: Instant.Span(wanted.keySetStale), logger: logger))
            }
        }
        let verifier = TokenVerifier(keys: keys, sets: sets, policy: policy)
        await verifier.start { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }
        var settings = AuthenticationSettings { token, now, time in
            Result { () throws(AuthenticationFailure) in try verifier.verify(token, now: now, time: time) }
        }
        settings.expiryNotice = Instant.Span(wanted.expiryNotice)
        settings.grace = Instant.Span(wanted.grace)
        settings.ticketLifetime = Instant.Span(wanted.ticketLifetime)
        settings.maxTickets = wanted.maxTickets
        settings.maxRevocations = wanted.maxRevocations
        settings.maxTokenLifetime = Instant.Span(wanted.maxTokenLifetime)
        settings.checksAudience = !wanted.audiences.isEmpty
        settings.authorizationServers = wanted.authorizationServers
        // Kept where messages are kept, if they are.
        if configuration.storage.engine == .sqlite {
            let file = RevocationFile(path: configuration.storage.path + ".revocations", logger: logger)
            do {
                settings.revocations = try file.read()
            } catch {
                throw CommandFailure("\(error)", code: 1)
            }
            settings.saveRevocations = { file.write($0) }
        }
        return settings
    }
}
