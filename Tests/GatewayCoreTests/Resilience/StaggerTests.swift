import Testing

@testable import GatewayCore

struct StaggerTests {
    @Test(arguments: [2, 3, 10, 100, 1000, 19_000])
    func timersThatBeginTogetherFillTheInterval(count: Int) {
        let shares = (0..<count).map(Stagger.share).sorted()
        #expect(shares.allSatisfy { (0..<1).contains($0) })
        let gaps = zip(shares, shares.dropFirst() + [1 + shares[0]]).map { $1 - $0 }
        // Of n points of the golden ratio, no gap is three times the even one.
        #expect((gaps.max() ?? 1) * Double(count) < 3)
    }

    @Test func theFirstTurnIsWithinTheInterval() {
        for number in 0..<1000 {
            let any = Stagger.first(.seconds(10), number: number)
            #expect(any > .seconds(0) && any <= .seconds(10))
            let late = Stagger.first(.seconds(10), number: number, least: 0.75)
            #expect(late >= .milliseconds(7500) && late <= .seconds(10))
        }
    }
}
