import Testing

@testable import GatewayCore

/// Places that no client can have had must not end the process. Each runs in a process of its own, so that a trap is one
/// failure.
@Suite struct ResumeExtremesTests {
    @Test func theLargestBareSequenceIsAhead() async {
        await #expect(processExitsWith: .success) {
            let resume = ResumePoint(text: "9223372036854775807")
            let session = Session(epoch: Epoch(7), now: .zero)
            precondition(session.place(for: resume).reason == .ahead)
        }
    }

    @Test func theLargestEventIDIsAhead() async {
        await #expect(processExitsWith: .success) {
            let resume = ResumePoint(text: "7-9223372036854775807")
            let session = Session(epoch: Epoch(7), now: .zero)
            precondition(session.place(for: resume).reason == .ahead)
        }
    }
}
