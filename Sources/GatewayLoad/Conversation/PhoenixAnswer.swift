import PhoenixProtocol
import WireJSON

/// A message of a Phoenix server, as far as a load test has to know it.
struct PhoenixAnswer {
    let event: String
    let reference: String?
    let isOK: Bool
    /// The beginning of the payload, for reports.
    let payload: String

    init?(_ bytes: UnsafeRawBufferPointer) {
        // A server's message has the same form as a client's.
        guard let frame = try? PhoenixFrame.decode(bytes, version: .v2, maxDepth: 128) else { return nil }
        event = Self.text(frame.event, bytes)
        reference = frame.ref.map { Self.text($0, bytes) }
        let payload = UnsafeRawBufferPointer(
            rebasing: bytes[frame.payload.offset..<frame.payload.offset + frame.payload.length])
        isOK = (try? Self.isOK(payload)) ?? false
        self.payload = event == "phx_reply" && isOK ? "" : String(decoding: payload.prefix(200), as: UTF8.self)
    }

    private static func isOK(_ payload: UnsafeRawBufferPointer) throws(JSONError) -> Bool {
        var scanner = JSONScanner(payload, maxDepth: 128)
        guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return false }
        repeat {
            let isStatus = Self.text(try scanner.key(), payload) == "status"
            let value = try scanner.value()
            if isStatus { return Self.text(value, payload) == "ok" }
        } while try scanner.nextMember()
        return false
    }

    private static func text(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer) -> String {
        var part = bytes[span.offset..<span.offset + span.length]
        if part.first == UInt8(ascii: "\"") { part = part.dropFirst().dropLast() }
        return String(decoding: part, as: UTF8.self)
    }
}
