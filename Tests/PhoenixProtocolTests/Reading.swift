@testable import PhoenixProtocol

/// A frame with the texts of its places.
struct ReadFrame: Equatable {
    var joinRef: String?
    var ref: String?
    var topic: String
    var event: String
    var payload: String
}

func read(_ text: String, _ version: PhoenixVersion, maxDepth: Int = 16) throws(PhoenixFrameError) -> ReadFrame {
    try read(Array(text.utf8), version, maxDepth: maxDepth)
}

func read(_ bytes: [UInt8], _ version: PhoenixVersion, maxDepth: Int = 16) throws(PhoenixFrameError) -> ReadFrame {
    let result = bytes.withUnsafeBytes { raw -> Result<ReadFrame, PhoenixFrameError> in
        do throws(PhoenixFrameError) {
            let frame = try PhoenixFrame.decode(raw, version: version, maxDepth: maxDepth)
            return .success(
                ReadFrame(
                    joinRef: frame.joinRef.map { String(decoding: raw[$0], as: UTF8.self) },
                    ref: frame.ref.map { String(decoding: raw[$0], as: UTF8.self) },
                    topic: String(decoding: raw[frame.topic], as: UTF8.self),
                    event: String(decoding: raw[frame.event], as: UTF8.self),
                    payload: String(decoding: raw[frame.payload], as: UTF8.self)))
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

/// Why `text` is no message; `nil` if it is one.
func refusal(_ text: String, _ version: PhoenixVersion, maxDepth: Int = 16) -> PhoenixFrameError? {
    do throws(PhoenixFrameError) {
        _ = try read(text, version, maxDepth: maxDepth)
        return nil
    } catch {
        return error
    }
}
