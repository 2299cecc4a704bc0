import Testing

@testable import GatewayCore

/// Places that no client can have had must not end the process. Each runs in a process of its own: a trap is one
/// failure, and the others go on.
@Suite struct ResumeExtremesTests {
    @Test func theLargestSequenceIsAhead() async {
        await #expect(processExitsWith: .success) {
            let session = Session(epoch: Epoch(7), now: .zero)
            precondition(session.place(for: .afterSequence(.max)).reason == .ahead)
            let id = EventID(epoch: Epoch(7), sequence: .max)
            precondition(session.place(for: .after(id)).reason == .ahead)
        }
    }

    @Test func enormousNumbersFromAClientAreNoPlace() async {
        await #expect(processExitsWith: .success) {
            let session = Session(epoch: Epoch(7), now: .zero)
            for text in [
                "9223372036854775807", "7-9223372036854775807", "9223372036854775806", "7-9223372036854775806",
            ] {
                precondition(session.place(for: ResumePoint(text: text)).reason != nil)
            }
        }
    }
}
