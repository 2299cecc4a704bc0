/// The name of a topic or of an event: 1 to 255 bytes without control characters, quotes and backslashes, so that it can
/// be written into JSON and into an event stream as it is.
public enum Name {
    /// The longest name in bytes: what one length byte of Phoenix's binary frames can say.
    public static let maxLength = 255

    /// What is allowed, in words for an error's reason.
    public static let rule = "1 to 255 bytes without control characters, quotes or backslashes"

    public static func isValid(_ text: String) -> Bool {
        let count = text.utf8.count
        return count >= 1 && count <= maxLength
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }

    /// Whether a sender may give its message this event name: the protocols' own events are reserved, and a name that
    /// starts or ends with a space would not survive an event stream.
    public static func isValidEvent(_ text: String) -> Bool {
        guard isValid(text), text.utf8.first != 0x20, text.utf8.last != 0x20, !text.hasPrefix("phx_"),
            !text.hasPrefix("chan_reply_")
        else {
            return false
        }
        return !reservedEvents.contains(text)
    }

    /// Events that only the gateway itself may send.
    public static let reservedEvents: Set<String> = [
        "connected", "heartbeat", "gap", "error", "gateway_error", "gateway_close", "transport_switched", "vsm_update",
        "debug", "pong", "batch", "presence_state", "presence_diff", "mcp", "token_expiring",
    ]
}

/// The channel that stands for the client's whole session.
public enum WellKnownTopic {
    public static let gateway = "mcp:gateway"
    public static let phoenix = "phoenix"
    /// A room given in join parameters: `room: "123"` is the topic `room:123`.
    public static func room(_ name: String) -> String { "room:" + name }
}
