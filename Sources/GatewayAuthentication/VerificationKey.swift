import Crypto
import JWTKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A key that tokens are checked with, pinned to one algorithm: what a token's header says never chooses how it is checked.
public struct VerificationKey: Sendable {
    /// What a token's `kid` names it by; `nil` if tokens need not name it.
    public let id: String?
    let algorithm: any JWTAlgorithm

    /// The algorithms that a key may be pinned to. `none` is not among them.
    public enum Algorithm: String, Sendable, CaseIterable {
        case hs256 = "HS256"
        case hs384 = "HS384"
        case hs512 = "HS512"
        case rs256 = "RS256"
        case rs384 = "RS384"
        case rs512 = "RS512"
        case ps256 = "PS256"
        case ps384 = "PS384"
        case ps512 = "PS512"
        case es256 = "ES256"
        case es384 = "ES384"
        case es512 = "ES512"
        case eddsa = "EdDSA"
    }

    /// The name of its algorithm, as `alg` has it.
    public var algorithmName: String { algorithm.name }

    /// A secret that issuers and the gateway share.
    public static func secret(_ secret: String, _ algorithm: Algorithm = .hs256, id: String? = nil) -> Self {
        let key = SymmetricKey(data: Array(secret.utf8))
        return switch algorithm {
        case .hs384: Self(id, SharedSecret<SHA384>(key: key, name: algorithm.rawValue))
        case .hs512: Self(id, SharedSecret<SHA512>(key: key, name: algorithm.rawValue))
        default: Self(id, SharedSecret<SHA256>(key: key, name: Algorithm.hs256.rawValue))
        }
    }

    /// The public key of an issuer, from a PEM text.
    public static func publicKey(pem: String, _ algorithm: Algorithm, id: String? = nil) async throws -> Self {
        let keys = JWTKeyCollection()
        switch algorithm {
        case .hs256, .hs384, .hs512: throw KeyProblem.notPublic(algorithm)
        case .rs256: await keys.add(rsa: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha256)
        case .rs384: await keys.add(rsa: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha384)
        case .rs512: await keys.add(rsa: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha512)
        case .ps256: await keys.add(pss: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha256)
        case .ps384: await keys.add(pss: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha384)
        case .ps512: await keys.add(pss: try Insecure.RSA.PublicKey(pem: pem), digestAlgorithm: .sha512)
        case .es256: await keys.add(ecdsa: try ES256PublicKey(pem: pem))
        case .es384: await keys.add(ecdsa: try ES384PublicKey(pem: pem))
        case .es512: await keys.add(ecdsa: try ES512PublicKey(pem: pem))
        case .eddsa: await keys.add(eddsa: try EdDSA.PublicKey(pem: pem))
        }
        return try await Self(id, keys)
    }

    /// A key of a JSON Web Key Set.
    static func webKey(_ key: JWK) async throws -> Self {
        var key = key
        let id = key.keyIdentifier
        if key.algorithm == nil { key.algorithm = Self.usualAlgorithm(of: key) }
        key.keyIdentifier = id ?? "key"
        return try await Self(id?.string, JWTKeyCollection().add(jwk: key, isDefault: true))
    }

    /// What keys that name no algorithm are used with.
    private static func usualAlgorithm(of key: JWK) -> JWK.Algorithm? {
        if key.keyType == .rsa { return .rs256 }
        if key.keyType == .octetKeyPair { return .eddsa }
        return switch key.curve?.rawValue {
        case "P-256": .es256
        case "P-384": .es384
        case "P-521": .es512
        default: nil
        }
    }

    private init(_ id: String?, _ keys: JWTKeyCollection) async throws {
        self.init(id, try await keys.getKey())
    }

    private init(_ id: String?, _ algorithm: any JWTAlgorithm) {
        self.id = id
        self.algorithm = algorithm
    }

    /// Whether `signature` is that of `text`.
    func verifies(_ signature: [UInt8], of text: some Sequence<UInt8>) -> Bool {
        (try? algorithm.verify(signature, signs: Array(text))) ?? false
    }
}

/// HMAC with a secret of any length. That of jwt-kit ends the process for a short one; operators are warned instead.
private struct SharedSecret<Hash: HashFunction>: JWTAlgorithm {
    let key: SymmetricKey
    let name: String

    func sign(_ plaintext: some DataProtocol) -> [UInt8] {
        Array(HMAC<Hash>.authenticationCode(for: plaintext, using: key))
    }

    func verify(_ signature: some DataProtocol, signs plaintext: some DataProtocol) -> Bool {
        HMAC<Hash>.isValidAuthenticationCode(Array(signature), authenticating: plaintext, using: key)
    }
}

/// Why a key cannot be used.
public enum KeyProblem: Error, CustomStringConvertible, Equatable {
    case notPublic(VerificationKey.Algorithm)
    case noKeys
    case unreadable(String)

    public var description: String {
        switch self {
        case .notPublic(let algorithm): "\(algorithm.rawValue) has no public key"
        case .noKeys: "the set has no key that can check signatures"
        case .unreadable(let reason): reason
        }
    }
}
