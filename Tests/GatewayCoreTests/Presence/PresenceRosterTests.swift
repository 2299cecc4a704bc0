import GatewayCore
import TestSupport
import Testing

struct PresenceRosterTests {
    private static func entry(_ reference: Int) -> PresenceRoster.Entry {
        .init(reference: "\(reference)", transport: "websocket", since: Timestamp(milliseconds: 0))
    }

    private static func connection(_ slot: Int) -> ConnectionID { ConnectionID(loop: 0, slot: slot, generation: 0) }

    private static func sets(_ members: PresenceRoster.Members) -> [ClientID: Set<PresenceRoster.Entry>] {
        members.mapValues(Set.init)
    }

    /// Whoever has any state and every difference after it knows who is there: no repeat, nobody missing, nobody left over.
    @Test(arguments: 0..<200) func stateAndDifferencesAreTheState(seed: Int) throws {
        var random = SeededGenerator(seed)
        let clients = (0..<3).compactMap { ClientID("client\($0)") }
        var roster = PresenceRoster(limit: 6)
        var present: [ConnectionID: (client: ClientID, entry: PresenceRoster.Entry)] = [:]
        var views: [PresenceRoster.Members] = []
        for step in 0..<200 {
            switch random.below(5) {
            case 0, 1:
                let connection = Self.connection(random.below(8))
                let client = random.pick(clients)
                let isFull = present.count == 6
                let isListed = roster.join(client, connection, Self.entry(step))
                #expect(isListed == (present[connection] != nil || !isFull))
                if present[connection] == nil, isListed { present[connection] = (client, Self.entry(step)) }
            case 2:
                let connection = Self.connection(random.below(8))
                roster.leave(connection)
                present[connection] = nil
            case 3: views.append(roster.told)
            default:
                guard let diff = roster.takeDiff() else { continue }
                #expect(!diff.isEmpty)
                for index in views.indices { views[index].apply(diff) }
                let actual = Dictionary(grouping: present.values, by: \.client).mapValues { Set($0.map(\.entry)) }
                #expect(Self.sets(roster.told) == actual)
                for view in views {
                    #expect(Self.sets(view) == actual)
                    #expect(view.allSatisfy { Set($0.value).count == $0.value.count && !$0.value.isEmpty })
                }
            }
            #expect(roster.count == present.count)
        }
    }

    @Test func whoComesAndGoesBetweenTwoDifferencesIsNotTold() throws {
        let client = try #require(ClientID("a"))
        var roster = PresenceRoster(limit: 10)
        roster.join(client, Self.connection(1), Self.entry(1))
        roster.leave(Self.connection(1))
        #expect(!roster.hasChanged)
        let diff = roster.takeDiff()
        #expect(diff == nil)
    }

    @Test func aStayThatEndsAndANewOneAreBothTold() throws {
        let client = try #require(ClientID("a"))
        var roster = PresenceRoster(limit: 10)
        roster.join(client, Self.connection(1), Self.entry(1))
        _ = roster.takeDiff()
        roster.leave(Self.connection(1))
        roster.join(client, Self.connection(1), Self.entry(2))
        let taken = roster.takeDiff()
        let diff = try #require(taken)
        #expect(diff.joins == [client: [Self.entry(2)]] && diff.leaves == [client: [Self.entry(1)]])
    }
}
