import ModelContextProtocol
import WireJSON

/// What servers have, put together: names for clients, and the way from a name or URI to its server.
final class Catalogue {
    let tools: ExposedNames
    let prompts: ExposedNames
    private let servers: [UpstreamServer]
    /// For each server its lists.
    private let lists: [[ListKind: KnownList]]
    private let selection: VirtualServer?
    private var resources: [String: Int] = [:]
    private var templates: [(template: String, prefix: Substring, server: Int)] = []

    /// - Parameter list: what is known of a server's list.
    init(
        _ servers: [UpstreamServer], prefix: ExposedNames.Prefix, selection: VirtualServer?,
        list: (UpstreamServer, ListKind) -> KnownList?
    ) {
        self.servers = servers
        self.selection = selection
        lists = servers.map { server in
            var known: [ListKind: KnownList] = [:]
            for kind in ListKind.allCases { known[kind] = list(server, kind) }
            return known
        }
        let all = Array(zip(servers, lists))
        func names(_ kind: ListKind) -> [(name: String, items: [String])] {
            all.map { ($0.name, $1[kind]?.names ?? []) }
        }
        tools = ExposedNames(names(.tools), prefix: prefix, selection: selection)
        prompts = ExposedNames(names(.prompts), prefix: prefix, selection: selection)
        for (server, lists) in all.reversed() {
            for uri in lists[.resources]?.names ?? [] where selection?.permits(uri) ?? true {
                resources[uri] = server.index
            }
        }
        for (server, lists) in all {
            for template in lists[.resourceTemplates]?.names ?? [] where selection?.permits(template) ?? true {
                templates.append((template, template.prefix { $0 != "{" }, server.index))
            }
        }
    }

    /// Whose resource a URI is: by its own name, else by the template whose beginning fits best.
    func server(ofResource uri: String) -> Int? {
        if let server = resources[uri] { return server }
        if let selection, selection.denies(uri) { return nil }
        let fitting = templates.filter { uri.hasPrefix($0.prefix) }
        return fitting.max { $0.prefix.utf8.count < $1.prefix.utf8.count }?.server
    }

    /// Whose template it is.
    func server(ofTemplate template: String) -> Int? {
        templates.first { $0.template == template }?.server ?? resources[template]
    }

    /// Whose tool or prompt it is, and what that server calls it.
    func place(of name: String, _ kind: ListKind) -> (server: Int, name: String)? {
        guard let place = names(kind)?.place(of: name) else { return nil }
        return (servers[place.server].index, place.name)
    }

    /// What a server has told of its tools.
    func tools(of server: Int) -> KnownList? {
        servers.firstIndex { $0.index == server }.flatMap { lists[$0][.tools] }
    }

    private func names(_ kind: ListKind) -> ExposedNames? {
        switch kind {
        case .tools: tools
        case .prompts: prompts
        case .resources, .resourceTemplates, .tasks: nil
        }
    }

    /// The `result` of a list, with the bytes of the servers and the names of the gateway.
    /// - Parameter permits: whether who asks may use something of a server, by the server's own name for it.
    func result(
        _ kind: ListKind, modern: (timeToLive: Int, server: [UInt8])?, permits: (String, UpstreamServer) -> Bool
    ) -> [UInt8] {
        var output = ListText(kind)
        var seen: Set<String> = []
        for (position, lists) in lists.enumerated() {
            guard let list = lists[kind] else { continue }
            for (name, item) in zip(list.names, list.items) where permits(name, servers[position]) {
                guard let names = names(kind) else {
                    guard selection?.permits(name) ?? true, seen.insert(name).inserted else { continue }
                    output.append(item.text)
                    continue
                }
                guard let exposed = names.name(of: name, server: position), seen.insert(exposed).inserted
                else { continue }
                output.append(item.text, calling: exposed == name ? nil : (item.name, exposed))
            }
        }
        return output.end(modern: modern)
    }
}

/// The text of a list's `result` in the making.
struct ListText {
    private var output: [UInt8]
    private var isFirst = true

    init(_ kind: ListKind) { output = Array("{\"\(kind.member)\":[".utf8) }

    /// - Parameter name: another name for the item, and where its own stands.
    mutating func append(_ item: [UInt8], calling name: (place: JSONSpan, text: String)? = nil) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        if let name {
            output.append(contentsOf: item[..<name.place.offset])
            output.append(contentsOf: JSONText.quoted(name.text))
            output.append(contentsOf: item[name.place.end...])
        } else {
            output.append(contentsOf: item)
        }
    }

    /// - Parameter modern: what results say from 2026-07-28 on.
    mutating func end(modern: (timeToLive: Int, server: [UInt8])? = nil) -> [UInt8] {
        output.append(UInt8(ascii: "]"))
        if let modern {
            output.append(
                contentsOf: ",\"resultType\":\"complete\",\"ttlMs\":\(modern.timeToLive),\"cacheScope\":\"private\","
                    .utf8)
            output.append(contentsOf: RPCAnswer.serverMeta(modern.server))
        }
        output.append(UInt8(ascii: "}"))
        // Items may have been written over several lines.
        for index in output.indices where output[index] == 0x0A || output[index] == 0x0D { output[index] = 0x20 }
        return output
    }
}
