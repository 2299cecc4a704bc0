import ArgumentParser
import GatewayConfiguration
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The flags of commands that ask a running gateway.
struct AdminOptions: ParsableArguments {
    @Option(help: "The gateway's address; by default that of the configuration's http port on this machine.")
    var url: String?

    @Option(
        help: ArgumentHelp(
            "The admin token.",
            discussion:
                "By default MCP_ADMIN_TOKEN, the configuration's, or the one that the gateway keeps beside its database."
        ))
    var token: String?

    @Option(name: .shortAndLong, help: "The configuration file that tells of both.", completion: .file())
    var config: String?

    @Option(
        name: .customLong("ca"),
        help: "Certificates that an https gateway's may be signed by, instead of the system's.", completion: .file())
    var authorities: String?

    @Option(help: "Seconds to wait for an answer.")
    var timeout = 30

    @Flag(help: "Prints the gateway's answer as JSON.")
    var json = false

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout is 1 to 86400") }
    }

    /// The gateway that these flags mean.
    func client() throws -> AdminClient {
        // A configuration that cannot be read is no reason not to ask a gateway that is named.
        let configuration =
            if let config {
                try ConfigurationOptions.parse(["--config", config]).load().configuration
            } else {
                (try? ConfigurationOptions.parse([]).load().configuration) ?? GatewayConfiguration()
            }
        let text = url ?? "http://127.0.0.1:\(configuration.transports.http.port)"
        guard var address = HTTPAddress(text) else {
            throw CommandFailure("--url is http://HOST:PORT, not \(text)", code: 2)
        }
        if !text.dropFirst(8).contains("/") || address.path == "/" { address.path = "" }
        return AdminClient(
            address: address, token: token ?? AdminToken.known(configuration), authorities: authorities,
            timeout: timeout)
    }
}

/// Asks the admin API of a running gateway.
struct AdminClient: Sendable {
    let address: HTTPAddress
    let token: String?
    let authorities: String?
    let timeout: Int

    /// Asks, and returns the answer's JSON text.
    func ask(_ path: String, method: HTTPMethod = .GET, body: String? = nil) async throws -> [UInt8] {
        let answer = try await answer(path, method: method, body: body)
        guard (200..<300).contains(answer.status) else {
            throw CommandFailure(Self.words(answer.status, answer.body, hasToken: token != nil), code: 1)
        }
        return answer.body
    }

    /// Asks, and returns the answer whatever its status.
    func answer(
        _ path: String, method: HTTPMethod = .GET, body: String? = nil
    ) async throws -> (status: Int, body: [UInt8]) {
        var place = address
        place.path += path
        let answer = try await HTTPCall.request(
            method, body.map { Array($0.utf8) }, to: place, authorities: authorities, fields: fields, timeout: timeout)
        return (answer.status, answer.body)
    }

    /// Asks, and returns the answer.
    func value(_ path: String, method: HTTPMethod = .GET, body: String? = nil) async throws -> JSONValue {
        try JSONValue(await ask(path, method: method, body: body))
    }

    /// Reads a stream of events until it ends.
    /// - Parameter event: told each event's name and data; `false` ends the stream.
    func follow(_ path: String, _ event: (String, [UInt8]) throws -> Bool) async throws {
        var place = address
        place.path += path
        try await HTTPCall.follow(place, authorities: authorities, fields: fields) { status, body in
            throw CommandFailure(Self.words(status, body, hasToken: token != nil), code: 1)
        } event: { name, data in
            try event(name, data)
        }
    }

    private var fields: [(String, String)] {
        var fields = [("accept", "application/json, text/event-stream"), ("content-type", "application/json")]
        if let token { fields.append(("authorization", "Bearer \(token)")) }
        return fields
    }

    private static func words(_ status: Int, _ body: [UInt8], hasToken: Bool) -> String {
        let reason = (try? JSONValue(body))?["reason"]?.text
        guard status == 401 else { return reason ?? "the gateway answered \(status)" }
        return hasToken
            ? "the gateway does not take this admin token"
            : "no admin token: give --token, set MCP_ADMIN_TOKEN, or run this where the gateway was started"
    }

    /// A name as it stands in a path.
    static func escaped(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return text
    }
}
