import GatewayCore
import GatewayServer

/// Spans as an `ExportTraceServiceRequest` of OTLP 1.x.
struct TraceEncoder {
    /// What is said of the process: `service.name` and the like.
    let resource: [(key: String, value: FinishedSpan.Value)]
    let version: String

    /// - Parameter time: nanoseconds since 1970 of a point on the monotonic clock.
    func encode(_ spans: [FinishedSpan], time: (Instant) -> UInt64) -> [UInt8] {
        var request = ProtobufWriter()
        request.member(1) { group in
            group.member(1) { part in
                for (key, value) in resource { part.member(1) { Self.write(key, value, to: &$0) } }
            }
            group.member(2) { scope in
                scope.member(1) { name in
                    name.member(1, "mcp-gateway")
                    name.member(2, version)
                }
                for span in spans { scope.member(2) { Self.write(span, time, to: &$0) } }
            }
        }
        return request.bytes
    }

    private static func write(_ span: FinishedSpan, _ time: (Instant) -> UInt64, to writer: inout ProtobufWriter) {
        writer.member(1, traceID(span.context))
        writer.member(2, bytes(span.context.spanID))
        if let parent = span.parent { writer.member(4, bytes(parent)) }
        writer.member(5, span.name)
        writer.member(6, variable: UInt64(span.kind.rawValue))
        writer.member(7, fixed: time(span.start))
        // A clock that is read twice may stand still, but must not go back.
        writer.member(8, fixed: time(max(span.start, span.end)))
        for (key, value) in span.attributes {
            guard let shown = shown(key, value) else { continue }
            writer.member(9) { write(key, shown, to: &$0) }
        }
        for link in span.links {
            writer.member(13) { inner in
                inner.member(1, traceID(link))
                inner.member(2, bytes(link.spanID))
            }
        }
        guard let failure = span.failure else { return }
        writer.member(15) { status in
            status.member(2, failure)
            status.member(3, variable: 2)
        }
    }

    /// Keys stand in addresses, and libraries note addresses as they are.
    private static func shown(_ key: String, _ value: FinishedSpan.Value) -> FinishedSpan.Value? {
        switch (key, value) {
        case ("url.query", _): nil
        case ("url.full", .text(let address)): .text(ShownAddress.text(address))
        default: value
        }
    }

    private static func write(_ key: String, _ value: FinishedSpan.Value, to writer: inout ProtobufWriter) {
        writer.member(1, key)
        writer.member(2) { any in
            switch value {
            case .text(let text): any.member(1, text)
            case .flag(let flag): any.member(2, variable: flag ? 1 : 0)
            case .integer(let number): any.member(3, variable: UInt64(bitPattern: Int64(number)))
            case .number(let number): any.member(4, fixed: number.bitPattern)
            }
        }
    }

    private static func traceID(_ context: TraceContext) -> [UInt8] {
        bytes(context.traceIDHigh) + bytes(context.traceIDLow)
    }

    private static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
}
