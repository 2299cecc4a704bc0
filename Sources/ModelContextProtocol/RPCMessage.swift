public import NIOCore
import WireJSON

/// One JSON-RPC message as places in its bytes: what routing needs is found, everything else is checked and left alone.
public struct RPCMessage: Sendable {
    /// What it is.
    public enum Kind: Equatable, Sendable { case request, notification, response }

    public private(set) var kind = Kind.notification
    /// The id as it stands there, with its type: `"1"` is not `1`.
    public private(set) var id: JSONSpan?
    /// The method, if it is one that matters here.
    public private(set) var method: RPCMethod?
    /// The method as it stands there.
    public private(set) var methodName: JSONSpan?
    public private(set) var params: JSONSpan?
    /// `result` of a response.
    public private(set) var result: JSONSpan?
    /// `error` of a response.
    public private(set) var error: JSONSpan?
    /// `mcpSessionId`: the session, on transports without headers to say it.
    public private(set) var sessionID: JSONSpan?
    /// Where that member begins.
    private var sessionIDStart = 0
    /// `params.name`: a tool or a prompt.
    public private(set) var name: JSONSpan?
    /// `params.uri`: a resource.
    public private(set) var uri: JSONSpan?
    /// `params.cursor`: where a list goes on.
    public private(set) var cursor: JSONSpan?
    /// `params.requestId` of a cancellation.
    public private(set) var requestID: JSONSpan?
    /// `params._meta.progressToken`: what progress of this request is to name.
    public private(set) var progressToken: JSONSpan?
    /// `params.progressToken` of a progress notification.
    public private(set) var notifiedToken: JSONSpan?
    /// `params.protocolVersion` of `initialize`.
    public private(set) var protocolVersion: JSONSpan?
    /// `params.capabilities` of `initialize`.
    public private(set) var capabilities: JSONSpan?
    /// `params.clientInfo` of `initialize`.
    public private(set) var clientInfo: JSONSpan?
    /// `params._meta`.
    public private(set) var meta: JSONSpan?
    /// The revision that `_meta` names, as requests from 2026-07-28 on do.
    public private(set) var modernVersion: JSONSpan?
    /// The client's capabilities of `_meta`.
    public private(set) var modernCapabilities: JSONSpan?
    /// From which level on log messages are wanted with the answer, of `_meta`.
    public private(set) var modernLogLevel: JSONSpan?
    /// The client's name of `_meta`.
    public private(set) var modernClientInfo: JSONSpan?
    /// `params._meta.traceparent`: where in a trace the sender stands.
    public private(set) var traceParent: JSONSpan?
    /// `params.ref` of a completion: a prompt's name or the URI of a resource template.
    public private(set) var reference: JSONSpan?
    /// `params.taskId`: a task of a server.
    public private(set) var taskID: JSONSpan?
    /// Whether a call asks for a task instead of a result (`params.task`).
    public private(set) var wantsTask = false
    /// `params.level` of `logging/setLevel`.
    public private(set) var level: JSONSpan?
    /// `params.notifications` of `subscriptions/listen`.
    public private(set) var notifications: JSONSpan?
    /// `params.inputResponses`: what a client answers to what a call's result asked (2026-07-28).
    public private(set) var inputResponses: JSONSpan?
    /// `params.requestState`: what that result gave the client to bring back.
    public private(set) var requestState: JSONSpan?
    /// Whether a raw line break stands between tokens, so that the text cannot be one line as it is.
    public private(set) var hasLineBreaks = false
    /// Whether `result` is an object, as every result is.
    public private(set) var isResultObject = false

    /// Reads one message.
    public init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int) throws(RPCError) {
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        let isObject: Bool
        do throws(JSONError) {
            isObject = try scanner.peek() == UInt8(ascii: "{")
            if isObject { try readMessage(&scanner, bytes) } else { _ = try scanner.value() }
            try scanner.finish()
        } catch { throw .parse(error.reason) }
        guard isObject else { throw .invalidRequest("a message is an object") }
        hasLineBreaks = scanner.sawLineBreak
        try classify(bytes)
    }

    private mutating func classify(_ bytes: UnsafeRawBufferPointer) throws(RPCError) {
        guard version == .valid else { throw .invalidRequest("jsonrpc must be \"2.0\"") }
        guard !isAmbiguous else { throw .invalidRequest("a member stands there twice") }
        if let methodName {
            guard bytes[methodName.offset] == UInt8(ascii: "\"") else {
                throw .invalidRequest("method must be a string")
            }
            guard result == nil, error == nil else { throw .invalidRequest("a request has no result") }
            method = RPCMethod(rawValue: Self.text(methodName, bytes))
            if let id {
                guard Self.isID(id, bytes) else { throw .invalidRequest("an id is a string or a number") }
                kind = .request
            } else {
                kind = .notification
            }
            if let params, bytes[params.offset] != UInt8(ascii: "{") {
                throw .invalidRequest("params must be an object")
            }
        } else if (result == nil) != (error == nil) {
            kind = .response
            guard let id else {
                // An error whose request could not be read has no id.
                if error != nil { return }
                throw .invalidRequest("a response has an id")
            }
            if bytes[id.offset] == UInt8(ascii: "n") {
                guard error != nil else { throw .invalidRequest("a response has an id") }
                self.id = nil
            } else if !Self.isID(id, bytes) {
                throw .invalidRequest("an id is a string or a number")
            }
            if let result { isResultObject = bytes[result.offset] == UInt8(ascii: "{") }
        } else {
            throw .invalidRequest("neither a method nor a result nor an error")
        }
    }

    private enum Version { case missing, valid, wrong }
    private var version = Version.missing
    /// A member that decides where the message goes was given twice: two readers could disagree on it.
    private var isAmbiguous = false

    private mutating func readMessage(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            switch MemberName(key, bytes) {
            case "mcpSessionId":
                sessionIDStart = key.offset
                Self.set(&sessionID, &isAmbiguous, try scanner.value())
            case "jsonrpc":
                let value = try scanner.value()
                version = version == .missing && Self.equals(value, "\"2.0\"", bytes) ? .valid : .wrong
            case "id": Self.set(&id, &isAmbiguous, try scanner.value())
            case "method": Self.set(&methodName, &isAmbiguous, try scanner.value())
            case "result": Self.set(&result, &isAmbiguous, try scanner.value())
            case "error": Self.set(&error, &isAmbiguous, try scanner.value())
            case "params":
                let start = try Self.position(&scanner)
                if try scanner.peek() == UInt8(ascii: "{") {
                    try readParams(&scanner, bytes)
                    Self.set(&params, &isAmbiguous, JSONSpan(offset: start, length: scanner.index - start))
                } else {
                    Self.set(&params, &isAmbiguous, try scanner.value())
                }
            default: _ = try scanner.value()
            }
        } while try scanner.nextMember()
    }

    private mutating func readParams(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            switch MemberName(key, bytes) {
            case "name": Self.set(&name, &isAmbiguous, try scanner.value())
            case "uri": Self.set(&uri, &isAmbiguous, try scanner.value())
            case "cursor": Self.set(&cursor, &isAmbiguous, try scanner.value())
            case "requestId": Self.set(&requestID, &isAmbiguous, try scanner.value())
            case "progressToken": Self.set(&notifiedToken, &isAmbiguous, try scanner.value())
            case "protocolVersion": Self.set(&protocolVersion, &isAmbiguous, try scanner.value())
            case "capabilities": Self.set(&capabilities, &isAmbiguous, try scanner.value())
            case "clientInfo": Self.set(&clientInfo, &isAmbiguous, try scanner.value())
            case "taskId": Self.set(&taskID, &isAmbiguous, try scanner.value())
            case "task":
                wantsTask = true
                _ = try scanner.value()
            case "level": Self.set(&level, &isAmbiguous, try scanner.value())
            case "inputResponses": Self.set(&inputResponses, &isAmbiguous, try scanner.value())
            case "requestState": Self.set(&requestState, &isAmbiguous, try scanner.value())
            case "notifications": Self.set(&notifications, &isAmbiguous, try scanner.value())
            case "ref":
                if try scanner.peek() == UInt8(ascii: "{") {
                    try readReference(&scanner, bytes)
                } else {
                    _ = try scanner.value()
                }
            case "_meta":
                let start = try Self.position(&scanner)
                if try scanner.peek() == UInt8(ascii: "{") {
                    try readMeta(&scanner, bytes)
                    Self.set(&meta, &isAmbiguous, JSONSpan(offset: start, length: scanner.index - start))
                } else {
                    Self.set(&meta, &isAmbiguous, try scanner.value())
                }
            default: _ = try scanner.value()
            }
        } while try scanner.nextMember()
    }

    private mutating func readMeta(_ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            switch MemberName(key, bytes) {
            case "progressToken": Self.set(&progressToken, &isAmbiguous, value)
            case "traceparent": traceParent = value
            case "io.modelcontextprotocol/protocolVersion":
                Self.set(&modernVersion, &isAmbiguous, value)
            case "io.modelcontextprotocol/clientCapabilities":
                Self.set(&modernCapabilities, &isAmbiguous, value)
            case "io.modelcontextprotocol/clientInfo":
                Self.set(&modernClientInfo, &isAmbiguous, value)
            case "io.modelcontextprotocol/logLevel":
                Self.set(&modernLogLevel, &isAmbiguous, value)
            default: break
            }
        } while try scanner.nextMember()
    }

    private mutating func readReference(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            switch MemberName(key, bytes) {
            case "name", "uri": Self.set(&reference, &isAmbiguous, value)
            default: break
            }
        } while try scanner.nextMember()
    }

    private static func set(_ place: inout JSONSpan?, _ isAmbiguous: inout Bool, _ span: JSONSpan) {
        if place != nil { isAmbiguous = true }
        place = span
    }

    private static func position(_ scanner: inout JSONScanner) throws(JSONError) -> Int {
        _ = try scanner.peek()
        return scanner.index
    }

    /// The message without `mcpSessionId`.
    public func withoutSessionID(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer {
        guard let sessionID else { return ByteBuffer(bytes: bytes) }
        func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }
        // The comma behind it goes with it; behind the last member it is the one in front.
        var start = sessionIDStart
        var end = sessionID.end
        while end < bytes.count, isSpace(bytes[end]) { end += 1 }
        if end < bytes.count, bytes[end] == UInt8(ascii: ",") {
            end += 1
        } else {
            while start > 0, isSpace(bytes[start - 1]) { start -= 1 }
            if start > 0, bytes[start - 1] == UInt8(ascii: ",") { start -= 1 }
        }
        var output = ByteBuffer(bytes: bytes[..<start])
        output.writeBytes(bytes[end...])
        return output
    }

    /// The id of the task that a result tells of, if it tells of one.
    public func createdTask(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let result, isResultObject else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[result.offset..<result.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        // The message has been checked: nothing in it can be wrong any more.
        return try? Self.createdTask(&scanner, inner)
    }

    private static func createdTask(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) -> String? {
        guard try scanner.beginObject() else { return nil }
        var isTask = false
        var own: JSONSpan?
        repeat {
            let key = text(try scanner.key(), bytes)
            guard key == "task", try scanner.peek() == UInt8(ascii: "{") else {
                let value = try scanner.value()
                // The extension of 2026-07-28 has the task's members in the result itself.
                if key == "resultType" { isTask = text(value, bytes) == "task" }
                if key == "taskId" { own = value }
                continue
            }
            guard try scanner.beginObject() else { return nil }
            repeat {
                let key = text(try scanner.key(), bytes)
                let value = try scanner.value()
                if key == "taskId" { return text(value, bytes) }
            } while try scanner.nextMember()
            return nil
        } while try scanner.nextMember()
        return isTask ? own.map { text($0, bytes) } : nil
    }

    // MARK: - Looking at values

    private static func isID(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch bytes[span.offset] {
        case UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    private static func equals(_ span: JSONSpan, _ text: StaticString, _ bytes: UnsafeRawBufferPointer) -> Bool {
        span.length == text.utf8CodeUnitCount
            && (0..<span.length).allSatisfy { bytes[span.offset + $0] == text.utf8Start[$0] }
    }

    /// The text of a string of the message; empty if it is none.
    public static func text(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer) -> String {
        guard span.length >= 2, bytes[span.offset] == UInt8(ascii: "\"") else { return "" }
        return JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end]))
    }

    /// The value of an integer of the message.
    public static func integer(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer) -> Int? {
        guard span.length > 0, span.length <= 19 else { return nil }
        var value = 0
        for offset in span.offset..<span.end {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ Int(digit)
        }
        return value >= 0 ? value : nil
    }
}
