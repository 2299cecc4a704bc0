import ModelContextProtocol
import WireJSON

/// A list of one server as it was told in one session; kept for the time when its server does not answer. Sessions that
/// were told the same share it.
final class KnownList {
    let names: [String]
    /// JSON text of the items, in the order of `names`, and where the name stands in each.
    let items: [(text: [UInt8], name: JSONSpan)]
    /// Tools that may be called again when it is not known whether the first call arrived.
    let repeatable: Set<String>
    /// Arguments that are repeated in headers, by tool.
    let parameterHeaders: [String: [ParameterHeader]]
    /// Whose credential it was told to last: servers may show one what they do not show another.
    var authorization: String?

    init(_ draft: Draft, authorization: String?) {
        names = draft.names
        items = draft.items
        repeatable = draft.repeatable
        parameterHeaders = draft.parameterHeaders
        self.authorization = authorization
    }

    /// Whether a list that has come says the same.
    func isSame(as draft: Draft) -> Bool {
        names == draft.names && items.elementsEqual(draft.items) { $0.text == $1.text }
    }

    /// A list in the making.
    struct Draft {
        var names: [String] = []
        var items: [(text: [UInt8], name: JSONSpan)] = []
        var repeatable: Set<String> = []
        var parameterHeaders: [String: [ParameterHeader]] = [:]

        mutating func append(_ item: ListPage.Item, _ bytes: UnsafeRawBufferPointer) {
            names.append(item.nameText)
            let name = JSONSpan(offset: item.name.offset - item.span.offset, length: item.name.length)
            items.append(([UInt8](bytes[item.span.offset..<item.span.end]), name))
            if item.isRepeatable { repeatable.insert(item.nameText) }
            if !item.parameterHeaders.isEmpty { parameterHeaders[item.nameText] = item.parameterHeaders }
        }
    }
}

/// What one session has been told by its servers. Answers to it hold nothing that only others were told; to find the way
/// of a call the common knowledge of the event loop will do, because the server itself decides what it answers.
struct SessionLists {
    private struct Place: Hashable {
        let server: Int
        let kind: ListKind
    }

    private var lists: [Place: KnownList] = [:]
    /// Kinds that the session has asked for.
    private var asked: Set<ListKind> = []
    /// Where what it was told differs from what the event loop knows.
    private var catalogues: [ObjectIdentifier: Catalogue] = [:]

    /// What an address shows in this session.
    func catalogue(_ view: ServerView) -> Catalogue {
        if catalogues.isEmpty { return view.catalogue }
        return catalogues[ObjectIdentifier(view)] ?? view.catalogue
    }

    mutating func learned(_ kind: ListKind, of server: UpstreamServer, _ list: KnownList) {
        lists[Place(server: server.index, kind: kind)] = list
    }

    /// A list has been asked of the servers of a view; what they did not answer stands there as it was, if it may.
    mutating func refresh(_ kind: ListKind, _ view: ServerView, authorization: String?) {
        asked.insert(kind)
        let servers = view.servers
        var isCommon = true
        for server in servers {
            for kind in asked where kind != .tasks {
                isCommon = isCommon && list(kind, of: server, authorization) === server.lists[kind]
            }
        }
        catalogues[ObjectIdentifier(view)] =
            isCommon ? nil : view.makeCatalogue { list($1, of: $0, authorization) }
    }

    private func list(_ kind: ListKind, of server: UpstreamServer, _ authorization: String?) -> KnownList? {
        if let own = lists[Place(server: server.index, kind: kind)] { return own }
        let known = server.lists[kind]
        guard asked.contains(kind) else { return known }
        return server.settings.isStateless || known?.authorization == authorization ? known : nil
    }

    /// The servers are others.
    mutating func forgetCatalogues() { catalogues = [:] }

    mutating func forget(_ server: UpstreamServer) { lists = lists.filter { $0.key.server != server.index } }
}
