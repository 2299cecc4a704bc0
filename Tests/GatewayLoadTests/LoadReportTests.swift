import Testing
import WireJSON

@testable import GatewayLoad

@Suite struct LoadReportTests {
    private static func report() -> LoadReport {
        var plan = LoadPlan(
            dialect: .phoenix,
            place: .init(isSecure: false, host: "h", port: 1, authority: "h:1", path: "/<b>"), run: "r")
        plan.connections = 2
        var figures = LoadFigures()
        figures.attempted = 2
        figures.opened = 2
        figures.sent = 8
        figures.received = 6
        for value in 1...6 { figures.latency.record(UInt64(value) * 1_000_000) }
        figures.add(.answer, "<script>", count: 2)
        let points = (0..<3).map {
            LoadPoint(time: Double($0), connections: 2, received: 3, problems: 1, p50: 1, p99: 2, maximum: 3)
        }
        return LoadReport(
            plan: plan, figures: figures, points: points, seconds: 3, sendingSeconds: 2, open: 2,
            wasInterrupted: false)
    }

    @Test func `Thresholds that are missed are named`() {
        let report = Self.report()
        #expect(report.throughput == 3)
        #expect(report.errorRate == 0.2)
        #expect(report.failures(LoadThresholds()).isEmpty)
        #expect(report.failures(LoadThresholds(p99: 7_000_000, errorRate: 0.2, throughput: 3)).isEmpty)
        let failures = report.failures(LoadThresholds(p99: 5_000_000, errorRate: 0.1, throughput: 4))
        #expect(
            failures == [
                "p99 is 6 ms, and may be 5 ms", "errors are 20 %, and may be 10 %",
                "3 a second arrived, and 4 should have",
            ])
    }

    @Test func `Nothing that arrived does not pass for fast`() {
        let empty = LoadReport(
            plan: Self.report().plan, figures: LoadFigures(), points: [], seconds: 0, sendingSeconds: 0, open: 0,
            wasInterrupted: true)
        #expect(empty.failures(LoadThresholds(p99: 1)) == ["p99 is unknown, and may be 0.0 µs"])
        #expect(empty.text().contains("(interrupted)"))
        #expect(!empty.page().isEmpty)
    }

    @Test func `The report is JSON, and says what was missed`() throws {
        let bytes = Self.report().json(LoadThresholds(throughput: 4))
        try bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 8)
            _ = try scanner.value()
            try scanner.finish()
        }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains(#""failed_answer":2"#))
        #expect(text.contains(#""passed":false,"failures":["3 a second arrived, and 4 should have"]"#))
    }

    @Test func `The page holds no text of the server as markup`() {
        let page = Self.report().page()
        #expect(page.contains("&lt;script&gt;"))
        #expect(!page.contains("<script"))
        #expect(!page.contains("/<b>"))
        #expect(page.contains("<polyline"))
        #expect(!page.contains("http://") && !page.contains("https://"))
    }

    @Test(
        arguments: [
            (0, "0 µs"), (1500, "1.5 µs"), (25_000, "25 µs"), (1_500_000, "1.5 ms"), (12_340_000_000, "12.3 s"),
        ] as [(UInt64, String)])
    func `Durations have a unit that fits`(nanoseconds: UInt64, text: String) {
        #expect(LoadReport.duration(nanoseconds) == text)
    }
}
