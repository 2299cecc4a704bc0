import GatewayCore
import GatewayStore
import NIOCore
import Testing

/// What every engine must do.
@Suite struct ConformanceTests {
    @Test(arguments: StoreEngine.allCases)
    func `what was committed is there after the store is opened again`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        #expect(try fixture.open().nextLife == 1)
        try fixture.commit([
            fixture.write("a", [("bob", 3, 0)]), fixture.write("b", [("bob", 3, 1)]),
            fixture.write("c", [("eve", 4, 0)]),
        ])
        let contents = try fixture.open()
        #expect(contents.nextLife == 5)
        #expect(contents.clients.count == 2)
        #expect(contents.clients.contains(ClientDigest.of(StoreFixture.client("bob"))))
        #expect(try fixture.waiting("bob") == ["a", "b"])
        #expect(try fixture.waiting("eve") == ["c"])
        #expect(try fixture.waiting("ann") == [])
    }

    @Test(arguments: StoreEngine.allCases)
    func `a message comes back as it was`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        let write = fixture.write("a", [("bob", 1, 7)], expiresIn: 5000, size: 10_000, topic: "room:1")
        let binary = fixture.write("b", [("bob", 1, 8)], binary: ByteBuffer(bytes: [0, 255, 34]))
        let empty = fixture.write("c", [("bob", 1, 9)], binary: ByteBuffer())
        try fixture.commit([write, binary, empty])
        try fixture.open()
        #expect(
            try fixture.store.load(StoreFixture.client("bob"), now: fixture.now).messages.map(\.binary)
                == [nil, ByteBuffer(bytes: [0, 255, 34]), ByteBuffer()])
        fixture.now.milliseconds += 1000
        let stored = try #require(try fixture.store.load(StoreFixture.client("bob"), now: fixture.now).messages.first)
        #expect(stored.place == StorePlace(life: 1, sequence: 7))
        let now = Instant.zero + .seconds(100)
        let message = stored.message(now: now, wallClock: fixture.now)
        #expect(message.tail == write.message.tail)
        #expect(message.id == "a")
        #expect(message.topic == "room:1")
        #expect(message.event == "changed")
        #expect(message.priority == .high)
        #expect(message.transport == .webSocket)
        #expect(message.isDurable)
        #expect(message.acceptedAt == .zero + .seconds(99))
        #expect(message.expiresAt == .zero + .seconds(104))
    }

    @Test(arguments: StoreEngine.allCases)
    func `a client's messages are ordered by life and sequence, not by commit`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        try fixture.commit([fixture.write("d", [("bob", 9, 0)]), fixture.write("c", [("bob", 2, 11)])])
        try fixture.commit([fixture.write("b", [("bob", 2, 9)]), fixture.write("a", [("bob", 2, 1)])])
        #expect(try fixture.waiting("bob") == ["a", "b", "c", "d"])
    }

    @Test(arguments: StoreEngine.allCases)
    func `what is released is gone, and nothing else`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        try fixture.commit((0..<5).map { fixture.write("\($0)", [("bob", 1, $0), ("eve", 2, $0)]) })
        try fixture.commit([], [StoreRelease(life: 1, before: 3)])
        #expect(try fixture.waiting("bob") == ["3", "4"])
        #expect(try fixture.waiting("eve") == ["0", "1", "2", "3", "4"])
        try fixture.commit([], [StoreRelease(life: 1, before: 9, ends: true), StoreRelease(life: 2, before: 4)])
        #expect(try fixture.waiting("bob") == [])
        #expect(try fixture.waiting("eve") == ["4"])
        let contents = try fixture.open()
        #expect(contents.clients == [ClientDigest.of(StoreFixture.client("eve"))])
    }

    @Test(arguments: StoreEngine.allCases)
    func `a life that goes on after everything was released takes more`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        try fixture.commit([fixture.write("a", [("bob", 1, 0)])])
        try fixture.commit([fixture.write("b", [("bob", 1, 1)])], [StoreRelease(life: 1, before: 2, ends: true)])
        try fixture.commit([fixture.write("c", [("bob", 1, 2)])])
        try fixture.open()
        #expect(try fixture.waiting("bob") == ["c"])
    }

    @Test(arguments: StoreEngine.allCases)
    func `expired messages do not come back and are deleted`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        try fixture.commit([
            fixture.write("short", [("bob", 1, 0)], expiresIn: 1000), fixture.write("long", [("bob", 1, 1)]),
            fixture.write("only", [("eve", 2, 0)], expiresIn: 1000),
        ])
        fixture.now.milliseconds += 1000
        try fixture.open()
        #expect(try fixture.waiting("bob") == ["long"])
        #expect(try fixture.waiting("eve") == [])
        while try fixture.store.maintain(now: fixture.now) {}
        // Even by the clock of then they are gone.
        fixture.now.milliseconds -= 1000
        #expect(try fixture.waiting("bob") == ["long"])
        #expect(try fixture.waiting("eve") == [])
    }

    @Test(arguments: StoreEngine.allCases)
    func `answers are remembered as long as they must be`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        func answer(_ id: String, for span: Int64) -> RememberedAnswer {
            RememberedAnswer(
                sender: "eve", messageID: id, at: fixture.now,
                until: Timestamp(milliseconds: fixture.now.milliseconds + span), body: Array("{\"id\":\"\(id)\"}".utf8))
        }
        let (short, long) = (answer("s", for: 1000), answer("l", for: 2000))
        try fixture.commit([
            fixture.write("s", [("bob", 1, 0)], answer: short), fixture.write("l", [("bob", 1, 1)], answer: long),
        ])
        // A message that is done is no reason to forget its id.
        try fixture.commit([], [StoreRelease(life: 1, before: 2, ends: true)])
        #expect(try fixture.open().answers == [short, long])
        fixture.now.milliseconds += 1000
        while try fixture.store.maintain(now: fixture.now) {}
        #expect(try fixture.open().answers == [long])
    }

    @Test(arguments: StoreEngine.allCases)
    func `writing works while nothing is wrong`(engine: StoreEngine) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        try fixture.store.probe()
        #expect(try fixture.waiting("bob") == [])
    }

    /// Random batches beside a plain list of what must be there.
    @Test(arguments: StoreEngine.allCases, 1...5)
    func `random traffic ends as a list would`(engine: StoreEngine, seed: Int) throws {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        var random = SeededGenerator(seed)
        var expected: [String: [(life: Int64, sequence: Int, id: String)]] = [:]
        var lives: [String: (life: Int64, next: Int)] = [:]
        var nextLife: Int64 = 1
        var number = 0
        for _ in 0..<60 {
            var batch = StoreBatch()
            for _ in 0..<random.below(20) {
                var places: [(String, life: Int64, sequence: Int)] = []
                for name in ["a", "b", "c", "d"] where random.below(3) == 0 {
                    var life = lives[name] ?? (nextLife, 0)
                    if lives[name] == nil { nextLife += 1 }
                    places.append((name, life.life, life.next))
                    expected[name, default: []].append((life.life, life.next, "m\(number)"))
                    life.next += 1
                    lives[name] = life
                }
                guard !places.isEmpty else { continue }
                batch.writes.append(fixture.write("m\(number)", places))
                number += 1
            }
            for (name, life) in lives.sorted(by: { $0.key < $1.key }) where random.below(4) == 0 {
                let before = random.below(life.next + 1)
                let ends = random.below(5) == 0
                batch.releases.append(StoreRelease(life: life.life, before: ends ? .max : before, ends: ends))
                expected[name]?.removeAll { $0.life == life.life && (ends || $0.sequence < before) }
                if ends { lives[name] = nil }
            }
            try fixture.store.commit(batch)
            if random.below(10) == 0 {
                #expect(try fixture.open().nextLife <= nextLife)
                while try fixture.store.maintain(now: fixture.now) {}
            }
        }
        for name in ["a", "b", "c", "d"] {
            #expect(try fixture.waiting(name) == (expected[name] ?? []).map(\.id), "\(name)")
        }
    }
}
