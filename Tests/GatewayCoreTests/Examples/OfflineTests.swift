import Testing

/// Durable messages wait for an absent client or are refused (contract §6.3, §12 "Bounds").
@Suite struct OfflineTests {
    @Test func aFullQueueRefuses() {
        Transcript.play(
            """
            limits log=2 offline=3
            publish a! b! c! -> 0 queued, 1 queued, 2 queued
            publish d! -> full
            connect W ws -> new, replays 3, next 3
            take W -> 0a 1b 2c drained
            """)
    }

    @Test func theBytesOfTheQueueAreBounded() {
        Transcript.play(
            """
            limits bytes=1000 offlineBytes=1500
            publish a!*500 b!*500 c!*500 -> 0 queued, 1 queued, 2 queued
            publish d!*500 -> full
            """)
    }

    @Test func anOfflineBoundBelowThatOfTheLogHolds() {
        Transcript.play(
            """
            limits log=10 offline=2
            publish a! b! -> 0 queued, 1 queued
            publish c! -> full
            """)
    }

    @Test func otherMessagesMakeRoomForDurableOnes() {
        Transcript.play(
            """
            limits log=2 offline=2
            publish a#room b! c! -> 0 queued, 1 queued, 2 queued
            connect W ws -> new, replays 2, next 3
            """)
    }

    @Test func deliveredMessagesMakeRoom() {
        Transcript.play(
            """
            limits log=2 offline=2
            connect W ws
            publish a! b!
            take W
            flush W 2
            drop W
            publish c! d! -> 2 queued, 3 queued
            publish e! -> full
            """)
    }

    @Test func messagesToTopicsDoNotUseUpTheQueue() {
        // One message waits; the queue has room for three.
        Transcript.play(
            """
            limits log=4 offline=3
            publish a! b#room c#room d#room -> 0 queued, 1 queued, 2 queued, 3 queued
            publish e! -> 4 queued
            """)
    }

    @Test func aRefusalThatTheSenderWasToldOfLeavesAResumeWhole() {
        Transcript.play(
            """
            limits log=2 offline=2
            connect W ws
            publish a!
            take W
            flush W 1
            drop W
            publish b! c! -> 1 queued, 2 queued
            publish d! -> full
            connect W ws after 0 -> recovered, replays 2, next 3
            """)
    }

    @Test func whatWaitedSurvivesAPublishRightAfterTheReturn() {
        // Four messages were accepted for the absent client; the log's own bound is two.
        Transcript.play(
            """
            limits log=2 offline=4
            publish a! b! c! d! -> 0 queued, 1 queued, 2 queued, 3 queued
            connect W ws -> new, replays 4, next 4
            publish e -> 4 by websocket; wakes W
            take W -> 0a 1b 2c 3d 4e drained
            """)
    }

    @Test func bytesThatWaitedSurviveAPublishRightAfterTheReturn() {
        Transcript.play(
            """
            limits bytes=1000 offlineBytes=4000
            publish a!*900 b!*900 c!*900
            connect W ws -> new, replays 3, next 3
            publish d*200 -> 3 by websocket; wakes W
            take W max 1 -> 0a more
            """)
    }

    @Test func aLogThatMustNotLoseAnythingRefusesInstead() {
        Transcript.play(
            """
            limits log=2 offline=2 keepsUndelivered=1
            connect W ws
            publish a! b! -> 0 by websocket, 1 by websocket; wakes W
            publish c! -> full
            take W max 1 -> 0a more
            flush W 1
            publish c! -> 2 by websocket; wakes W
            """)
    }

    @Test func itsSendersAreToldSoThatItsReadersMissNothing() {
        Transcript.play(
            """
            limits log=2 offline=2 keepsUndelivered=1
            connect W ws
            publish a b -> 0 by websocket, 1 by websocket; wakes W
            publish c -> full
            take W max 1 -> 0a more
            """)
    }

    @Test func aReaderThatMissedAMessageIsTold() {
        // The publisher of a topic is not told that a client's log is full, so the client is.
        Transcript.play(
            """
            limits log=2 offline=1
            connect W ws
            publish a! b c -> 0 by websocket, 1 by websocket, 2 by websocket; wakes W
            publish d -> full; wakes W
            take W -> fell behind 0...3
            drop W
            connect W ws after -1 -> trimmed, replays 3, next 3
            """)
    }

    @Test func aMessageLargerThanTheLogIsStillStored() {
        Transcript.play(
            """
            limits bytes=500 offlineBytes=1000
            publish a!*900 -> 0 queued
            publish b! -> full
            connect W ws -> new, replays 1, next 1
            take W -> 0a drained
            flush W 1
            publish c -> 1 by websocket; wakes W
            state -> log 1..<2, delivered 1, acknowledged 0, active websocket
            """)
    }
}
