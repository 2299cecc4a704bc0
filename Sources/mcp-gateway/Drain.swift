import ArgumentParser
import AsyncHTTPClient
import NIOCore
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

    @Option(help: "The gateway's address.")
    var url = "http://127.0.0.1:4000"

    @Option(help: ArgumentHelp("The admin token; otherwise MCP_ADMIN_TOKEN of the environment."))
    var token: String?

    @Flag(help: "Does not wait for the end.")
    var noWait = false

    @Flag(help: "Prints progress as JSON, one object a line.")
    var json = false

    func run() async throws {
        try await CommandFailure.reporting {
            let token = token ?? ProcessInfo.processInfo.environment["MCP_ADMIN_TOKEN"] ?? ""
            var configuration = HTTPClient.Configuration()
            // Whoever is not there is not waited for.
            configuration.connectionPool.retryConnectionEstablishment = false
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            do {
                try await drain(client, token)
                try await client.shutdown()
            } catch {
                try? await client.shutdown()
                throw error
            }
        }
    }

    private func drain(_ client: HTTPClient, _ token: String) async throws {
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        var request = HTTPClientRequest(url: base + "/mcp/admin/drain")
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer " + token)
        let (status, body) = try await ask(client, request)
        guard status == .accepted else {
            throw CommandFailure("the gateway answered \(status.code): \(body)", code: 1)
        }
        var last = ""
        while !noWait {
            guard let answer = try? await ask(client, HTTPClientRequest(url: base + "/health/gateway")),
                let health = try? JSONDecoder().decode(Health.self, from: Data(answer.1.utf8))
            else { break }
            if let drain = health.drain, drain.line(json: json) != last {
                last = drain.line(json: json)
                Output.line(last)
            }
            try await Task.sleep(for: .milliseconds(250))
        }
        if !noWait, !json { Output.line("the gateway takes no requests any more") }
    }

    private func ask(_ client: HTTPClient, _ request: HTTPClientRequest) async throws -> (HTTPResponseStatus, String) {
        do {
            let response = try await client.execute(request, timeout: .seconds(10))
            let body = try await response.body.collect(upTo: 1 << 20)
            return (response.status, String(buffer: body))
        } catch {
            throw CommandFailure("no gateway at \(url): \(error)", code: 3)
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
