public import NIOCore
public import WireJSON

/// Replaces places of a text by other bytes; all other bytes stay what they are.
public struct Splice {
    private var edits: [(span: JSONSpan, bytes: [UInt8])] = []

    public init() { edits.reserveCapacity(3) }

    /// Whether nothing is replaced.
    public var isEmpty: Bool { edits.isEmpty }

    /// Puts `bytes` in the place of `span`. Places may come in any order and must not overlap.
    public mutating func replace(_ span: JSONSpan?, with bytes: [UInt8]) {
        guard let span else { return }
        edits.append((span, bytes))
    }

    /// Puts a number in the place of `span`.
    public mutating func replace(_ span: JSONSpan?, with number: Int) {
        guard let span else { return }
        edits.append((span, Array(String(number).utf8)))
    }

    /// Puts `bytes` in front of `offset`.
    public mutating func insert(_ bytes: [UInt8], at offset: Int) {
        edits.append((JSONSpan(offset: offset, length: 0), bytes))
    }

    /// The edited text.
    /// - Parameter oneLine: whether line breaks between tokens are to become spaces. Strings cannot hold raw ones.
    public func apply(to source: UnsafeRawBufferPointer, oneLine: Bool = false) -> ByteBuffer {
        let growth = edits.reduce(0) { $0 + $1.bytes.count }
        var output = ByteBuffer()
        output.reserveCapacity(source.count + growth + 2)
        var position = 0
        for edit in edits.sorted(by: { $0.span.offset < $1.span.offset }) {
            if edit.span.offset > position {
                output.writeBytes(UnsafeRawBufferPointer(rebasing: source[position..<edit.span.offset]))
            }
            output.writeBytes(edit.bytes)
            position = edit.span.end
        }
        if position < source.count { output.writeBytes(UnsafeRawBufferPointer(rebasing: source[position...])) }
        if oneLine { Self.joinLines(&output) }
        return output
    }

    /// Turns raw line breaks into spaces. In JSON they can only stand between tokens.
    public static func joinLines(_ buffer: inout ByteBuffer) {
        buffer.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.indices where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x20 }
        }
    }
}
