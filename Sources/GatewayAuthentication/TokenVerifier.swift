public import GatewayCore
import Logging
import Synchronization

/// Checks tokens. A check takes no more than a signature does and waits for nothing, so that it happens where the request
/// is; only keys are fetched elsewhere.
public final class TokenVerifier: Sendable {
    private let policy: ClaimPolicy
    private let fixed: [VerificationKey]
    private let sets: [KeySetSource]
    private let ring: Mutex<KeyRing>

    /// - Parameters:
    ///   - keys: those that stay.
    ///   - sets: where others come from.
    public init(keys: [VerificationKey], sets: [KeySetSource] = [], policy: ClaimPolicy) {
        self.policy = policy
        self.sets = sets
        fixed = keys
        ring = Mutex(KeyRing(keys))
    }

    /// What a token proves.
    /// - Parameters:
    ///   - now: monotonic, for the age of keys.
    ///   - time: for the claims.
    public func verify(
        _ token: String, now: Instant, time: Timestamp
    ) throws(AuthenticationFailure) -> Principal {
        let text = try TokenText(token)
        if !sets.isEmpty { renew(isMissed: false, now: now) }
        let claims: ClaimObject
        do throws(AuthenticationFailure) {
            claims = try ring.withLock { $0 }.verify(text)
        } catch {
            // An algorithm is as good as unknown while the sets have not been read.
            if error == .unknownKey || error == .algorithm && text.algorithm != "none" {
                renew(isMissed: true, now: now)
            }
            throw error
        }
        return try policy.principal(claims, now: time)
    }

    /// Reads the key sets for the first time.
    public func start(now: @escaping @Sendable () -> Instant) async {
        for source in sets { await source.fetch(now: now) }
        gather(now: now())
    }

    private func renew(isMissed: Bool, now: Instant) {
        for source in sets {
            source.renew(isMissed: isMissed, now: now) { [weak self] in self?.gather(now: now) }
        }
    }

    private func gather(now: Instant) {
        let keys = fixed + sets.flatMap { $0.keys(now: now) }
        ring.withLock { $0 = KeyRing(keys) }
    }
}
