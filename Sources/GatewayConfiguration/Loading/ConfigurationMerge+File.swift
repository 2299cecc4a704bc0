extension ConfigurationMerge {
    /// Reads the YAML file: first its form, then key by key what it says.
    mutating func read(file path: String, text: String) {
        let document = YAMLDocument(text)
        for fault in document.faults { report(.file(path: path, line: fault.line), key: nil, fault.message) }
        switch document.root {
        case nil:
            break
        case .mapping(let entries, _):
            read(entries, within: nil, of: path)
        case .some(let tree):
            let names = table.names(within: nil).joined(separator: ", ")
            let found = tree.description + Self.missingSpaceHint(tree)
            report(
                .file(path: path, line: tree.line), key: nil, "expected a mapping of keys (\(names)), found \(found)")
        }
        sortFindingsByLine()
    }

    private mutating func read(_ entries: [SourceTree.Entry], within section: String?, of path: String) {
        for entry in entries {
            let written = section.map { "\($0).\(entry.key)" } ?? entry.key
            let (key, alias) = table.foreign.resolve(written)
            let origin = Origin.file(path: path, line: entry.line)
            if let alias {
                notices.append("\(origin): \(alias.alias) is read as \(alias.name)")
            }
            if let setting = table[key] {
                read(entry.value, of: setting, from: origin)
            } else if table.sections.contains(key) {
                readSection(entry.value, named: key, from: origin, of: path)
            } else if let reason = table.foreign.idleKeys[key.lastPart] {
                notices.append("\(origin): \(key) is \(reason)")
            } else {
                report(origin, key: nil, unknown(key))
            }
        }
    }

    private mutating func read(_ value: SourceTree, of setting: Setting, from origin: Origin) {
        if let earlier = origins[setting.key] {
            report(origin, key: setting.key, "given twice, first at \(earlier)")
        } else {
            set(setting, to: value, from: origin)
        }
    }

    /// A section without anything in it is what remains when all its lines are commented out.
    private mutating func readSection(_ value: SourceTree, named key: String, from origin: Origin, of path: String) {
        switch value {
        case .mapping(let entries, _):
            read(entries, within: key, of: path)
        case _ where value.isNull:
            break
        default:
            let names = table.names(within: key).joined(separator: ", ")
            let found = value.description + Self.missingSpaceHint(value)
            report(origin, key: key, "expected a mapping of keys (\(names)), found \(found)")
        }
    }

    /// Says that a key is unknown, and what may be meant.
    func unknown(_ key: String) -> String {
        if let near = table.nearestKey(to: key) { return "unknown key \(key.shortened); did you mean \(near)?" }
        let section = key.lastIndex(of: ".").map { String(key[..<$0]) }
        let names = table.names(within: section)
        return "unknown key \(key.shortened)" + (names.isEmpty ? "" : "; known here: \(names.joined(separator: ", "))")
    }

    private static func missingSpaceHint(_ tree: SourceTree) -> String {
        guard case .scalar(let scalar) = tree, scalar.text.contains(":") else { return "" }
        return " (is a space missing after the colon?)"
    }
}

extension String {
    fileprivate var lastPart: String { lastIndex(of: ".").map { String(self[index(after: $0)...]) } ?? self }
}
