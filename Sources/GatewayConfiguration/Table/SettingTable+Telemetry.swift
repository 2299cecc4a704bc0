/// How a node ends, and what it tells of what it does.
extension SettingTable {
    static let telemetry: [Setting] = [
        Setting(
            "log_messages", \.logMessages, .flag, "A log line for each message that is accepted or delivered"),
        Setting("trace_routing", \.traceRouting, .flag, "A log line that says where each message went"),
        Setting(
            "tracing.endpoint", \.tracing.endpoint, .optional(.url),
            "Collector that spans are sent to (OTLP over HTTP); without one nothing is traced",
            variables: ["OTEL_EXPORTER_OTLP_ENDPOINT"]),
        Setting(
            "tracing.headers", \.tracing.headers, .optional(.text),
            "Headers of what is sent to it: name=value, separated by commas",
            variables: ["OTEL_EXPORTER_OTLP_HEADERS"], isSecret: true),
        Setting(
            "tracing.sample_ratio", \.tracing.sampleRatio, .number(0...1),
            "Share of traces that are recorded, of those that begin here",
            variables: ["OTEL_TRACES_SAMPLER_ARG"]),
        Setting(
            "tracing.delivery_ratio", \.tracing.deliveryRatio, .number(0...1),
            "Share of deliveries that are recorded, of messages that are"),
        Setting(
            "tracing.queue", \.tracing.queue, .integer(1...1_000_000),
            "Spans that may wait to be sent; more are counted and forgotten", variables: ["OTEL_BSP_MAX_QUEUE_SIZE"]),
        Setting(
            "tracing.batch_size", \.tracing.batchSize, .integer(1...10_000), "Spans that are sent together",
            variables: ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]),
        Setting(
            "tracing.interval", \.tracing.interval, .duration(.milliseconds(10)...(.seconds(3_600))),
            "How often spans are sent", variables: ["OTEL_BSP_SCHEDULE_DELAY"]),
        Setting(
            "tracing.timeout", \.tracing.timeout, .duration(.milliseconds(10)...(.seconds(3_600))),
            "How long that may take", variables: ["OTEL_EXPORTER_OTLP_TIMEOUT"]),
        Setting(
            "tracing.service_name", \.tracing.serviceName, .text, "What the gateway is called in traces",
            variables: ["OTEL_SERVICE_NAME"]),
    ]

    static let drain: [Setting] = [
        Setting(
            "drain.delay", \.drain.delay, .duration(.zero ... .seconds(600)),
            "How long a gateway that is to end says that it is not ready before it sends anybody away"),
        Setting(
            "drain.timeout", \.drain.timeout, .duration(.zero ... .seconds(3_600)),
            "How long everything behind that may take: goodbyes, and calls that are under way"),
        Setting(
            "drain.rate", \.drain.rate, .number(1...1_000_000),
            "Clients that are sent away, and come back, each second; faster if the time does not suffice"),
        Setting(
            "drain.reconnect_delay", \.drain.reconnectDelay, .duration(.zero ... .seconds(600)),
            "How long each of them is told to wait at least"),
    ]
}
