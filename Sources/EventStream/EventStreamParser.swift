/// An event as a client sees it.
public struct ServerSentEvent: Equatable, Sendable {
    /// The type; `message` if the stream names none.
    public var event: String
    public var data: String
    /// The last event id at the time of the event; it persists from event to event.
    public var lastEventID: String

    public init(event: String, data: String, lastEventID: String) {
        self.event = event
        self.data = data
        self.lastEventID = lastEventID
    }
}

/// Reads an event stream in any pieces, exactly as WHATWG HTML §9.2.6 says.
public struct EventStreamParser: Sendable {
    /// The last event id that the stream has set.
    public private(set) var lastEventID = ""
    /// The reconnection time that the stream has set, in milliseconds.
    public private(set) var retry: Int?
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var type = ""
    private var idBuffer = ""
    private var afterCarriageReturn = false
    private var atStart = true

    public init() {}

    /// Takes the next bytes and returns the events that they complete.
    public mutating func append(_ bytes: some Sequence<UInt8>) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            if afterCarriageReturn {
                afterCarriageReturn = false
                if byte == 0x0A { continue }
            }
            switch byte {
            case 0x0A, 0x0D:
                afterCarriageReturn = byte == 0x0D
                if let event = endLine() { events.append(event) }
            default:
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if atStart {
            atStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if line.isEmpty { return dispatch() }
        guard line[0] != UInt8(ascii: ":") else { return nil }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let field = line[..<(colon ?? line.count)]
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: field, as: UTF8.self) {
        case "event": type = String(decoding: value, as: UTF8.self)
        case "data":
            hasData = true
            data.append(contentsOf: value)
            data.append(0x0A)
        case "id":
            if !value.contains(0) { idBuffer = String(decoding: value, as: UTF8.self) }
        case "retry":
            if !value.isEmpty, value.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
                retry = Int(String(decoding: value, as: UTF8.self)) ?? retry
            }
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        lastEventID = idBuffer
        defer {
            data.removeAll(keepingCapacity: true)
            hasData = false
            type = ""
        }
        guard hasData else { return nil }
        data.removeLast()
        return ServerSentEvent(
            event: type.isEmpty ? "message" : type, data: String(decoding: data, as: UTF8.self),
            lastEventID: lastEventID)
    }
}
