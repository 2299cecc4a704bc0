import ArgumentParser
import GatewayLoad
import NIOCore
import Synchronization
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `mcp-gateway load-test`
struct LoadTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-test",
        abstract: "Loads a server with connections and messages, and reports how it bears them.",
        discussion: """
            Opens --connections within --ramp seconds, sends --rate messages a second over all of them for --duration \
            seconds, and counts latency from when each message was due: a server that stalls is not spared. What is \
            loaded need not be this gateway.

              phoenix  a WebSocket that joins --channel and pushes --event; waits for the reply
              echo     a WebSocket that sends every message back
              sse      event streams; --publish-url takes what they are to receive
              mcp      Streamable HTTP; calls --tool

              mcp-gateway load-test
              mcp-gateway load-test --transport sse --connections 1000 --rate 50
              mcp-gateway load-test --transport mcp http://127.0.0.1:4000/mcp --tool echo --max-p99 20
              mcp-gateway load-test wss://example.com/socket/websocket --channel room:lobby --event shout --html report.html

            The first Ctrl-C ends it early, with a report. Exit codes: 0 done and all thresholds held, 1 a threshold \
            was missed, 2 usage, 3 no connection could be opened.
            """)

    @Argument(
        help: ArgumentHelp(
            "The server: ws, wss, http or https. Without a path it is this gateway's own for the transport. {n} becomes the connection's number.",
            valueName: "url"))
    var url: String?

    @Option(help: "phoenix, sse, echo or mcp; by default what the address suggests.")
    var transport: String?

    @Option(name: [.short, .long], help: "How many connections.")
    var connections = 100

    @Option(help: "Seconds in which they are opened.")
    var ramp = 2.0

    @Option(name: [.short, .long], help: "Seconds in which messages are sent.")
    var duration = 10.0

    @Option(
        name: [.short, .long],
        help:
            "Messages a second, of all connections together; for sse: that are published. 0: none, the connections only stay open."
    )
    var rate = 100.0

    @Option(help: "Bytes of text in each message.")
    var payload = 128

    @Option(help: "Seconds that a connection or an answer may take.")
    var timeout = 10.0

    @Option(help: "Messages that one connection may have under way; further ones are not sent, and counted.")
    var window = 64

    @Option(help: "Threads that make the load.")
    var threads = 1

    @Option(help: "The token that every connection shows.")
    var token: String?

    @Option(help: "A file of certificates (PEM) that the server's may be signed by, instead of the system's.")
    var ca: String?

    @Option(help: "phoenix: the channel that is joined; {n} becomes the connection's number.")
    var channel = "mcp:gateway"

    @Option(help: "phoenix: the event that is pushed.")
    var event = "message"

    @Option(help: "phoenix: the payload of the push as JSON, instead of this gateway's echo; {text} becomes the text.")
    var push: String?

    @Option(
        help:
            "Where messages are published that all connections receive; for sse by default this gateway's /mcp/messages. \"none\": others publish."
    )
    var publishURL: String?

    @Option(help: "mcp: the tool that is called.")
    var tool = "echo"

    @Option(help: "mcp: its arguments as JSON; {text} becomes the text.")
    var arguments = #"{"text":"{text}"}"#

    @Option(help: "Fails if the 99th percentile of latency is above so many milliseconds.")
    var maxP99: Double?

    @Option(help: "Fails if more than this part of what was tried went wrong, 0 to 1.")
    var maxErrors: Double?

    @Option(help: "Fails if less than so many answers or events arrive in a second.")
    var minRate: Double?

    @Flag(help: "The report as one JSON object; progress goes to standard error.")
    var json = false

    @Option(help: "Writes the report as a page with plots, too.")
    var html: String?

    @Flag(help: "No progress.")
    var quiet = false

    func validate() throws {
        guard (1...1_000_000).contains(connections) else { throw ValidationError("--connections is 1 to 1000000") }
        guard ramp >= 0, ramp <= 86_400 else { throw ValidationError("--ramp is 0 to 86400 seconds") }
        guard duration > 0, duration <= 86_400 else {
            throw ValidationError("--duration is more than 0, up to 86400 seconds")
        }
        guard rate >= 0, rate <= 10_000_000 else { throw ValidationError("--rate is 0 or more") }
        guard (0...1_048_576).contains(payload) else { throw ValidationError("--payload is 0 to 1048576 bytes") }
        guard timeout > 0, timeout <= 3600 else {
            throw ValidationError("--timeout is more than 0, up to 3600 seconds")
        }
        guard (1...10_000).contains(window) else { throw ValidationError("--window is 1 to 10000") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads is 1 to 64") }
        if let maxErrors, !(0...1).contains(maxErrors) { throw ValidationError("--max-errors is 0 to 1") }
        _ = try plan()
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let plan = try plan()
            raiseLimits(plan.connections)
            let interrupted = Mutex(false)
            let thresholds = LoadThresholds(
                p99: maxP99.map { UInt64(max(0, $0) * 1e6) }, errorRate: maxErrors, throughput: minRate)
            let isTerminal = isatty(2) == 1
            let report: LoadReport
            do {
                let signals = Task {
                    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                        let isSecond = interrupted.withLock { was in
                            defer { was = true }
                            return was
                        }
                        if isSecond { _exit(130) }
                    }
                }
                defer { signals.cancel() }
                report = try await LoadRun(plan).run(isInterrupted: { interrupted.withLock { $0 } }) { progress in
                    guard !quiet else { return }
                    let line = Self.line(progress, of: plan)
                    if isTerminal { Output.errorText("\r\u{1B}[K" + line) } else { Output.error(line) }
                }
                if isTerminal, !quiet { Output.errorText("\r\u{1B}[K") }
            } catch let failure as LoadFailure {
                throw CommandFailure(failure.description, code: 2)
            }
            if json {
                Output.line(String(decoding: report.json(thresholds), as: UTF8.self))
            } else {
                Output.line(report.text(thresholds))
            }
            if let html { try ReportFile.write(report.page(thresholds), to: html) }
            if report.figures.opened == 0, report.figures.attempted > 0, !report.wasInterrupted {
                let problems = report.figures.samples.values.joined().first ?? "no answer"
                throw CommandFailure("no connection to \(plan.place.authority) could be opened: \(problems)", code: 3)
            }
            if !report.failures(thresholds).isEmpty { throw ExitCode(1) }
        }
    }

    private static func line(_ progress: LoadProgress, of plan: LoadPlan) -> String {
        let point = progress.point
        var parts = [
            "\(LoadReport.short(progress.seconds)) s", progress.phase.rawValue,
            "\(point.connections)/\(plan.connections) open", "\(LoadReport.short(point.received))/s",
        ]
        if point.maximum > 0 {
            parts.append("p50 \(LoadReport.duration(point.p50))")
            parts.append("p99 \(LoadReport.duration(point.p99))")
        }
        parts.append("\(progress.figures.problemCount) errors")
        return parts.joined(separator: "  ")
    }

    /// As many descriptors as the system grants, for as many connections.
    private func raiseLimits(_ connections: Int) {
        var limit = rlimit()
        #if canImport(Glibc)
            let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let kind = RLIMIT_NOFILE
        #endif
        guard getrlimit(kind, &limit) == 0, limit.rlim_cur < connections + 64 else { return }
        limit.rlim_cur = min(limit.rlim_max, rlim_t(connections + 64))
        setrlimit(kind, &limit)
    }
}
