import WireJSON

/// What came of a load test, as a value: for people, for programs, and as a page.
public struct LoadReport: Sendable {
    public let plan: LoadPlan
    public let figures: LoadFigures
    /// In the order of time, at most `maxPoints`.
    public let points: [LoadPoint]
    /// From the first connection to the end.
    public let seconds: Double
    /// In which messages were sent.
    public let sendingSeconds: Double
    /// Connections that were still open at the end.
    public let open: Int
    public let wasInterrupted: Bool
    /// What had arrived when sending ended; `nil` if all of it had.
    public var receivedInTime: Int?

    static let maxPoints = 600

    /// Answers, or events that streams received, in a second of sending.
    public var throughput: Double {
        sendingSeconds > 0 ? Double(receivedInTime ?? figures.received) / sendingSeconds : 0
    }

    /// Problems as a part of everything that was tried.
    public var errorRate: Double {
        var tried = figures.attempted + figures.sent + (figures.problems[.notSent] ?? 0)
        // What is published is to arrive everywhere: each arrival is one of its own.
        if plan.publishing != nil { tried += figures.received + (figures.problems[.missing] ?? 0) }
        return tried > 0 ? min(1, Double(figures.problemCount) / Double(tried)) : 0
    }

    /// What was asked for and not reached, in words.
    public func failures(_ thresholds: LoadThresholds) -> [String] {
        var failures: [String] = []
        if let p99 = thresholds.p99, figures.latency.count == 0 || figures.latency.value(at: 0.99) > p99 {
            let found = figures.latency.count == 0 ? "unknown" : Self.duration(figures.latency.value(at: 0.99))
            failures.append("p99 is \(found), and may be \(Self.duration(p99))")
        }
        if let rate = thresholds.errorRate, errorRate > rate {
            failures.append("errors are \(Self.percent(errorRate)), and may be \(Self.percent(rate))")
        }
        if let wanted = thresholds.throughput, throughput < wanted {
            failures.append("\(Self.short(throughput)) a second arrived, and \(Self.short(wanted)) should have")
        }
        return failures
    }

    // MARK: - For people

    public func text(_ thresholds: LoadThresholds = LoadThresholds()) -> String {
        var lines = [
            "\(plan.dialect.rawValue) \(plan.place.authority)\(plan.place.path)"
                + (wasInterrupted ? "  (interrupted)" : "")
        ]
        func add(_ name: String, _ value: String) { lines.append("  " + name.padded(14) + value) }
        add("connections", "\(figures.opened) of \(plan.connections) opened, \(open) open at the end")
        if figures.opened > 0 { add("opening", Self.percentiles(figures.opening)) }
        add("sent", "\(figures.sent) in \(Self.short(sendingSeconds)) s, wanted \(Self.short(plan.rate)) a second")
        if figures.publishing.count > 0 { add("published", Self.percentiles(figures.publishing)) }
        let noun = plan.publishing != nil || plan.dialect == .sse ? "events" : "answers"
        add("received", "\(figures.received) \(noun), \(Self.short(throughput)) a second")
        if figures.latency.count > 0 { add("latency", Self.percentiles(figures.latency)) }
        add("errors", "\(figures.problemCount) (\(Self.percent(errorRate)))")
        for problem in LoadProblem.allCases {
            guard let count = figures.problems[problem], count > 0 else { continue }
            let sample = figures.samples[problem]?.first.map { ": \($0)" } ?? ""
            lines.append("    \(problem.rawValue.padded(14))\(count)\(sample)")
        }
        for failure in failures(thresholds) { lines.append("  FAILED  \(failure)") }
        return lines.joined(separator: "\n")
    }

    static func percentiles(_ histogram: LatencyHistogram) -> String {
        let values: [(String, UInt64)] = [
            ("p50", histogram.value(at: 0.5)), ("p90", histogram.value(at: 0.9)), ("p99", histogram.value(at: 0.99)),
            ("p99.9", histogram.value(at: 0.999)), ("max", histogram.maximum),
        ]
        return values.map { "\($0.0) \(duration($0.1))" }.joined(separator: "  ")
    }

    /// Nanoseconds in a unit that fits.
    public static func duration(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<10_000: "\(short(Double(nanoseconds) / 1000)) µs"
        case ..<1_000_000: "\(nanoseconds / 1000) µs"
        case ..<10_000_000_000: "\(short(Double(nanoseconds) / 1e6)) ms"
        default: "\(short(Double(nanoseconds) / 1e9)) s"
        }
    }

    static func percent(_ part: Double) -> String {
        let value = part * 100
        return value > 0 && value < 0.1 ? "<0.1 %" : "\(short(value)) %"
    }

    /// A number with as many digits as anybody reads.
    public static func short(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        if abs(value) >= 100 || value == value.rounded() { return "\(Int(value.rounded()))" }
        let tenths = abs(value) >= 10 ? 10.0 : 100.0
        return "\((value * tenths).rounded() / tenths)"
    }

    // MARK: - For programs

    /// One object. Durations are in milliseconds.
    public func json(_ thresholds: LoadThresholds = LoadThresholds()) -> [UInt8] {
        let failures = failures(thresholds)
        return JSONWriter.object { writer in
            writer.member("transport", plan.dialect.rawValue)
            writer.member("server", "\(plan.place.isSecure ? "secure " : "")\(plan.place.authority)\(plan.place.path)")
            writer.member("interrupted", wasInterrupted)
            writer.member("seconds", seconds)
            writer.member("sending_seconds", sendingSeconds)
            writer.member("connections_wanted", plan.connections)
            writer.member("connections_opened", figures.opened)
            writer.member("connections_open", open)
            writer.member("rate_wanted", plan.rate)
            writer.member("sent", figures.sent)
            writer.member("published", figures.published)
            writer.member("received", figures.received)
            writer.member("received_per_second", throughput)
            writer.member("bytes_received", figures.bytesReceived)
            writer.member("latency_ms", raw: Self.json(figures.latency))
            writer.member("opening_ms", raw: Self.json(figures.opening))
            writer.member("publishing_ms", raw: Self.json(figures.publishing))
            writer.member("error_rate", errorRate)
            writer.member(
                "errors",
                raw: JSONWriter.object { writer in
                    for problem in LoadProblem.allCases {
                        writer.member(problem.rawValue, figures.problems[problem] ?? 0)
                    }
                })
            writer.member("passed", failures.isEmpty)
            writer.member("failures", raw: Self.array(failures.map { JSONText.quoted($0) }))
            writer.member("points", raw: Self.array(points.map(Self.json)))
        }
    }

    private static func json(_ histogram: LatencyHistogram) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("count", Int(histogram.count))
            writer.member("mean", histogram.mean / 1e6)
            for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
                writer.member(name, Double(histogram.value(at: quantile)) / 1e6)
            }
            writer.member("max", Double(histogram.maximum) / 1e6)
        }
    }

    private static func json(_ point: LoadPoint) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("seconds", point.time)
            writer.member("connections", point.connections)
            writer.member("received_per_second", point.received)
            writer.member("errors_per_second", point.problems)
            writer.member("p50_ms", Double(point.p50) / 1e6)
            writer.member("p99_ms", Double(point.p99) / 1e6)
            writer.member("max_ms", Double(point.maximum) / 1e6)
        }
    }

    private static func array(_ values: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "[")] + values.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }
}

extension String {
    fileprivate func padded(_ length: Int) -> String {
        self + String(repeating: " ", count: max(1, length - utf8.count))
    }
}
