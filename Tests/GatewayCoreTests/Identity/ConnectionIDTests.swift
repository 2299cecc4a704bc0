import Testing

@testable import GatewayCore

/// Addresses of connections, and the wakes that are kept apart by them.
@Suite struct ConnectionIDTests {
    @Test(arguments: [(0, 0, UInt32(0)), (3, 17, 1), (65_535, 4_294_967_295, 65_535), (1, 0, 65_536)])
    func partsComeBack(loop: Int, slot: Int, generation: UInt32) {
        let id = ConnectionID(loop: loop, slot: slot, generation: generation)
        #expect(id.loop == loop)
        #expect(id.slot == slot)
        #expect(id.generation == generation & 0xFFFF)
    }

    @Test func aSlotsNextOwnerIsAnother() {
        #expect(ConnectionID(loop: 1, slot: 2, generation: 3) != ConnectionID(loop: 1, slot: 2, generation: 4))
    }

    @Test func wakesAreKeptApartByLoop() {
        var wakes = WakeSet(loops: 2)
        let one = ConnectionID(loop: 0, slot: 1, generation: 0)
        let other = ConnectionID(loop: 1, slot: 1, generation: 0)
        wakes.insert(one)
        wakes.insert(other)
        #expect(wakes.byLoop == [[one], [other]])
        wakes.removeAll(loop: 0)
        #expect(wakes.byLoop == [[], [other]])
    }

    @Test func theBetterTransportIsLess() {
        #expect(Transport.webSocket < Transport.eventStream)
        #expect(Transport.allCases.map(\.name) == ["websocket", "http_sse"])
    }

    @Test func aMessageKnowsItsID() {
        let message = Message.sample("0197-é")
        #expect(message.id == "0197-é")
        #expect(message.hasID("0197-é"))
        #expect(!message.hasID("0197-e"))
        #expect(!message.hasID(""))
        #expect(!message.hasID("0197-é "))
        #expect(message.eventName == "message")
        #expect(message.cost == message.tail.readableBytes + 128)
    }
}
