import Testing

@testable import GatewayCore

/// What a client may send as the place where it wants to go on.
@Suite struct ResumePointTests {
    @Test func nothingIsNone() {
        #expect(ResumePoint(text: "") == .none)
        #expect(!ResumePoint.none.isExplicit)
        #expect(ResumePoint.automatic.isExplicit)
        #expect(ResumePoint.foreign.isExplicit)
    }

    @Test func anEventID() {
        let id = EventID(epoch: Epoch(36), sequence: 7)
        #expect(id.description == "10-7")
        #expect(ResumePoint(text: "10-7") == .after(id))
    }

    @Test func thePlaceBeforeTheFirstMessage() {
        let id = EventID(epoch: Epoch(36), sequence: -1)
        #expect(id.description == "10--1")
        #expect(ResumePoint(text: "10--1") == .after(id))
        #expect(ResumePoint(text: "-1") == .afterSequence(-1))
    }

    @Test func aBareNumberIsASequence() {
        #expect(ResumePoint(text: "0") == .afterSequence(0))
        #expect(ResumePoint(text: "12345") == .afterSequence(12_345))
    }

    @Test(arguments: 0..<20)
    func whatIsWrittenIsReadAgain(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<50 {
            let id = EventID(
                epoch: Epoch(random.next() >> UInt64(random.below(64))),
                sequence: Int(random.next() >> UInt64(2 + random.below(62))) - 1)
            #expect(ResumePoint(text: id.description) == .after(id))
        }
    }

    @Test(arguments: [
        "abc", "-", "--", "-2", "10-", "10--", "10--2", "10-+1", "+5", "10-1-1", "10-1x", " 10-1", "10-1 ", "10 -1",
        "ä-1", "+a-1",
        "00000000000000-1", "3w5e11264sgsg-1", "10-9223372036854775808", "9223372036854775808", "1e3", "0x10", "１",
        "10-１",
        "\u{0}", "0197a1b2-0000-7000-8000-000000000000",
    ])
    func whatNoGatewayHasGivenIsForeign(text: String) {
        #expect(ResumePoint(text: text) == .foreign)
    }

    /// Whatever comes, it is one of the cases and nothing ends.
    @Test(arguments: 0..<20)
    func junkIsNoTrap(seed: Int) {
        var random = SeededGenerator(seed)
        let alphabet = Array("0123456789abcxyz-+_. \u{0}\u{301}é１😀".unicodeScalars)
        for _ in 0..<200 {
            var text = String.UnicodeScalarView()
            for _ in 0..<random.below(24) { text.append(random.pick(alphabet)) }
            switch ResumePoint(text: String(text)) {
            case .after(let id): #expect(id.sequence >= -1)
            case .afterSequence(let sequence): #expect(sequence >= -1)
            case .none: #expect(text.isEmpty)
            case .foreign, .automatic: break
            }
        }
    }
}
