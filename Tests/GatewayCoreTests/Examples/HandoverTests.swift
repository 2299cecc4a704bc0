import Testing

/// A switch of transports neither repeats nor skips what is under way on the old connections.
@Suite struct HandoverTests {
    @Test func aBetterTransportTakesOverBehindWhatIsFlushed() {
        Transcript.play(
            """
            connect S sse
            publish a b
            take S -> 0a 1b drained
            flush S 2
            connect W ws -> new, replays 0, next 2; wakes W
            publish c -> 2 by websocket
            take W -> [http_sse > websocket, preferred] 2c drained
            take S -> standby
            """)
    }

    @Test func whatIsUnderWayOnTheOldConnectionIsWaitedFor() {
        Transcript.play(
            """
            connect S sse
            publish a b c
            take S max 2 -> 0a 1b more
            flush S 1
            connect W ws -> new, replays 0, next 3, standby; wakes S
            publish d -> 3 queued
            take W -> standby
            flush S 2 -> wakes W
            take W -> [http_sse > websocket, preferred] 2c 3d drained
            take S -> standby
            """)
    }

    @Test func itAlsoEndsWhenTheOldConnectionReportsWhileItIsWoken() {
        Transcript.play(
            """
            connect S sse
            publish a
            take S -> 0a drained
            flush S 0
            connect W ws -> new, replays 0, next 1, standby; wakes S
            flush S 1 -> wakes W
            take S -> standby
            take W -> [http_sse > websocket, preferred] drained
            """)
    }

    @Test func itGoesOnFromWhatWasFlushedWhenTheOldConnectionBreaks() {
        Transcript.play(
            """
            connect S sse
            publish a b
            take S -> 0a 1b drained
            flush S 1
            connect W ws -> new, replays 0, next 2, standby; wakes S
            drop S -> wakes W
            take W -> [http_sse > websocket, preferred] 1b drained
            """)
    }

    @Test func allTabsOfTheOldTransportAreWaitedFor() {
        Transcript.play(
            """
            connect S sse
            connect R sse
            publish a b
            take S -> 0a 1b drained
            take R -> 0a 1b drained
            flush S 2
            flush R 1
            connect W ws -> new, replays 0, next 2, standby; wakes R
            flush R 2 -> wakes W
            take W -> [http_sse > websocket, preferred] drained
            """)
    }

    @Test func aSwitchBackBeforeTheEndRepeatsNothing() {
        Transcript.play(
            """
            connect S sse
            publish a b c
            take S max 2 -> 0a 1b more
            flush S 1
            connect W ws -> new, replays 0, next 3, standby; wakes S
            drop W
            take S -> [websocket > http_sse, disconnected] 2c drained
            """)
    }

    @Test func aThirdConnectionJoinsTheSwitchThatIsUnderWay() {
        Transcript.play(
            """
            connect S sse
            publish a
            take S -> 0a drained
            flush S 0
            connect W ws -> new, replays 0, next 1, standby; wakes S
            connect V ws -> new, replays 0, next 1, standby
            flush S 1 -> wakes W V
            publish b -> 1 by websocket
            take W -> [http_sse > websocket, preferred] 1b drained
            take V -> [http_sse > websocket, preferred] 1b drained
            """)
    }

    @Test func aMessageMayAskForTheOtherTransport() {
        Transcript.play(
            """
            connect W ws
            connect S sse
            publish a -> 0 by websocket; wakes W
            take W -> 0a drained
            flush W 1
            publish b>sse -> 1 by http_sse; wakes S
            take S -> [websocket > http_sse, requested] 1b drained
            publish c -> 2 by http_sse; wakes S
            take W -> standby
            """)
    }

    @Test func suchASwitchWaitsForWhatIsUnderWayToo() {
        Transcript.play(
            """
            connect W ws
            connect S sse
            publish a
            take W -> 0a drained
            flush W 0
            publish b>sse -> 1 queued; wakes W
            flush W 1 -> wakes S
            take S -> [websocket > http_sse, requested] 1b drained
            """)
    }

    @Test func aSwitchThatTakesTooLongIsHurried() {
        Transcript.play(
            """
            connect S sse
            connect R sse
            publish a b
            take S -> 0a 1b drained
            flush S 1
            take R max 1 -> 0a more
            flush R 1
            connect W ws -> new, replays 0, next 2, standby; wakes S
            wait 2s
            hurry
            take W -> standby
            wait 1s
            hurry -> wakes S W
            take S -> unknown
            take W -> [http_sse > websocket, preferred] 1b drained
            take R -> standby
            """)
    }

    @Test func aWishForATransportThatIsNotThereChangesNothing() {
        Transcript.play(
            """
            connect W ws
            connect S sse independent
            publish a>sse -> 0 by websocket; wakes W S
            publish b>ws -> 1 by websocket
            take W -> 0a 1b drained
            """)
    }

    @Test func aSwitchCountsTheMessageThatAskedForItOnce() {
        // Otherwise a reader would count as slow at half the bound.
        Transcript.play(
            """
            limits unsent=1000
            connect W ws
            connect S sse
            publish a>sse*600
            take S max 0 -> [websocket > http_sse, requested] more
            """)
    }
}
