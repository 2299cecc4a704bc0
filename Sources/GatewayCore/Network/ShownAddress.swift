/// Addresses of the web as they may be shown and written down. What people put into them to be let in, a name with its
/// password before the host and keys in the query, stays out.
public enum ShownAddress {
    private static let hidden = "********"

    /// `http://user:password@host/path?key=value` as `http://********@host/path?********`.
    public static func text(_ address: String) -> String {
        guard address.utf8.contains(where: { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "?") }) else {
            return address
        }
        var beginning = Substring(address)
        var end = ""
        if let query = beginning.firstIndex(where: { $0 == "?" || $0 == "#" }) {
            if beginning[query] == "?" { end = "?" + hidden }
            beginning = beginning[..<query]
        }
        let host = beginning.firstRange(of: "://")?.upperBound ?? beginning.startIndex
        let path = beginning[host...].firstIndex(of: "/") ?? beginning.endIndex
        guard let mark = beginning[host..<path].lastIndex(of: "@") else { return beginning + end }
        return beginning[..<host] + hidden + beginning[mark...] + end
    }
}
