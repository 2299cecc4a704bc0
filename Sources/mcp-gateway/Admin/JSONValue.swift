import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An answer of the gateway, to be shown to people.
enum JSONValue: Decodable, Sendable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(_ bytes: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch { throw CommandFailure("the gateway's answer is not JSON", code: 1) }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let array = try? container.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    subscript(name: String) -> JSONValue? { if case .object(let members) = self { members[name] } else { nil } }

    /// The value behind several names.
    subscript(path names: String...) -> JSONValue? {
        var value: JSONValue? = self
        for name in names { value = value?[name] }
        return value
    }

    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var isTrue: Bool { if case .flag(true) = self { true } else { false } }

    /// As JSON, members by name.
    var compact: String {
        switch self {
        case .null: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .number(let number):
            number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
        case .text(let text): String(decoding: JSONText.quoted(text), as: UTF8.self)
        case .array(let items): "[" + items.map(\.compact).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map {
                    String(decoding: JSONText.quoted($0.key), as: UTF8.self) + ":" + $0.value.compact
                }.joined(separator: ",") + "}"
        }
    }

    /// As it stands in a table.
    var shown: String {
        switch self {
        case .null: "–"
        case .flag(let flag): flag ? "yes" : "no"
        case .number(let number): Figures.plain(number)
        case .text(let text): text
        case .array(let items): items.map(\.shown).joined(separator: ", ")
        case .object(let members): members.keys.sorted().map { "\($0)=\(members[$0]!.shown)" }.joined(separator: " ")
        }
    }
}

/// Numbers for people.
enum Figures {
    static func plain(_ number: Double) -> String {
        if number == number.rounded(), abs(number) < 1e15 { return "\(Int64(number))" }
        let scaled = (number * 100).rounded() / 100
        return scaled == scaled.rounded() ? "\(Int64(scaled))" : "\(scaled)"
    }

    static func bytes(_ number: Double) -> String {
        var value = number
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if abs(value) < 1024 || unit == "GiB" {
                return "\(unit == "B" ? plain(value.rounded()) : plain((value * 10).rounded() / 10)) \(unit)"
            }
            value /= 1024
        }
        return plain(number)
    }

    static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<60: "\(plain((seconds * 10).rounded() / 10)) s"
        case ..<3600: "\(Int(seconds / 60)) min \(Int(seconds) % 60) s"
        case ..<86_400: "\(Int(seconds / 3600)) h \(Int(seconds / 60) % 60) min"
        default: "\(Int(seconds / 86_400)) d \(Int(seconds / 3600) % 24) h"
        }
    }
}

/// Rows under headings, in columns as wide as they need to be.
struct TextTable {
    let headings: [String]
    /// Columns that stand on the right.
    var numeric: Set<Int> = []
    private(set) var rows: [[String]] = []

    init(_ headings: [String], numeric: Set<Int> = []) {
        self.headings = headings
        self.numeric = numeric
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var lines: [String] {
        var widths = headings.map(\.count)
        for row in rows { for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) } }
        return ([headings] + rows).map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[index] - cell.count)
                line += (numeric.contains(index) ? space + cell : cell + space) + "  "
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    func print() { for line in lines { Output.line(line) } }
}
