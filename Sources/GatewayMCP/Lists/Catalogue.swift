import ModelContextProtocol
import WireJSON

/// What the servers have, put together: names for clients, and the way from a name or URI to its server.
struct Catalogue {
    private(set) var tools = ExposedNames([], prefix: .never)
    private(set) var prompts = ExposedNames([], prefix: .never)
    private let servers: [UpstreamServer]
    private let selection: VirtualServer?
    private var resources: [String: Int] = [:]
    private var templates: [(template: String, prefix: Substring, server: Int)] = []

    /// Puts together what the servers have told so far.
    init(_ servers: [UpstreamServer], prefix: ExposedNames.Prefix, selection: VirtualServer?) {
        self.servers = servers
        self.selection = selection
        tools = ExposedNames(
            servers.map { ($0.name, $0.lists[.tools]?.names ?? []) }, prefix: prefix, selection: selection)
        prompts = ExposedNames(
            servers.map { ($0.name, $0.lists[.prompts]?.names ?? []) }, prefix: prefix, selection: selection)
        for server in servers.reversed() {
            for uri in server.lists[.resources]?.names ?? [] where selection?.permits(uri) ?? true {
                resources[uri] = server.index
            }
        }
        for server in servers {
            for template in server.lists[.resourceTemplates]?.names ?? []
            where selection?.permits(template) ?? true {
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

    private func names(_ kind: ListKind) -> ExposedNames? {
        switch kind {
        case .tools: tools
        case .prompts: prompts
        case .resources, .resourceTemplates: nil
        }
    }

    /// The `result` of a list, with the bytes of the servers and the names of the gateway.
    func result(_ kind: ListKind, modern: (timeToLive: Int, isPublic: Bool, server: [UInt8])?) -> [UInt8] {
        var output: [UInt8] = Array("{\"\(kind.member)\":[".utf8)
        var isFirst = true
        var seen: Set<String> = []
        for (position, server) in servers.enumerated() {
            guard let list = server.lists[kind] else { continue }
            for (name, item) in zip(list.names, list.items) {
                if let names = names(kind) {
                    guard let exposed = names.name(of: name, server: position), seen.insert(exposed).inserted
                    else { continue }
                    if !isFirst { output.append(UInt8(ascii: ",")) }
                    if exposed == name {
                        output.append(contentsOf: item.text)
                    } else {
                        output.append(contentsOf: item.text[..<item.name.offset])
                        output.append(contentsOf: JSONText.quoted(exposed))
                        output.append(contentsOf: item.text[item.name.end...])
                    }
                } else {
                    guard selection?.permits(name) ?? true, seen.insert(name).inserted else { continue }
                    if !isFirst { output.append(UInt8(ascii: ",")) }
                    output.append(contentsOf: item.text)
                }
                isFirst = false
            }
        }
        output.append(UInt8(ascii: "]"))
        if let modern {
            let scope = modern.isPublic ? "public" : "private"
            output.append(
                contentsOf: ",\"resultType\":\"complete\",\"ttlMs\":\(modern.timeToLive),\"cacheScope\":\"\(scope)\","
                    .utf8)
            output.append(contentsOf: RPCAnswer.serverMeta(modern.server))
        }
        output.append(UInt8(ascii: "}"))
        // Items may have been written over several lines.
        for index in output.indices where output[index] == 0x0A || output[index] == 0x0D { output[index] = 0x20 }
        return output
    }
}
