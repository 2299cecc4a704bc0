import Foundation
import Testing

@testable import WebSocketProtocol

/// The key exchange of RFC 6455 §4.2.2, and what it is made of.
@Suite struct HandshakeTests {
    @Test func theExampleOfTheRFC() {
        #expect(Handshake.acceptValue(forKey: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(Handshake.acceptValue(forKey: "x3JJHMbDL1EzLkh9GBhXDw==") == "HSmrc0sMlYUkAGmm5OPpG2HaGWk=")
    }

    @Test(arguments: [
        "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25j ZQ=", "dGhlIHNhbXBsZSBub25jZQ= ", "dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jéZ==",
        "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25jZSEh", "=dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25j_-==",
    ])
    func whatIsNoKey(key: String) {
        #expect(Handshake.acceptValue(forKey: key) == nil)
    }

    @Test func everyKeyOfSixteenBytesIsTaken() {
        var random = SeededGenerator(1)
        for _ in 0..<100 {
            let key = Data((0..<16).map { _ in UInt8(random.below(256)) }).base64EncodedString()
            #expect(Handshake.acceptValue(forKey: key)?.utf8.count == 28)
        }
    }

    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
        ("The quick brown fox jumps over the lazy dog", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"),
    ])
    func sha1(text: String, expected: String) {
        let digest = SHA1.digest(Array(text.utf8))
        #expect(digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == expected)
    }

    /// Each length around the edges of a block, chained: the value was computed with another implementation.
    @Test func sha1OfEveryLengthUpToThreeBlocks() {
        var all: [UInt8] = []
        for length in 0..<192 { all += SHA1.digest((0..<length).map { UInt8($0) }) }
        let digest = SHA1.digest(all).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(digest == "c2be4ec98d3806e19e0b630b81ddc315765bd2fa")
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64(text: String) {
        #expect(Base64.encode(Array(text.utf8)) == Data(text.utf8).base64EncodedString())
    }

    @Test func base64OfRandomBytesIsAsFoundationWritesIt() {
        var random = SeededGenerator(2)
        for length in 0..<100 {
            let bytes = (0..<length).map { _ in UInt8(random.below(256)) }
            #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
        }
    }
}
