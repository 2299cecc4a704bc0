import GatewayConfiguration
import GatewayServer
import GatewayTelemetry
import Logging
import Tracing

/// What records spans and sends them; nothing of it is there unless somebody wants them.
struct TracingParts {
    let recorder: SpanRecorder
    let exporter: SpanExporter

    /// Also makes it the tracer of the process.
    init?(_ configuration: GatewayConfiguration, logger: Logger) {
        let tracing = configuration.tracing
        guard let endpoint = tracing.endpoint else { return nil }
        let (url, notice) = ExportSettings.url(ofEndpoint: endpoint)
        if let notice { logger.notice("tracing", metadata: ["notice": "\(notice)"]) }
        var settings = ExportSettings(url: url)
        settings.headers = Self.headers(tracing.headers ?? "")
        settings.batch = tracing.batchSize
        settings.interval = tracing.interval
        settings.timeout = tracing.timeout
        settings.serviceName = tracing.serviceName
        settings.version = Version.current
        settings.node = configuration.cluster.nodeID
        recorder = SpanRecorder(
            capacity: tracing.queue, ratio: tracing.sampleRatio, deliveryRatio: tracing.deliveryRatio)
        exporter = SpanExporter(settings, recorder, logger: logger)
        InstrumentationSystem.bootstrap(RecordingTracer(recorder))
    }

    /// `name=value, name=value`, as OTEL_EXPORTER_OTLP_HEADERS has it.
    private static func headers(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: ",").compactMap { part in
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmed }
            return pair.count == 2 ? (pair[0], pair[1]) : nil
        }
    }
}

extension Substring {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
