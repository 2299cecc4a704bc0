/// Builds small JSON objects (answers, errors, statistics) as bytes. Not for payloads: those are spliced.
public struct JSONWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init(reservingCapacity capacity: Int = 128) {
        bytes.reserveCapacity(capacity)
    }

    /// Writes an object whose members `body` writes.
    public static func object(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(body)
        return writer.bytes
    }

    /// Writes an object value.
    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Writes an array value.
    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// Writes a member's name; its value must follow.
    public mutating func key(_ name: String) {
        separate()
        JSONText.appendQuoted(name.utf8, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func value(_ text: String) {
        separate()
        JSONText.appendQuoted(text.utf8, to: &bytes)
    }

    public mutating func value(_ number: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    public mutating func value(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    /// Writes a number with at most three decimals; what is not finite becomes `null`.
    public mutating func value(_ number: Double) {
        guard number.isFinite, abs(number) < 1e15 else { return null() }
        separate()
        let scaled = (number * 1000).rounded()
        if scaled == (number.rounded() * 1000) {
            bytes.append(contentsOf: String(Int64(number.rounded())).utf8)
        } else {
            bytes.append(contentsOf: String(scaled / 1000).utf8)
        }
    }

    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// Writes JSON text as it is.
    public mutating func raw(_ json: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    public mutating func member(_ name: String, _ text: String) { key(name); value(text) }
    public mutating func member(_ name: String, _ number: some BinaryInteger) { key(name); value(number) }
    public mutating func member(_ name: String, _ flag: Bool) { key(name); value(flag) }
    public mutating func member(_ name: String, _ number: Double) { key(name); value(number) }
    public mutating func member(_ name: String, _ text: String?) {
        key(name); if let text { value(text) } else { null() }
    }
    public mutating func member(_ name: String, _ body: (inout JSONWriter) -> Void) { key(name); object(body) }
    public mutating func member(_ name: String, raw json: some Sequence<UInt8>) { key(name); raw(json) }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}
