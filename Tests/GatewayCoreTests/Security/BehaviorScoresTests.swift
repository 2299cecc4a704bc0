import Testing

@testable import GatewayCore

@Suite struct BehaviorScoresTests {
    private static func scores(capacity: Int = 100) -> BehaviorScores<Int> {
        BehaviorScores(BehaviorRules(), capacity: capacity)
    }

    @Test func `ten points refuse, and a minute takes one away`() {
        var scores = Self.scores()
        for _ in 0..<4 { #expect(scores.note(.failedLogin, 1, now: .zero) == false) }
        #expect(!scores.isRefused(1, now: .zero))
        let isNew = scores.note(.failedLogin, 1, now: .zero)
        let isNewAgain = scores.note(.failedLogin, 1, now: .zero)
        #expect(isNew && !isNewAgain)
        #expect(scores.isRefused(1, now: .zero) && !scores.isRefused(2, now: .zero))
        #expect(scores.isRefused(1, now: .zero + .seconds(119)))
        #expect(!scores.isRefused(1, now: .zero + .seconds(121)))
        #expect(scores.score(1, now: .zero + .seconds(3600)) == 0)
    }

    @Test func `whoever goes on is not held off for ever afterwards`() {
        var scores = Self.scores()
        for _ in 0..<1000 { _ = scores.note(.protocolError, 1, now: .zero) }
        #expect(scores.score(1, now: .zero) == 20)
        #expect(!scores.isRefused(1, now: .zero + .seconds(601)))
    }

    @Test func `a threshold of 0 refuses nobody`() {
        var rules = BehaviorRules()
        rules.threshold = 0
        var scores = BehaviorScores<Int>(rules, capacity: 1)
        for _ in 0..<100 { #expect(scores.note(.failedLogin, 1, now: .zero) == false) }
        #expect(!scores.isRefused(1, now: .zero))
    }

    @Test func `many keys take bounded memory, and those with few points go first`() {
        var scores = Self.scores(capacity: 8)
        for _ in 0..<10 { _ = scores.note(.protocolError, -1, now: .zero) }
        for key in 0..<10_000 { _ = scores.note(.rateHit, key, now: .zero) }
        #expect(scores.count == 8)
        #expect(scores.isRefused(-1, now: .zero))
        #expect(scores.highest(1, now: .zero).first?.key == -1)
        scores.forgive(-1)
        #expect(!scores.isRefused(-1, now: .zero) && scores.count == 7)
    }
}
