import ArgumentParser
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway drain`
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ends a running gateway in order, and shows how far it is.",
        discussion: """
            Does what SIGTERM does: the gateway is not ready for drain.delay, sends its clients away at drain.rate, waits \
            for calls that are under way, and ends, all within drain.delay and drain.timeout. Exit code 0: it has ended; \
            1: it refused; 3: it cannot be reached.
            """)

    @OptionGroup var options: AdminOptions

    @Flag(help: "Does not wait for the end.")
    var noWait = false

    func run() async throws {
        try await CommandFailure.reporting {
            let client = try options.client()
            _ = try await client.ask("/mcp/admin/drain", method: .POST)
            var last = ""
            while !noWait {
                // Health is told with whatever status; when nobody tells it any more the gateway has ended.
                guard let answer = try? await client.answer("/health/gateway"),
                    let health = try? JSONDecoder().decode(Health.self, from: Data(answer.body))
                else { break }
                if let drain = health.drain, drain.line(json: options.json) != last {
                    last = drain.line(json: options.json)
                    Output.line(last)
                }
                try await Task.sleep(for: .milliseconds(250))
            }
            if !noWait, !options.json { Output.line("the gateway takes no requests any more") }
        }
    }

    private struct Health: Decodable {
        let drain: Progress?
    }

    private struct Progress: Decodable {
        let stage: String
        let connections: Int
        let calls: Int

        func line(json: Bool) -> String {
            json
                ? "{\"stage\":\"\(stage)\",\"connections\":\(connections),\"calls\":\(calls)}"
                : "\(stage): \(connections) connections, \(calls) calls under way"
        }
    }
}
