import GatewayCore
import Testing

struct ReplicaSetTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)

    private func set(_ count: Int = 3, limits: ReplicaSet.Limits = .init()) -> ReplicaSet {
        ReplicaSet((0..<count).map { HashRing.Node(id: "http://\($0)/mcp") }, limits: limits)
    }

    private func fail(_ replicas: inout ReplicaSet, _ replica: Int, times: Int = 3) {
        for _ in 0..<times {
            guard case .admitted(let permit) = replicas.admit(replica, now: Self.now) else { return }
            replicas.failed(replica, permit, now: Self.now, random: 0)
        }
    }

    @Test func onlyTheDeadOnesMove() {
        var replicas = set()
        let places = (0..<300).map { replicas.place("client \($0)", now: Self.now) }
        #expect(Set(places) == [0, 1, 2])
        #expect(replicas.report(now: Self.now).allSatisfy { (60...125).contains($0.placed) })
        fail(&replicas, 1)
        #expect(!replicas.isFit(1, now: Self.now))
        for (client, place) in places.enumerated() where place == 1 {
            replicas.release(1)
            let next = replicas.place("client \(client)", avoiding: 1, now: Self.now)
            #expect(next != 1)
        }
        #expect(replicas.report(now: Self.now).map(\.placed).reduce(0, +) == 300)
        #expect(replicas.report(now: Self.now)[1].placed == 0)
    }

    @Test func whoIsAloneIsUsedWhateverItsState() {
        var replicas = set(1)
        fail(&replicas, 0)
        let place = replicas.place("client", avoiding: 0, now: Self.now)
        #expect(place == 0)
        guard case .refused(let delay) = replicas.admit(0, now: Self.now) else {
            Issue.record("an open breaker admits nothing")
            return
        }
        #expect(delay > .seconds(0))
        #expect(!replicas.hasOther(than: 0, now: Self.now))
    }

    @Test func aHealthCheckEndsTheWait() {
        var replicas = set()
        fail(&replicas, 2)
        #expect(replicas.report(now: Self.now)[2].state == .open)
        let first = replicas.recovered(2, now: Self.now)
        let second = replicas.recovered(2, now: Self.now)
        #expect(first == .closed)
        #expect(second == nil, "it is closed already")
        #expect(replicas.isFit(2, now: Self.now))
        // What was let through before says nothing any more: two failures are too few again.
        fail(&replicas, 2, times: 2)
        #expect(replicas.isFit(2, now: Self.now))
    }

    @Test func answersKeepABreakerClosed() {
        var replicas = set()
        for _ in 0..<10 {
            fail(&replicas, 0, times: 2)
            if case .admitted(let permit) = replicas.admit(0, now: Self.now) {
                replicas.succeeded(0, permit, now: Self.now)
            }
        }
        // Two of three is above the ratio of one half, once there are enough calls to say so.
        #expect(!replicas.isFit(0, now: Self.now))
        #expect(replicas.report(now: Self.now)[0].failures >= 14)
    }

    @Test func retriesHaveABudget() {
        var replicas = set(limits: .init(retryRatio: 0.5, retryReserve: 1))
        for _ in 0..<4 { replicas.recordCall(now: Self.now) }
        let admitted = (0..<5).map { _ in replicas.admitRetry(now: Self.now) }
        #expect(admitted == [true, true, true, false, false])
    }
}
