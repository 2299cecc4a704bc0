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
