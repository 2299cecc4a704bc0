import NIOHTTP1

/// What a browser is told that a page of another origin may send (the keys `cors.methods`, `.headers` and `.max_age`).
public struct PreflightPolicy: Sendable {
    private let methods: String
    private let allHeaders: String
    private let names: Set<String>
    private let beginnings: [String]
    private let maxAge: String

    /// - Parameters:
    ///   - methods: methods of HTTP, in capitals.
    ///   - headers: names of header fields; one that ends with `*` stands for all that begin so.
    ///   - maxAge: how many seconds the answer may be remembered.
    public init(
        methods: [String] = ["GET", "POST", "DELETE"],
        headers: [String] = [
            "Authorization", "Accept", "Content-Type", "X-Client-ID", "Last-Event-ID", "traceparent", "Mcp-*",
            "X-Phoenix-Longpoll-Token", "X-Phoenix-AuthToken",
        ],
        maxAge: Int = 86_400
    ) {
        self.methods = methods.joined(separator: ", ")
        let whole = headers.filter { !$0.hasSuffix("*") }
        allHeaders = whole.joined(separator: ", ")
        names = Set(whole.map { $0.lowercased() })
        beginnings = headers.filter { $0.hasSuffix("*") }.map { $0.dropLast().lowercased() }
        self.maxAge = "\(maxAge)"
    }

    /// Adds the fields of the answer. What is asked for is what is allowed, where it is known: names that only their
    /// beginning is known of cannot be listed.
    func answer(_ request: HTTPHeaders, into answer: inout HTTPHeaders) {
        answer.add(name: "access-control-allow-methods", value: methods)
        let asked = request[canonicalForm: "access-control-request-headers"].map { $0.lowercased() }
        let allowed = asked.filter { name in names.contains(name) || beginnings.contains { name.hasPrefix($0) } }
        let told = allowed.isEmpty ? allHeaders : allowed.joined(separator: ", ")
        if !told.isEmpty { answer.add(name: "access-control-allow-headers", value: told) }
        answer.add(name: "access-control-max-age", value: maxAge)
        answer.add(name: "vary", value: "Access-Control-Request-Headers")
    }
}
