import GatewayCore
import Testing

/// `delivery=all`, and connections that carry only some topics.
@Suite struct IndependentTests {
    @Test func itGetsEveryMessageWhateverIsActive() {
        Transcript.play(
            """
            connect W ws
            connect S sse independent -> new, replays 0, next 0
            publish a -> 0 by websocket; wakes W S
            take W -> 0a drained
            take S -> 0a drained
            """)
    }

    @Test func itDoesNotTakePartInTheChoiceOfTheActiveTransport() {
        Transcript.play(
            """
            connect S sse
            connect W ws independent -> new, replays 0, next 0
            publish a -> 0 by http_sse; wakes S W
            connect R sse -> new, replays 0, next 1
            drop S ->
            drop R ->
            state -> log 0..<1, delivered 0, acknowledged 0, active none
            publish b -> 1 by websocket
            take W -> 0a 1b drained
            """)
    }

    @Test func itGoesOnWhenTransportsSwitch() {
        Transcript.play(
            """
            connect S sse independent
            connect R sse
            publish a
            take S -> 0a drained
            take R -> 0a drained
            flush R 1
            connect W ws -> new, replays 0, next 1; wakes W
            publish b -> 1 by websocket; wakes S
            take S -> 1b drained
            """)
    }

    @Test func whatItAloneGetsIsSaidToComeByIt() {
        // The switch to W waits for S, so that only R delivers.
        Transcript.play(
            """
            connect S sse
            connect R sse independent
            publish a
            take S -> 0a drained
            take R -> 0a drained
            flush S 0
            connect W ws -> new, replays 0, next 1, standby; wakes S
            publish b -> 1 by http_sse; wakes R
            """)
    }

    @Test func aConnectionThatCarriesOnlySomeTopicsDeliversNothingForTheClient() {
        Transcript.play(
            """
            connect P ws partial
            publish a#room
            take P -> 0a drained
            flush P 1
            state -> log 0..<1, delivered 0, acknowledged 0, active none
            """)
    }

    @Test func aMessageToAClientThatOnlyCarriesTopicsWaits() {
        // The socket has joined `room` and not `mcp:gateway`: nothing carries a message addressed to the client.
        var transcript = Transcript()
        transcript.play("connect P ws partial")
        let message = Message.sample("a", isDurable: true)
        let result = transcript.session.append(
            message, limits: transcript.limits, now: .zero, wakes: &transcript.wakes)
        #expect(result == .queued(sequence: 0))
    }

    @Test func messagesThatWaitAreKeptWhileOnlyTopicsAreCarried() {
        Transcript.play(
            """
            limits log=3 offline=5
            connect P ws partial
            publish a! b#room c#room d#room
            take P
            flush P 4
            connect W ws -> new, replays 4, next 4
            take W -> 0a 1b 2c 3d drained
            """)
    }

    @Test func joiningTheGatewayChannelLateStartsWhereTheClientWants() {
        Transcript.play(
            """
            publish a!
            connect P ws partial -> new, replays 1, next 1
            publish b#room c#room
            take P max 2 -> 0a 1b more
            promote P ws after -1 -> had 0..<2, recovered, replays 3, next 3
            take P -> 0a 1b 2c drained
            """)
    }

    @Test func joiningTheGatewayChannelLateTakesPartInTheChoice() {
        Transcript.play(
            """
            connect S sse
            connect P ws partial
            promote P ws -> had 0..<0, new, replays 0, next 0; wakes P
            publish a -> 0 by websocket
            """)
    }
}
