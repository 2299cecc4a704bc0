import WireJSON

/// What a connection of a load test says, and what it understands of what it hears. It has no connection and no clock.
struct LoadConversation {
    /// What something that was heard means.
    enum Meaning: Equatable {
        /// The connection can be used.
        case ready
        /// The server does not want it.
        case refused(String)
        /// The oldest message that is under way has its answer.
        case answered
        case failed(String)
        /// An event that was published at this time; `nil`: by somebody else.
        case event(UInt64?)
        case nothing
    }

    private let plan: LoadPlan
    private let number: Int
    private let text: String
    private let channel: String
    private var reference = 1
    private var joined = false

    init(_ plan: LoadPlan, number: Int) {
        self.plan = plan
        self.number = number
        channel = plan.channel.replacing("{n}", with: "\(number)")
        text = String(repeating: "x", count: plan.payload)
    }

    /// Path and query of the first request.
    var path: String {
        var path = plan.place.path.replacing("{n}", with: "\(number)")
        func add(_ name: String, _ value: String) { path += (path.contains("?") ? "&" : "?") + name + "=" + value }
        switch plan.dialect {
        case .phoenix:
            if !path.contains("vsn=") { add("vsn", "2.0.0") }
            if !path.contains("client_id=") { add("client_id", plan.client(number)) }
        case .sse:
            // A path that already has a query is the user's own, for any server.
            if !path.contains("?") {
                add("client_id", plan.client(number))
                add("topics", plan.topic)
            }
        case .echo, .mcp: break
        }
        return path
    }

    /// What is said first on an open WebSocket; `nil`: it can be used at once.
    mutating func greeting() -> String? {
        guard plan.dialect == .phoenix else { return nil }
        let topics = plan.publishing == nil ? "" : #""topics":[\#(Self.quoted(plan.topic))]"#
        return #"["1","1",\#(Self.quoted(channel)),"phx_join",{\#(topics)}]"#
    }

    /// The next message.
    mutating func message() -> String {
        guard plan.dialect == .phoenix else { return text }
        reference += 1
        let payload =
            plan.pushPayload?.replacing("{text}", with: text) ?? #"{"type":"echo","data":{"text":"\#(text)"}}"#
        let channel = Self.quoted(channel)
        return #"["1","\#(reference)",\#(channel),\#(Self.quoted(plan.event)),\#(payload)]"#
    }

    /// What keeps a silent connection open.
    var heartbeat: String? {
        plan.dialect == .phoenix ? #"[null,"h","phoenix","heartbeat",{}]"# : nil
    }

    /// Understands a message of a WebSocket.
    mutating func heard(_ bytes: UnsafeRawBufferPointer) -> Meaning {
        guard plan.dialect == .phoenix else { return .answered }
        guard let frame = PhoenixAnswer(bytes) else { return .refused("not a message of Phoenix Channels") }
        if frame.event == "phx_error" || frame.event == "phx_close" { return .refused(frame.event) }
        // What is published, or something else that the server pushes: an echo, say.
        guard frame.event == "phx_reply" else {
            return plan.publishing == nil ? .nothing : Self.event(String(decoding: bytes, as: UTF8.self))
        }
        guard frame.reference != "h" else { return .nothing }
        guard joined else {
            joined = frame.isOK
            return frame.isOK ? .ready : .refused(frame.payload)
        }
        return frame.isOK ? .answered : .failed(frame.payload)
    }

    /// Understands an event of a stream: it says when it was published.
    static func event(_ data: String) -> Meaning {
        guard let found = data.firstRange(of: #""load_test_sent":"#) else { return .event(nil) }
        return .event(UInt64(data[found.upperBound...].prefix { $0.isNumber }))
    }

    /// The body of a publish.
    static func publish(_ plan: LoadPlan, at time: UInt64) -> String {
        let text = String(repeating: "x", count: plan.payload)
        return #"{"topic":"\#(plan.topic)","type":"load_test","data":{"load_test_sent":\#(time),"text":"\#(text)"}}"#
    }

    private static func quoted(_ text: String) -> String { String(decoding: JSONText.quoted(text), as: UTF8.self) }
}
