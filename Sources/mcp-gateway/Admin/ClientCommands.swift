import ArgumentParser

/// `mcp-gateway trace`
struct Trace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what happened to a client, or follows everything that does.",
        discussion: """
            Without flags: the last connects, closes, gaps and refusals of the client, which the gateway always knows. \
            --arm notes everything from now on, for a while; --follow shows it as it happens, one line each.
            """)

    @OptionGroup var options: AdminOptions

    @Argument(help: "The client's id.")
    var client: String

    @Flag(name: .shortAndLong, help: "Shows everything as it happens, until interrupted.")
    var follow = false

    @Flag(help: "Notes everything from now on.")
    var arm = false

    @Option(help: "Seconds after which that ends; by default trace.duration.")
    var ttl: Int?

    @Flag(help: "Stops noting everything.")
    var end = false

    @Option(help: "With --follow: ends after so many events.")
    var count: Int?

    func validate() throws {
        guard [follow, arm, end].filter({ $0 }).count < 2 else {
            throw ValidationError("--follow, --arm and --end do not go together")
        }
        guard ttl == nil || arm else { throw ValidationError("--ttl goes with --arm") }
        guard count == nil || follow else { throw ValidationError("--count goes with --follow") }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let gateway = try options.client()
            let path = "/mcp/admin/trace/\(AdminClient.escaped(client))"
            if follow { return try await follow(gateway, path) }
            if arm {
                let body = ttl.map { #"{"ttl_seconds":\#($0)}"# } ?? "{}"
                return show(try await gateway.ask(path, method: .POST, body: body))
            }
            if end {
                let answer = try await gateway.ask(path, method: .DELETE)
                if options.json { return Output.line(String(decoding: answer, as: UTF8.self)) }
                return Output.line(try JSONValue(answer)["ended"]?.isTrue == true ? "ended" : "was not traced")
            }
            show(try await gateway.ask(path))
        }
    }

    private func follow(_ gateway: AdminClient, _ path: String) async throws {
        var shown = 0
        try await gateway.follow(path + "/stream") { _, data in
            if options.json {
                Output.line(String(decoding: data, as: UTF8.self))
            } else {
                Output.line(Self.line(try JSONValue(data)))
            }
            shown += 1
            return count.map { shown < $0 } ?? true
        }
    }

    private func show(_ answer: [UInt8]) {
        guard !options.json, let answer = try? JSONValue(answer) else {
            return Output.line(String(decoding: answer, as: UTF8.self))
        }
        for event in answer["events"]?.items ?? [] { Output.line(Self.line(event)) }
        guard answer["traced"]?.isTrue == true else { return }
        Output.line("traced for \(Figures.duration(answer["remaining_seconds"]?.number ?? 0)) more:")
        for event in answer["trace"]?.items ?? [] { Output.line(Self.line(event)) }
    }

    /// Time, what happened, and everything else that is known of it.
    static func line(_ event: JSONValue) -> String {
        let rest = event.members.filter { !["timestamp", "event", "number", "client_id"].contains($0.key) }
        let details = rest.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.shown)" }.joined(separator: " ")
        let name = event["event"]?.shown ?? ""
        let space = String(repeating: " ", count: max(1, 18 - name.count))
        return "\(event["timestamp"]?.shown ?? "")  \(name)\(space)\(details)"
    }
}

/// `mcp-gateway errors`
struct Errors: AdminCommand {
    static let configuration = CommandConfiguration(abstract: "Shows what went wrong for a client, newest first.")

    @OptionGroup var options: AdminOptions

    @Argument(help: "The client's id.")
    var client: String

    @Option(help: "Only on websocket, http_sse or longpoll.", completion: .list(["websocket", "http_sse", "longpoll"]))
    var transport: String?

    var question: AdminQuestion {
        var question = AdminQuestion("/mcp/admin/errors/\(AdminClient.escaped(client))")
        question.add("transport", transport)
        return question
    }

    func show(_ answer: JSONValue) {
        let errors = answer["errors"]?.items ?? []
        for error in errors { Output.line(Trace.line(error)) }
        if errors.isEmpty { Output.line("none") }
    }
}
