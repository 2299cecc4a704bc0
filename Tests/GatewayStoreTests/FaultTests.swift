import Foundation
import GRDB
import GatewayCore
import GatewayStore
import GatewayStoreSQLite
import Testing

/// What files can have suffered.
@Suite struct FaultTests {
    /// A file with 200 messages of `bob`, closed.
    private func filled(_ engine: StoreEngine = .sqliteNormal) throws -> StoreFixture {
        let fixture = try StoreFixture(engine)
        try fixture.open()
        for start in stride(from: 0, to: 200, by: 10) {
            try fixture.commit((start..<(start + 10)).map { fixture.write("\($0)", [("bob", 1, $0)], size: 300) })
        }
        fixture.store.close()
        return fixture
    }

    private func kind(_ body: () throws -> Void) -> StoreError.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? StoreError)?.kind
        }
    }

    private func file(_ fixture: StoreFixture) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: fixture.path))
    }

    private func put(_ data: Data, _ path: String) throws { try data.write(to: URL(fileURLWithPath: path)) }

    @Test func `a truncated file is set aside, named, and a new one begun`() throws {
        let fixture = try filled()
        let whole = try file(fixture)
        try put(whole.prefix(whole.count / 2), fixture.path)
        let contents = try fixture.open()
        let place = try #require(contents.setAside)
        #expect(place.hasPrefix(fixture.path + ".corrupt-"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: place)) == whole.prefix(whole.count / 2))
        #expect(try fixture.waiting("bob") == [])
        try fixture.commit([fixture.write("a", [("bob", 1, 0)])])
        #expect(try fixture.waiting("bob") == ["a"])
    }

    @Test func `a damaged file stops the start if that is wished, and stays where it is`() throws {
        let fixture = try filled()
        let half = try file(fixture).prefix(10_000)
        try put(half, fixture.path)
        #expect(kind { try fixture.open { $0.onDamage = .refuse } } == .damaged)
        #expect(try file(fixture) == half)
    }

    @Test func `what is no SQLite file is set aside`() throws {
        let fixture = try filled()
        try put(Data("dear diary, this is not a database".utf8), fixture.path)
        #expect(try fixture.open().setAside != nil)
    }

    @Test func `files of others are refused and left alone`() throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try FileManager.default.createDirectory(
            atPath: fixture.directory + "/below", withIntermediateDirectories: true)
        let other = try DatabaseQueue(path: fixture.path)
        try other.write { try $0.execute(sql: "CREATE TABLE diary (text)") }
        try other.close()
        let before = try file(fixture)
        #expect(kind { try fixture.open() } == .foreign)
        #expect(try file(fixture) == before)
    }

    @Test func `files of a later version are refused`() throws {
        let fixture = try filled()
        let queue = try DatabaseQueue(path: fixture.path)
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 99") }
        try queue.close()
        #expect(kind { try fixture.open() } == .foreign)
    }

    @Test func `two gateways cannot use one file`() throws {
        let fixture = try filled()
        try fixture.open()
        let second = SQLiteStore(fixture.options())
        #expect(kind { _ = try second.open(now: fixture.now) } == .locked)
        fixture.store.close()
        #expect(kind { _ = try second.open(now: fixture.now) } == nil)
        second.close()
    }

    @Test func `a locked file refuses commits and takes them again afterwards`() throws {
        let fixture = try filled()
        try fixture.open()
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: fixture.path, configuration: configuration)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        #expect(kind { try fixture.commit([fixture.write("x", [("bob", 1, 900)])]) } == .locked)
        #expect(kind { try fixture.store.probe() } == .locked)
        // Reading goes on.
        #expect(try fixture.waiting("bob").count == 200)
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        try fixture.store.probe()
        try fixture.commit([fixture.write("y", [("bob", 1, 901)])])
        #expect(try fixture.waiting("bob").suffix(2) == ["199", "y"])
        try other.close()
    }

    /// The log of changes, cut anywhere: what comes back is a beginning of what was committed, without holes.
    @Test(arguments: [1, 31, 32, 33, 1000, 5000, 20_000, 60_000])
    func `a torn log of changes loses its end and nothing else`(kept: Int) throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try fixture.open()
        for number in 0..<60 { try fixture.commit([fixture.write("\(number)", [("bob", 1, number)], size: 300)]) }
        // As a process that is killed leaves it.
        let copy = try StoreFixture(.sqliteNormal)
        try FileManager.default.createDirectory(atPath: copy.directory + "/below", withIntermediateDirectories: true)
        try put(try file(fixture), copy.path)
        let log = try Data(contentsOf: URL(fileURLWithPath: fixture.path + "-wal"))
        try put(log.prefix(kept), copy.path + "-wal")
        let contents = try copy.open()
        #expect(contents.setAside == nil)
        let ids = try copy.waiting("bob")
        #expect(ids == (0..<ids.count).map(String.init))
        if kept > log.count { #expect(ids.count == 60) }
    }

    /// A bit anywhere in the file: it is noticed, or it changes nothing that is delivered.
    @Test(arguments: 1...60)
    func `a flipped bit is never delivered`(seed: Int) throws {
        let fixture = try filled()
        var bytes = try file(fixture)
        var random = SeededGenerator(seed)
        let place = random.below(bytes.count)
        bytes[place] ^= UInt8(1 << random.below(8))
        try put(bytes, fixture.path)
        let whole = (0..<200).map(String.init)
        var noticed: String?
        do {
            noticed = try fixture.open().setAside
        } catch {
            noticed = "\(error)"
        }
        guard noticed == nil else { return }
        var messages: [StoredMessage] = []
        let failure = kind { messages = try fixture.store.load(StoreFixture.client("bob"), now: fixture.now).messages }
        #expect(failure == nil || failure == .damaged, "byte \(place)")
        for stored in messages {
            let message = stored.message(now: .zero, wallClock: fixture.now)
            guard message.holeReason == nil else { continue }
            let expected = fixture.write(message.id, [], size: 300).message
            #expect(whole.contains(message.id) && message.tail == expected.tail, "byte \(place)")
        }
    }

    @Test func `files are for their owner only`() throws {
        let fixture = try filled()
        try fixture.open()
        for suffix in ["", "-wal", ".lock"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: fixture.path + suffix)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(suffix)")
        }
    }
}
