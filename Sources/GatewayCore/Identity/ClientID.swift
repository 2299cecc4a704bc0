/// The name of a client: 1 to 128 bytes of `A–Z a–z 0–9 . _ - : @`.
public struct ClientID: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// `nil` if `text` is not a client id.
    public init?(_ text: String) {
        guard text.utf8.count >= 1, text.utf8.count <= 128, text.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.text = text
    }

    public var description: String { text }

    /// What is allowed, in words for an error's reason.
    public static let rule = "1 to 128 characters of A-Z a-z 0-9 . _ - : @"

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: ":"), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}
