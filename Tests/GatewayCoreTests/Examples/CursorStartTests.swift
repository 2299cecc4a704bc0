import Testing

/// Where a cursor starts, and the reason when that is not where the client wanted (contract §12).
@Suite struct CursorStartTests {
    @Test func aFirstConnectionIsNewAndLive() {
        Transcript.play(
            """
            connect W ws -> new, replays 0, next 0
            publish a -> 0 by websocket; wakes W
            take W -> 0a drained
            """)
    }

    @Test func aNewConnectionStartsAtTheOldestDurableMessageThatIsNotDone() {
        Transcript.play(
            """
            publish a b! c d! -> 0 queued, 1 queued, 2 queued, 3 queued
            connect W ws -> new, replays 3, next 4
            take W -> 1b 2c 3d drained
            """)
    }

    @Test func aNewConnectionIsLiveWhenOnlyOtherMessagesAreThere() {
        Transcript.play(
            """
            publish a b#room -> 0 queued, 1 queued
            connect W ws -> new, replays 0, next 2
            publish c -> 2 by websocket; wakes W
            take W -> 2c drained
            """)
    }

    @Test func anEventIDGoesOnBehindIt() {
        Transcript.play(
            """
            publish a b c
            connect S sse after 0 -> recovered, replays 2, next 3
            take S -> 1b 2c drained
            """)
    }

    @Test func aBareSequenceBelongsToThePresentEpoch() {
        Transcript.play(
            """
            publish a b c
            connect S sse seq 1 -> recovered, replays 1, next 3
            take S -> 2c drained
            """)
    }

    @Test func minusOneIsThePlaceBeforeTheFirstMessage() {
        Transcript.play(
            """
            publish a b
            connect S sse after -1 -> recovered, replays 2, next 2
            take S -> 0a 1b drained
            """)
    }

    @Test func theLastIDRecoversWithNothingToReplay() {
        Transcript.play(
            """
            publish a b
            connect S sse after 1 -> recovered, replays 0, next 2
            take S -> drained
            """)
    }

    @Test func aPlaceThatHasBeenTrimmedSaysSo() {
        Transcript.play(
            """
            limits log=2
            publish a b c d!
            connect S sse after 0 -> trimmed, replays 1, next 4
            take S -> 3d drained
            """)
    }

    @Test func theOldestPlaceThatIsStillWholeRecovers() {
        Transcript.play(
            """
            limits log=2
            publish a b c d
            connect S sse after 1 -> recovered, replays 2, next 4
            take S -> 2c 3d drained
            """)
    }

    @Test func aPlaceBeyondTheEndIsAhead() {
        Transcript.play(
            """
            publish a b!
            connect S sse after 2 -> ahead, replays 1, next 2
            take S -> 1b drained
            """)
    }

    @Test func aBareSequenceBeyondTheEndIsAhead() {
        Transcript.play(
            """
            publish a
            connect S sse seq 7 -> ahead, replays 0, next 1
            """)
    }

    @Test func anIDOfAnotherEpochGetsTheStoredMessagesThatAreNotAcknowledged() {
        Transcript.play(
            """
            publish a! b c!
            connect S sse after other-17 -> epoch, replays 3, next 3
            take S -> 0a 1b 2c drained
            """)
    }

    @Test func anIDOfAnotherEpochDoesNotBringBackWhatIsAcknowledged() {
        Transcript.play(
            """
            publish a! b! c!
            ack seq 1 -> acknowledged 2
            connect S sse after other-17 -> epoch, replays 1, next 3
            take S -> 2c drained
            """)
    }

    @Test func anIDThatIsNoIDIsOfAnotherEpoch() {
        Transcript.play(
            """
            publish a b!
            connect S sse foreign -> epoch, replays 1, next 2
            """)
    }

    @Test func automaticIsNewOnAFirstConnection() {
        Transcript.play(
            """
            publish a b!
            connect S sse auto -> new, replays 1, next 2
            """)
    }

    @Test func automaticGoesOnBehindTheLastAcknowledgedMessage() {
        Transcript.play(
            """
            connect W ws
            publish a b c d
            take W -> 0a 1b 2c 3d drained
            ack W seq 1
            drop W
            connect W ws auto -> recovered, replays 2, next 4
            take W -> 2c 3d drained
            """)
    }

    @Test func automaticGoesOnBehindTheLastFlushedMessageWhenNoneIsAcknowledged() {
        Transcript.play(
            """
            connect W ws
            publish a b c d
            take W -> 0a 1b 2c 3d drained
            flush W 3
            drop W
            connect W ws auto -> recovered, replays 1, next 4
            take W -> 3d drained
            """)
    }

    @Test func automaticSaysWhenWhatFollowsIsNotThereAnyMore() {
        Transcript.play(
            """
            limits log=2
            connect W ws
            publish a
            take W -> 0a drained
            drop W
            publish b c d
            connect W ws auto -> trimmed, replays 0, next 4
            """)
    }
}
