import Testing

/// One transport is active, the other stands by and takes over (contract §12, "Connections of one client").
@Suite struct StandbyTests {
    @Test func theOtherTransportStandsByAndGetsNothing() {
        Transcript.play(
            """
            connect W ws -> new, replays 0, next 0
            connect S sse -> new, replays 0, next 0, standby
            publish a -> 0 by websocket; wakes W
            take W -> 0a drained
            take S -> standby
            """)
    }

    @Test func itTakesOverFromTheDeliveredPosition() {
        Transcript.play(
            """
            connect W ws
            connect S sse
            publish a b c
            take W max 2 -> 0a 1b more
            flush W 1
            drop W -> wakes S
            take S -> [websocket > http_sse, disconnected] 1b 2c drained
            publish d -> 3 by http_sse; wakes S
            """)
    }

    @Test func itTakesOverOnlyWhenTheLastConnectionOfTheActiveTransportHasGone() {
        Transcript.play(
            """
            connect W ws
            connect V ws
            connect S sse
            publish a -> 0 by websocket; wakes W V
            take W -> 0a drained
            drop W ->
            take S -> standby
            take V -> 0a drained
            drop V -> wakes S
            take S -> [websocket > http_sse, disconnected] drained
            """)
    }

    @Test func allConnectionsOfTheOtherTransportTakeOver() {
        Transcript.play(
            """
            connect W ws
            connect S sse
            connect R sse
            publish a
            drop W -> wakes S R
            take S -> [websocket > http_sse, disconnected] 0a drained
            take R -> [websocket > http_sse, disconnected] 0a drained
            """)
    }

    @Test func aStandbyThatGoesChangesNothing() {
        Transcript.play(
            """
            connect W ws
            connect S sse
            drop S ->
            publish a -> 0 by websocket; wakes W
            take W -> 0a drained
            """)
    }

    @Test func aStandbyThatResumedDoesNotGetWhatItHadAlready() {
        // The client says that it has 1b: it must have come on W, although W's flush was not reported any more.
        Transcript.play(
            """
            connect W ws
            publish a b c
            take W -> 0a 1b 2c drained
            flush W 1
            connect S sse after 2 -> recovered, replays 0, next 3, standby
            drop W -> wakes S
            take S -> [websocket > http_sse, disconnected] drained
            """)
    }

    @Test func twoTabsBothGetEveryMessage() {
        Transcript.play(
            """
            connect S sse
            connect R sse -> new, replays 0, next 0
            publish a b -> 0 by http_sse, 1 by http_sse; wakes S R
            take S -> 0a 1b drained
            take R max 1 -> 0a more
            take R -> 1b drained
            """)
    }

    @Test func aTabThatResumesGetsItsOwnMissingMessages() {
        Transcript.play(
            """
            connect S sse
            publish a b c
            take S -> 0a 1b 2c drained
            connect R sse after 0 -> recovered, replays 2, next 3
            take R -> 1b 2c drained
            """)
    }
}
