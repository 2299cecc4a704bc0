import GatewayCore
import Testing

@testable import GatewayViability

struct AdmissionRateTests {
    /// The rate after seconds in each of which so many clients were let in.
    private static func rate(_ course: [Int], beats: Int = 1) -> Double {
        var rate = AdmissionRate(minimum: 10)
        var admitted = 0
        rate.observe(admitted: 0, now: .zero)
        for (second, clients) in course.enumerated() {
            for beat in 1...beats {
                let time = Instant.zero + .milliseconds(Int64(1000 * second + 1000 * beat / beats))
                rate.observe(admitted: admitted + clients * beat / beats, now: time)
            }
            admitted += clients
        }
        return rate.perSecond
    }

    @Test func aNodeThatNobodyComesToHasTheMinimum() {
        #expect(Self.rate([]) == 10)
        #expect(Self.rate([3, 1, 0]) == 10)
    }

    @Test(arguments: [1, 4, 10])
    func itFollowsWhatIsLetIn(beats: Int) {
        let steady = Self.rate(Array(repeating: 200, count: 30), beats: beats)
        #expect((199...200).contains(steady), "\(steady)")
        let later = Self.rate(Array(repeating: 200, count: 30) + Array(repeating: 50, count: 30), beats: beats)
        #expect((50...51).contains(later), "\(later)")
    }

    @Test func aBurstLongAgoIsForgotten() {
        #expect(Self.rate([5000] + Array(repeating: 0, count: 60)) == 10)
        #expect(Self.rate([5000]) > 500)
    }
}
