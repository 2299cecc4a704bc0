import GatewayCore
import WireJSON

/// A token as it is written: three parts in the alphabet for addresses (RFC 7515 §7.1).
struct TokenText {
    let algorithm: String
    let keyID: String?
    let payload: [UInt8]
    let signature: [UInt8]
    /// What the signature covers.
    let signed: Substring.UTF8View

    /// A longer token is not even looked at.
    static let maxLength = 8192

    init(_ text: String) throws(AuthenticationFailure) {
        guard text.utf8.count <= Self.maxLength else { throw .malformed }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.decode(parts[0]), let payload = Self.decode(parts[1]),
            let signature = Self.decode(parts[2])
        else { throw .malformed }
        let fields = try ClaimObject(header)
        guard let algorithm = fields.text("alg") else { throw .malformed }
        // Extensions that must be understood (RFC 7515 §4.1.11): none is.
        guard !fields.contains("crit") else { throw .malformed }
        if fields.contains("kid"), fields.text("kid") == nil { throw .malformed }
        self.algorithm = algorithm
        keyID = fields.text("kid")
        self.payload = payload
        self.signature = signature
        signed = text[..<parts[1].endIndex].utf8
    }

    /// The alphabet for addresses, without padding; anything else is refused, so that a token has one written form.
    static func decode(_ part: Substring) -> [UInt8]? {
        var plain: [UInt8] = []
        plain.reserveCapacity(part.utf8.count)
        for byte in part.utf8 {
            switch byte {
            case UInt8(ascii: "-"): plain.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): plain.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
            default: plain.append(byte)
            }
        }
        return Base64.decode(plain)
    }

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        bytes.withUnsafeBytes { Base64.append($0, to: &text) }
        text.removeAll { $0 == UInt8(ascii: "=") }
        for index in text.indices {
            if text[index] == UInt8(ascii: "+") { text[index] = UInt8(ascii: "-") }
            if text[index] == UInt8(ascii: "/") { text[index] = UInt8(ascii: "_") }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A JSON object whose members are looked up by name. A name that comes twice makes it invalid: others might read the other.
struct ClaimObject {
    private let bytes: [UInt8]
    private var members: [String: JSONSpan] = [:]

    init(_ bytes: [UInt8]) throws(AuthenticationFailure) {
        self.bytes = bytes
        var members: [String: JSONSpan] = [:]
        let isValid = bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 8)
            do {
                if try scanner.beginObject() {
                    repeat {
                        let key = try scanner.key()
                        let name = JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[key.offset..<key.end]))
                        guard try members.updateValue(scanner.value(), forKey: name) == nil else { return false }
                    } while try scanner.nextMember()
                }
                try scanner.finish()
                return true
            } catch {
                return false
            }
        }
        guard isValid else { throw .malformed }
        self.members = members
    }

    func contains(_ name: String) -> Bool { members[name] != nil }

    private func withValue<Value>(_ name: String, _ body: (UnsafeRawBufferPointer) -> Value?) -> Value? {
        guard let span = members[name] else { return nil }
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[span.offset..<span.end])) }
    }

    /// A member that is a text.
    func text(_ name: String) -> String? {
        withValue(name) { $0.first == UInt8(ascii: "\"") ? JSONText.decode($0) : nil }
    }

    /// A member that is a moment in seconds since 1970.
    func moment(_ name: String) -> Timestamp? {
        let seconds = withValue(name) { Double(String(decoding: $0, as: UTF8.self)) }
        guard let seconds, seconds.isFinite, abs(seconds) < 1e11 else { return nil }
        return Timestamp(milliseconds: Int64(seconds * 1000))
    }

    /// A member that is a list of texts.
    func texts(_ name: String) -> [String]? {
        withValue(name) { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 1)
            var list: [String] = []
            do {
                if try scanner.beginArray() {
                    repeat {
                        let span = try scanner.string()
                        list.append(
                            JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])))
                    } while try scanner.nextElement()
                }
                return list
            } catch {
                return nil
            }
        }
    }

    /// A member that is a list, as the JSON texts of its elements.
    func elements(_ name: String) -> [[UInt8]]? {
        withValue(name) { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 8)
            var list: [[UInt8]] = []
            do {
                if try scanner.beginArray() {
                    repeat {
                        let span = try scanner.value()
                        list.append(Array(bytes[span.offset..<span.end]))
                    } while try scanner.nextElement()
                }
                return list
            } catch {
                return nil
            }
        }
    }
}
