import Testing

@testable import GatewayLoad

@Suite struct LatencyHistogramTests {
    @Test func `What is read is what was recorded, up to one part in a hundred too high`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var histogram = LatencyHistogram()
            let values = (0..<500).map { _ in
                UInt64.random(in: 0...(1 << UInt64.random(in: 1...39, using: &generator)), using: &generator)
            }.sorted()
            for value in values.shuffled() { histogram.record(value) }
            #expect(histogram.count == 500)
            #expect(histogram.maximum == values.last)
            for quantile in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
                let exact = values[max(0, Int((quantile * 500).rounded(.up)) - 1)]
                let read = histogram.value(at: quantile)
                #expect(read >= exact)
                #expect(Double(read) <= Double(exact) * 1.01 + 1)
            }
        }
    }

    @Test func `Parts that are added are as if recorded together`() {
        var (first, second, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for value in UInt64(1)...1000 {
            if value.isMultiple(of: 3) { first.record(value * value) } else { second.record(value * value) }
            both.record(value * value)
        }
        first.add(second)
        #expect(first.count == both.count)
        #expect(first.maximum == both.maximum)
        #expect(abs(first.mean - both.mean) < 1e-6)
        for quantile in [0.1, 0.5, 0.99] { #expect(first.value(at: quantile) == both.value(at: quantile)) }
        first.clear()
        #expect(first == LatencyHistogram())
    }

    @Test func `Nothing is nothing, and longer than the longest is the longest`() {
        var histogram = LatencyHistogram()
        #expect(histogram.value(at: 0.99) == 0)
        histogram.record(.max)
        #expect(histogram.maximum == .max)
        #expect(histogram.value(at: 0.5) == LatencyHistogram.highest)
    }
}
