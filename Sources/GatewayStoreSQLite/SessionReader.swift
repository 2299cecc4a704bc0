import GRDB
import GatewayCore
import GatewayStore
import NIOCore

/// Reads what waits for one client.
struct SessionReader {
    private let db: Database

    init(_ db: Database) { self.db = db }

    func read(_ client: ClientID, now: Timestamp) throws -> StoredSession {
        var session = StoredSession()
        let lives = try SQLiteStatement(db, "SELECT life FROM session WHERE client = ?1 ORDER BY life")
        lives.bind(1, client.text)
        while try lives.step() { session.lives.append(lives.integer(0)) }
        let rows = try SQLiteStatement(
            db,
            """
            SELECT d.sequence, m.accepted_at, m.expires_at, m.attributes, m.checksum, m.topic, m.event, m.tail, m.binary
            FROM delivery d LEFT JOIN message m ON m.id = d.message WHERE d.life = ?1 ORDER BY d.sequence
            """)
        for life in session.lives {
            rows.bind(1, life)
            while try rows.step() {
                let message = Self.message(rows, life: life)
                if message.tail.readableBytes == 0 || message.expiresAt.milliseconds > now.milliseconds {
                    session.messages.append(message)
                }
            }
        }
        return session
    }

    private static func message(_ row: SQLiteStatement, life: Int64) -> StoredMessage {
        let attributes = StoredAttributes(raw: row.integer(3))
        let isBinary = !row.isNull(8)
        let binarySum = isBinary ? row.withBytes(8, Checksum.of) : 0
        let tail = row.withBytes(7) { bytes in
            let isWhole =
                bytes.count > 0 && Checksum.of(bytes) ^ binarySum == row.integer(4) && attributes.fits(bytes.count)
            return isWhole ? ByteBuffer(bytes: bytes) : ByteBuffer()
        }
        return StoredMessage(
            place: StorePlace(life: life, sequence: Int(row.integer(0))),
            acceptedAt: Timestamp(milliseconds: row.integer(1)), expiresAt: Timestamp(milliseconds: row.integer(2)),
            attributes: attributes, topic: row.text(5), event: row.text(6), tail: tail,
            binary: isBinary ? row.withBytes(8) { ByteBuffer(bytes: $0) } : nil)
    }
}
