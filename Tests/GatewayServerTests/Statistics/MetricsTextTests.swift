import GatewayCore
import Testing

@testable import GatewayServer

struct MetricsTextTests {
    @Test func `families, labels and histograms are written as Prometheus reads them`() {
        var text = MetricsText()
        text.begin("a_total", .counter, "Things.")
        text.add(3)
        text.add(1.5, ["name": "a \"b\" \\ c\nd"])
        var histogram = LatencyHistogram()
        histogram.add(.milliseconds(1))
        histogram.add(.seconds(100))
        text.begin("b_seconds", .histogram, "Times.")
        text.add(histogram, ["transport": "x"], buckets: 9...10)
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == """
                # HELP a_total Things.
                # TYPE a_total counter
                a_total 3
                a_total{name="a \\"b\\" \\\\ c\\nd"} 1.5
                # HELP b_seconds Times.
                # TYPE b_seconds histogram
                b_seconds_bucket{transport="x",le="0.000512"} 0
                b_seconds_bucket{transport="x",le="0.001024"} 1
                b_seconds_bucket{transport="x",le="+Inf"} 2
                b_seconds_sum{transport="x"} 100.001
                b_seconds_count{transport="x"} 2

                """)
    }
}
