import GatewayCore
public import GatewayServer
import Synchronization
public import Tracing

/// The tracer of swift-distributed-tracing: what other libraries of the process trace goes the same way as the gateway's
/// own spans.
public struct RecordingTracer: Tracer {
    private let recorder: SpanRecorder

    public init(_ recorder: SpanRecorder) { self.recorder = recorder }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> RecordingSpan {
        var context = context()
        let parent = context[TraceContextKey.self]
        let own = recorder.begin(parent: parent)
        context[TraceContextKey.self] = own
        let span = FinishedSpan(
            operationName, FinishedSpan.Kind(kind), own, parent: parent?.spanID,
            start: recorder.instant(wallNanoseconds: instant().nanosecondsSinceEpoch), end: .zero)
        return RecordingSpan(span, context, recorder)
    }

    public func forceFlush() {}

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: "traceparent", from: carrier), let trace = TraceContext(text) else {
            return
        }
        context[TraceContextKey.self] = trace
        context[TraceStateKey.self] = extractor.extract(key: "tracestate", from: carrier)
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context[TraceContextKey.self] else { return }
        injector.inject(trace.text, forKey: "traceparent", into: &carrier)
        guard let state = context[TraceStateKey.self] else { return }
        injector.inject(state, forKey: "tracestate", into: &carrier)
    }
}

private enum TraceContextKey: InstrumentationContextKey { typealias Value = TraceContext }

private enum TraceStateKey: InstrumentationContextKey { typealias Value = String }

/// A span that goes on.
public final class RecordingSpan: Tracing.Span {
    private struct State {
        var span: FinishedSpan
        var attributes = SpanAttributes()
        var isOver = false
    }

    public let context: InstrumentationContext
    private let state: Mutex<State>
    private let recorder: SpanRecorder

    init(_ span: FinishedSpan, _ context: InstrumentationContext, _ recorder: SpanRecorder) {
        self.context = context
        self.recorder = recorder
        state = Mutex(State(span: span))
    }

    public var operationName: String {
        get { state.withLock { $0.span.name } }
        set { state.withLock { $0.span.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    public var isRecording: Bool { state.withLock { !$0.isOver && $0.span.context.isSampled } }

    public func setStatus(_ status: SpanStatus) {
        state.withLock { $0.span.failure = status.code == .error ? status.message ?? "error" : nil }
    }

    /// Events are not sent: what matters of them stands in attributes and errors.
    public func addEvent(_ event: SpanEvent) {}

    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { state in
            state.span.failure = "\(error)"
            state.span.attributes.append(("error.type", .text("\(type(of: error))")))
        }
    }

    public func addLink(_ link: SpanLink) {
        guard let linked = link.context[TraceContextKey.self] else { return }
        state.withLock { $0.span.links.append(linked) }
    }

    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let end = recorder.instant(wallNanoseconds: instant().nanosecondsSinceEpoch)
        let span: FinishedSpan? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            state.span.end = end
            state.attributes.forEach { key, value in
                if let value = FinishedSpan.Value(value) { state.span.attributes.append((key, value)) }
            }
            return state.span
        }
        if let span, span.context.isSampled { recorder.record(span) }
    }
}

extension FinishedSpan.Kind {
    fileprivate init(_ kind: SpanKind) {
        switch kind {
        case .server: self = .server
        case .client: self = .client
        case .producer: self = .producer
        case .consumer: self = .consumer
        case .internal: self = .internal
        }
    }
}

extension FinishedSpan.Value {
    fileprivate init?(_ attribute: SpanAttribute) {
        switch attribute {
        case .int32(let value): self = .integer(Int(value))
        case .int64(let value): self = .integer(Int(value))
        case .double(let value): self = .number(value)
        case .bool(let value): self = .flag(value)
        case .string(let value): self = .text(value)
        case .stringConvertible(let value): self = .text("\(value)")
        default: return nil
        }
    }
}
