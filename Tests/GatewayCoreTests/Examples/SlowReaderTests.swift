import Testing

/// What becomes of messages that a connection does not read, or whose client does not acknowledge (contract §6.6, §6.7).
@Suite struct SlowReaderTests {
    @Test func disconnectTellsFromWhereMessagesAreMissing() {
        Transcript.play(
            """
            limits unsent=1000
            connect W ws -> new, replays 0, next 0
            publish a*400 b*400 c*400
            take W max 0 -> fell behind 0...2
            """)
    }

    /// While memory is short a log has fewer bytes; who is sent nothing is not asked otherwise.
    @Test func aLogIsShortenedButForWhatIsOwedAndTheNewest() {
        Transcript.play(
            """
            publish a*400 b*400 c*400
            limits bytes=1000
            shorten -> 1..<3
            publish d*5000
            limits bytes=100
            shorten -> 3..<4
            limits bytes=10000
            publish e! f g
            limits bytes=100
            shorten -> 4..<7
            connect W ws after 3 -> recovered, replays 3, next 7
            take W -> 4e 5f 6g drained
            flush W 7
            shorten -> 6..<7
            """)
    }

    @Test func whoIsBehindIsWokenWhenItsMessagesHaveMadeWay() {
        Transcript.play(
            """
            connect W ws
            publish a*400 b*400 c*400 -> 0 by websocket, 1 by websocket, 2 by websocket; wakes W
            take W max 1 -> 0a more
            limits bytes=500
            shorten -> 2..<3; wakes W
            take W -> fell behind 1...1
            """)
        Transcript.play(
            """
            connect W ws drop_oldest
            publish a!*400 b!*400 c!*400 -> 0 by websocket, 1 by websocket, 2 by websocket; wakes W
            take W max 0 -> more
            limits bytes=500
            shorten -> 2..<3; wakes W
            take W -> (0...1 trimmed) 2c drained
            """)
    }

    @Test func dropOldestFreesAQuarterOfTheBound() {
        Transcript.play(
            """
            limits unsent=1000
            connect W ws drop_oldest
            publish a*400 b*400 c*400 d*100
            take W max 0 -> more
            take W -> (0...1 slow_consumer) 2c 3d drained
            publish e
            take W -> 4e drained
            """)
    }

    @Test func aHoleAtTheEndIsToldToo() {
        Transcript.play(
            """
            limits unsent=1000
            connect W ws critical_only
            publish a*400^ b*400 c*400
            take W max 0 -> more
            take W -> 0a (1...2 slow_consumer) drained
            """)
    }

    @Test func conflateKeepsTheLastOfEachKeyAndWhatHasNone() {
        Transcript.play(
            """
            limits unsent=1000
            connect W ws conflate
            publish a*300=x b*300 c*300=y d*300=x
            take W max 0 -> more
            publish e*150=y
            take W -> (0...0 slow_consumer) 1b (2...2 slow_consumer) 3d 4e drained
            publish f=y g=y
            take W -> 5f 6g drained
            """)
    }

    @Test func keysOfDifferentTopicsAreDifferent() {
        Transcript.play(
            """
            limits unsent=500
            connect W ws conflate
            publish a#t*300=x b#u*300=x
            take W max 0 -> more
            take W -> (0...0 slow_consumer) 1b drained
            """)
    }

    @Test func criticalOnlyIsClosedWhenTheCriticalOnesAreTooMuch() {
        Transcript.play(
            """
            limits unsent=1000
            connect W ws critical_only
            publish a*400^ b*400 c*400^ d*400^
            take W max 0 -> fell behind 0...3
            """)
    }

    @Test func droppingConnectionsAreToldWhatFellOutOfTheLog() {
        Transcript.play(
            """
            limits log=2 offline=2
            connect W ws drop_oldest
            publish a! b! c! d! e!
            take W -> (0...2 trimmed) 3d 4e drained
            """)
    }

    @Test func whatAnotherTransportTakesOverIsNotSkipped() {
        // S has skipped 0, but has not told of it: W gets it.
        Transcript.play(
            """
            limits unsent=500
            connect S sse drop_oldest
            publish a*400 b*300
            take S max 0 -> more
            connect W ws
            take W -> [http_sse > websocket, preferred] 0a 1b drained
            """)
    }

    @Test func moreThanHalfRatePendingGoesAtHalfTheRate() {
        Transcript.play(
            """
            limits half=2 critical=9 rate=2
            connect W ws acks
            publish a b c d e f
            take W -> 0a 1b 2c more
            take W -> held 500ms
            wait 500ms
            take W -> 3d held 0ms
            ack W seq 3 -> acknowledged 4; wakes W
            take W -> 4e 5f drained
            """)
    }

    @Test func onlyACriticalMessageMakesItMove() {
        Transcript.play(
            """
            limits half=1 critical=2 rate=100
            connect W ws acks
            publish a! b! c! d! e! f
            take W -> 0a 1b more
            take W -> held 10ms
            wait 1s
            take W -> 2c held 0ms
            take W -> held
            publish g^ h
            take W -> 3d 4e (5...5 backpressure) 6g held
            ack W seq 6 -> acknowledged 7; wakes W
            take W -> 7h drained
            """)
    }

    @Test func lateAcknowledgementsBundle() {
        Transcript.play(
            """
            connect W ws acks batch
            publish a
            take W -> 0a drained
            wait 6s
            publish b
            take W -> bundle 1b drained
            publish c
            take W -> held 1000ms
            wait 1s
            publish d
            take W -> bundle 2c 3d drained
            ack W seq 3 -> acknowledged 4; wakes W
            publish e
            take W -> 4e drained
            """)
    }

    @Test func clientsThatNeverAcknowledgeAreNotHeldBack() {
        Transcript.play(
            """
            limits half=1 critical=2
            connect W ws
            publish a b c d e
            take W -> 0a 1b 2c 3d 4e drained
            """)
    }
}
