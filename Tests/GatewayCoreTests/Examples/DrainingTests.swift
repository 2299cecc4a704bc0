import Testing

@testable import GatewayCore

/// What one `take` hands out, and when a reader is too slow.
@Suite struct DrainingTests {
    @Test func aBatchIsBoundByCount() {
        Transcript.play(
            """
            connect W ws
            publish a b c
            take W max 2 -> 0a 1b more
            take W max 2 -> 2c drained
            take W max 2 -> drained
            """)
    }

    @Test func aBatchIsBoundByBytesButHoldsOneMessage() {
        Transcript.play(
            """
            connect W ws
            publish a*1000 b*1000 c*300 d*300 e*300
            take W bytes 600 -> 0a more
            take W bytes 600 -> 1b more
            take W bytes 600 -> 2c 3d more
            take W bytes 600 -> 4e drained
            """)
    }

    @Test func oneWakeIsEnoughUntilItIsAnswered() {
        Transcript.play(
            """
            connect W ws
            publish a -> 0 by websocket; wakes W
            publish b -> 1 by websocket
            take W -> 0a 1b drained
            publish c -> 2 by websocket; wakes W
            """)
    }

    @Test func aReaderThatTheLogHasLeftBehindIsToldTheHole() {
        Transcript.play(
            """
            limits log=3
            connect W ws
            publish a b c
            take W max 1 -> 0a more
            publish d e f
            take W -> fell behind 1...2
            """)
    }

    @Test func aReaderThatIsBehindByABoundOfBytesIsTooSlowOnlyWhileItsSocketIsFull() {
        Transcript.play(
            """
            limits unsent=500
            connect W ws
            publish a*300 b*300
            take W max 0 -> fell behind 0...1
            take W -> 0a 1b drained
            publish c*300
            take W max 0 -> more
            """)
    }

    @Test func aConnectionThatIsNotOfTheSessionGetsNothing() {
        Transcript.play(
            """
            connect W ws
            drop W
            publish a
            take W -> unknown
            """)
    }

    @Test func countsAndTimesAreKept() {
        var transcript = Transcript()
        transcript.play(
            """
            wait 5s
            connect W ws
            publish a b
            wait 1s
            take W
            """)
        #expect(transcript.session.messagesSent == 2)
        #expect(transcript.session.connectedSince == Instant.zero + .seconds(5))
        #expect(transcript.session.lastActivity == Instant.zero + .seconds(6))
        #expect(transcript.session.detachedSince == nil)
        #expect(transcript.session.transports == [.webSocket])
        transcript.play("wait 1s\nconnect S sse\ndrop W")
        #expect(transcript.session.transports == [.eventStream])
        #expect(transcript.session.connectedSince == Instant.zero + .seconds(5))
        transcript.play("wait 1s\ndrop S")
        #expect(transcript.session.detachedSince == Instant.zero + .seconds(8))
        #expect(transcript.session.connectedSince == nil)
        #expect(!transcript.session.hasConnections)
    }
}
