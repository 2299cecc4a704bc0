import GatewayCore

/// All keys, and which of them a token is to be checked with.
struct KeyRing: Sendable {
    private var keys: [VerificationKey] = []

    /// Keys that are tried for a token that names none.
    static let maxCandidates = 8

    init(_ keys: [VerificationKey] = []) { self.keys = keys }

    var isEmpty: Bool { keys.isEmpty }

    /// The payload of a token whose signature is right.
    func verify(_ token: TokenText) throws(AuthenticationFailure) -> ClaimObject {
        // `none` is nobody's algorithm, and a public key is nobody's secret.
        let pinned = keys.filter { $0.algorithmName == token.algorithm }
        guard !pinned.isEmpty else { throw .algorithm }
        var candidates = pinned
        if let id = token.keyID {
            let named = pinned.filter { $0.id == id }
            // A key without a name serves tokens that name any.
            candidates = named.isEmpty ? pinned.filter { $0.id == nil } : named
            guard !candidates.isEmpty else { throw .unknownKey }
        }
        guard
            candidates.prefix(Self.maxCandidates).contains(where: {
                $0.verifies(token.signature, of: token.signed)
            })
        else { throw .signature }
        return try ClaimObject(token.payload)
    }
}
