public import NIOCore
import WireJSON

/// The rules of revision 2026-07-28 for one request: what headers must say, and that they say the same as the body.
public enum ModernRequest {
    /// The routing headers of a request.
    public struct Headers {
        public let version: String
        /// Values of `Mcp-Method`, `Mcp-Name`; more than one is an attempt to be read in two ways.
        public let methods: [String]
        public let names: [String]

        public init(version: String, methods: [String], names: [String]) {
            self.version = version
            self.methods = methods.map(Headers.trimmed)
            self.names = names.map(Headers.trimmed)
        }

        /// A field's value without the blanks around it, which are no part of it (RFC 9110 §5.5); readers of HTTP leave those
        /// at its end.
        public static func trimmed(_ value: String) -> String {
            func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
            guard isBlank(value.utf8.first) || isBlank(value.utf8.last) else { return value }
            let rest = value.utf8.drop(while: isBlank)
            return String(Substring(rest.prefix(rest.count - rest.reversed().prefix(while: isBlank).count)))
        }
    }

    /// Why a request is refused; `nil` if it is as it should be.
    public static func problem(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ headers: Headers
    ) -> RPCError? {
        guard headers.methods.count <= 1, headers.names.count <= 1 else {
            return .headerMismatch("a routing header stands there twice")
        }
        let method = message.methodName.map { RPCMessage.text($0, bytes) } ?? ""
        guard let named = headers.methods.first else { return .headerMismatch("Mcp-Method is missing") }
        guard named == method else { return .headerMismatch("Mcp-Method is not the body's method") }
        if let place = message.headerName {
            guard let value = headers.names.first else { return .headerMismatch("Mcp-Name is missing") }
            guard HeaderText.decode(value) == RPCMessage.text(place, bytes) else {
                return .headerMismatch("Mcp-Name is not what the body names")
            }
        }
        // Tasks are routed by it; clients that leave it out are understood all the same.
        if message.method == nil, let place = message.taskID, let value = headers.names.first,
            HeaderText.decode(value) != RPCMessage.text(place, bytes)
        {
            return .headerMismatch("Mcp-Name is not the task that the body names")
        }
        if let place = message.modernVersion, RPCMessage.text(place, bytes) != headers.version {
            return .headerMismatch("MCP-Protocol-Version is not the body's version")
        }
        return problem(message, bytes)
    }

    /// The level of log messages that a request or a message names, as its place in `RPCMethod.logLevels`.
    public static func logLevel(_ place: JSONSpan?, _ bytes: UnsafeRawBufferPointer) -> Int? {
        place.flatMap { RPCMethod.logLevels.firstIndex(of: RPCMessage.text($0, bytes)) }
    }

    /// Why a request is refused on a transport that has no headers.
    public static func problem(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> RPCError? {
        guard let place = message.modernVersion else {
            return .invalidParams("_meta lacks io.modelcontextprotocol/protocolVersion")
        }
        let version = RPCMessage.text(place, bytes)
        guard version == ProtocolVersion.july2026.rawValue else { return .unsupportedVersion(version) }
        guard let capabilities = message.modernCapabilities, bytes[capabilities.offset] == UInt8(ascii: "{") else {
            return .invalidParams("_meta lacks io.modelcontextprotocol/clientCapabilities")
        }
        return nil
    }

    /// The HTTP status that goes with an error.
    public static func status(of code: Int) -> Int {
        switch code {
        case -32601: 404
        case -32700, -32600, -32602, -32020, -32021, -32022: 400
        default: 200
        }
    }

    /// `_meta` without what only the newer revisions understand, for a server of an older one.
    public static func legacyMeta(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, progressToken: Int? = nil
    ) -> [UInt8]? {
        guard let place = message.meta else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[place.offset..<place.end])
        var output: [UInt8] = [UInt8(ascii: "{")]
        var scanner = JSONScanner(inner, maxDepth: 512)
        do throws(JSONError) {
            guard try scanner.beginObject() else { return nil }
            repeat {
                let key = try scanner.key()
                let value = try scanner.value()
                let name = RPCMessage.text(key, inner)
                guard !name.hasPrefix("io.modelcontextprotocol/") else { continue }
                if output.count > 1 { output.append(UInt8(ascii: ",")) }
                output.append(contentsOf: inner[key.offset..<key.end])
                output.append(UInt8(ascii: ":"))
                if name == "progressToken", let progressToken {
                    output.append(contentsOf: String(progressToken).utf8)
                } else {
                    output.append(contentsOf: inner[value.offset..<value.end])
                }
            } while try scanner.nextMember()
        } catch { return nil }
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// Something that a server said by itself, for a client of the revisions with sessions.
    public static func legacyNotification(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> ByteBuffer {
        var splice = Splice()
        if message.meta != nil { splice.replace(message.meta, with: legacyMeta(message, bytes) ?? Array("{}".utf8)) }
        return splice.apply(to: bytes, oneLine: message.hasLineBreaks)
    }

    /// The same for a stream of `subscriptions/listen`.
    /// - Parameter id: JSON text of the id of the request that opened it.
    public static func subscriptionNotification(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, id: [UInt8]
    ) -> ByteBuffer {
        var meta = Array(#"{"io.modelcontextprotocol/subscriptionId":"#.utf8) + id
        if let known = legacyMeta(message, bytes), known.count > 2 {
            meta += [UInt8(ascii: ",")] + known.dropFirst()
        } else {
            meta.append(UInt8(ascii: "}"))
        }
        var splice = Splice()
        if message.meta != nil {
            splice.replace(message.meta, with: meta)
        } else if let params = message.params {
            let isEmpty = bytes[(params.offset + 1)..<(params.end - 1)].allSatisfy { $0 <= 0x20 }
            splice.insert(
                Array(#""_meta":"#.utf8) + meta + (isEmpty ? [] : [UInt8(ascii: ",")]), at: params.offset + 1)
        }
        return splice.apply(to: bytes, oneLine: message.hasLineBreaks)
    }

    /// Whether capabilities have a member.
    /// - Parameter capabilities: JSON text that has been checked.
    public static func declares(_ capabilities: [UInt8], _ name: String) -> Bool {
        capabilities.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 512)
            func find(_ scanner: inout JSONScanner) throws(JSONError) -> Bool {
                guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return false }
                repeat {
                    let key = try scanner.key()
                    _ = try scanner.value()
                    if RPCMessage.text(key, bytes) == name { return true }
                } while try scanner.nextMember()
                return false
            }
            return (try? find(&scanner)) ?? false
        }
    }

    /// The members of `_meta` that every request has.
    /// - Parameter capabilities: JSON text of what the client can do: a server that needs more has to say what it lacks.
    static func reservedMeta(clientInfo: [UInt8], capabilities: [UInt8]) -> [UInt8] {
        var text = Array(
            #""io.modelcontextprotocol/protocolVersion":"\#(ProtocolVersion.july2026.rawValue)","#.utf8)
        text += #""io.modelcontextprotocol/clientInfo":"#.utf8
        text += clientInfo
        text += #","io.modelcontextprotocol/clientCapabilities":"#.utf8
        text += capabilities
        return text
    }

    /// A request of the revisions with sessions, with what the newer one wants in each.
    public static func modernized(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, clientInfo: [UInt8], capabilities: [UInt8]
    ) -> ByteBuffer {
        let reserved = reservedMeta(clientInfo: clientInfo, capabilities: capabilities)
        var splice = Splice()
        /// Whether an object has no members.
        func isEmpty(_ span: JSONSpan) -> Bool {
            bytes[(span.offset + 1)..<(span.end - 1)].allSatisfy {
                $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D
            }
        }
        if let meta = message.meta {
            splice.insert(reserved + (isEmpty(meta) ? [] : [UInt8(ascii: ",")]), at: meta.offset + 1)
        } else {
            let member = Array(#""_meta":{"#.utf8) + reserved + [UInt8(ascii: "}")]
            if let params = message.params {
                splice.insert(member + (isEmpty(params) ? [] : [UInt8(ascii: ",")]), at: params.offset + 1)
            } else if let end = bytes.lastIndex(of: UInt8(ascii: "}")) {
                splice.insert(Array(#","params":{"#.utf8) + member + [UInt8(ascii: "}")], at: end)
            }
        }
        return splice.apply(to: bytes)
    }

    /// The members that a result of an older server lacks, as text to be put behind its opening brace.
    /// - Parameter server: JSON text of what the gateway says of itself in results that have no `_meta`.
    public static func missingMembers(
        _ method: RPCMethod?, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, server: [UInt8]
    ) -> [UInt8]? {
        guard let result = message.result, message.isResultObject else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[result.offset..<result.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        var isEmpty = true
        var hasMeta = false
        do throws(JSONError) {
            if try scanner.beginObject() {
                isEmpty = false
                repeat {
                    let key = try scanner.key()
                    _ = try scanner.value()
                    switch RPCMessage.text(key, inner) {
                    case "resultType": return nil
                    case "_meta": hasMeta = true
                    default: break
                    }
                } while try scanner.nextMember()
            }
        } catch { return nil }
        var text = #""resultType":"complete""#
        if method == .readResource { text += #","ttlMs":0,"cacheScope":"private""# }
        if !hasMeta { text += "," + String(decoding: RPCAnswer.serverMeta(server), as: UTF8.self) }
        return Array((isEmpty ? text : text + ",").utf8)
    }
}

extension RPCMessage {
    /// What `Mcp-Name` has to repeat.
    var headerName: JSONSpan? {
        switch method {
        case .callTool, .getPrompt: name
        case .readResource: uri
        default: nil
        }
    }

    /// The text of an error.
    public func errorMessage(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let error else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[error.offset..<error.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        func find(_ scanner: inout JSONScanner) throws(JSONError) -> String? {
            guard try scanner.beginObject() else { return nil }
            repeat {
                let key = try scanner.key()
                let value = try scanner.value()
                if Self.text(key, inner) == "message" { return Self.text(value, inner) }
            } while try scanner.nextMember()
            return nil
        }
        // The message has been checked: nothing in it can be wrong any more.
        return try? find(&scanner)
    }

    /// The code of an error.
    public func errorCode(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let error else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[error.offset..<error.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        var code: Int?
        do throws(JSONError) {
            guard try scanner.beginObject() else { return nil }
            repeat {
                let key = try scanner.key()
                let value = try scanner.value()
                if Self.text(key, inner) == "code" {
                    code = Int(String(decoding: inner[value.offset..<value.end], as: UTF8.self))
                }
            } while try scanner.nextMember()
        } catch { return nil }
        return code
    }
}

/// Text in headers: what is not plain ASCII is wrapped, `=?base64?…?=`.
public enum HeaderText {
    /// A text as a header has it.
    public static func encode(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        if isPlain, !text.hasPrefix(" "), !text.hasSuffix(" "), !text.hasPrefix("=?base64?") { return text }
        var output: [UInt8] = []
        Array(text.utf8).withUnsafeBytes { Base64.append($0, to: &output) }
        return "=?base64?" + String(decoding: output, as: UTF8.self) + "?="
    }

    /// The text that a header's value stands for; `nil` if it is wrapped wrongly.
    public static func decode(_ value: String) -> String? {
        guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
        let inner = Array(value.utf8.dropFirst(9).dropLast(2))
        guard inner.count % 4 == 0 else { return nil }
        var output: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        let padding = inner.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        for byte in inner.dropLast(padding) {
            guard let value = digit(byte) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // Bits that belong to no byte must be zero: there is one way to write a text.
        guard bits & (1 << UInt32(count) - 1) == 0 else { return nil }
        return String(validating: output, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
