import Testing

@testable import WebSocketProtocol

/// A case of the Autobahn test suite: what a client sends, and what must be seen of it.
struct AutobahnCase: CustomTestStringConvertible {
    let name: String
    let frames: [ClientFrame]
    let expected: [Seen]

    init(_ name: String, _ frames: [ClientFrame], _ expected: [Seen]) {
        self.name = name
        self.frames = frames
        self.expected = expected
    }

    var testDescription: String { name }

    /// What is seen when it is sent at once, frame by frame, byte by byte, and in odd pieces.
    func played() -> [(how: String, seen: [Seen])] {
        let bytes = frames.encoded
        let limits = WebSocketLimits(maxFrameSize: 1 << 20, maxMessageSize: 1 << 20, maxFragments: 1 << 20)
        var ways = [
            ("at once", [bytes]), ("frame by frame", frames.map(\.encoded)),
            ("in pieces of 997", chop(bytes, into: 997)),
        ]
        if bytes.count < 5000 { ways.append(("byte by byte", chop(bytes, into: 1))) }
        return ways.map { ($0.0, decode($0.1, limits: limits).seen) }
    }
}
