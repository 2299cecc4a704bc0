internal import Yams

/// A YAML text turned into a `SourceTree`, with every problem of its form.
struct YAMLDocument {
    /// A problem of form, not yet of meaning.
    struct Fault: Equatable {
        let line: Int
        let message: String
    }

    /// `nil` when the text is empty, holds comments only, or could not be read at all.
    private(set) var root: SourceTree?
    private(set) var faults: [Fault] = []
    /// Aliases of aliases can make a short text a tree without end; this many values are enough for anyone.
    private var valuesLeft = 100_000

    init(_ text: String) {
        var text = text
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        text.makeContiguousUTF8()
        if let fault = Self.forbiddenCharacter(in: text) {
            faults = [fault]
            return
        }
        compose(text)
    }

    /// Yams stops at the first repeated key. Each one is renamed and the text read again, so that all of them are
    /// found, with the lines of all their places.
    private mutating func compose(_ text: String) {
        var text = text
        for _ in 0..<100 {
            do {
                let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
                guard let node = try parser.singleRoot() else { return }
                let tree = read(node)
                root = tree.isNull ? nil : tree
                return
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard let key = keys.first, let marked = DuplicateKey.mark(key, at: context.mark, in: text) else {
                    faults.append(
                        Fault(
                            line: context.mark.line, message: "the key \((keys.first ?? "").shortened) is given twice"))
                    return
                }
                text = marked
            } catch {
                faults.append(YAMLFault.explain(error, in: text))
                return
            }
        }
        faults.append(Fault(line: 1, message: "more than 100 keys are given twice"))
    }

    private mutating func read(_ node: Node) -> SourceTree {
        let line = node.mark?.line ?? 0
        valuesLeft -= 1
        if valuesLeft == 0 { faults.append(Fault(line: line, message: "more than 100000 values")) }
        guard valuesLeft > 0 else { return .scalar(.init(text: "", style: .plain, line: line)) }
        switch node {
        case .scalar(let scalar):
            let style: SourceTree.Scalar.Style = scalar.style == .plain ? .plain : .quoted
            return .scalar(.init(text: scalar.string, style: style, line: line))
        case .sequence(let sequence):
            return .list(sequence.map { read($0) }, line: line)
        case .mapping(let mapping):
            return .mapping(read(mapping), line: line)
        case .alias:
            return .scalar(.init(text: "", style: .plain, line: line))
        }
    }

    private mutating func read(_ mapping: Node.Mapping) -> [SourceTree.Entry] {
        var entries: [SourceTree.Entry] = []
        var firstLines: [String: Int] = [:]
        for (key, value) in mapping {
            let line = key.mark?.line ?? 0
            guard case .scalar(let scalar) = key else {
                faults.append(Fault(line: line, message: "a key must be a name, found a list or a mapping"))
                continue
            }
            let name = DuplicateKey.unmarked(scalar.string)
            if let first = firstLines[name] {
                faults.append(
                    Fault(line: line, message: "the key \(name.shortened) is given twice, first on line \(first)"))
            } else {
                firstLines[name] = line
                entries.append(.init(key: name, line: line, value: read(value)))
            }
        }
        return entries
    }

    private static func forbiddenCharacter(in text: String) -> Fault? {
        var line = 1
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: line += 1
            case 0x09, 0x0D, 0x85: continue
            case 0..<0x20, 0x7F...0x9F, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                let name = "U+" + String(repeating: "0", count: 4 - digits.count) + digits
                return Fault(line: line, message: "control character \(name): expected a text file in UTF-8")
            default: continue
            }
        }
        return nil
    }
}

/// How repeated keys are kept apart while the rest of the file is read.
private enum DuplicateKey {
    /// A private-use character in front of the key; one more for each further repetition.
    private static let marker: Unicode.Scalar = "\u{E000}"

    /// The text with the key at `mark` renamed; `nil` when the key is written in a way that cannot be renamed.
    static func mark(_ key: String, at mark: Mark, in text: String) -> String? {
        let scalars = text.unicodeScalars
        var index = scalars.startIndex
        for _ in 1..<max(mark.line, 1) {
            guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
            index = scalars.index(after: end)
        }
        guard var place = scalars.index(index, offsetBy: mark.column - 1, limitedBy: scalars.endIndex) else {
            return nil
        }
        if place < scalars.endIndex, scalars[place] == "\"" || scalars[place] == "'" {
            place = scalars.index(after: place)
        }
        guard scalars[place...].starts(with: key.unicodeScalars) else { return nil }
        var marked = String.UnicodeScalarView(scalars[..<place])
        marked.append(marker)
        marked.append(contentsOf: scalars[place...])
        return String(marked)
    }

    static func unmarked(_ key: String) -> String {
        String(String.UnicodeScalarView(key.unicodeScalars.drop { $0 == marker }))
    }
}
