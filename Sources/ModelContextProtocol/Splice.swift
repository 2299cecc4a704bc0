public import NIOCore
public import WireJSON

/// Replaces places of a text by other bytes; all other bytes stay what they are.
public struct Splice {
    /// What stands in a place afterwards.
    private enum Text {
        case bytes([UInt8])
        case number(Int)

        /// At most how many bytes it has.
        var length: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .number: 20
            }
        }
    }

    private typealias Edit = (span: JSONSpan, text: Text)

    // In the order of their places. Few messages need more than two, and none of those that come often: nothing is
    // allocated for these.
    private var first: Edit?
    private var second: Edit?
    private var others: [Edit] = []

    public init() {}

    /// Whether nothing is replaced.
    public var isEmpty: Bool { first == nil }

    /// Puts `bytes` in the place of `span`. Places may come in any order and must not overlap.
    public mutating func replace(_ span: JSONSpan?, with bytes: [UInt8]) {
        guard let span else { return }
        add((span, .bytes(bytes)))
    }

    /// Puts a number in the place of `span`.
    public mutating func replace(_ span: JSONSpan?, with number: Int) {
        guard let span else { return }
        add((span, .number(number)))
    }

    /// Puts `bytes` in front of `offset`.
    public mutating func insert(_ bytes: [UInt8], at offset: Int) {
        add((JSONSpan(offset: offset, length: 0), .bytes(bytes)))
    }

    /// Behind all that are not behind it.
    private mutating func add(_ edit: Edit) {
        var edit = edit
        guard let known = first else { return first = edit }
        if edit.span.offset < known.span.offset {
            first = edit
            edit = known
        }
        guard let known = second else { return second = edit }
        if edit.span.offset < known.span.offset {
            second = edit
            edit = known
        }
        let place = others.firstIndex { $0.span.offset > edit.span.offset } ?? others.endIndex
        others.insert(edit, at: place)
    }

    /// The edited text.
    /// - Parameter oneLine: whether line breaks between tokens are to become spaces. Strings cannot hold raw ones.
    public func apply(to source: UnsafeRawBufferPointer, oneLine: Bool = false) -> ByteBuffer {
        let growth = (first?.text.length ?? 0) + (second?.text.length ?? 0) + others.reduce(0) { $0 + $1.text.length }
        var output = ByteBufferAllocator().buffer(capacity: source.count + growth)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count + growth) { room in
            var position = 0
            var written = 0
            func copy(_ bytes: UnsafeRawBufferPointer) {
                UnsafeMutableRawBufferPointer(rebasing: room[written...]).copyMemory(from: bytes)
                written += bytes.count
            }
            func write(_ edit: Edit) {
                if edit.span.offset > position {
                    copy(UnsafeRawBufferPointer(rebasing: source[position..<edit.span.offset]))
                }
                switch edit.text {
                case .bytes(let bytes): bytes.withUnsafeBytes { copy($0) }
                case .number(let number):
                    written += DecimalText.write(
                        number, to: UnsafeMutableRawBufferPointer(rebasing: room[written...]))
                }
                position = edit.span.end
            }
            if let first { write(first) }
            if let second { write(second) }
            for edit in others { write(edit) }
            if position < source.count { copy(UnsafeRawBufferPointer(rebasing: source[position...])) }
            return written
        }
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
