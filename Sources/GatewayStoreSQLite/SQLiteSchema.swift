import GRDB
import GatewayStore

/// The tables, and how a file of an earlier version comes to have them.
///
/// A message is written once, at the end of its table. Where it stands in the logs of its recipients is a row of three
/// numbers for each of them. `recipients` counts those rows: who deletes the last one deletes the message.
enum SQLiteSchema {
    /// "MCPg", in the header of the file: whose file it is.
    static let applicationID: Int32 = 0x4D43_5067
    /// The version that this program writes.
    static let version: Int32 = 1

    private static let migrations: [String] = [
        """
        CREATE TABLE session (life INTEGER PRIMARY KEY, client TEXT NOT NULL);
        CREATE INDEX session_client ON session (client);
        CREATE TABLE message (
            id INTEGER PRIMARY KEY, recipients INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL, attributes INTEGER NOT NULL, checksum INTEGER NOT NULL,
            topic TEXT, event TEXT, tail BLOB NOT NULL, binary BLOB);
        CREATE TABLE delivery (
            life INTEGER NOT NULL, sequence INTEGER NOT NULL, message INTEGER NOT NULL,
            PRIMARY KEY (life, sequence)) WITHOUT ROWID;
        CREATE TABLE answer (
            id INTEGER PRIMARY KEY, sender TEXT NOT NULL, message_id TEXT NOT NULL, at INTEGER NOT NULL,
            until INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE TABLE probe (id INTEGER PRIMARY KEY, bytes BLOB);
        """
    ]

    /// Checks a file that was just opened, and brings it to the present version.
    static func bring(_ db: Database) throws {
        let owner = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        var present = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard owner == applicationID || owner == 0 && tables == 0 else {
            throw StoreError(.foreign, "it is an SQLite file of another program (application_id \(owner))")
        }
        guard present <= version else {
            throw StoreError(.foreign, "it was written by a later version (schema \(present); known: \(version))")
        }
        if tables > 0 {
            let findings = try String.fetchAll(db, sql: "PRAGMA quick_check(3)")
            guard findings == ["ok"] else { throw StoreError(.damaged, findings.joined(separator: "; ")) }
        }
        while present < version {
            let next = present + 1
            try db.inTransaction(.immediate) {
                try db.execute(sql: migrations[Int(present)])
                try db.execute(sql: "PRAGMA application_id = \(applicationID)")
                try db.execute(sql: "PRAGMA user_version = \(next)")
                return .commit
            }
            present = next
        }
    }
}

/// What SQLite says, in the words of a store.
enum SQLiteFailure {
    static func translated<Result>(_ body: () throws -> Result) throws(StoreError) -> Result {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(kind(error.resultCode), error.message ?? "SQLite error \(error.resultCode.rawValue)")
        } catch {
            throw StoreError(.failing, "\(error)")
        }
    }

    private static func kind(_ code: ResultCode) -> StoreError.Kind {
        switch code.primaryResultCode {
        case .SQLITE_FULL: .full
        case .SQLITE_READONLY, .SQLITE_PERM: .readOnly
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: .locked
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
        default: .failing
        }
    }
}
