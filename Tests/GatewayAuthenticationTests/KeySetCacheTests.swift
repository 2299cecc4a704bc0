import GatewayCore
import Testing

@testable import GatewayAuthentication

struct KeySetCacheTests {
    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test func aSetIsFetchedNowAndThenAndForUnknownKeysWithinABound() {
        var cache = KeySetCache(.init(refresh: .seconds(600), pause: .seconds(10), stale: .seconds(3600)))
        check(!cache.isUsable(now: at(0)))
        check(cache.mustFetch(isMissed: false, now: at(0)))
        // One at a time.
        check(!cache.mustFetch(isMissed: true, now: at(20)))
        cache.fetched(now: at(20))
        check(cache.isUsable(now: at(20)) && !cache.mustFetch(isMissed: false, now: at(619)))
        check(cache.mustFetch(isMissed: false, now: at(620)))
        cache.fetched(now: at(620))
        // Forged key names make no load.
        var fetches = 0
        for second in Int64(621)..<721 where cache.mustFetch(isMissed: true, now: at(second)) {
            fetches += 1
            cache.fetched(now: at(second))
        }
        check(fetches == 10)
    }

    @Test func aSetThatCannotBeFetchedIsUsedOnForAWhile() {
        var cache = KeySetCache(.init(refresh: .seconds(600), pause: .seconds(10), stale: .seconds(3600)))
        check(cache.mustFetch(isMissed: false, now: at(0)))
        cache.fetched(now: at(0))
        for second in stride(from: Int64(600), to: 3600, by: 100) {
            check(cache.mustFetch(isMissed: false, now: at(second)))
            cache.failed()
            check(cache.isUsable(now: at(second)))
        }
        check(!cache.isUsable(now: at(3600)))
    }

    @Test func ofASetOnlyKeysThatCheckSignaturesAreTaken() async throws {
        let set = #"""
            {"keys": [
              {"kty": "oct", "alg": "HS256", "kid": "shared", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
              {"kty": "EC", "crv": "P-256", "kid": "one", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
               "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
              {"kty": "EC", "crv": "P-256", "kid": "two", "use": "enc",
               "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
              {"kty": "OKP", "crv": "Ed25519", "kid": "three", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
              {"kty": "RSA", "kid": "broken"}, 7
            ]}
            """#
        let keys = try await KeySetSource.keys(in: Array(set.utf8))
        check(keys.map(\.id) == ["one", "three"] && keys.map(\.algorithmName) == ["ES256", "EdDSA"])
        await #expect(throws: KeyProblem.noKeys) { try await KeySetSource.keys(in: Array(#"{"keys":[]}"#.utf8)) }
        await #expect(throws: KeyProblem.self) { try await KeySetSource.keys(in: Array("<html>".utf8)) }
    }
}

/// For values that change by being asked, which the macro does not take.
private func check(_ holds: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(holds, sourceLocation: sourceLocation)
}
