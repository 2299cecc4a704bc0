import GatewayCore
import NIOCore

@testable import GatewayServer

/// Reads `text` as the body of a publish request.
func reading<Result>(
    _ text: String, maxDepth: Int = 64, _ body: (PublishRequest) throws -> Result
) throws -> Result {
    try Array(text.utf8).withUnsafeBytes { bytes in
        try body(PublishRequest(bytes, maxDepth: maxDepth))
    }
}

/// Why `text` is no publish request; `nil` if it is one.
func refusal(_ text: String, maxDepth: Int = 64) -> Problem? {
    do {
        try reading(text, maxDepth: maxDepth) { _ in }
        return nil
    } catch {
        return error as? Problem
    }
}

extension PublishRequest {
    /// The bytes of `span` as text.
    func text(_ span: UnsafeRawBufferPointer) -> String { String(decoding: span, as: UTF8.self) }
}

extension Gateway {
    /// Publishes as a back end does that posts `text`.
    @discardableResult
    func publish(_ text: String) throws -> PublishOutcome {
        try reading(text) { request in
            var context = PublishContext(now: Clock.now, wallClock: Clock.wall, wakes: WakeSet(loops: loopCount))
            defer {
                for (loop, ids) in context.wakes.byLoop.enumerated() where !ids.isEmpty { inboxes[loop].post(ids) }
            }
            return try self.publishNew(request, &context)
        }
    }
}

extension Message {
    /// What `EnvelopeEncoder` makes of a type and a payload in their JSON forms.
    static func encoded(
        type: String = "\"chat\"", data: String, hasLineBreaks: Bool = false, seed: UInt64 = 1,
        now: Instant = .zero, wallClock: Timestamp = Timestamp(milliseconds: 1_768_472_625_123),
        _ change: (inout EnvelopeEncoder.Content) -> Void = { _ in }
    ) -> Message {
        var identifiers = IdentifierSource(seed: (seed, 2, 3, 4))
        return Array(type.utf8).withUnsafeBytes { type in
            Array(data.utf8).withUnsafeBytes { data in
                var content = EnvelopeEncoder.Content(type: type, data: data)
                content.dataHasLineBreaks = hasLineBreaks
                change(&content)
                return EnvelopeEncoder.encode(content, identifiers: &identifiers, now: now, wallClock: wallClock)
            }
        }
    }

    /// The whole envelope, as connections write it.
    func envelope(epoch: String = "z", sequence: Int = 0) -> [UInt8] {
        Array("{\"epoch\":\"\(epoch)\",\"sequence\":\(sequence),".utf8) + Array(tail.readableBytesView)
    }
}

extension Outbound {
    /// Takes everything as one array.
    mutating func takeBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        takeAll { bytes += Array(buffer: $0) }
        return bytes
    }
}
