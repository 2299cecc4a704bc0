import AsyncHTTPClient
import GatewayCore
public import GatewayServer
public import Logging
import NIOCore
import NIOHTTP1
import Synchronization
public import WireJSON

/// How spans leave the process.
public struct ExportSettings: Sendable {
    /// The address that batches are posted to: `http://collector:4318/v1/traces`.
    public var url: String
    /// Headers of each post, such as a token.
    public var headers: [(name: String, value: String)] = []
    /// Spans in one post at the most.
    public var batch = 512
    /// Time between two posts.
    public var interval = Duration.seconds(1)
    /// How long one post may take.
    public var timeout = Duration.seconds(10)
    public var serviceName = "mcp-gateway"
    public var version = ""
    public var node = ""

    public init(url: String) { self.url = url }

    /// The address of traces for what OTEL_EXPORTER_OTLP_ENDPOINT says, and what is to be said about it.
    ///
    /// 4317 is the port of gRPC, which this is not: 4318 of the same host is what speaks HTTP there.
    public static func url(ofEndpoint endpoint: String) -> (url: String, notice: String?) {
        var base = endpoint
        while base.hasSuffix("/") { base.removeLast() }
        var notice: String?
        if let end = base.firstRange(of: ":4317"), end.upperBound == base.endIndex {
            base = base[..<end.lowerBound] + ":4318"
            notice = "\(endpoint) is the port of gRPC; spans are sent over HTTP to \(base)"
        }
        return (base.hasSuffix("/v1/traces") ? base : base + "/v1/traces", notice)
    }
}

/// Posts finished spans to a collector (OTLP over HTTP, protobuf). What cannot be sent is counted and forgotten.
public final class SpanExporter: Sendable {
    private let settings: ExportSettings
    private let recorder: SpanRecorder
    private let encoder: TraceEncoder
    private let client: HTTPClient
    private let logger: Logger
    private let figures = Mutex(Figures())

    private struct Figures {
        var exported = 0
        var failed = 0
        var isFailing = false
    }

    /// How often a post is tried.
    private static let attempts = 3

    public init(_ settings: ExportSettings, _ recorder: SpanRecorder, logger: Logger) {
        self.settings = settings
        self.recorder = recorder
        self.logger = logger
        encoder = TraceEncoder(
            resource: [
                ("service.name", .text(settings.serviceName)), ("service.version", .text(settings.version)),
                ("service.instance.id", .text(settings.node)), ("telemetry.sdk.name", .text("mcp-gateway")),
                ("telemetry.sdk.language", .text("swift")), ("telemetry.sdk.version", .text(settings.version)),
            ], version: settings.version)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        // Posts of spans are not traced: they would never end.
        configuration.tracing.tracer = nil
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends what has gathered, again and again, until the task is cancelled.
    public func run() async {
        while (try? await Task.sleep(for: settings.interval)) != nil { await send() }
    }

    /// Sends what is left, and closes all connections.
    public func shutdown() async {
        await send(attempts: 1)
        try? await client.shutdown()
    }

    private func send(attempts: Int = SpanExporter.attempts) async {
        while true {
            let spans = recorder.take(settings.batch)
            guard !spans.isEmpty else { return }
            await send(spans, attempts)
            if spans.count < settings.batch { return }
        }
    }

    private func send(_ spans: [FinishedSpan], _ attempts: Int) async {
        var request = HTTPClientRequest(url: settings.url)
        request.method = .POST
        request.headers = [
            "content-type": "application/x-protobuf", "user-agent": "mcp-gateway/\(settings.version)",
        ]
        for (name, value) in settings.headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: encoder.encode(spans, time: recorder.wallNanoseconds)))
        var cause = ""
        for attempt in 1...attempts {
            do {
                let response = try await client.execute(
                    request, timeout: .nanoseconds(Instant.Span(settings.timeout).nanoseconds))
                _ = try? await response.body.collect(upTo: 1 << 16)
                if (200..<300).contains(response.status.code) { return succeeded(spans.count) }
                cause = "it answered \(response.status.code)"
                // What the specification calls retryable; everything else would be refused again.
                guard [429, 502, 503, 504].contains(response.status.code) else { break }
            } catch {
                cause = "\(error)"
            }
            guard attempt < attempts, (try? await Task.sleep(for: .milliseconds(500 << attempt))) != nil else { break }
        }
        failed(spans.count, cause)
    }

    private func succeeded(_ count: Int) {
        let wasFailing = figures.withLock { figures in
            figures.exported += count
            defer { figures.isFailing = false }
            return figures.isFailing
        }
        if wasFailing { logger.notice("spans reach their collector again", metadata: ["url": "\(settings.url)"]) }
    }

    private func failed(_ count: Int, _ cause: String) {
        let isNew = figures.withLock { figures in
            figures.failed += count
            defer { figures.isFailing = true }
            return !figures.isFailing
        }
        guard isNew else { return }
        logger.warning(
            "spans do not reach their collector", metadata: ["url": "\(settings.url)", "cause": "\(cause)"])
    }

    /// What has become of spans, as members of a JSON object.
    public func writeStatistics(to writer: inout JSONWriter) {
        let figures = figures.withLock { $0 }
        writer.member("exported", figures.exported)
        writer.member("failed", figures.failed)
        writer.member("dropped", recorder.dropped)
        writer.member("waiting", recorder.count)
    }

    /// The same for Prometheus.
    public func writeMetrics(to text: inout MetricsText) {
        let figures = figures.withLock { $0 }
        text.begin("mcp_gateway_spans_exported_total", .counter, "Spans that a collector took.")
        text.add(figures.exported)
        text.begin("mcp_gateway_spans_lost_total", .counter, "Spans that no collector took, or that did not fit.")
        text.add(figures.failed, ["cause": "collector"])
        text.add(recorder.dropped, ["cause": "queue"])
    }
}
