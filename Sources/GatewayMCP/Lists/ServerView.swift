import ModelContextProtocol

/// What an address shows: all servers at `/mcp`, a part of them at `/mcp/servers/NAME`.
final class ServerView {
    /// What is shown; `nil` is everything.
    let selection: VirtualServer?
    /// What clients find there.
    private(set) var catalogue = Catalogue([], prefix: .never, selection: nil) { _, _ in nil }
    /// The servers of which it shows something.
    private(set) var servers: [UpstreamServer] = []
    private var prefix = ExposedNames.Prefix.never

    init(_ selection: VirtualServer?) { self.selection = selection }

    /// Whether anything of a server is shown.
    func shows(_ server: UpstreamServer) -> Bool { selection?.shows(server: server.name) ?? true }

    /// Puts together what the servers have told by now.
    func refresh(_ servers: [UpstreamServer], prefix: ExposedNames.Prefix) {
        self.servers = servers.filter { !$0.isRemoved && shows($0) }
        self.prefix = prefix
        catalogue = makeCatalogue { server, kind in server.lists[kind] }
    }

    /// The catalogue that the servers' lists make.
    func makeCatalogue(_ list: (UpstreamServer, ListKind) -> KnownList?) -> Catalogue {
        Catalogue(servers, prefix: prefix, selection: selection, list: list)
    }
}

extension MCPHub {
    /// What an address shows; `nil` if there is nothing by that name.
    func view(_ name: String?) -> ServerView? {
        guard let name else { return everything }
        if let view = views[name] { return view }
        // A server of the configuration is an address by itself.
        let selection =
            settings.virtualServers.first { $0.name == name }
            ?? servers.first { $0.name == name && !$0.isRemoved }.map { VirtualServer(name: name, servers: [$0.name]) }
        guard let selection else { return nil }
        let view = ServerView(selection)
        view.refresh(servers, prefix: settings.prefix)
        views[name] = view
        return view
    }

    /// Servers have told something new, or are others.
    func refreshViews() {
        everything.refresh(servers, prefix: settings.prefix)
        for view in views.values { view.refresh(servers, prefix: settings.prefix) }
    }

    /// The servers that a view shows.
    func servers(of view: ServerView) -> [UpstreamServer] { view.servers }
}
