/// Some of the servers, and of what they have, under an address of its own.
public struct VirtualServer: Sendable, Equatable {
    public var name: String
    /// The servers that it shows, by name; all of them if there are none.
    public var servers: [String]
    /// What it shows of them: patterns of names and URIs. Everything, if there are none.
    public var allow: [NamePattern]
    /// What it does not show, whatever `allow` says.
    public var deny: [NamePattern]
    /// Other names for tools and prompts.
    public var rename: [String: String]

    public init(
        name: String, servers: [String] = [], allow: [NamePattern] = [], deny: [NamePattern] = [],
        rename: [String: String] = [:]
    ) {
        self.name = name
        self.servers = servers
        self.allow = allow
        self.deny = deny
        self.rename = rename
    }

    /// Whether it shows anything of a server.
    public func shows(server: String) -> Bool { servers.isEmpty || servers.contains(server) }

    /// Whether it shows what goes by a name or URI.
    public func permits(_ name: String) -> Bool {
        !denies(name) && (allow.isEmpty || allow.contains { $0.matches(name) })
    }

    /// Whether a name or URI is forbidden by itself, even where a template would allow it.
    public func denies(_ name: String) -> Bool { deny.contains { $0.matches(name) } }
}

/// A name in which `*` stands for any text, even none.
public struct NamePattern: Sendable, Equatable {
    public let text: String
    private let parts: [[UInt8]]

    public init(_ text: String) {
        self.text = text
        parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
    }

    /// Whether a name is one of those that are meant.
    public func matches(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard parts.count > 1 else { return bytes == parts[0] }
        let first = parts[0]
        let last = parts[parts.count - 1]
        guard bytes.count >= first.count + last.count, bytes.starts(with: first),
            bytes.suffix(last.count).elementsEqual(last)
        else { return false }
        // Each part between two stars is taken where it comes first: that leaves the most for those behind it.
        var rest = bytes[first.count..<(bytes.count - last.count)]
        for part in parts[1..<(parts.count - 1)] where !part.isEmpty {
            guard let place = rest.firstPlace(of: part) else { return false }
            rest = rest[(place + part.count)...]
        }
        return true
    }
}

extension ArraySlice<UInt8> {
    fileprivate func firstPlace(of part: [UInt8]) -> Int? {
        guard count >= part.count else { return nil }
        return (startIndex...(endIndex - part.count)).first { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
