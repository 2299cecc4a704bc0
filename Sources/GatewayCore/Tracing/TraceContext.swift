/// Where in a trace something stands, as W3C Trace Context has it: `00-<trace id>-<span id>-<flags>`.
public struct TraceContext: Hashable, Sendable {
    public let traceIDHigh: UInt64
    public let traceIDLow: UInt64
    public let spanID: UInt64
    /// Whether whoever began the trace wants to see it.
    public let isSampled: Bool

    public init(traceIDHigh: UInt64, traceIDLow: UInt64, spanID: UInt64, isSampled: Bool) {
        self.traceIDHigh = traceIDHigh
        self.traceIDLow = traceIDLow
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Number of bytes of `text`.
    public static let textLength = 55

    /// Reads the header `traceparent`.
    /// - Returns: `nil` for what a receiver has to ignore: another form, ids of zeros, version ff.
    public init?(_ text: some StringProtocol) {
        var bytes: [UInt8] = Array(text.utf8)
        // A later version may have more behind these.
        guard bytes.count == Self.textLength || bytes.count > Self.textLength && bytes[55] == UInt8(ascii: "-"),
            bytes[2] == UInt8(ascii: "-"), bytes[35] == UInt8(ascii: "-"), bytes[52] == UInt8(ascii: "-")
        else { return nil }
        bytes = Array(bytes.prefix(Self.textLength))
        guard let version = Self.hexadecimal(bytes[0..<2]), version != 0xFF,
            version != 0 || text.utf8.count == Self.textLength,
            let high = Self.hexadecimal(bytes[3..<19]), let low = Self.hexadecimal(bytes[19..<35]), high | low != 0,
            let span = Self.hexadecimal(bytes[36..<52]), span != 0, let flags = Self.hexadecimal(bytes[53..<55])
        else { return nil }
        self.init(traceIDHigh: high, traceIDLow: low, spanID: span, isSampled: flags & 1 == 1)
    }

    /// The header `traceparent`.
    public var text: String { "00-\(traceID)-\(Self.text(spanID))-\(isSampled ? "01" : "00")" }

    /// 32 hexadecimal digits.
    public var traceID: String { Self.text(traceIDHigh) + Self.text(traceIDLow) }

    /// 16 hexadecimal digits.
    public static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Capital letters do not count as digits (W3C Trace Context §3.2).
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}

/// The trace that a message belongs to.
public final class MessageTrace: Sendable {
    /// What travels with the message.
    public let context: TraceContext
    /// What its sender's own system wants to travel with it.
    public let state: String?
    /// Whether this gateway records spans for it.
    public let isRecorded: Bool
    /// The sender's place in the trace.
    public let parent: TraceContext?

    public init(_ context: TraceContext, state: String? = nil, isRecorded: Bool, parent: TraceContext? = nil) {
        self.context = context
        self.state = state
        self.isRecorded = isRecorded
        self.parent = parent
    }
}
