import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `mcp-gateway top`
struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a running gateway live, until interrupted.",
        discussion: "With --json, or where the output is no terminal, each update is printed below the last.")

    @OptionGroup var options: AdminOptions

    @Option(help: "Ends after so many updates.")
    var count: Int?

    func run() async throws {
        try await CommandFailure.reporting {
            let gateway = try options.client()
            let isScreen = !options.json && isatty(1) == 1
            var history: [Double] = []
            var slowest: [JSONValue] = []
            var errors: [JSONValue] = []
            var shown = 0
            if isScreen { Output.text("\u{1B}[?25l") }
            defer { if isScreen { Output.text("\u{1B}[?25h\n") } }
            try await gateway.follow("/metrics/dashboard/stream") { name, data in
                if name == "clients" {
                    let clients = try JSONValue(data)
                    slowest = clients["slowest"]?.items ?? []
                    errors = clients["errors"]?.items ?? []
                    return true
                }
                guard name == "snapshot" else { return true }
                if options.json {
                    Output.line(String(decoding: data, as: UTF8.self))
                } else {
                    let snapshot = try JSONValue(data)
                    history.append(TopScreen.deliveries(snapshot))
                    history = Array(history.suffix(60))
                    let screen = TopScreen(snapshot, slowest: slowest, errors: errors, history: history)
                    let lines = screen.lines(width: isScreen ? Self.columns : 100)
                    if isScreen {
                        // Each line erases what it does not cover, and the rest of the screen goes last: no flicker.
                        Output.text("\u{1B}[H" + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
                    } else {
                        for line in lines { Output.line(line) }
                    }
                }
                shown += 1
                return count.map { shown < $0 } ?? true
            }
        }
    }

    private static var columns: Int {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }
}

/// One screen of `top`.
struct TopScreen {
    private let snapshot: JSONValue
    private let slowest: [JSONValue]
    private let errors: [JSONValue]
    private let history: [Double]

    init(_ snapshot: JSONValue, slowest: [JSONValue], errors: [JSONValue], history: [Double]) {
        self.snapshot = snapshot
        self.slowest = slowest
        self.errors = errors
        self.history = history
    }

    /// Messages that all transports deliver in a second.
    static func deliveries(_ snapshot: JSONValue) -> Double {
        ["websocket", "http_sse"].reduce(0) { $0 + (snapshot[path: "transports", $1, "per_second"]?.number ?? 0) }
    }

    func lines(width: Int) -> [String] {
        let stats = snapshot["stats"]
        let process = snapshot["process"]
        let lag = (process?["event_loop_lag_ms"]?.items ?? []).compactMap(\.number).max() ?? 0
        var lines = [
            "mcp-gateway \(stats?["node"]?.shown ?? "")  up \(Figures.duration(stats?["uptime_seconds"]?.number ?? 0))  "
                + (snapshot["ready"]?.isTrue == true ? "ready" : "NOT READY"),
            "cpu \(Figures.plain(((process?["cpu"]?.number ?? 0) * 1000).rounded() / 10)) %  "
                + "memory \(Figures.bytes(process?["resident_bytes"]?.number ?? 0))  loop lag \(Figures.plain(lag)) ms  "
                + "sessions \(stats?["sessions"]?.shown ?? "0")  topics \(stats?["topics"]?.shown ?? "0")",
            "",
        ]
        var table = TextTable(
            ["", "CONNECTIONS", "OUT/S", "IN/S", "BYTES/S", "P50 MS", "P99 MS", "ERRORS/MIN"],
            numeric: [1, 2, 3, 4, 5, 6, 7])
        for name in ["websocket", "http_sse"] {
            let live = snapshot[path: "transports", name]
            table.add([
                name, stats?[path: name, "connections"]?.shown ?? "0",
                Figures.plain(live?["per_second"]?.number?.rounded() ?? 0),
                Figures.plain(live?["received_per_second"]?.number?.rounded() ?? 0),
                Figures.bytes(live?["bytes_per_second"]?.number ?? 0), live?["p50_ms"]?.shown ?? "–",
                live?["p99_ms"]?.shown ?? "–", stats?[path: name, "errors_per_minute"]?.shown ?? "0",
            ])
        }
        lines += table.lines + ["", "out/s  \(Self.sparkline(history))"]
        let upstreams = snapshot["upstreams"]?.items ?? []
        if !upstreams.isEmpty {
            var table = TextTable(
                ["UPSTREAM", "BREAKER", "CALLS", "FAILURES", "P50 MS", "P99 MS"], numeric: [2, 3, 4, 5])
            for one in upstreams.prefix(8) {
                table.add([
                    one["address"]?.text ?? one["server"]?.shown ?? "", one["breaker"]?.shown ?? "–",
                    one["calls"]?.shown ?? "0", one["failures"]?.shown ?? "0", one["p50_ms"]?.shown ?? "–",
                    one["p99_ms"]?.shown ?? "–",
                ])
            }
            lines += [""] + table.lines
        }
        if !slowest.isEmpty {
            var table = TextTable(["SLOWEST CLIENTS", "TRANSPORT", "UNSENT", "PENDING"], numeric: [2, 3])
            for one in slowest {
                table.add([
                    one["client_id"]?.shown ?? "–", one["transport"]?.shown ?? "",
                    Figures.bytes(one["unsent_bytes"]?.number ?? 0), one["pending_messages"]?.shown ?? "",
                ])
            }
            lines += [""] + table.lines
        }
        if !errors.isEmpty { lines += ["", "RECENT ERRORS"] }
        for one in errors {
            lines.append(
                "\(one["timestamp"]?.shown ?? "")  \(one["client_id"]?.shown ?? "–")  \(one["code"]?.shown ?? "")  "
                    + (one["reason"]?.shown ?? ""))
        }
        return lines.map { String($0.prefix(width)) }
    }

    static func sparkline(_ values: [Double]) -> String {
        let marks = Array("▁▂▃▄▅▆▇█")
        let most = max(values.max() ?? 0, 1)
        return String(values.map { marks[min(marks.count - 1, Int($0 / most * Double(marks.count - 1) + 0.5))] })
    }
}
