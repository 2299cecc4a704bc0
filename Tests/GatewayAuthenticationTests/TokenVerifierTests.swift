import GatewayCore
import JWTKit
import Testing
import WireJSON

@testable import GatewayAuthentication

/// What gets in, and above all what does not.
struct TokenVerifierTests {
    private static let secret = "a secret of thirty-two characters"
    private static let now: Int64 = 1_800_000_000

    private func token(_ header: String, _ payload: String, secret: String = secret) async throws -> String {
        let signed = TokenText.encode(Array(header.utf8)) + "." + TokenText.encode(Array(payload.utf8))
        let key = VerificationKey.secret(secret)
        return signed + "." + TokenText.encode(try key.algorithm.sign(Array(signed.utf8)))
    }

    private func verifier(_ change: (inout ClaimPolicy) -> Void = { _ in }) async throws -> TokenVerifier {
        var policy = ClaimPolicy()
        change(&policy)
        return TokenVerifier(keys: [.secret(Self.secret)], policy: policy)
    }

    private func outcome(
        _ payload: String, header: String = #"{"alg":"HS256"}"#, at seconds: Int64 = now,
        _ change: (inout ClaimPolicy) -> Void = { _ in }
    ) async throws -> Result<Principal, AuthenticationFailure> {
        let text = try await token(header, payload)
        let verifier = try await verifier(change)
        return Result { () throws(AuthenticationFailure) in
            try verifier.verify(text, now: .zero, time: Timestamp(milliseconds: seconds * 1000))
        }
    }

    private static let plain = #"{"sub":"alice","exp":1800000060}"#

    @Test func tellsWhoItIs() async throws {
        let principal = try await outcome(
            #"{"sub":"alice","exp":1800000060,"iat":1800000000,"jti":"t1","tier":"premium","iss":"me","#
                + #""capabilities":["subscribe:room:*","publish:room:1"],"scope":"openid mcp:time"}"#
        ).get()
        #expect(principal.subject == "alice" && principal.tier == "premium" && principal.tokenID == "t1")
        #expect(principal.issuer == "me" && principal.expiresAt?.milliseconds == 1_800_000_060_000)
        #expect(principal.capabilities.allow(.subscribe, "room:7"))
        #expect(!principal.capabilities.allow(.publish, "room:7"))
        #expect(principal.capabilities.allow(.mcp, "time/get_current_time"))
        #expect(!principal.capabilities.allow(.mcp, "search/query"))
        #expect(!principal.capabilities.allow(.admin) && !principal.capabilities.allow(.service))
    }

    @Test func endsToTheSecond() async throws {
        #expect(try await outcome(Self.plain, at: 1_800_000_059).get().subject == "alice")
        #expect(try await outcome(Self.plain, at: 1_800_000_060) == .failure(.expired))
        #expect(try await outcome(Self.plain, at: 1_800_000_061) == .failure(.expired))
        #expect(try await outcome(Self.plain, at: 1_800_000_061) { $0.leeway = .seconds(2) }.get().subject == "alice")
    }

    @Test(arguments: [
        (#"{"sub":"alice"}"#, AuthenticationFailure.claims),
        (#"{"exp":1800000060}"#, .claims), (#"{"sub":"","exp":1800000060}"#, .claims),
        (#"{"sub":7,"exp":1800000060}"#, .claims), (#"{"sub":"alice","exp":"soon"}"#, .claims),
        (#"{"sub":"alice","exp":1e300}"#, .claims),
        (#"{"sub":"alice","exp":1900000000}"#, .claims),
        (#"{"sub":"alice","exp":1800000060,"nbf":1800000001}"#, .notYetValid),
        (#"{"sub":"alice","exp":1800000060,"iat":1800000001}"#, .notYetValid),
        (#"{"sub":"alice","exp":1800000060,"sub":"bob"}"#, .malformed),
        (#"{"sub":"alice","exp":1800000060,"capabilities":"admin"}"#, .claims),
        (#"{"sub":"alice","exp":1800000060,"tier":["premium"]}"#, .claims),
        (#"["sub"]"#, .malformed), (#"{"sub":"alice","exp":1800000060} "x""#, .malformed),
    ]) func refusesClaims(_ payload: String, _ failure: AuthenticationFailure) async throws {
        #expect(try await outcome(payload) == .failure(failure))
    }

    @Test(arguments: [
        #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"hs256"}"#, #"{"alg":"RS256"}"#, #"{"alg":"ES256"}"#,
        #"{"alg":"HS512"}"#, #"{"alg":""}"#,
    ]) func refusesForeignAlgorithms(_ header: String) async throws {
        #expect(try await outcome(Self.plain, header: header) == .failure(.algorithm))
    }

    @Test(arguments: [
        #"{}"#, #"{"alg":["HS256"]}"#, #"{"alg":"HS256","crit":["x"]}"#, #"{"alg":"HS256","kid":["a"]}"#,
        #"{"alg":"HS256","alg":"none"}"#, #"{"alg":"HS256"}}"#,
    ]) func refusesHeaders(_ header: String) async throws {
        #expect(try await outcome(Self.plain, header: header) == .failure(.malformed))
    }

    @Test func checksAudienceAndIssuer() async throws {
        let foreign = #"{"sub":"alice","exp":1800000060,"aud":["other"],"iss":"them"}"#
        let ours = #"{"sub":"alice","exp":1800000060,"aud":["other","us"],"iss":"me"}"#
        #expect(try await outcome(foreign) { $0.audiences = ["us"] } == .failure(.audience))
        #expect(try await outcome(Self.plain) { $0.audiences = ["us"] } == .failure(.audience))
        #expect(try await outcome(ours) { $0.audiences = ["us"] }.get().subject == "alice")
        #expect(try await outcome(foreign) { $0.issuers = ["me"] } == .failure(.issuer))
        #expect(try await outcome(Self.plain) { $0.issuers = ["me"] } == .failure(.issuer))
        #expect(try await outcome(ours) { $0.issuers = ["me"] }.get().subject == "alice")
    }

    @Test func refusesEveryChangedByte() async throws {
        let text = try await token(#"{"alg":"HS256"}"#, Self.plain)
        let verifier = try await verifier()
        let time = Timestamp(milliseconds: Self.now * 1000)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(throws: AuthenticationFailure.self) { try verifier.verify(changed, now: .zero, time: time) }
        }
        for count in 0..<text.count {
            #expect(throws: AuthenticationFailure.self) {
                try verifier.verify(String(text.prefix(count)), now: .zero, time: time)
            }
        }
        let padded = text + "="
        #expect(throws: AuthenticationFailure.malformed) { try verifier.verify(padded, now: .zero, time: time) }
        let long = text + String(repeating: "A", count: 9000)
        #expect(throws: AuthenticationFailure.malformed) { try verifier.verify(long, now: .zero, time: time) }
    }

    /// The public key of an issuer is no secret of its: a token "signed" with it is worth nothing.
    @Test func refusesThePublicKeyAsSecret() async throws {
        let key = ES256PrivateKey()
        let pem = key.publicKey.pemRepresentation
        let verifier = TokenVerifier(keys: [try await .publicKey(pem: pem, .es256)], policy: ClaimPolicy())
        let forged = try await token(#"{"alg":"HS256"}"#, Self.plain, secret: pem)
        let time = Timestamp(milliseconds: Self.now * 1000)
        #expect(throws: AuthenticationFailure.algorithm) { try verifier.verify(forged, now: .zero, time: time) }
        let renamed = try await token(#"{"alg":"ES256"}"#, Self.plain, secret: pem)
        #expect(throws: AuthenticationFailure.signature) { try verifier.verify(renamed, now: .zero, time: time) }
    }

    @Test func takesKeysByTheirNames() async throws {
        let keys = [
            VerificationKey.secret("the secret of the first key", id: "one"),
            VerificationKey.secret("the secret of the second key", id: "two"),
        ]
        let verifier = TokenVerifier(keys: keys, policy: ClaimPolicy())
        let time = Timestamp(milliseconds: Self.now * 1000)
        func outcome(_ id: String, _ secret: String) async throws -> Result<String, AuthenticationFailure> {
            let text = try await token(#"{"alg":"HS256","kid":"\#(id)"}"#, Self.plain, secret: secret)
            return Result { () throws(AuthenticationFailure) in
                try verifier.verify(text, now: .zero, time: time).subject
            }
        }
        #expect(try await outcome("two", "the secret of the second key") == .success("alice"))
        #expect(try await outcome("one", "the secret of the second key") == .failure(.signature))
        for name in ["../../dev/null", "' OR 1=1 --", "three", ""] {
            #expect(try await outcome(name, "the secret of the first key") == .failure(.unknownKey))
        }
    }

    @Test func readsWhatItIssues() async throws {
        let principal = Principal(
            subject: "alice", tier: "premium", capabilities: Capabilities([Capability(.publish, "room:*")]),
            expiresAt: Timestamp(milliseconds: (Self.now + 60) * 1000),
            issuedAt: Timestamp(milliseconds: Self.now * 1000), tokenID: "t", issuer: "me")
        let text = TokenIssuer(secret: Self.secret).token(for: principal)
        let read = try await verifier().verify(text, now: .zero, time: Timestamp(milliseconds: Self.now * 1000))
        #expect(read == principal)
    }
}
