import ArgumentParser
import ModelContextProtocol
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway call`
struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Lists the MCP tools of a running gateway, or calls one.",
        discussion: """
            Arguments of a tool are NAME=VALUE, where a VALUE that is JSON is taken as JSON and everything else as a text, \
            or one JSON object; `-` reads that object from standard input. Progress goes to standard error. Exit code 0: \
            the tool has answered; 1: it failed, or there is no such tool; 3: the gateway cannot be reached.

              mcp-gateway call
              mcp-gateway call add a=2 b=40
              mcp-gateway call --server time get_current_time '{"timezone":"UTC"}'
            """)

    @Argument(help: "The tool; without one all are listed.")
    var tool: String?

    @Argument(parsing: .remaining, help: "NAME=VALUE …, one JSON object, or - for standard input.")
    var arguments: [String] = []

    @Option(help: "The gateway's MCP address.")
    var url = "http://127.0.0.1:4000/mcp"

    @Option(help: "One server, or virtual server, instead of all.")
    var server: String?

    @Option(name: .customLong("header"), help: "A header of the requests, \"Name: value\". May be given several times.")
    var headers: [String] = []

    @Option(
        name: .customLong("ca"),
        help: "Certificates that an https gateway's may be signed by, instead of the system's.",
        completion: .file())
    var authorities: String?

    @Option(help: "Seconds to wait for an answer.")
    var timeout = 120

    @Flag(help: "Prints the result as JSON, byte for byte as the tool gave it.")
    var json = false

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout is 1 to 86400") }
        guard headers.allSatisfy({ $0.contains(":") }) else { throw ValidationError("--header is \"Name: value\"") }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            guard var address = HTTPAddress(url) else {
                throw CommandFailure("--url is http://HOST:PORT/PATH, not \(url)", code: 2)
            }
            if let server { address.path += "/servers/\(server)" }
            if let tool { try await call(tool, address) } else { try await list(address) }
        }
    }

    // MARK: - Requests

    private func list(_ address: HTTPAddress) async throws {
        let result = try await ask("tools/list", name: nil, address) { _ in }
        guard !json else { return Output.line(String(decoding: result, as: UTF8.self)) }
        guard let list = try? JSONDecoder().decode(ToolList.self, from: Data(result)) else {
            throw CommandFailure("the gateway's answer is not a list of tools", code: 1)
        }
        Output.line(list.table)
    }

    private func call(_ tool: String, _ address: HTTPAddress) async throws {
        let given = try ToolArguments.json(arguments)
        let result = try await ask("tools/call", name: tool, address) { params in
            params.member("name", tool)
            params.member("arguments", raw: given)
        }
        let answer = try? JSONDecoder().decode(ToolResult.self, from: Data(result))
        let isError = answer?.isError ?? false
        if json {
            Output.line(String(decoding: result, as: UTF8.self))
        } else if let answer {
            let text = answer.text ?? String(decoding: result, as: UTF8.self)
            if isError { Output.error(text) } else { Output.line(text) }
        } else {
            Output.line(String(decoding: result, as: UTF8.self))
        }
        if isError { throw ExitCode(1) }
    }

    /// Asks, and returns the JSON text of the result. Each request stands alone, as revision 2026-07-28 has it.
    private func ask(
        _ method: String, name: String?, _ address: HTTPAddress, _ params: (inout JSONWriter) -> Void
    ) async throws -> [UInt8] {
        let body = JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.member("id", 1)
            writer.member("method", method)
            writer.member("params") { writer in
                params(&writer)
                writer.member("_meta") { meta in
                    meta.member("io.modelcontextprotocol/protocolVersion", ProtocolVersion.july2026.rawValue)
                    meta.member("io.modelcontextprotocol/clientInfo") { info in
                        info.member("name", "mcp-gateway call")
                        info.member("version", Version.current)
                    }
                    meta.member("io.modelcontextprotocol/clientCapabilities") { _ in }
                    meta.member("progressToken", 1)
                }
            }
        }
        var fields = [
            ("content-type", "application/json"), ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", ProtocolVersion.july2026.rawValue), ("mcp-method", method),
        ]
        if let name { fields.append(("mcp-name", HeaderText.encode(name))) }
        for header in headers {
            let colon = header.firstIndex(of: ":") ?? header.endIndex
            let value = header[colon...].dropFirst().drop { $0 == " " }
            fields.append((String(header[..<colon]), String(value)))
        }
        let answer = try await HTTPCall.post(
            body, to: address, authorities: authorities, fields: fields, timeout: timeout
        ) { Output.error($0) }
        return try Self.result(answer)
    }

    private static func result(_ message: [UInt8]) throws -> [UInt8] {
        try message.withUnsafeBytes { bytes in
            let parsed: RPCMessage
            do throws(RPCError) {
                parsed = try RPCMessage(bytes, maxDepth: 512)
            } catch { throw CommandFailure("the answer is not one of MCP: \(error.message)", code: 1) }
            if let result = parsed.result { return Array(bytes[result.offset..<result.end]) }
            let error = parsed.error.map { Data(bytes[$0.offset..<$0.end]) } ?? Data()
            let problem = try? JSONDecoder().decode(ProblemText.self, from: error)
            throw CommandFailure(problem?.message ?? String(decoding: error, as: UTF8.self), code: 1)
        }
    }

    private struct ProblemText: Decodable {
        let message: String
    }
}
