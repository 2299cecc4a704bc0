import GatewayCore
import NIOCore
import Testing

@testable import GatewayServer

struct PublishRequestTests {
    @Test func `every member of the contract is read`() throws {
        let text = """
            {"client_id":"a","client_ids":["b","c"],"to":"d","topic":"room:1","type":"chat","event":"data_update",
             "data":{"n":1},"priority":"high","transport":"http_sse","durable":true,"ttl":1500,"timeout":1,"id":"m-1",
             "broadcast":true}
            """
        try reading(text) { request in
            #expect(request.clientID == "a")
            #expect(request.clientIDs == ["b", "c"])
            #expect(request.to == "d")
            #expect(request.topic == "room:1")
            #expect(request.text(request.typeText) == "\"chat\"")
            #expect(request.event == "data_update")
            #expect(request.data.map { request.text(request.bytes[$0]) } == "{\"n\":1}")
            #expect(request.priority == .high)
            #expect(request.transport == .eventStream)
            #expect(request.isDurable == true)
            #expect(request.timeToLive == .milliseconds(1500))
            #expect(request.id == "m-1")
            #expect(request.isBroadcast)
            #expect(request.hasLineBreaks)
        }
    }

    @Test func `base64 data stands for bytes if the sender says so`() throws {
        try reading(#"{"data":"AQID","encoding":"base64"}"#) {
            #expect($0.binary.map { Array(buffer: $0) } == [1, 2, 3])
        }
        try reading(#"{"encoding":"base64","data":"\/w=="}"#) { #expect($0.binary.map { Array(buffer: $0) } == [255]) }
        try reading(#"{"encoding":"base64"}"#) { #expect($0.binary == nil) }
        try reading(#"{"data":"AQID","encoding":"json"}"#) { #expect($0.binary == nil) }
        try reading(#"{"data":"AQID"}"#) { #expect($0.binary == nil) }
        for data in ["1", "null", "\"A\"", "\"AQ-D\"", "[]"] {
            #expect(refusal(#"{"encoding":"base64","data":\#(data)}"#)?.error == "invalid_message")
        }
        #expect(refusal(#"{"encoding":"hex","data":"00"}"#)?.error == "invalid_message")
    }

    @Test func `an empty object asks for nothing`() throws {
        try reading(" { } ") { request in
            #expect(request.type == nil)
            #expect(request.text(request.typeText) == "\"message\"")
            #expect(request.data == nil)
            #expect(request.clientID == nil)
            #expect(request.clientIDs == nil)
            #expect(request.to == nil)
            #expect(request.topic == nil)
            #expect(request.event == nil)
            #expect(request.id == nil)
            #expect(request.priority == .normal)
            #expect(request.isDurable == nil)
            #expect(request.timeToLive == nil)
            #expect(request.transport == nil)
            #expect(!request.isBroadcast)
            #expect(!request.hasLineBreaks)
        }
    }

    @Test(
        "a member of the wrong type is refused, and the refusal names it",
        arguments: [
            ("type", ["1", "true", "[]", "{}", "[\"a\"]"]),
            ("topic", ["1", "false", "[\"a\"]", "{}"]), ("client_id", ["1", "[]", "{}"]),
            ("to", ["1", "[\"a\"]"]), ("id", ["1", "true", "[]", "{}"]), ("event", ["1", "[]"]),
            ("priority", ["1", "\"urgent\"", "\"High\"", "\"\""]),
            ("client_ids", ["\"a\"", "{}", "1", "[1]", "[\"a\",null]", "[[\"a\"]]"]),
            ("durable", ["\"true\"", "1", "0", "[]", "{}"]), ("broadcast", ["\"false\"", "1", "[true]"]),
            ("ttl", ["\"5\"", "0", "-1", "1.5", "1e3", "true", "[5]", "31536000001", "99999999999999999999"]),
            ("timeout", ["\"5\"", "0", "-1"]),
            ("transport", ["1", "\"sse\"", "\"WebSocket\"", "\"long_poll\"", "\"\""]),
        ])
    func wrongType(name: String, values: [String]) {
        for value in values {
            let problem = refusal("{\"\(name)\":\(value),\"data\":1}")
            #expect(problem?.status == 422, "\(name): \(value)")
            #expect(problem?.error == "invalid_message", "\(name): \(value)")
            #expect(problem?.reason.hasPrefix(name) == true, "\(name): \(value): \(problem?.reason ?? "taken")")
        }
    }

    @Test(
        "data may be any JSON value",
        arguments: [
            "null", "true", "0", "-1.5e300", "\"\"", "\"text\"", "[]", "{}", "[1,[2,{\"a\":null}]]",
            "123456789012345678901234567890.000000000000000000001",
        ])
    func anyData(data: String) throws {
        try reading("{\"data\" : \(data) }") { request in
            #expect(request.data.map { request.text(request.bytes[$0]) } == data)
        }
    }

    @Test func `an id may be null`() throws {
        try reading(#"{"id":null,"data":1}"#) { #expect($0.id == nil) }
    }

    @Test func `members that nobody knows are ignored, whatever they hold`() throws {
        for value in ["1", "null", "\"x\"", "[1,{\"data\":2}]", "{\"type\":1,\"client_id\":[]}"] {
            try reading("{\"x\":\(value),\"Data\":\(value),\"data\":7,\"typ\":\(value),\"\":\(value)}") { request in
                #expect(request.data.map { request.text(request.bytes[$0]) } == "7")
                #expect(request.type == nil)
                #expect(request.clientID == nil)
            }
        }
    }

    @Test func `of a repeated member the last counts`() throws {
        try reading(#"{"data":1,"to":"a","data":2,"to":"b","event":"e","event":"message"}"#) { request in
            #expect(request.data.map { request.text(request.bytes[$0]) } == "2")
            #expect(request.to == "b")
            #expect(request.event == nil)
        }
    }

    @Test func `escapes in strings are decoded, but a type stays as it was written`() throws {
        let text = #"{"to":"\u0061\u002Db","topic":"caf\u00e9 \ud83d\ude00\/","id":"\u0031","type":"a\n\"\u00e9"}"#
        try reading(text) { request in
            #expect(request.to == "a-b")
            #expect(request.topic == "café 😀/")
            #expect(request.id == "1")
            #expect(request.text(request.typeText) == #""a\n\"\u00e9""#)
        }
    }

    @Test(
        "escapes do not smuggle in what a name may not have",
        arguments: [#""a\nb""#, #""a\"b""#, #""a\\b""#, #""\u0000""#, #""\u000d\u000a""#, #""\u007f""#, #""""#])
    func smuggling(name: String) {
        for member in ["topic", "id", "event"] {
            #expect(refusal("{\"\(member)\":\(name)}")?.status == 422, "\(member)")
        }
    }

    @Test func `the longest names are taken, one byte more is refused`() {
        func text(_ count: Int) -> String { "\"" + String(repeating: "x", count: count) + "\"" }
        for (member, longest) in [("type", 255), ("topic", 255), ("event", 255), ("id", 128)] {
            #expect(refusal("{\"\(member)\":\(text(1))}") == nil)
            #expect(refusal("{\"\(member)\":\(text(longest))}") == nil)
            #expect(refusal("{\"\(member)\":\(text(longest + 1))}")?.status == 422, "\(member)")
            #expect(refusal("{\"\(member)\":\"\"}")?.status == 422, "\(member)")
        }
        // Limits are in bytes, not in characters.
        #expect(refusal("{\"topic\":\"" + String(repeating: "é", count: 127) + "\"}") == nil)
        #expect(refusal("{\"topic\":\"" + String(repeating: "é", count: 128) + "\"}")?.status == 422)
    }

    @Test func `a list may have 10,000 recipients`() throws {
        func list(_ count: Int) -> String {
            "{\"client_ids\":[" + repeatElement("\"a\"", count: count).joined(separator: ",") + "]}"
        }
        try reading(list(10_000)) { #expect($0.clientIDs?.count == 10_000) }
        #expect(refusal(list(10_001)) == .invalidMessage("client_ids may have 10000 entries"))
        try reading("{\"client_ids\":[]}") { #expect($0.clientIDs == []) }
    }

    @Test func `a time to live has bounds`() throws {
        try reading("{\"ttl\":1}") { #expect($0.timeToLive == .milliseconds(1)) }
        try reading("{\"ttl\":31536000000}") { #expect($0.timeToLive == .milliseconds(31_536_000_000)) }
    }

    @Test(
        "events that only the gateway sends are refused",
        arguments: [
            "connected", "heartbeat", "gap", "error", "gateway_error", "gateway_close", "transport_switched", "pong",
            "phx_reply", "phx_close", "phx_anything", "chan_reply_1", "debug", "mcp", " x",
        ])
    func reservedEvents(event: String) {
        #expect(refusal("{\"event\":\"\(event)\"}")?.status == 422)
    }

    @Test(
        "line breaks between tokens are noticed, those in strings are not line breaks",
        arguments: [
            ("{\"data\":1}", false), ("{ \"data\" :\t1 }", false), (#"{"data":"a\nb\r"}"#, false),
            ("{\n\"data\":1}", true),
            ("{\"data\":\r1}", true), ("{\"data\":[1,\n2]}", true), ("{\"x\":[\n],\"data\":1}", true),
        ])
    func lineBreaks(text: String, has: Bool) throws {
        try reading(text) { #expect($0.hasLineBreaks == has) }
    }

    @Test(
        "text that is not JSON gets 400, JSON that is no object 422",
        arguments: [
            ("", 400), (" ", 400), ("{", 400), ("{\"data\":1", 400), ("{\"data\":}", 400), ("{\"data\":1}}", 400),
            ("{\"data\":1} x", 400), ("{\"data\":01}", 400), ("{\"data\":'a'}", 400), ("{data:1}", 400),
            ("{\"data\":1,}", 400), ("{\"data\":\"\n\"}", 400), ("{\"data\":\"\\x\"}", 400), ("{\"data\":nul}", 400),
            ("{\"type\":\"a}", 400), ("\u{FEFF}{}", 422), ("[]", 422), ("1", 422), ("null", 422), ("\"a\"", 422),
            ("true", 422),
        ])
    func notAnObject(text: String, status: Int) {
        #expect(refusal(text)?.status == status)
        #expect(refusal(text)?.error == (status == 400 ? "invalid_json" : "invalid_message"))
    }

    @Test func `bytes that are not UTF-8 are refused wherever they stand`() {
        for (before, after) in [("{\"data\":\"", "\"}"), ("{\"topic\":\"", "\"}"), ("{\"", "\":1}")] {
            for bad: [UInt8] in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
                let bytes = Array(before.utf8) + bad + Array(after.utf8)
                #expect(throws: Problem.self) {
                    try bytes.withUnsafeBytes { _ = try PublishRequest($0, maxDepth: 64) }
                }
            }
        }
    }

    @Test func `data may be nested as deeply as allowed, and no deeper`() {
        func nested(_ depth: Int) -> String {
            "{\"data\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(refusal(nested(64)) == nil)
        #expect(refusal(nested(65))?.error == "invalid_json")
        #expect(refusal(nested(1_000), maxDepth: 8)?.error == "invalid_json")
    }

    @Test(arguments: 0..<40)
    func `no piece cut out of a request crashes the reader`(seed: Int) {
        let whole =
            "{\"type\":\"a\",\"x\":\(RandomJSON(seed: seed).text),\"data\":\(RandomJSON(seed: seed + 1000).text)}"
        let bytes = Array(whole.utf8)
        #expect(refusal(whole) == nil)
        var random = SeededGenerator(seed)
        for _ in 0..<50 {
            let end = random.below(bytes.count)
            // A heap block of exactly this size, so that a read behind it can be found by tools.
            Array(bytes[..<end]).withUnsafeBytes { piece in
                _ = #expect(throws: Problem.self) { try PublishRequest(piece, maxDepth: 64) }
            }
            var mutated = bytes
            mutated[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            mutated.withUnsafeBytes { _ = try? PublishRequest($0, maxDepth: 64) }
        }
    }
}
