/// The names under which clients see the tools and prompts of several servers.
public struct ExposedNames: Sendable {
    /// When a name carries its server's in front: `server__tool`.
    public enum Prefix: String, Sendable, CaseIterable {
        case always
        /// Only where two servers have the same name; then both carry it.
        case collision
        /// Never: the server that is named first in the configuration has the name.
        case never
    }

    /// The longest name that clients have to accept.
    public static let maxLength = 128
    /// Stands between the server and the name.
    public static let separator = "__"

    private var places: [String: (server: Int, name: String)] = [:]
    private var exposed: [[String: String]]

    /// - Parameters:
    ///   - servers: for each server its name and the names of its items, in the order of the configuration.
    ///   - prefix: when names carry their server's.
    ///   - selection: what of it is shown, and under which other names.
    public init(
        _ servers: [(name: String, items: [String])], prefix: Prefix, selection: VirtualServer? = nil
    ) {
        exposed = Array(repeating: [:], count: servers.count)
        var owners: [String: Int] = [:]
        if prefix == .collision {
            for server in servers { for item in Set(server.items) { owners[item, default: 0] += 1 } }
        }
        for (index, server) in servers.enumerated() {
            for item in server.items {
                let isPrefixed = prefix == .always || prefix == .collision && owners[item, default: 0] > 1
                var name = isPrefixed ? Self.prefixed(item, with: server.name) : item
                if let selection {
                    guard selection.permits(name) else { continue }
                    name = selection.rename[name] ?? name
                }
                guard places[name] == nil else { continue }
                places[name] = (index, item)
                exposed[index][item] = name
            }
        }
    }

    /// Whose item goes by `name`, and what the server itself calls it.
    public func place(of name: String) -> (server: Int, name: String)? { places[name] }

    /// The name under which clients see an item; `nil` if another server's has taken it.
    public func name(of item: String, server: Int) -> String? { exposed[server][item] }

    /// `server__item`; what is too long for clients ends in a mark of its own instead.
    public static func prefixed(_ item: String, with server: String) -> String {
        let name = server + separator + item
        guard name.utf8.count > maxLength else { return name }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let mark = "_" + String(hash, radix: 36)
        var kept = name[...]
        while kept.utf8.count > maxLength - mark.utf8.count { kept.removeLast() }
        return kept + mark
    }
}
