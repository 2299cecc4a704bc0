import GRDB
public import GatewayCore
public import GatewayStore
import Synchronization

/// Messages in one SQLite file, in WAL mode: one connection writes, others read beside it.
///
/// A committed batch has been handed to the kernel, so it survives the end of the process. Whether it survives the loss
/// of power too is a matter of `synchronous`.
public final class SQLiteStore: MessageStore {
    /// What a commit waits for.
    public enum Synchronous: String, Sendable, CaseIterable {
        /// Nothing beyond the kernel: what was committed last can be lost with the power, but not with the process.
        case normal = "NORMAL"
        /// The disk: nothing is lost with the power either.
        case full = "FULL"
    }

    /// What to do with a file that is damaged.
    public enum DamagePolicy: String, Sendable, CaseIterable {
        /// It is renamed and a new one begun, so that the gateway can serve.
        case setAside = "set_aside"
        /// The start fails.
        case refuse
    }

    public struct Options: Sendable {
        public var path: String
        public var synchronous = Synchronous.normal
        public var onDamage = DamagePolicy.setAside
        /// How long a commit waits for a file that another process holds.
        public var lockTimeout = Instant.Span.seconds(1)
        /// Bytes kept free beside the file: to delete from it takes room, which a full disk would not have.
        public var reserveBytes = 1 << 20

        public init(path: String) { self.path = path }
    }

    private struct Writing {
        var nextMessage: Int64 = 1
        /// Lives that have their row; bounded, and forgotten whenever a commit fails.
        var knownLives: Set<Int64> = []
        var housekeeping = Housekeeping()
        /// Whether there was room for the reserve at the start, so that it is worth waiting for.
        var hadReserve = false
    }

    private static let maxKnownLives = 100_000
    private static let probeBytes = 262_144
    private let options: Options
    private let pool = Mutex<DatabasePool?>(nil)
    private let lock = Mutex<FileLock?>(nil)
    private let writing = Mutex(Writing())

    public init(_ options: Options) { self.options = options }

    public var engineName: String { "sqlite" }

    // MARK: - Opening

    public func open(now: Timestamp) throws(StoreError) -> StoreContents {
        let files = StoreFiles(path: options.path)
        try files.prepare()
        let held = try FileLock(path: options.path + ".lock")
        var setAside: String?
        var opened: DatabasePool
        do throws(StoreError) {
            opened = try openChecked(files)
        } catch {
            guard error.kind == .damaged, options.onDamage == .setAside else { throw error }
            setAside = try files.setAside(at: now)
            try files.prepare()
            opened = try openChecked(files)
        }
        var contents = try SQLiteFailure.translated { try opened.read { try Self.contents($0, now: now) } }
        contents.setAside = setAside
        let next = try SQLiteFailure.translated {
            try opened.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM message") ?? 0 } + 1
        }
        let firstLife = contents.nextLife
        let hasReserve = files.makeReserve(options.reserveBytes)
        writing.withLock {
            $0.hadReserve = hasReserve
            $0.nextMessage = next
            $0.housekeeping = Housekeeping(firstLife: firstLife)
        }
        lock.withLock { $0 = held }
        pool.withLock { $0 = opened }
        return contents
    }

    private func openChecked(_ files: StoreFiles) throws(StoreError) -> DatabasePool {
        try files.checkHeader()
        var configuration = Configuration()
        configuration.label = "storage"
        configuration.foreignKeysEnabled = false
        configuration.maximumReaderCount = 2
        configuration.busyMode = .timeout(options.lockTimeout.seconds)
        let synchronous = options.synchronous
        configuration.prepareDatabase { db in
            guard !db.configuration.readonly else { return }
            // Takes effect in an empty file only, which is where it has to.
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA synchronous = \(synchronous.rawValue)")
            try db.execute(sql: "PRAGMA journal_size_limit = \(Housekeeping.walLimit)")
        }
        return try SQLiteFailure.translated {
            let pool = try DatabasePool(path: files.path, configuration: configuration)
            do {
                try pool.writeWithoutTransaction { try SQLiteSchema.bring($0) }
            } catch {
                try? pool.close()
                throw error
            }
            return pool
        }
    }

    private static func contents(_ db: Database, now: Timestamp) throws -> StoreContents {
        var contents = StoreContents()
        contents.nextLife = try (Int64.fetchOne(db, sql: "SELECT max(life) FROM session") ?? 0) + 1
        contents.reserveClients(try Int.fetchOne(db, sql: "SELECT count(*) FROM session") ?? 0)
        // In the order of the index, so that the lives of one client come together.
        let clients = try SQLiteStatement(db, "SELECT client FROM session INDEXED BY session_client ORDER BY client")
        var last: ClientID?
        while try clients.step() {
            guard let client = ClientID(clients.text(0) ?? ""), client != last else { continue }
            contents.note(client)
            last = client
        }
        let answers = try SQLiteStatement(
            db, "SELECT sender, message_id, at, until, body FROM answer WHERE until > ?1 ORDER BY id")
        answers.bind(1, now.milliseconds)
        while try answers.step() {
            contents.answers.append(
                RememberedAnswer(
                    sender: answers.text(0) ?? "", messageID: answers.text(1) ?? "",
                    at: Timestamp(milliseconds: answers.integer(2)),
                    until: Timestamp(milliseconds: answers.integer(3)),
                    body: answers.withBytes(4) { Array($0) }))
        }
        return contents
    }

    public func close() {
        let open = pool.withLock { pool in
            defer { pool = nil }
            return pool
        }
        // Afterwards the file alone is the store; readers, which close last, could not do this.
        try? open?.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? open?.close()
        lock.withLock { $0 = nil }
    }

    private func database() throws(StoreError) -> DatabasePool {
        guard let pool = pool.withLock({ $0 }) else { throw StoreError(.failing, "the storage file is not open") }
        return pool
    }

    // MARK: - Writing

    public func commit(_ batch: StoreBatch) throws(StoreError) {
        let pool = try database()
        let (firstID, known) = writing.withLock { writing in
            defer { writing.nextMessage += Int64(batch.writes.count) }
            if writing.knownLives.count > Self.maxKnownLives { writing.knownLives.removeAll() }
            return (writing.nextMessage, writing.knownLives)
        }
        do throws(StoreError) {
            let more = try SQLiteFailure.translated {
                try pool.writeWithoutTransaction { db in
                    var lives = Set<Int64>()
                    try db.inTransaction(.immediate) {
                        lives = try BatchWriter(db).write(batch, firstID: firstID, knownLives: known)
                        return .commit
                    }
                    return lives
                }
            }
            writing.withLock { writing in
                writing.knownLives.formUnion(more)
                for release in batch.releases where release.ends { writing.knownLives.remove(release.life) }
            }
        } catch {
            writing.withLock { $0.knownLives.removeAll() }
            // From now on nothing is written but deletions.
            if error.kind == .full { StoreFiles(path: options.path).giveUpReserve() }
            throw error
        }
    }

    public func probe() throws(StoreError) {
        let pool = try database()
        let files = StoreFiles(path: options.path)
        if writing.withLock({ $0.hadReserve }), !files.hasReserve(options.reserveBytes) {
            // What has been deleted becomes room for others only when it leaves the log of changes and the file.
            _ = try? SQLiteFailure.translated {
                try pool.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                    while try Housekeeping.giveBack(db) {}
                    try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                }
            }
            guard files.makeReserve(options.reserveBytes, spare: 2 * Self.probeBytes) else {
                throw StoreError(.full, "no room for storage.reserve_bytes")
            }
        }
        try SQLiteFailure.translated {
            try pool.writeWithoutTransaction { db in
                // As much as a good batch needs, so that a disk with room for a page is not taken for a working one.
                try db.inTransaction(.immediate) {
                    try db.execute(sql: "INSERT OR REPLACE INTO probe VALUES (1, zeroblob(\(Self.probeBytes)))")
                    return .commit
                }
                try db.inTransaction(.immediate) {
                    try db.execute(sql: "DELETE FROM probe")
                    return .commit
                }
            }
        }
    }

    public func maintain(now: Timestamp) throws(StoreError) -> Bool {
        let pool = try database()
        var housekeeping = writing.withLock { $0.housekeeping }
        defer { writing.withLock { $0.housekeeping = housekeeping } }
        let files = StoreFiles(path: options.path)
        return try SQLiteFailure.translated {
            try pool.writeWithoutTransaction { try housekeeping.step($0, files: files, now: now) }
        }
    }

    // MARK: - Reading

    public func load(_ client: ClientID, now: Timestamp) throws(StoreError) -> StoredSession {
        let pool = try database()
        return try SQLiteFailure.translated { try pool.read { try SessionReader($0).read(client, now: now) } }
    }

    public var size: Int { StoreFiles(path: options.path).size }
}
