/// All settings, and the names that are accepted besides theirs.
struct SettingTable: Sendable {
    let settings: [Setting]
    /// Keys and variables that are accepted although no setting bears their name.
    let foreign: ForeignNames
    /// Every proper prefix of a key: `transports`, `transports.http`, …
    let sections: Set<String>
    private let byKey: [String: Setting]

    init(_ settings: [Setting], foreign: ForeignNames) {
        self.settings = settings
        self.foreign = foreign
        byKey = Dictionary(settings.map { ($0.key, $0) }) { first, _ in
            preconditionFailure("The key \(first.key) is in the table twice")
        }
        sections = Set(settings.flatMap { Self.prefixes(of: $0.key) })
    }

    subscript(key: String) -> Setting? { byKey[key] }

    /// Names one level below a section (`nil` for the top level), in table order.
    func names(within section: String?) -> [String] {
        let prefix = section.map { "\($0)." } ?? ""
        var names: [String] = []
        for setting in settings where setting.key.hasPrefix(prefix) {
            let name = String(setting.key.dropFirst(prefix.count).prefix { $0 != "." })
            if names.last != name { names.append(name) }
        }
        return names
    }

    /// The known key that is probably meant by an unknown one: a neighbour, the same name elsewhere, or the whole
    /// key with a typing error.
    func nearestKey(to key: String) -> String? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        let section = parts.count > 1 ? parts.dropLast().joined(separator: ".") : nil
        let name = String(parts.last ?? "")
        if let near = NearestName.of(name, among: names(within: section)) {
            return section.map { "\($0).\(near)" } ?? near
        }
        let named = settings.filter { $0.name == name }
        return NearestName.of(key, among: named.map(\.key)) ?? named.first?.key
            ?? NearestName.of(key, among: settings.map(\.key) + sections.sorted())
    }

    private static func prefixes(of key: String) -> [String] {
        key.indices.filter { key[$0] == "." }.map { String(key[..<$0]) }
    }
}
