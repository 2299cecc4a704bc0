import WireJSON

/// An error of JSON-RPC, with the codes that MCP gives them.
public struct RPCError: Error, Equatable, Sendable {
    public let code: Int
    public let message: String
    /// JSON text of the member `data`.
    public let data: [UInt8]?

    public init(_ code: Int, _ message: String, data: [UInt8]? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    public static func parse(_ reason: String) -> RPCError { RPCError(-32700, "Parse error: \(reason)") }
    public static func invalidRequest(_ reason: String) -> RPCError { RPCError(-32600, "Invalid Request: \(reason)") }
    public static func methodNotFound(_ method: String) -> RPCError { RPCError(-32601, "Method not found: \(method)") }
    public static func invalidParams(_ reason: String) -> RPCError { RPCError(-32602, "Invalid params: \(reason)") }
    public static func internalError(_ reason: String) -> RPCError { RPCError(-32603, "Internal error: \(reason)") }
    /// A header is missing, given twice, or says something else than the body (2026-07-28).
    public static func headerMismatch(_ reason: String) -> RPCError { RPCError(-32020, "Header mismatch: \(reason)") }
    /// The revision that a request names is not spoken here (2026-07-28).
    public static func unsupportedVersion(_ requested: String) -> RPCError {
        RPCError(
            -32022, "Unsupported protocol version",
            data: JSONWriter.object { writer in
                writer.key("supported")
                writer.array { $0.value(ProtocolVersion.july2026.rawValue) }
                writer.member("requested", requested)
            })
    }

    /// The whole message.
    /// - Parameter id: JSON text of the request's id; `nil` when it is not known.
    public func response(id: (some Collection<UInt8>)?) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.key("id")
            if let id { writer.raw(id) } else { writer.null() }
            writer.member("error") { error in
                error.member("code", code)
                error.member("message", message)
                if let data { error.member("data", raw: data) }
            }
        }
    }

    /// The whole message, for a request whose id is not known.
    public var response: [UInt8] { response(id: [UInt8]?.none) }
}
