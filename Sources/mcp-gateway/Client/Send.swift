import ArgumentParser
import WireJSON

/// `mcp-gateway send`
struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends a message to a client, to a topic, or to everybody.",
        discussion: """
            The data are NAME=VALUE, where a VALUE that is JSON is taken as JSON and everything else as a text, or one \
            JSON object; `-` reads that object from standard input. Exit code 0: the gateway has it, which for a client \
            means stored; 1: it was refused; 3: the gateway cannot be reached.

              mcp-gateway send --client alice text=hello
              mcp-gateway send --topic room:123 --type chat --priority high '{"text":"hello"}'
            """)

    @OptionGroup var options: AdminOptions

    @Option(help: "The client that it is for. May be given several times.")
    var client: [String] = []

    @Option(help: "The topic whose subscribers it is for.")
    var topic: String?

    @Flag(help: "It is for every session.")
    var broadcast = false

    @Option(help: "The message's type.")
    var type = "message"

    @Option(help: "low, normal or high.", completion: .list(["low", "normal", "high"]))
    var priority: String?

    @Option(help: "An id; the same one is accepted once within five minutes.")
    var id: String?

    @Flag(help: "Keeps a topic's message for subscribers who are away, as a client's always is.")
    var durable = false

    @Argument(parsing: .remaining, help: "NAME=VALUE …, one JSON object, or - for standard input.")
    var data: [String] = []

    func validate() throws {
        let ways = (client.isEmpty ? 0 : 1) + (topic == nil ? 0 : 1) + (broadcast ? 1 : 0)
        guard ways == 1 else { throw ValidationError("give one of --client, --topic and --broadcast") }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let answer = try await options.client().ask(
                "/mcp/messages", method: .POST, body: String(decoding: body(), as: UTF8.self))
            if options.json { return Output.line(String(decoding: answer, as: UTF8.self)) }
            let result = try JSONValue(answer)
            let delivered = result["delivered"]?.shown ?? "0"
            let queued = result["queued"]?.shown ?? "0"
            Output.line("\(result["id"]?.shown ?? "accepted"): \(delivered) delivered, \(queued) queued")
        }
    }

    private func body() throws(CommandFailure) -> [UInt8] {
        let given = try ToolArguments.json(data)
        return JSONWriter.object { writer in
            if client.count == 1 {
                writer.member("client_id", client[0])
            } else if !client.isEmpty {
                writer.key("client_ids")
                writer.array { list in for one in client { list.value(one) } }
            }
            if let topic { writer.member("topic", topic) }
            if broadcast { writer.member("broadcast", true) }
            writer.member("type", type)
            if let priority { writer.member("priority", priority) }
            if let id { writer.member("id", id) }
            if durable { writer.member("durable", true) }
            writer.member("data", raw: given)
        }
    }
}
