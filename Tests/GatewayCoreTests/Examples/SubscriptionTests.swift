import Testing

/// Subscriptions belong to the session; connections claim them.
@Suite struct SubscriptionTests {
    @Test func aTopicIsSubscribedOnce() {
        Transcript.play(
            """
            connect W ws
            claim room:1 -> subscribed
            claim room:1 -> claimed
            """)
    }

    @Test func itEndsWhenTheLastConnectionLeavesIt() {
        Transcript.play(
            """
            claim room:1
            claim room:1
            release room:1 leaving -> stays
            release room:1 leaving -> ended
            release room:1 leaving -> stays
            """)
    }

    @Test func unsubscribingEndsItForAllConnections() {
        Transcript.play(
            """
            claim room:1
            claim room:1
            unsubscribe room:1 -> ended
            unsubscribe room:1 -> was not subscribed
            claim room:1 -> subscribed
            """)
    }

    @Test func aConnectionThatBreaksLeavesItForAResume() {
        Transcript.play(
            """
            connect W ws
            claim room:1 -> subscribed
            drop W
            release room:1 -> stays
            publish a#room:1 -> 0 queued
            connect W ws after -1 -> recovered, replays 1, next 1, inherits room:1
            take W -> 0a drained
            release room:1 leaving -> ended
            """)
    }

    @Test func aFreshStartEndsIt() {
        Transcript.play(
            """
            connect W ws
            claim room:1
            drop W
            release room:1 -> stays
            connect W ws -> new, replays 0, next 0, abandons room:1
            claim room:1 -> subscribed
            """)
    }

    @Test func aResumeThatIsNotWholeEndsItToo() {
        Transcript.play(
            """
            connect W ws
            claim room:1
            drop W
            release room:1
            connect W ws after 9 -> ahead, replays 0, next 0, abandons room:1
            """)
    }

    @Test func aFreshSecondConnectionLeavesItToTheFirst() {
        Transcript.play(
            """
            connect W ws
            claim room:1
            connect S sse -> new, replays 0, next 0, standby
            drop S
            connect S sse -> new, replays 0, next 0, standby
            unsubscribe room:1 -> ended
            """)
    }

    @Test func anOrphanEndsWithTheRetention() {
        Transcript.play(
            """
            connect W ws
            claim room:1
            claim room:2
            release room:1 -> stays
            wait 299s
            orphans -> none
            wait 1s
            orphans -> room:1
            release room:2
            claim room:2 -> claimed
            wait 600s
            orphans -> none
            """)
    }

    @Test func topicsPerClientAreBounded() {
        Transcript.play(
            """
            limits topics=2
            claim a -> subscribed
            claim b -> subscribed
            claim c -> tooMany
            claim a -> claimed
            unsubscribe a -> ended
            claim c -> subscribed
            """)
    }
}
