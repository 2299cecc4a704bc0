import Foundation
import Testing

@testable import WireJSON

@Suite struct Base64Tests {
    private func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        bytes.withUnsafeBytes { Base64.append($0, to: &output) }
        #expect(output.count == Base64.encodedCount(bytes.count))
        return String(decoding: output, as: UTF8.self)
    }

    private func decode(_ text: String) -> [UInt8]? { Base64.decode(Array(text.utf8)) }

    /// The test vectors of RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func standardVectors(plain: String, text: String) {
        #expect(encode(Array(plain.utf8)) == text)
        #expect(decode(text) == Array(plain.utf8))
        #expect(decode(text.filter { $0 != "=" }) == Array(plain.utf8), "padding may be left out")
    }

    @Test func everyByteInEveryPlaceIsAsFoundationHasIt() {
        for length in 0...7 {
            for byte in UInt8.min...UInt8.max {
                let bytes = (0..<length).map { UInt8(truncatingIfNeeded: Int(byte) &* (2 * $0 + 1)) }
                #expect(encode(bytes) == Data(bytes).base64EncodedString())
                #expect(decode(encode(bytes)) == bytes)
            }
        }
    }

    @Test(arguments: [
        "Z", "Zg=", "Zg===", "=", "====", "Zm9v=", "Zm=v", "Zm9-", "Zm9_", "Zm 9v", "Zm9v\n", "Zh==", "Zm9=", "ü",
    ])
    func whatIsNotBase64IsRefused(text: String) {
        #expect(decode(text) == nil)
    }
}
