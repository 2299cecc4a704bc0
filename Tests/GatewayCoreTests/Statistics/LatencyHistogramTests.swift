import GatewayCore
import Testing

struct LatencyHistogramTests {
    @Test(arguments: [0, 1, 1000, 1001, 2000, 2001, 4000, 1_000_000, 67_108_864_000, 67_108_864_001, 1 << 60])
    func `a span is in the first bucket whose bound it does not pass`(nanoseconds: Int64) {
        var histogram = LatencyHistogram()
        histogram.add(.init(nanoseconds: nanoseconds))
        for bucket in 0..<LatencyHistogram.bucketCount {
            let isWithin = Double(nanoseconds) / 1e9 <= LatencyHistogram.bound(of: bucket)
            #expect(histogram.cumulative(through: bucket) == (isWithin ? 1 : 0), "bucket \(bucket)")
        }
        #expect(histogram.sum == nanoseconds && histogram.count == 1)
    }

    @Test(arguments: 0..<20)
    func `histograms of parts add up to that of the whole`(seed: Int) {
        var random = SeededGenerator(seed)
        var whole = LatencyHistogram()
        var parts = [LatencyHistogram](repeating: .init(), count: 3)
        for _ in 0..<1000 {
            let span = Instant.Span(nanoseconds: Int64(random.next() >> UInt64(20 + random.below(40))))
            whole.add(span)
            parts[random.below(3)].add(span)
        }
        var sum = LatencyHistogram()
        for part in parts { sum.add(part) }
        #expect(sum == whole && whole.count == 1000)
    }

    @Test func `a clock that goes back is no latency`() {
        var histogram = LatencyHistogram()
        histogram.add(.init(nanoseconds: -5))
        #expect(histogram.sum == 0 && histogram.cumulative(through: 0) == 1)
    }
}
