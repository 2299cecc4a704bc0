import GatewayCore
import GatewayServer
import Testing
import Tracing

@testable import GatewayTelemetry

struct SpanRecorderTests {
    private static func span(_ recorder: SpanRecorder) -> FinishedSpan {
        FinishedSpan("s", .internal, recorder.begin(parent: nil), parent: nil, start: recorder.now, end: recorder.now)
    }

    @Test func `what does not fit is counted and forgotten`() {
        let recorder = SpanRecorder(capacity: 3, ratio: 1, deliveryRatio: 1)
        for _ in 0..<5 { recorder.record(Self.span(recorder)) }
        #expect(recorder.count == 3)
        #expect(recorder.dropped == 2)
        #expect(recorder.take(2).count == 2)
        #expect(recorder.take(2).count == 1)
        recorder.record(Self.span(recorder))
        #expect(recorder.count == 1)
    }

    @Test func `what a parent has decided is kept to, whatever the ratio`() {
        let never = SpanRecorder(capacity: 1, ratio: 0, deliveryRatio: 0)
        let always = SpanRecorder(capacity: 1, ratio: 1, deliveryRatio: 1)
        let wanted = TraceContext(traceIDHigh: 1, traceIDLow: 2, spanID: 3, isSampled: true)
        let unwanted = TraceContext(traceIDHigh: 1, traceIDLow: 2, spanID: 3, isSampled: false)
        #expect(never.begin(parent: wanted).isSampled)
        #expect(!always.begin(parent: unwanted).isSampled)
        #expect(never.begin(parent: wanted).traceID == wanted.traceID)
        #expect(never.begin(parent: wanted).spanID != wanted.spanID)
        #expect((0..<100).allSatisfy { _ in !never.begin(parent: nil).isSampled })
        #expect((0..<100).allSatisfy { _ in always.begin(parent: nil).isSampled })
    }

    @Test func `a ratio is a share of the traces that begin here`() {
        let recorder = SpanRecorder(capacity: 1, ratio: 0.25, deliveryRatio: 1)
        let sampled = (0..<4000).count { _ in recorder.begin(parent: nil).isSampled }
        #expect((800...1200).contains(sampled))
        recorder.change(ratio: 1, deliveryRatio: 1)
        #expect(recorder.begin(parent: nil).isSampled)
    }

    @Test func `spans of other libraries go the same way, with their parents`() throws {
        let recorder = SpanRecorder(capacity: 10, ratio: 1, deliveryRatio: 1)
        let tracer = RecordingTracer(recorder)
        var context = InstrumentationContext.topLevel
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        tracer.extract(["traceparent": given], into: &context, using: Headers())
        struct Broken: Error {}
        try? tracer.withSpan("outer", context: context, ofKind: .server) { outer in
            outer.attributes["number"] = 7
            tracer.withSpan("inner", context: outer.context) { inner in
                var headers: [String: String] = [:]
                tracer.inject(inner.context, into: &headers, using: Headers())
                #expect(headers["traceparent"]?.contains("4bf92f3577b34da6a3ce929d0e0e4736") == true)
                #expect(headers["traceparent"] != given)
            }
            throw Broken()
        }
        let spans = recorder.take(10)
        try #require(spans.map(\.name) == ["inner", "outer"])
        #expect(spans[0].parent == spans[1].context.spanID)
        #expect(spans[1].parent == 0x00f0_67aa_0ba9_02b7)
        #expect(spans[1].kind == .server && spans[1].failure != nil)
        #expect(spans[1].attributes.contains { $0.key == "number" && $0.value == .integer(7) })
        #expect(spans[1].start <= spans[0].start && spans[0].end <= spans[1].end)
    }

    @Test func `a span that nobody wants is not recorded`() {
        let recorder = SpanRecorder(capacity: 10, ratio: 0, deliveryRatio: 0)
        RecordingTracer(recorder).withSpan("unwanted", context: .topLevel) { #expect(!$0.isRecording) }
        #expect(recorder.count == 0)
    }

    @Test(arguments: [
        ("http://c:4318", "http://c:4318/v1/traces", false), ("http://c:4318/", "http://c:4318/v1/traces", false),
        ("https://c/otlp/v1/traces", "https://c/otlp/v1/traces", false),
        ("http://otel-collector:4317", "http://otel-collector:4318/v1/traces", true),
        ("http://c:43170", "http://c:43170/v1/traces", false),
    ])
    func `an endpoint becomes the address of traces`(endpoint: String, url: String, isNoticed: Bool) {
        let result = ExportSettings.url(ofEndpoint: endpoint)
        #expect(result.url == url)
        #expect((result.notice != nil) == isNoticed)
    }

    private struct Headers: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }
}
