import WireJSON

/// The name of an object's member, compared where it stands: no string is made of it.
struct MemberName {
    private let bytes: UnsafeRawBufferPointer
    /// What it stands for if it is written with escapes: `"\u0069d"` is `id` too.
    private let decoded: String?

    /// - Parameters:
    ///   - span: the name with its quotes.
    ///   - text: where it stands; must stay valid as long as the name is used.
    init(_ span: JSONSpan, _ text: UnsafeRawBufferPointer) {
        bytes = UnsafeRawBufferPointer(rebasing: text[(span.offset + 1)..<(span.end - 1)])
        let hasEscapes = bytes.contains(UInt8(ascii: "\\"))
        decoded = hasEscapes ? JSONText.decode(UnsafeRawBufferPointer(rebasing: text[span.offset..<span.end])) : nil
    }

    /// Lets names be the patterns of a `switch`.
    static func ~= (name: StaticString, member: MemberName) -> Bool {
        if let decoded = member.decoded { return decoded == name.description }
        guard member.bytes.count == name.utf8CodeUnitCount else { return false }
        for index in 0..<member.bytes.count where member.bytes[index] != name.utf8Start[index] { return false }
        return true
    }
}
