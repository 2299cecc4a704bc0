import TestSupport
import Testing

@testable import GatewayViability

/// Max-min fairness with floors, by its properties.
struct FairShareTests {
    @Test func littleWishesAreGrantedAndTheRestIsEqual() {
        let claims = [10, 50, 100].map { FairShare.Claim(floor: 0, asked: $0) }
        #expect(FairShare.shares(of: 90, among: claims) == [10, 40, 40])
        #expect(FairShare.shares(of: 1000, among: claims) == [10, 50, 100])
        #expect(FairShare.shares(of: 0, among: claims) == [0, 0, 0])
    }

    @Test func aFloorIsKeptForWhoDoesNotAskForItAndForWhoAsksForMore() {
        #expect(
            FairShare.shares(of: 100, among: [.init(floor: 30, asked: 0), .init(floor: 0, asked: 500)]) == [30, 70])
        #expect(
            FairShare.shares(of: 100, among: [.init(floor: 80, asked: 90), .init(floor: 0, asked: 500)]) == [80, 20])
    }

    @Test func floorsThatDoNotFitShrinkByTheSamePart() {
        let claims = [FairShare.Claim(floor: 100, asked: 100), .init(floor: 300, asked: 300)]
        #expect(FairShare.shares(of: 200, among: claims) == [50, 150])
    }

    @Test(arguments: 0..<500)
    func sharesAreFairWithinTheirFloors(_ seed: Int) {
        var chance = SeededGenerator(seed)
        let capacity = Int.random(in: 0...2000, using: &chance)
        let claims = (0..<Int.random(in: 1...6, using: &chance)).map { _ in
            FairShare.Claim(
                floor: Int.random(in: 0...400, using: &chance), asked: Int.random(in: 0...900, using: &chance))
        }
        let shares = FairShare.shares(of: capacity, among: claims)
        let sum = shares.reduce(0, +)
        #expect(sum <= capacity)
        let asked = claims.reduce(0) { $0 + $1.asked }
        // What is there is given away while anybody wants it.
        if claims.reduce(0, { $0 + $1.floor }) <= capacity {
            #expect(sum == min(capacity, asked))
            for (claim, share) in zip(claims, shares) { #expect(share >= claim.floor && share <= claim.asked) }
        }
        // Who misses something has no less than anybody whose floor does not say so; by one, because shares are whole.
        for (one, share) in zip(claims, shares) where share < one.asked {
            for (other, otherShare) in zip(claims, shares) where otherShare > other.floor {
                #expect(otherShare <= share + 1)
            }
        }
    }
}
