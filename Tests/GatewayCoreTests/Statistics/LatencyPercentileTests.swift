import GatewayCore
import Testing

struct LatencyPercentileTests {
    @Test func `there is no percentile of nothing`() {
        #expect(LatencyHistogram().percentile(0.99) == nil)
    }

    @Test(arguments: 0..<30)
    func `a percentile is in the bucket of the span at its place`(seed: Int) {
        var random = SeededGenerator(seed)
        var histogram = LatencyHistogram()
        let spans = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            Int64.random(in: 0...(1 << Int64.random(in: 1...34, using: &random)), using: &random)
        }.sorted()
        for span in spans { histogram.add(.init(nanoseconds: span)) }
        for part in [0.5, 0.9, 0.99, 1] {
            let place = min(spans.count - 1, Int((part * Double(spans.count)).rounded(.up)) - 1)
            let exact = Double(spans[place]) / 1e9
            let told = histogram.percentile(part) ?? -1
            let upper = (0..<LatencyHistogram.bucketCount).map(LatencyHistogram.bound(of:)).first { exact <= $0 } ?? 0
            #expect(told <= upper && told >= (upper > 1e-6 ? upper / 2 : 0), "\(part): \(told) for \(exact)")
        }
    }

    @Test func `what came since is told apart from what was there`() {
        var histogram = LatencyHistogram()
        for _ in 0..<100 { histogram.add(.milliseconds(1000)) }
        let before = histogram
        for _ in 0..<10 { histogram.add(.milliseconds(1)) }
        let since = histogram.since(before)
        #expect(since.count == 10)
        #expect(since.sum == 10_000_000)
        #expect((since.percentile(0.99) ?? 1) < 0.002)
    }
}
