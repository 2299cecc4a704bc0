import ArgumentParser

/// `mcp-gateway listen`
struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Listens as a client, and shows what arrives.",
        discussion: """
            Opens an event stream and prints one line for each event until the stream ends, --count messages have come, \
            or it is interrupted; then --after with the last id goes on where it stopped. Heartbeats are not shown.

              mcp-gateway listen alice
              mcp-gateway listen alice --topics room:123,news --json | jq .data
            """)

    @OptionGroup var options: AdminOptions

    @Argument(help: "The client that it listens as.")
    var client: String

    @Option(help: "Topics to subscribe to, separated by commas.")
    var topics: String?

    @Option(help: "The id of the last event that is known, EPOCH-SEQUENCE: what came later is sent again.")
    var after: String?

    @Option(help: "How many messages to wait for; by default it goes on until the stream ends.")
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is 1 or more") }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            var question = AdminQuestion("/mcp/sse")
            question.add("client_id", client)
            question.add("topics", topics)
            question.add("last_event_id", after)
            var messages = 0
            var last: String?
            try await options.client().follow(question.path) { event, data in
                let envelope = try JSONValue(data)
                guard event != "heartbeat" else { return true }
                Output.line(options.json ? String(decoding: data, as: UTF8.self) : Self.line(event, envelope))
                guard !Self.withoutPlace.contains(event) else { return true }
                if let epoch = envelope["epoch"]?.text, let sequence = envelope["sequence"]?.shown {
                    last = "\(epoch)-\(sequence)"
                }
                messages += 1
                return messages != count
            }
            guard count.map({ messages < $0 }) ?? true else { return }
            Output.error("the stream ended" + (last.map { "; --after \($0) goes on" } ?? ""))
            if count != nil { throw ExitCode(1) }
        }
    }

    /// Events that have no place in the client's log.
    private static let withoutPlace: Set = [
        "connected", "heartbeat", "error", "gateway_error", "gateway_close", "debug",
    ]

    private static func line(_ event: String, _ envelope: JSONValue) -> String {
        let type = envelope["type"]?.text ?? event
        let place = withoutPlace.contains(event) ? "–" : envelope["sequence"]?.shown ?? "–"
        let topic = envelope["topic"]?.text.map { " [\($0)]" } ?? ""
        return "\(place)  \(type)\(topic)  \(envelope["data"]?.compact ?? "")"
    }
}
