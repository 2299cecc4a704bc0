import ArgumentParser

/// `mcp-gateway connections`
struct Connections: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows connections of a running gateway.",
        discussion: """
            mcp-gateway connections --sort unsent --limit 10
            mcp-gateway connections --client bot --transport websocket --min-age 3600
            """)

    @OptionGroup var options: AdminOptions

    @Option(help: "A part of the client's id.")
    var client: String?

    @Option(help: "websocket, http_sse or longpoll.", completion: .list(["websocket", "http_sse", "longpoll"]))
    var transport: String?

    @Option(help: "The beginning of the address.")
    var address: String?

    @Option(help: "Seconds that it has stood at least.")
    var minAge: Int?

    @Option(help: "Seconds that it has stood at most.")
    var maxAge: Int?

    @Option(help: "Bytes that wait for it at least.")
    var minUnsent: Int?

    @Option(
        help: "age, unsent, pending, sent or client.",
        completion: .list(["age", "unsent", "pending", "sent", "client"]))
    var sort = "age"

    @Option(help: "asc or desc; by default the largest first, names from A.", completion: .list(["asc", "desc"]))
    var order: String?

    @Option(help: "How many are shown, up to 1000.")
    var limit = 50

    var question: AdminQuestion {
        var question = AdminQuestion("/mcp/admin/connections")
        question.add("client", client)
        question.add("transport", transport)
        question.add("address", address)
        question.add("min_age", minAge)
        question.add("max_age", maxAge)
        question.add("min_unsent", minUnsent)
        question.add("sort", sort)
        question.add("order", order)
        question.add("limit", limit)
        return question
    }

    func show(_ answer: JSONValue) {
        var table = TextTable(
            ["CLIENT", "TRANSPORT", "ADDRESS", "AGE", "IDLE", "UNSENT", "PENDING", "UNACKED", "SENT", "RECEIVED"],
            numeric: [3, 4, 5, 6, 7, 8, 9])
        for one in answer["connections"]?.items ?? [] {
            table.add([
                one["client_id"]?.shown ?? "–",
                (one["transport"]?.shown ?? "") + (one["active"]?.isTrue == true ? "" : " (stands by)"),
                one["address"]?.shown ?? "–", one["age_seconds"]?.number.map(Figures.duration) ?? "–",
                one["idle_seconds"]?.number.map(Figures.duration) ?? "–",
                Figures.bytes(one["unsent_bytes"]?.number ?? 0), one["pending_messages"]?.shown ?? "",
                one["pending_acks"]?.shown ?? "", one["messages_sent"]?.shown ?? "",
                one["messages_received"]?.shown ?? "",
            ])
        }
        table.print()
        Output.line("\(table.rows.count) of \(answer["matches"]?.shown ?? "?")")
    }
}

/// `mcp-gateway old`
struct Old: AdminCommand {
    static let configuration = CommandConfiguration(abstract: "Shows connections that have stood for long.")

    @OptionGroup var options: AdminOptions

    @Option(help: "Hours that they have stood at least.")
    var hours = 24.0

    @Option(help: "How many are shown, up to 1000.")
    var limit = 100

    var question: AdminQuestion {
        var question = AdminQuestion("/mcp/admin/old")
        question.add("hours", hours)
        question.add("limit", limit)
        return question
    }

    func show(_ answer: JSONValue) {
        var table = TextTable(["CLIENT", "TRANSPORT", "ADDRESS", "HOURS"], numeric: [3])
        for one in answer["connections"]?.items ?? [] {
            table.add(["client_id", "transport", "address", "age_hours"].map { one[$0]?.shown ?? "–" })
        }
        table.print()
        Output.line("\(table.rows.count) of \(answer["matches"]?.shown ?? "?")")
    }
}

/// `mcp-gateway cleanup`
struct Cleanup: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Closes connections that nothing has come from or gone to for long.",
        discussion: "Clients are told to come back; what waits for them stays.")

    @OptionGroup var options: AdminOptions

    @Option(help: "Seconds without a message in either direction.")
    var maxIdle = 300

    @Flag(help: "Closes nothing, and shows whom it would be.")
    var dryRun = false

    func validate() throws {
        guard maxIdle >= 0 else { throw ValidationError("--max-idle is 0 or more") }
    }

    var question: AdminQuestion {
        AdminQuestion(
            "/mcp/admin/cleanup", .POST, body: #"{"max_idle_seconds":\#(maxIdle),"dry_run":\#(dryRun)}"#)
    }

    func show(_ answer: JSONValue) {
        for id in answer["client_ids"]?.items ?? [] { Output.line(id.shown) }
        Output.line(
            dryRun
                ? "would close \(answer["would_clean"]?.shown ?? "?") connections"
                : "closed \(answer["cleaned"]?.shown ?? "?") connections")
    }
}

/// `mcp-gateway disconnect`
struct Disconnect: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Closes all connections of a client. It may come back.")

    @OptionGroup var options: AdminOptions

    @Argument(help: "The client's id.")
    var client: String

    var question: AdminQuestion { AdminQuestion("/mcp/admin/disconnect/\(AdminClient.escaped(client))", .POST) }

    func show(_ answer: JSONValue) { Output.line("closed \(answer["disconnected"]?.shown ?? "?") connections") }
}

/// `mcp-gateway analyze`
struct Analyze: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at all connections: how old they are, who behaves oddly, whether any leak.",
        discussion: """
            rapid_reconnect: four connections or more within a minute. connection_hoarding: five connections or more at \
            a time. Leaks show where the kernel, the event loops and the admission count connections differently.
            """)

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/analysis") }

    func show(_ answer: JSONValue) {
        var ages = TextTable(["AGE", "CONNECTIONS"], numeric: [1])
        for name in ["0-1h", "1-6h", "6-24h", "24h+"] {
            ages.add([name, answer[path: "connection_distribution", name]?.shown ?? "0"])
        }
        ages.add(["not joined", answer["not_joined"]?.shown ?? "0"])
        ages.print()
        Output.line("")
        var counts = TextTable(["COUNTED BY", "CONNECTIONS"], numeric: [1])
        for (name, value) in (answer["counts"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
            counts.add([name, value.shown])
        }
        counts.print()
        for pattern in answer["suspicious_patterns"]?.items ?? [] {
            Output.line("")
            Output.line("\(pattern["pattern"]?.shown ?? ""): \(pattern["client_ids"]?.shown ?? "")")
        }
        for leak in answer["leaks"]?.items ?? [] {
            Output.line("")
            Output.line(
                "leak: \(leak["leak"]?.shown ?? "") (\(leak["count"]?.shown ?? "")): \(leak["meaning"]?.shown ?? "")")
        }
    }
}
