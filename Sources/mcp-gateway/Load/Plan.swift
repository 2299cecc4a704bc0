import ArgumentParser
import GatewayConfiguration
import GatewayLoad
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway plan`
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says how many nodes a load takes, from what this machine measures.",
        discussion: """
            Starts a gateway of its own on free ports, measures what a connection and a message cost here (about half a \
            minute), and puts the figures into the formulas of capacity planning:

              connections by memory     (memory × utilization − base) / memory per connection
              cores                     messages a second × processor time of each
              bandwidth                 connections × messages a second × size

            Sessions' logs come on top: what clients may resume from. What the kernel keeps for sockets, TLS, webhooks \
            and MCP servers are not in it. Measure on a machine like those that are to serve, while it does nothing else.

              mcp-gateway plan --connections 100000 --received 0.5 --size 2048
              mcp-gateway plan --connections 100000 --save figures.json
              mcp-gateway plan --connections 250000 --from figures.json --cores 8 --memory 16
            """)

    @Option(name: [.short, .long], help: "Connections of all nodes together.")
    var connections: Int

    @Option(help: "The part of them that are event streams, 0 to 1; the rest are WebSockets.")
    var streams = 0.0

    @Option(help: "Messages that reach each connection in a second.")
    var received = 1.0

    @Option(help: "Messages that each connection sends in a second.")
    var sent = 0.1

    @Option(help: "Bytes of each message.")
    var size = 1024

    @Option(help: "Cores of each node; by default those of this machine.")
    var cores: Double?

    @Option(help: "Memory of each node in GiB; by default that of this machine.")
    var memory: Double?

    @Option(help: "The part of cores and memory that may be used when all is well, 0.1 to 1.")
    var utilization = 0.6

    @Option(help: "Nodes that may fail without anybody noticing.")
    var spare = 1

    @Option(help: "Connections that are measured.")
    var sample = 1000

    @Option(help: "Seconds of messages that are measured.")
    var seconds = 5.0

    @Option(help: "Takes the figures from a file that --save has written, and measures nothing.", completion: .file())
    var from: String?

    @Option(help: "Keeps the figures in a file.", completion: .file())
    var save: String?

    @Flag(help: "The plan as one JSON object.")
    var json = false

    func validate() throws {
        guard connections > 0 else { throw ValidationError("--connections is 1 or more") }
        guard (0...1).contains(streams) else { throw ValidationError("--streams is 0 to 1") }
        guard received >= 0, sent >= 0 else { throw ValidationError("--received and --sent are 0 or more") }
        guard (1...16_777_216).contains(size) else { throw ValidationError("--size is 1 to 16777216 bytes") }
        guard (0.1...1).contains(utilization) else { throw ValidationError("--utilization is 0.1 to 1") }
        guard spare >= 0 else { throw ValidationError("--spare is 0 or more") }
        guard cores.map({ $0 > 0 }) ?? true, memory.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--cores and --memory are more than 0")
        }
        guard (10...20_000).contains(sample) else { throw ValidationError("--sample is 10 to 20000") }
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds is more than 0, up to 600") }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let figures = try await figures()
            if let save { try ReportFile.write(String(decoding: figures.json, as: UTF8.self) + "\n", to: save) }
            let demand = CapacityDemand(
                connections: connections, streams: streams, received: received, sent: sent, size: size,
                cores: cores ?? Double(figures.cores), memory: memory.map { $0 * 1_073_741_824 } ?? figures.memory,
                utilization: utilization, spare: spare)
            guard let plan = CapacityPlan(demand, figures) else {
                throw CommandFailure(
                    "not one such connection fits on a node: more --cores or --memory, or fewer messages", code: 1)
            }
            let report = PlanReport(plan, GatewayConfiguration())
            Output.line(json ? String(decoding: report.json, as: UTF8.self) : report.text)
        }
    }

    private func figures() async throws -> MachineFigures {
        if let from {
            guard let data = FileManager.default.contents(atPath: from) else {
                throw CommandFailure("\(from): the file is not there or cannot be read", code: 1)
            }
            guard let value = try? JSONValue(Array(data)), let figures = MachineFigures(value) else {
                throw CommandFailure("\(from): these are no figures that plan --save has written", code: 1)
            }
            return figures
        }
        #if DEBUG
            Output.error("this is a debug build: the figures are several times worse than those of `make build`")
        #endif
        return try await Measurement(connections: sample, payload: size, seconds: seconds) {
            Output.error("measuring: \($0)")
        }.run()
    }
}

extension MachineFigures {
    /// One object, as `--save` writes it.
    var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("base_bytes", base)
            for (name, transport) in [("websocket", webSocket), ("http_sse", stream)] {
                writer.member(
                    name,
                    raw: JSONWriter.object { writer in
                        writer.member("bytes_per_connection", transport.memory)
                        writer.member("opening_us", transport.opening)
                        writer.member("delivery_us", transport.delivery)
                        writer.member("overhead_bytes", transport.overhead)
                    })
            }
            writer.member("message_us", message)
            writer.member("payload_bytes", payload)
            writer.member("cores", cores)
            writer.member("memory_bytes", memory)
        }
    }

    init?(_ value: JSONValue) {
        func transport(_ name: String) -> Transport? {
            guard let part = value[name], let memory = part["bytes_per_connection"]?.number,
                let opening = part["opening_us"]?.number, let delivery = part["delivery_us"]?.number,
                let overhead = part["overhead_bytes"]?.number
            else { return nil }
            return Transport(memory: memory, opening: opening, delivery: delivery, overhead: overhead)
        }
        guard let base = value["base_bytes"]?.number, let webSocket = transport("websocket"),
            let stream = transport("http_sse"), let message = value["message_us"]?.number,
            let payload = value["payload_bytes"]?.number, let cores = value["cores"]?.number,
            let memory = value["memory_bytes"]?.number
        else { return nil }
        self.init(
            base: base, webSocket: webSocket, stream: stream, message: message, payload: Int(payload),
            cores: Int(cores), memory: memory)
    }
}
