import Testing

@testable import PhoenixProtocol

/// The table of `realtime-gateways.md` §1.5: what a message means in the channel's state.
@Suite struct ChannelsTests {
    private func received(
        _ channels: PhoenixChannels, _ kind: PhoenixChannels.Kind, _ topic: String = "room:1", joinRef: String?
    ) -> PhoenixChannels.Action {
        guard let joinRef else { return channels.received(kind, topic: topic, joinRef: nil) }
        return Array(joinRef.utf8).withUnsafeBytes { channels.received(kind, topic: topic, joinRef: $0) }
    }

    private func joined(_ joinRef: String, limit: Int = 100) -> PhoenixChannels {
        var channels = PhoenixChannels(limit: limit)
        channels.joined("room:1", joinRef: Array(joinRef.utf8))
        return channels
    }

    private func channel(_ joinRef: String) -> PhoenixChannels.Channel {
        PhoenixChannels.Channel(topic: "room:1", joinRef: Array(joinRef.utf8))
    }

    @Test func beforeTheJoin() {
        let channels = PhoenixChannels(limit: 100)
        for joinRef in [nil, #""3""#] {
            #expect(received(channels, .join, joinRef: joinRef) == .join(replacing: nil))
            #expect(received(channels, .leave, joinRef: joinRef) == .leaveUnjoined)
            #expect(received(channels, .other, joinRef: joinRef) == .unmatched)
        }
        #expect(channels.isEmpty)
    }

    @Test func afterTheJoin() {
        let channels = joined(#""3""#)
        #expect(received(channels, .other, joinRef: #""3""#) == .event)
        #expect(received(channels, .leave, joinRef: #""3""#) == .leave(channel(#""3""#)))
        #expect(channels.contains("room:1"))
        #expect(channels.all == [channel(#""3""#)])
    }

    @Test func withoutAJoinReferenceItIsTheChannels() {
        let channels = joined(#""3""#)
        #expect(received(channels, .other, joinRef: nil) == .event)
        #expect(received(channels, .leave, joinRef: nil) == .leave(channel(#""3""#)))
    }

    @Test(arguments: [#""2""#, #""4""#, "3", #""""#])
    func aStaleJoinReferenceIsIgnored(joinRef: String) {
        let channels = joined(#""3""#)
        #expect(received(channels, .other, joinRef: joinRef) == .ignore)
        #expect(received(channels, .leave, joinRef: joinRef) == .ignore)
    }

    @Test func aJoinWithoutAReferenceTakesAnyMessage() {
        let channels = joined("null")
        #expect(received(channels, .other, joinRef: #""7""#) == .event)
        #expect(received(channels, .leave, joinRef: #""7""#) == .leave(channel("null")))
    }

    @Test func aDuplicateJoinReplacesTheOldOne() {
        var channels = joined(#""3""#)
        #expect(received(channels, .join, joinRef: #""8""#) == .join(replacing: channel(#""3""#)))
        #expect(received(channels, .join, joinRef: nil) == .join(replacing: channel(#""3""#)))
        channels.joined("room:1", joinRef: Array(#""8""#.utf8))
        #expect(channels.all == [channel(#""8""#)])
        #expect(received(channels, .other, joinRef: #""3""#) == .ignore)
        #expect(received(channels, .other, joinRef: #""8""#) == .event)
    }

    @Test func aJoinThatFailedChangesNothing() {
        let channels = joined(#""3""#)
        _ = received(channels, .join, joinRef: #""8""#)
        #expect(received(channels, .other, joinRef: #""3""#) == .event)
    }

    @Test func afterLeavingItIsAsBefore() {
        var channels = joined(#""3""#)
        channels.left("room:1")
        #expect(channels.isEmpty)
        #expect(received(channels, .other, joinRef: #""3""#) == .unmatched)
        #expect(received(channels, .leave, joinRef: #""3""#) == .leaveUnjoined)
        #expect(received(channels, .join, joinRef: #""9""#) == .join(replacing: nil))
    }

    @Test func channelsAreBounded() {
        var channels = joined(#""3""#, limit: 2)
        #expect(received(channels, .join, "room:2", joinRef: #""4""#) == .join(replacing: nil))
        channels.joined("room:2", joinRef: Array("4".utf8))
        #expect(received(channels, .join, "room:3", joinRef: #""5""#) == .tooManyChannels)
        #expect(received(channels, .join, "room:2", joinRef: #""6""#) == .join(replacing: channels.channel("room:2")))
        channels.left("room:1")
        #expect(received(channels, .join, "room:3", joinRef: #""5""#) == .join(replacing: nil))
    }

    @Test func topicsAreApart() {
        var channels = joined(#""3""#)
        channels.joined("room:2", joinRef: Array(#""4""#.utf8))
        #expect(received(channels, .other, "room:2", joinRef: #""3""#) == .ignore)
        #expect(received(channels, .other, "room:2", joinRef: #""4""#) == .event)
        #expect(received(channels, .other, "room:12", joinRef: nil) == .unmatched)
        channels.left("room:2")
        #expect(channels.all.map(\.topic) == ["room:1"])
    }
}
