import ArgumentParser

/// `mcp-gateway stats`
struct Stats: AdminCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the traffic of a running gateway.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/stats") }

    func show(_ answer: JSONValue) {
        var table = TextTable(["", "WEBSOCKET", "HTTP_SSE"], numeric: [1, 2])
        for name in [
            "connections", "messages_per_second", "avg_latency_ms", "errors_per_minute", "messages_sent",
            "messages_received", "bytes_sent", "bytes_received", "slow_consumers", "messages_dropped",
        ] {
            table.add([name, answer[path: "websocket", name]?.shown ?? "", answer[path: "http_sse", name]?.shown ?? ""])
        }
        table.print()
        Output.line("")
        Output.line("sessions \(answer["sessions"]?.shown ?? "?"), topics \(answer["topics"]?.shown ?? "?")")
        Output.line(
            "memory \(Figures.bytes(answer[path: "memory", "used"]?.number ?? 0)) of "
                + "\(Figures.bytes(answer[path: "memory", "budget"]?.number ?? 0)), "
                + "up for \(Figures.duration(answer["uptime_seconds"]?.number ?? 0)), "
                + "node \(answer["node"]?.shown ?? "?")")
    }
}

/// `mcp-gateway transports`
struct Transports: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows how each transport is, and what to do about it.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/transports") }

    func show(_ answer: JSONValue) {
        var table = TextTable(["TRANSPORT", "HEALTHY", "CONNECTIONS", "ERRORS", "RECOMMENDATION"], numeric: [2, 3])
        for (name, one) in answer.members.sorted(by: { $0.key > $1.key }) {
            table.add(
                [name]
                    + ["healthy", "active_connections", "error_count", "recommendation"].map { one[$0]?.shown ?? "" })
        }
        table.print()
    }
}

/// `mcp-gateway pool`
struct Pool: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows how the pools of connections to upstreams are.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/pool") }

    func show(_ answer: JSONValue) {
        let columns = ["status", "pool_size", "available", "overflow", "queue_length", "avg_checkout_time"]
        var table = TextTable(
            ["UPSTREAM", "STATUS", "SIZE", "AVAILABLE", "OVERFLOW", "WAITING", "CHECKOUT MS"],
            numeric: [2, 3, 4, 5, 6])
        table.add(["all"] + columns.map { answer[$0]?.shown ?? "" })
        for pool in answer["pools"]?.items ?? [] {
            let address = pool["address"]?.text.map { " \($0)" } ?? ""
            let server = pool["server"]?.shown ?? ""
            table.add([server + (" " + server == address ? "" : address)] + columns.map { pool[$0]?.shown ?? "" })
        }
        table.print()
    }
}

/// `mcp-gateway ring`
struct Ring: AdminCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows how sessions are spread over the replicas of each MCP server.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/ring") }

    func show(_ answer: JSONValue) {
        let rings = answer["rings"]?.items ?? []
        for ring in rings {
            Output.line(
                "\(ring["server"]?.shown ?? ""): \(ring["total_keys"]?.shown ?? "0") sessions, "
                    + "variance \(ring["distribution_variance"]?.shown ?? "0")")
            var table = TextTable(["REPLICA", "WEIGHT", "POINTS", "SESSIONS"], numeric: [1, 2, 3])
            for node in ring["nodes"]?.items ?? [] {
                table.add(["id", "weight", "vnode_count", "key_count"].map { node[$0]?.shown ?? "" })
            }
            table.print()
        }
        if rings.isEmpty { Output.line("no server has replicas") }
    }
}

/// `mcp-gateway breakers`
struct Breakers: AdminCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the state of every circuit breaker.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/breakers") }

    func show(_ answer: JSONValue) {
        var table = TextTable(["BREAKER", "STATE", "CALLS", "FAILURES"], numeric: [2, 3])
        for name in ["websocket", "http_sse", "router"] { table.add([name, answer[name]?.shown ?? "", "", ""]) }
        for one in answer["upstreams"]?.items ?? [] {
            table.add([
                one["address"]?.text ?? one["server"]?.shown ?? "", one["state"]?.shown ?? "",
                one["calls"]?.shown ?? "", one["failures"]?.shown ?? "",
            ])
        }
        table.print()
    }
}

/// `mcp-gateway upstreams`
struct Upstreams: AdminCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the MCP servers behind a running gateway.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/upstreams") }

    func show(_ answer: JSONValue) {
        var table = TextTable(["SERVER", "STATUS", "TOOLS", "REPLICAS", "PROBLEM"], numeric: [2, 3])
        for one in answer["upstreams"]?.items ?? [] {
            table.add([
                one["name"]?.shown ?? "", one["status"]?.shown ?? "", one["tools"]?.shown ?? "–",
                one["replicas"].map { "\($0.items.count)" } ?? "–", one["problem"]?.shown ?? "",
            ])
        }
        table.print()
    }
}
