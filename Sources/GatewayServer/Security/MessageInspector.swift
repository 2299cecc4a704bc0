public import JSONSchema
import WireJSON

/// What a client's data may be beyond being JSON, and what in it looks like an attack on whoever shows it.
public struct ValidationSettings: Sendable, Equatable {
    /// What becomes of data that has a threat pattern.
    public enum ThreatPolicy: String, Sendable, CaseIterable {
        case off
        /// It is counted and delivered.
        case monitor
        case block
    }

    /// Members of all objects of one message together; 0 is any number.
    public var maxKeys = 10_000
    /// Bytes of one member's name as written; 0 is any number.
    public var maxKeyLength = 65_536
    /// Bytes of one string as written; 0 is any number.
    public var maxStringLength = 0
    /// Whether an object may have one name twice.
    public var allowsDuplicateKeys = true
    public var threats = ThreatPolicy.monitor
    /// What the data of a type of message must be.
    public var schemas = SchemaSet()

    public init() {}
}

/// What attackers put into texts that end up on pages and in templates.
enum Threat: String, CaseIterable, Sendable {
    case script
    case javascriptAddress = "javascript_url"
    case eventHandler = "event_handler"
    case template
}

/// Walks over data that the scanner has checked already: one pass, constant work for each byte.
struct MessageInspector {
    enum Finding: Equatable {
        case tooManyKeys
        case keyTooLong
        case stringTooLong
        case duplicateKey
    }

    private let settings: ValidationSettings
    private let bytes: UnsafeRawBufferPointer
    private var keys = 0
    /// The first threat that was seen.
    private(set) var threat: Threat?

    /// - Parameter bytes: JSON text that was found to be right; must stay valid as long as the inspector is used.
    init(_ bytes: UnsafeRawBufferPointer, _ settings: ValidationSettings) {
        self.bytes = bytes
        self.settings = settings
    }

    mutating func inspect(maxDepth: Int) -> Finding? {
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        // What the scanner refuses has been refused before.
        return (try? value(&scanner)) ?? nil
    }

    private mutating func value(_ scanner: inout JSONScanner) throws -> Finding? {
        switch try scanner.peek() {
        case UInt8(ascii: "{"):
            guard try scanner.beginObject() else { return nil }
            var names: Set<String> = []
            repeat {
                if let finding = check(try scanner.key(), &names) { return finding }
                if let finding = try value(&scanner) { return finding }
            } while try scanner.nextMember()
        case UInt8(ascii: "["):
            guard try scanner.beginArray() else { return nil }
            repeat {
                if let finding = try value(&scanner) { return finding }
            } while try scanner.nextElement()
        case UInt8(ascii: "\""):
            let span = try scanner.string()
            if settings.maxStringLength > 0, span.length - 2 > settings.maxStringLength { return .stringTooLong }
            look(at: span)
        default: _ = try scanner.value()
        }
        return nil
    }

    private mutating func check(_ key: JSONSpan, _ names: inout Set<String>) -> Finding? {
        keys += 1
        if settings.maxKeys > 0, keys > settings.maxKeys { return .tooManyKeys }
        if settings.maxKeyLength > 0, key.length - 2 > settings.maxKeyLength { return .keyTooLong }
        // Compared as what they mean: an escape does not make another name.
        if !settings.allowsDuplicateKeys, !names.insert(JSONText.decode(bytes[key])).inserted { return .duplicateKey }
        return nil
    }

    private mutating func look(at span: JSONSpan) {
        guard settings.threats != .off, threat == nil else { return }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[(span.offset + 1)..<(span.end - 1)])
        // Few strings have escapes; those are looked at as what they mean.
        guard inner.contains(UInt8(ascii: "\\")) else { return threat = Self.threat(in: inner) }
        threat = Array(JSONText.decode(bytes[span]).utf8).withUnsafeBytes { Self.threat(in: $0) }
    }

    /// Looks for `<script`, `javascript:`, a word `on…` followed by `=`, and `${…}`, in whatever case.
    static func threat(in text: UnsafeRawBufferPointer) -> Threat? {
        var wordStart = 0
        var opensTemplate = false
        for (index, byte) in text.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                continue
            case UInt8(ascii: "<"): if matches(text, at: index + 1, "script") { return .script }
            case UInt8(ascii: ":"): if matches(text, at: index - 10, "javascript") { return .javascriptAddress }
            case UInt8(ascii: "="):
                if index - wordStart > 2, matches(text, at: wordStart, "on") { return .eventHandler }
            case UInt8(ascii: "$"):
                if index + 1 < text.count, text[index + 1] == UInt8(ascii: "{") { opensTemplate = true }
            case UInt8(ascii: "}"): if opensTemplate { return .template }
            case UInt8(ascii: "\n"): opensTemplate = false
            default: break
            }
            wordStart = index + 1
        }
        return nil
    }

    /// Whether a lower-case word stands at a place, in whatever case.
    private static func matches(_ text: UnsafeRawBufferPointer, at index: Int, _ word: StaticString) -> Bool {
        guard index >= 0, index + word.utf8CodeUnitCount <= text.count else { return false }
        for offset in 0..<word.utf8CodeUnitCount where text[index + offset] | 0x20 != word.utf8Start[offset] {
            return false
        }
        return true
    }
}
