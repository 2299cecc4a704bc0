import WireJSON

/// Messages that the gateway writes itself.
public enum RPCAnswer {
    /// The answer without content, as a ping has it.
    public static func empty(id: some Collection<UInt8>) -> [UInt8] { result(Array("{}".utf8), id: id) }

    /// A whole answer.
    /// - Parameter session: the id of the session that it begins, on transports without headers to say it.
    public static func result(
        _ result: [UInt8], id: some Collection<UInt8>, session: String? = nil
    ) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(result.count + id.count + 40)
        output.append(contentsOf: #"{"jsonrpc":"2.0","id":"#.utf8)
        output.append(contentsOf: id)
        if let session {
            output.append(contentsOf: #","mcpSessionId":"#.utf8)
            output.append(contentsOf: JSONText.quoted(session))
        }
        output.append(contentsOf: #","result":"#.utf8)
        output.append(contentsOf: result)
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// What `initialize` is answered: everything that the gateway can pass on.
    public static func initialize(_ version: ProtocolVersion, server: String) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("protocolVersion", version.rawValue)
            writer.member("capabilities") { writer in
                capabilities(&writer)
                guard version == .november2025 else { return }
                // Each tool says for itself whether its calls may become tasks.
                writer.member("tasks") { tasks in
                    tasks.member("list") { _ in }
                    tasks.member("cancel") { _ in }
                    tasks.member("requests") { $0.member("tools") { $0.member("call") { _ in } } }
                }
            }
            writer.member("serverInfo") { info in
                info.member("name", "mcp-gateway")
                info.member("version", server)
            }
        }
    }

    /// What `server/discover` is answered (2026-07-28).
    public static func discover(server: String) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("resultType", "complete")
            writer.key("supportedVersions")
            writer.array { $0.value(ProtocolVersion.july2026.rawValue) }
            writer.member("capabilities") { capabilities in
                capabilities.member("tools") { $0.member("listChanged", true) }
                capabilities.member("prompts") { $0.member("listChanged", true) }
                capabilities.member("resources") { resources in
                    resources.member("subscribe", true)
                    resources.member("listChanged", true)
                }
                capabilities.member("completions") { _ in }
            }
            writer.member("ttlMs", 0)
            writer.member("cacheScope", "private")
            writer.member("_meta") { meta in
                meta.member("io.modelcontextprotocol/serverInfo") { info in
                    info.member("name", "mcp-gateway")
                    info.member("version", server)
                }
            }
        }
    }

    /// The member `_meta` by which a result says whose it is (2026-07-28).
    /// - Parameter server: JSON text of name and version.
    public static func serverMeta(_ server: [UInt8]) -> [UInt8] {
        Array(#""_meta":{"io.modelcontextprotocol/serverInfo":"#.utf8) + server + [UInt8(ascii: "}")]
    }

    /// The gateway's own capabilities.
    static func capabilities(_ writer: inout JSONWriter) {
        writer.member("tools") { $0.member("listChanged", true) }
        writer.member("prompts") { $0.member("listChanged", true) }
        writer.member("resources") { resources in
            resources.member("subscribe", true)
            resources.member("listChanged", true)
        }
        writer.member("completions") { _ in }
        writer.member("logging") { _ in }
    }

    /// The request that begins a session with a server.
    public static func initializeRequest(
        id: Int, version: ProtocolVersion, capabilities: [UInt8], clientInfo: [UInt8]
    ) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.member("id", id)
            writer.member("method", "initialize")
            writer.member("params") { params in
                params.member("protocolVersion", version.rawValue)
                params.member("capabilities", raw: capabilities)
                params.member("clientInfo", raw: clientInfo)
            }
        }
    }

    /// Asks a server which revisions it speaks (2026-07-28).
    public static func discoverRequest(id: Int, clientInfo: [UInt8]) -> [UInt8] {
        modernRequest(
            id: id, method: "server/discover", clientInfo: clientInfo, capabilities: Array("{}".utf8)
        ) { _ in }
    }

    /// Asks for all that a server says by itself (2026-07-28).
    public static func listenRequest(
        id: Int, resources: [String], clientInfo: [UInt8], capabilities: [UInt8]
    ) -> [UInt8] {
        modernRequest(id: id, method: "subscriptions/listen", clientInfo: clientInfo, capabilities: capabilities) {
            params in
            params.member("notifications") { wanted in
                wanted.member("toolsListChanged", true)
                wanted.member("promptsListChanged", true)
                wanted.member("resourcesListChanged", true)
                if !resources.isEmpty {
                    wanted.key("resourceSubscriptions")
                    wanted.array { for uri in resources { $0.value(uri) } }
                }
            }
        }
    }

    private static func modernRequest(
        id: Int, method: String, clientInfo: [UInt8], capabilities: [UInt8], _ more: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("jsonrpc", "2.0")
            writer.member("id", id)
            writer.member("method", method)
            writer.member("params") { params in
                more(&params)
                var meta: [UInt8] = [UInt8(ascii: "{")]
                meta += ModernRequest.reservedMeta(clientInfo: clientInfo, capabilities: capabilities)
                meta.append(UInt8(ascii: "}"))
                params.member("_meta", raw: meta)
            }
        }
    }

    /// Says that the handshake is over.
    public static let initialized = Array(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.utf8)
}
