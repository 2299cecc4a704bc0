import Testing

/// When a durable message is done (contract §12): acknowledged; or flushed long enough ago on a connection that never
/// acknowledges; or covered by a later resume.
@Suite struct DoneTests {
    @Test func whatTheKernelHasTakenIsNotDoneBeforeTheGrace() {
        Transcript.play(
            """
            connect W ws
            publish a! b!
            take W
            flush W 2
            drop W
            wait 59s
            connect W ws -> new, replays 2, next 2
            """)
    }

    @Test func afterTheGraceItIsDone() {
        Transcript.play(
            """
            connect W ws
            publish a! b!
            take W
            flush W 2
            drop W
            wait 60s
            connect W ws -> new, replays 0, next 2
            """)
    }

    @Test func whatTheKernelHasNotTakenIsNeverDone() {
        Transcript.play(
            """
            connect W ws
            publish a! b!
            take W
            flush W 1
            drop W
            wait 61s
            connect W ws -> new, replays 1, next 2
            take W -> 1b drained
            """)
    }

    @Test func messagesFlushedOneByOneAreDoneWithinOneAndAHalfGraces() {
        Transcript.play(
            """
            connect W ws
            publish a!
            take W
            flush W 1
            wait 1s
            publish b!
            take W
            flush W 2
            wait 1s
            publish c!
            take W
            flush W 3
            drop W
            wait 90s
            connect W ws -> new, replays 0, next 3
            """)
    }

    @Test func aLaterFlushIsNotDoneWithAnEarlierOne() {
        Transcript.play(
            """
            connect W ws
            publish a!
            take W
            flush W 1
            wait 40s
            publish b!
            take W
            flush W 2
            wait 21s
            drop W
            connect W ws -> new, replays 1, next 2
            take W -> 1b drained
            """)
    }

    @Test func aLaterResumeCoversWhatIsBeforeIt() {
        Transcript.play(
            """
            connect W ws
            publish a! b! c!
            take W
            flush W 3
            drop W
            connect W ws after 1 -> recovered, replays 1, next 3
            drop W
            connect W ws -> new, replays 1, next 3
            take W -> 2c drained
            """)
    }

    @Test func aClientThatAcknowledgesDecidesItself() {
        Transcript.play(
            """
            connect W ws acks
            publish a! b!
            take W
            flush W 2
            ack W seq 0
            wait 10m
            connect V ws -> new, replays 1, next 2
            take V -> 1b drained
            """)
    }

    @Test func aClientThatAcknowledgesDecidesItselfAlsoAfterItsConnectionBroke() {
        // docs/delivery.md: "An acknowledging client decides itself what is done; nothing is assumed after a grace."
        Transcript.play(
            """
            connect W ws acks
            publish a! b!
            take W
            flush W 2
            ack W seq 0
            drop W
            wait 2m
            connect W ws acks -> new, replays 1, next 2
            take W -> 1b drained
            """)
    }

    @Test func whatAClientHasNotAcknowledgedOutlivesItsSessionsRetention() {
        Transcript.play(
            """
            connect W ws acks
            publish a! b!
            take W
            flush W 2
            ack W seq 0
            drop W
            wait 2m
            expire -> keep
            wait 10m
            expire -> keep
            connect W ws acks -> new, replays 1, next 2
            """)
    }
}
