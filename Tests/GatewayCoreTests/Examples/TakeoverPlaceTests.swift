import Testing

@testable import GatewayCore

/// Where connections go on when their transport takes over: nothing comes twice on one connection, nothing is left out
/// without a word, and nobody goes back behind what nobody is owed.
@Suite struct TakeoverPlaceTests {
    @Test func aClientThatResumesOnTheOtherTransportStartsWhereItWants() {
        Transcript.play(
            """
            connect W ws
            publish a b c
            take W -> 0a 1b 2c drained
            flush W 3
            connect S sse after 0 -> recovered, replays 2, next 3; wakes S
            take S -> [websocket > http_sse, resumed] 1b 2c drained
            take W -> standby
            """)
    }

    @Test func aClientThatHasWhatWasHandedOutStandsBy() {
        Transcript.play(
            """
            connect W ws
            publish a b c
            take W -> 0a 1b 2c drained
            flush W 3
            connect S sse after 2 -> recovered, replays 0, next 3, standby
            publish d -> 3 by websocket; wakes W
            """)
    }

    @Test func aTabThatComesBackIntoPlayDoesNotGetItsMessagesAgain() {
        // Promise 1 of docs/delivery.md: on every connection each message comes once. S has a and b; T wants them again.
        Transcript.play(
            """
            connect S sse
            publish a b
            take S -> 0a 1b drained
            flush S 2
            connect W ws -> new, replays 0, next 2; wakes W
            publish c
            take W -> [http_sse > websocket, preferred] 2c drained
            flush W 3
            connect T sse after -1 -> recovered, replays 3, next 3; wakes S T
            take T -> [websocket > http_sse, resumed] 0a 1b 2c drained
            take S -> [websocket > http_sse, resumed] drained
            """)
    }

    @Test func aSwitchDoesNotGoBackBehindALiveStart() {
        // S started live, behind a message that nobody waits for: a better transport goes on from there.
        Transcript.play(
            """
            publish a
            connect S sse -> new, replays 0, next 1
            connect W ws -> new, replays 0, next 1; wakes W
            take W -> [http_sse > websocket, preferred] drained
            """)
    }

    @Test func aSwitchRightAfterALiveStartDoesNotFallBehind() {
        Transcript.play(
            """
            limits log=2
            publish a b c
            connect S sse -> new, replays 0, next 3
            connect W ws -> new, replays 0, next 3; wakes W
            take W -> [http_sse > websocket, preferred] drained
            drop W -> wakes S
            take S -> [websocket > http_sse, disconnected] drained
            """)
    }

    @Test func aSwitchDoesNotLeaveOutWhatIsTrimmedMeanwhile() {
        // W was told that it recovers from 1b on. It must get that, or be told that it does not.
        Transcript.play(
            """
            limits log=3
            connect S sse
            publish a b c
            take S -> 0a 1b 2c drained
            flush S 1
            connect W ws after 0 -> recovered, replays 0, next 3, standby; wakes S
            publish d e
            drop S -> wakes W
            take W -> [http_sse > websocket, resumed] fell behind 1...1
            """)
    }

    @Test func aTakeoverByAClientThatAcknowledgesLeavesNothingOutEither() {
        Transcript.play(
            """
            limits log=2
            connect W ws acks
            publish a
            connect S sse after -1 -> recovered, replays 0, next 1, standby
            publish b c
            drop W -> wakes S
            take S -> [websocket > http_sse, disconnected] fell behind 0...0
            """)
    }

    @Test func aConnectionThatIsThereGetsNothingAgainBecauseAnotherBroke() {
        // S has b, on itself; that it is not acknowledged and that W broke changes nothing about that.
        Transcript.play(
            """
            connect S sse
            publish a! b!
            take S -> 0a 1b drained
            flush S 2
            connect W ws -> new, replays 0, next 2; wakes W
            ack W seq 0
            drop W -> wakes S
            take S -> [websocket > http_sse, disconnected] drained
            """)
    }

    @Test func aNewConnectionBesideOneThatFellBehindDoesNotFallBehindWithIt() {
        // W is told that it does not recover; it must start where the log is.
        var transcript = Transcript()
        transcript.play(
            """
            limits log=2
            connect S sse
            publish a b c
            connect W ws
            """)
        var batch: [Session.Delivery] = []
        var notices = Session.Notices()
        let result = transcript.session.take(
            ConnectionID(slot: 1), flushed: 0, maxMessages: 9, maxBytes: .max, limits: transcript.limits, now: .zero,
            into: &batch, notices: &notices, wakes: &transcript.wakes)
        #expect(result == .drained)
    }

    @Test func automaticWaitsForWhatIsUnderWay() {
        // `resume=auto` is behind the last flushed message, also when that is flushed while the switch waits.
        Transcript.play(
            """
            connect S sse
            publish a b
            take S -> 0a 1b drained
            flush S 0
            connect W ws auto -> recovered, replays 0, next 2, standby; wakes S
            flush S 2 -> wakes W
            take W -> [http_sse > websocket, resumed] drained
            """)
    }
}
