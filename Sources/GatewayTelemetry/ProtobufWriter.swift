/// Writes the wire format of Protocol Buffers: as much of it as OTLP needs.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    private enum WireType: UInt64 { case variable = 0, fixed64 = 1, delimited = 2 }

    mutating func member(_ number: UInt64, _ text: String) { member(number, Array(text.utf8)) }

    mutating func member(_ number: UInt64, _ content: [UInt8]) {
        tag(number, .delimited)
        variable(UInt64(content.count))
        bytes += content
    }

    mutating func member(_ number: UInt64, variable value: UInt64) {
        tag(number, .variable)
        variable(value)
    }

    mutating func member(_ number: UInt64, fixed value: UInt64) {
        tag(number, .fixed64)
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    /// A message within this one.
    mutating func member(_ number: UInt64, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        member(number, inner.bytes)
    }

    private mutating func tag(_ number: UInt64, _ type: WireType) { variable(number << 3 | type.rawValue) }

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
