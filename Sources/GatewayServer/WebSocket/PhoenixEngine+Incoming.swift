import PhoenixProtocol
import WireJSON

extension PhoenixEngine {
    /// A frame with its bytes.
    struct Incoming {
        let bytes: UnsafeRawBufferPointer
        let frame: PhoenixFrame
        /// The payload of a binary push; `bytes` then has the push in the form of a text frame, with the payload's
        /// base64 form.
        var binary: UnsafeRawBufferPointer?

        var topicText: UnsafeRawBufferPointer { bytes[frame.topic] }
        var ref: UnsafeRawBufferPointer { frame.ref.map { bytes[$0] } ?? Self.null }
        var joinRef: UnsafeRawBufferPointer { frame.joinRef.map { bytes[$0] } ?? Self.null }
        var payload: UnsafeRawBufferPointer { bytes[frame.payload] }
        var payloadIsObject: Bool { binary == nil && bytes[frame.payload.offset] == UInt8(ascii: "{") }
        /// A batch of the Model Context Protocol; no other event takes an array.
        var isBatch: Bool {
            binary == nil && bytes[frame.payload.offset] == UInt8(ascii: "[") && isEvent("mcp")
        }

        func isEvent(_ name: StaticString) -> Bool { bytes.isString(frame.event, name) }

        static var null: UnsafeRawBufferPointer {
            let text: StaticString = "null"
            return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        }
    }
}
