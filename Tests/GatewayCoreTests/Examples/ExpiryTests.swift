import Testing

/// Logs and sessions end some time after the last connection left.
@Suite struct ExpiryTests {
    @Test func aSessionWithConnectionsIsKept() {
        Transcript.play(
            """
            connect W ws
            wait 48h
            expire -> keep
            """)
    }

    @Test func theLogIsKeptForTheRetention() {
        Transcript.play(
            """
            connect W ws
            publish a
            take W
            flush W 1
            drop W
            wait 299s
            expire -> keep
            connect W ws after -1 -> recovered, replays 1, next 1
            """)
    }

    @Test func thenItIsForgotten() {
        Transcript.play(
            """
            connect W ws
            publish a
            take W
            flush W 1
            drop W
            wait 300s
            expire -> forget
            """)
    }

    @Test func aSessionThatNeverHadAConnectionEndsToo() {
        Transcript.play(
            """
            publish a
            wait 299s
            expire -> keep
            wait 1s
            expire -> forget
            """)
    }

    @Test func aConnectionStartsTheRetentionAnew() {
        Transcript.play(
            """
            publish a
            wait 200s
            connect W ws
            drop W
            wait 200s
            expire -> keep
            """)
    }

    @Test func durableMessagesOutliveTheRetention() {
        Transcript.play(
            """
            publish a b! c
            wait 301s
            expire -> keep
            state -> log 1..<3, delivered 0, acknowledged 0, active none
            connect W ws -> new, replays 2, next 3
            take W -> 1b 2c drained
            """)
    }

    @Test func butNotTheOfflineAge() {
        Transcript.play(
            """
            publish a!
            wait 23h
            expire -> keep
            wait 3601s
            expire -> forget
            """)
    }

    @Test func whatIsDoneGoesWithTheRetention() {
        Transcript.play(
            """
            connect W ws
            publish a! b!
            take W
            flush W 2
            drop W
            wait 301s
            expire -> forget
            """)
    }

    @Test func durableMessagesWithATimeToLiveGoWithIt() {
        Transcript.play(
            """
            publish a!~400s
            wait 301s
            expire -> keep
            wait 100s
            expire -> forget
            """)
    }

    @Test func aMessageThatExpiredBeforeItsDeliveryIsToldAsAHole() {
        Transcript.play(
            """
            publish a! b!~10s c!
            wait 10s
            connect W ws -> new, replays 3, next 3
            take W -> 0a (1...1 expired) 2c drained
            """)
    }

    @Test func trimmingFreesWhatWasAcceptedBefore() {
        Transcript.play(
            """
            publish a! b
            wait 1s
            publish c
            trim
            state -> log 2..<3, delivered 0, acknowledged 0, active none
            connect S sse after 0 -> trimmed, replays 0, next 3
            """)
    }

    @Test func eachMessageHasItsOwnAge() {
        Transcript.play(
            """
            publish a!
            wait 12h
            publish b!
            wait 13h
            expire -> keep
            state -> log 1..<2, delivered 0, acknowledged 0, active none
            """)
    }

    @Test func aSessionThatHoldsNothingAndNeverConnectedIsForgottenAtOnce() {
        Transcript.play("expire -> forget")
    }

    @Test func aForgottenSessionNamesItsTopicsAndTakesNoPart() {
        var transcript = Transcript()
        transcript.play("claim room:1\nclaim room:2")
        #expect(transcript.session.forget() == ["room:1", "room:2"])
        #expect(transcript.session.isForgotten)
        #expect(transcript.session.subscriptions.isEmpty)
    }
}
