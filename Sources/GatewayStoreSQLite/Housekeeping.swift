import GRDB
import GatewayCore
import GatewayStore

/// What is done while nobody waits: expired messages of clients that never came back go, answers that have been
/// remembered long enough go, and free pages are given back to the file system. In small steps.
struct Housekeeping: Sendable {
    /// Bytes that the log of changes keeps when it has been carried over into the file.
    static let walLimit = 1 << 20
    /// Free pages that the file keeps for what comes next.
    private static let freePages = 64
    private static let pagesPerStep = 512
    private static let answersPerStep = 1024
    private static let livesPerStep = 32
    /// Time between two walks through what earlier processes have left.
    private static let walkInterval: Int64 = 600_000

    /// Lives below this number are of earlier processes.
    private let firstLife: Int64
    private var visited: Int64 = 0
    private var nextWalk = Timestamp(milliseconds: .min)

    init(firstLife: Int64 = 0) { self.firstLife = firstLife }

    /// - Returns: whether there is more to do.
    mutating func step(_ db: Database, files: StoreFiles, now: Timestamp) throws -> Bool {
        var hasMore = try forgetAnswers(db, now)
        hasMore = try walk(db, now) || hasMore
        hasMore = try Self.giveBack(db) || hasMore
        if !hasMore, files.walSize > Self.walLimit {
            // Not an error if a reader is in the way: there is a next time.
            try? db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        return hasMore
    }

    private func forgetAnswers(_ db: Database, _ now: Timestamp) throws -> Bool {
        // They are written in about the order in which they are to be forgotten.
        let oldest = try SQLiteStatement(db, "SELECT until FROM answer ORDER BY id LIMIT 1")
        guard try oldest.step() else { return false }
        let until = oldest.integer(0)
        while try oldest.step() {}
        guard until <= now.milliseconds else { return false }
        var changes = 0
        try db.inTransaction(.immediate) {
            let delete = try SQLiteStatement(
                db, "DELETE FROM answer WHERE id IN (SELECT id FROM answer ORDER BY id LIMIT ?1) AND until <= ?2")
            delete.bind(1, Int64(Self.answersPerStep))
            delete.bind(2, now.milliseconds)
            changes = try delete.run()
            return .commit
        }
        return changes == Self.answersPerStep
    }

    private mutating func walk(_ db: Database, _ now: Timestamp) throws -> Bool {
        guard now.milliseconds >= nextWalk.milliseconds else { return false }
        let select = try SQLiteStatement(
            db, "SELECT life FROM session WHERE life > ?1 AND life < ?2 ORDER BY life LIMIT ?3")
        select.bind(1, visited)
        select.bind(2, firstLife)
        select.bind(3, Int64(Self.livesPerStep))
        var lives: [Int64] = []
        while try select.step() { lives.append(select.integer(0)) }
        guard let last = lives.last else {
            visited = 0
            nextWalk = Timestamp(milliseconds: now.milliseconds + Self.walkInterval)
            return false
        }
        let releases = try lives.compactMap { try expired(db, life: $0, now) }
        if !releases.isEmpty {
            try db.inTransaction(.immediate) {
                for release in releases { try BatchWriter(db).delete(release) }
                return .commit
            }
        }
        visited = last
        return true
    }

    /// The beginning of a life in which everything has expired.
    private func expired(_ db: Database, life: Int64, _ now: Timestamp) throws -> StoreRelease? {
        let rows = try SQLiteStatement(
            db,
            """
            SELECT d.sequence, m.expires_at FROM delivery d LEFT JOIN message m ON m.id = d.message
            WHERE d.life = ?1 ORDER BY d.sequence
            """)
        rows.bind(1, life)
        var release = StoreRelease(life: life, before: 0, ends: true)
        while try rows.step() {
            guard release.ends else { continue }
            if rows.integer(1) <= now.milliseconds {
                release.before = Int(rows.integer(0)) + 1
            } else {
                release.ends = false
            }
        }
        return release.before > 0 || release.ends ? release : nil
    }

    /// Gives free pages back to the file system.
    /// - Returns: whether there are more.
    static func giveBack(_ db: Database) throws -> Bool {
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        guard free > freePages else { return false }
        try db.execute(sql: "PRAGMA incremental_vacuum(\(min(pagesPerStep, free)))")
        return free > pagesPerStep + freePages
    }
}
