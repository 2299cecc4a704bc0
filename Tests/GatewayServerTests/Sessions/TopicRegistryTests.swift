import GatewayCore
import Synchronization
import Testing

@testable import GatewayServer

struct TopicRegistryTests {
    private static let limits = SessionLimits()

    private static func handles(_ count: Int) throws -> [SessionHandle] {
        try (0..<count).map { number in
            SessionHandle(
                clientID: try #require(ClientID("client-\(number)")), session: Session(epoch: Epoch(1), now: .zero))
        }
    }

    private static func members(_ topics: TopicRegistry, _ topic: String) -> [String] {
        var list: [String] = []
        topics.withMembers(topic) { handles in list = handles.map(\.clientID.text) }
        return list
    }

    @Test func `the member list says what the sessions say, whichever call comes last`() throws {
        let topics = TopicRegistry()
        let handles = try Self.handles(2)
        #expect(Self.members(topics, "t").isEmpty)
        topics.reconcile("t", handles[0])
        #expect(topics.topicCount == 0, "nobody is subscribed")
        for handle in handles { _ = handle.session.withLock { $0.claim("t", limits: Self.limits) } }
        for handle in handles + handles { topics.reconcile("t", handle) }
        #expect(Set(Self.members(topics, "t")) == ["client-0", "client-1"])
        #expect(Self.members(topics, "t").count == 2)
        #expect(topics.topicCount == 1)
        _ = handles[0].session.withLock { $0.unsubscribe("t") }
        topics.reconcile("t", handles[0])
        topics.reconcile("t", handles[0])
        #expect(Self.members(topics, "t") == ["client-1"])
        _ = handles[1].session.withLock { $0.forget() }
        topics.reconcile("t", handles[1])
        #expect(Self.members(topics, "t").isEmpty)
        #expect(topics.topicCount == 0, "an empty topic takes no room")
    }

    @Test(arguments: 0..<4)
    func `at rest after any interleaving of threads the lists agree with the sessions`(seed: Int) throws {
        let registry = TopicRegistry()
        let handles = try Self.handles(10)
        let names = (0..<6).map { "room:\($0)" }
        let findings = Findings()
        onThreads(4) { thread in
            var random = SeededGenerator(seed * 10 + thread)
            for _ in 0..<2500 {
                let handle = random.pick(handles)
                let topic = random.pick(names)
                switch random.below(8) {
                case 0, 1, 2:
                    let result = handle.session.withLock { $0.claim(topic, limits: Self.limits) }
                    if result == .subscribed { registry.reconcile(topic, handle) }
                case 3, 4:
                    let isLeaving = !random.oneIn(4)
                    if handle.session.withLock({ $0.release(topic, leaving: isLeaving, now: .zero) }) {
                        registry.reconcile(topic, handle)
                    }
                case 5, 6:
                    if handle.session.withLock({ $0.unsubscribe(topic) }) { registry.reconcile(topic, handle) }
                default:
                    registry.withMembers(topic) { members in
                        findings.expect(
                            Set(members.map(ObjectIdentifier.init)).count == members.count, "a member twice in \(topic)"
                        )
                    }
                }
            }
        }
        #expect(findings.all == [])
        var used = 0
        for topic in names {
            let expected = handles.filter { $0.session.withLock { $0.isSubscribed(to: topic) } }.map(\.clientID.text)
            let members = Self.members(registry, topic)
            #expect(members.count == expected.count)
            #expect(Set(members) == Set(expected))
            used += expected.isEmpty ? 0 : 1
        }
        #expect(registry.topicCount == used)
    }

    @Test func `publishers to one topic take turns, so that all members see one order`() throws {
        let registry = TopicRegistry()
        let handles = try Self.handles(5)
        for handle in handles {
            _ = handle.session.withLock { $0.claim("t", limits: Self.limits) }
            registry.reconcile("t", handle)
        }
        let seen = Mutex([[Int]](repeating: [], count: 5))
        onThreads(4) { thread in
            for number in 0..<200 {
                registry.withMembers("t") { members in
                    for member in members {
                        let index = Int(member.clientID.text.suffix(1))!
                        seen.withLock { $0[index].append(thread * 1000 + number) }
                    }
                }
            }
        }
        let lists = seen.withLock { $0 }
        #expect(lists[0].count == 800)
        #expect(lists.allSatisfy { $0 == lists[0] })
    }
}
