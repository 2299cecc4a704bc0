import Testing

/// Acknowledging is cumulative and idempotent; what is unknown is ignored.
@Suite struct AcknowledgementTests {
    static let received = """
        connect W ws
        publish a! b! c! d!
        take W -> 0a 1b 2c 3d drained
        flush W 4
        """

    @Test func aSequenceAcknowledgesAllBeforeIt() {
        Transcript.play(
            Self.received + """

                ack W seq 2 -> acknowledged 3
                drop W
                connect W ws -> new, replays 1, next 4
                take W -> 3d drained
                """)
    }

    @Test func anIDAcknowledgesAllBeforeIt() {
        Transcript.play(
            Self.received + """

                ack W id b -> acknowledged 2
                drop W
                connect W ws -> new, replays 2, next 4
                take W -> 2c 3d drained
                """)
    }

    @Test func theSameAgainAndAnOlderOneChangeNothing() {
        Transcript.play(
            Self.received + """

                ack W seq 2 -> acknowledged 3
                ack W seq 2 -> acknowledged 3
                ack W seq 0 -> acknowledged 3
                ack W id a -> acknowledged 3
                ack W id c -> acknowledged 3
                """)
    }

    @Test func anUnknownIDAndImpossibleSequencesAreIgnored() {
        Transcript.play(
            Self.received + """

                ack W id nothing -> acknowledged 0
                ack W seq 4 -> acknowledged 0
                ack W seq -1 -> acknowledged 0
                ack W seq -5 -> acknowledged 0
                ack W seq 9223372036854775807 -> acknowledged 0
                ack W seq -9223372036854775808 -> acknowledged 0
                """)
    }

    @Test func anIDThatHasBeenTrimmedIsIgnored() {
        Transcript.play(
            """
            limits log=2
            connect W ws
            publish a b c
            ack W id a -> acknowledged 0
            ack W id c -> acknowledged 3
            """)
    }

    @Test func acknowledgingWithoutAConnectionIsPossible() {
        Transcript.play(
            """
            publish a! b!
            ack id a -> acknowledged 1
            ack seq 1 -> acknowledged 2
            connect W ws -> new, replays 0, next 2
            """)
    }

    @Test func pendingCountsOnlyForClientsThatAcknowledge() {
        var transcript = Transcript()
        transcript.play(Self.received)
        #expect(transcript.session.pendingAcknowledgements == 0)
        transcript.play("ack W seq 0")
        #expect(transcript.session.pendingAcknowledgements == 3)
        transcript.play("ack W seq 3")
        #expect(transcript.session.pendingAcknowledgements == 0)
    }

    @Test func sayingThatItWillCountsFromTheBeginning() {
        var transcript = Transcript()
        transcript.play(
            """
            connect W ws acks
            publish a b
            take W
            flush W 2
            """)
        #expect(transcript.session.pendingAcknowledgements == 2)
    }
}
