import GatewayCore
import Synchronization
import Testing

@testable import GatewayServer

struct SessionDirectoryTests {
    private static func id(_ number: Int) throws -> ClientID { try #require(ClientID("client-\(number)")) }

    /// Sessions without connections are forgotten at the next sweep.
    private static let forgetful: SessionLimits = {
        var limits = SessionLimits()
        limits.retention = .seconds(0)
        return limits
    }()

    /// Sweeps everything once.
    private static func sweepAll(_ directory: SessionDirectory, now: Instant = .zero) {
        for step in 0..<64 { _ = directory.sweep(step: step, now: now, limits: forgetful) }
    }

    private static func sessions(_ directory: SessionDirectory) -> [SessionHandle] {
        var list: [SessionHandle] = []
        directory.forEach { list.append($0) }
        return list
    }

    @Test func `a client has one session, and clients have different epochs`() throws {
        let directory = SessionDirectory(limit: 10)
        let a = try #require(directory.findOrBegin(Self.id(1), now: .zero))
        #expect(directory.findOrBegin(try Self.id(1), now: .zero) === a)
        #expect(directory.find(try Self.id(1)) === a)
        #expect(directory.find(try Self.id(2)) == nil)
        let b = try #require(directory.findOrBegin(Self.id(2), now: .zero))
        #expect(a.session.withLock { $0.epoch } != b.session.withLock { $0.epoch })
        #expect(directory.sessionCount == 2)
    }

    @Test func `a full directory begins nothing new, and makes room when it forgets`() throws {
        let directory = SessionDirectory(limit: 2)
        let first = try #require(directory.findOrBegin(Self.id(1), now: .zero))
        #expect(directory.findOrBegin(try Self.id(2), now: .zero) != nil)
        #expect(directory.findOrBegin(try Self.id(3), now: .zero) == nil)
        #expect(directory.withSession(try Self.id(3), now: .zero) { _, _ in true } == nil)
        #expect(directory.findOrBegin(try Self.id(1), now: .zero) === first)
        Self.sweepAll(directory)
        #expect(directory.sessionCount == 0)
        #expect(directory.findOrBegin(try Self.id(3), now: .zero) != nil)
    }

    @Test func `a sweep forgets who is gone, tells their topics, and leaves the others`() throws {
        let directory = SessionDirectory(limit: 10)
        var wakes = WakeSet(loops: 1)
        for number in 1...2 {
            let handle = try #require(directory.findOrBegin(Self.id(number), now: .zero))
            handle.session.withLock { session in
                _ = session.claim("room:\(number)", limits: Self.forgetful)
                if number == 1 {
                    _ = session.attach(
                        .init(connection: .init(loop: 0, slot: 0, generation: 0), transport: .webSocket),
                        limits: Self.forgetful, now: .zero, wakes: &wakes)
                }
            }
        }
        var forgotten: [(SessionHandle, [String])] = []
        for step in 7..<(7 + 64) {
            forgotten += directory.sweep(step: step, now: .zero, limits: Self.forgetful)
        }
        #expect(forgotten.map(\.0.clientID.text) == ["client-2"])
        #expect(forgotten.map(\.1) == [["room:2"]])
        #expect(forgotten[0].0.session.withLock { $0.isForgotten })
        #expect(forgotten[0].0.session.withLock { $0.subscriptions.isEmpty })
        #expect(directory.find(try Self.id(2)) == nil)
        #expect(directory.find(try Self.id(1)) != nil)
        #expect(directory.sessionCount == 1)
    }

    @Test func `threads that begin sessions at once never begin more than the limit`() throws {
        let limit = 2
        let ids = try (0..<16).map(Self.id)
        var worst = 0
        for _ in 0..<1500 where worst <= limit {
            let directory = SessionDirectory(limit: limit)
            onThreads(4) { thread in
                for number in 0..<4 { _ = directory.findOrBegin(ids[thread * 4 + number], now: .zero) }
            }
            worst = max(worst, directory.sessionCount)
            if Self.sessions(directory).count != directory.sessionCount { worst = .max }
        }
        #expect(worst == limit, "\(worst) sessions with a limit of \(limit)")
    }

    /// Threads look for sessions, become connections of them and leave again, while sweeps forget what they can.
    @Test(.timeLimit(.minutes(2)))
    func `whoever holds a session holds the only living one of its client`() throws {
        let directory = SessionDirectory(limit: 1000)
        let ids = try (0..<12).map(Self.id)
        let findings = Findings()
        let forgottenCount = Atomic(0)
        onThreads(5) { thread in
            var random = SeededGenerator(thread)
            var wakes = WakeSet(loops: 1)
            for round in 0..<3000 {
                let id = random.pick(ids)
                switch random.below(4) {
                case 0:
                    for _ in 0..<8 {
                        let gone = directory.sweep(step: random.below(64), now: .zero, limits: Self.forgetful)
                        forgottenCount.add(gone.count, ordering: .relaxed)
                        for (handle, _) in gone {
                            findings.expect(
                                handle.session.withLock { $0.isForgotten && !$0.hasConnections },
                                "a sweep forgot a session in use")
                        }
                    }
                case 1:
                    let handle = directory.findOrBegin(id, now: .zero)
                    findings.expect(handle?.clientID == id, "findOrBegin gave \(handle?.clientID.text ?? "nothing")")
                default:
                    let connection = ConnectionID(loop: 0, slot: thread, generation: UInt32(round & 0xFFFF))
                    let held = directory.withSession(id, now: .zero) { handle, session in
                        findings.expect(!session.isForgotten, "withSession gave a forgotten session")
                        // A sweep tells only of those that had topics.
                        _ = session.claim("t", limits: Self.forgetful)
                        _ = session.attach(
                            .init(connection: connection, transport: .webSocket), limits: Self.forgetful, now: .zero,
                            wakes: &wakes)
                        return handle
                    }
                    guard let held else {
                        findings.expect(false, "withSession gave nothing")
                        continue
                    }
                    // A connection keeps the session alive: everybody finds this one.
                    for _ in 0..<3 { findings.expect(directory.find(id) === held, "two living sessions of \(id)") }
                    held.session.withLock { session in
                        findings.expect(!session.isForgotten, "a session with a connection was forgotten")
                        session.detach(connection, flushed: 0, now: .zero, wakes: &wakes)
                    }
                    wakes.removeAll(loop: 0)
                }
            }
        }
        #expect(findings.all == [])
        #expect(forgottenCount.load(ordering: .relaxed) > 100, "the sweeps had something to do")
        let left = Self.sessions(directory)
        #expect(Set(left.map(\.clientID)).count == left.count)
        #expect(directory.sessionCount == left.count)
        #expect(left.allSatisfy { handle in handle.session.withLock { !$0.isForgotten } })
        Self.sweepAll(directory)
        #expect(directory.sessionCount == 0)
        #expect(Self.sessions(directory).isEmpty)
    }
}
