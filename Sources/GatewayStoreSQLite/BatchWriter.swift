import GRDB
import GatewayCore
import GatewayStore

/// Writes one batch inside a transaction.
struct BatchWriter {
    private let db: Database

    init(_ db: Database) { self.db = db }

    /// - Parameter knownLives: lives that certainly have their row.
    /// - Returns: lives that have theirs now.
    func write(_ batch: StoreBatch, firstID: Int64, knownLives: Set<Int64>) throws -> Set<Int64> {
        var lives: Set<Int64> = []
        if !batch.writes.isEmpty {
            let insertSession = try SQLiteStatement(db, "INSERT OR IGNORE INTO session VALUES (?1, ?2)")
            let insertDelivery = try SQLiteStatement(db, "INSERT INTO delivery VALUES (?1, ?2, ?3)")
            let insertMessage = try SQLiteStatement(
                db, "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
            for (offset, write) in batch.writes.enumerated() {
                let id = firstID + Int64(offset)
                try insert(write, id, insertMessage)
                for delivery in write.deliveries {
                    let life = delivery.place.life
                    if !knownLives.contains(life), lives.insert(life).inserted {
                        insertSession.bind(1, life)
                        insertSession.bind(2, delivery.client.text)
                        try insertSession.run()
                    }
                    insertDelivery.bind(1, life)
                    insertDelivery.bind(2, Int64(delivery.place.sequence))
                    insertDelivery.bind(3, id)
                    try insertDelivery.run()
                }
                if let answer = write.answer { try insert(answer) }
            }
        }
        for release in batch.releases { try delete(release) }
        return lives
    }

    private func insert(_ write: StoreWrite, _ id: Int64, _ statement: SQLiteStatement) throws {
        let message = write.message
        try message.tail.withUnsafeReadableBytes { tail in
            statement.bind(1, id)
            statement.bind(2, Int64(write.deliveries.count))
            statement.bind(3, write.acceptedAt.milliseconds)
            statement.bind(4, write.expiresAt.milliseconds)
            statement.bind(5, StoredAttributes(message).raw)
            statement.bind(6, Checksum.of(tail) ^ (message.binary?.withUnsafeReadableBytes(Checksum.of) ?? 0))
            statement.bind(7, message.topic)
            statement.bind(8, message.event)
            statement.bind(9, tail)
            guard let binary = message.binary else {
                statement.bind(10, nil as String?)
                try statement.run()
                return
            }
            try binary.withUnsafeReadableBytes { binary in
                statement.bind(10, binary)
                try statement.run()
            }
        }
    }

    private func insert(_ answer: RememberedAnswer) throws {
        let statement = try SQLiteStatement(
            db, "INSERT INTO answer (sender, message_id, at, until, body) VALUES (?1, ?2, ?3, ?4, ?5)")
        statement.bind(1, answer.sender)
        statement.bind(2, answer.messageID)
        statement.bind(3, answer.at.milliseconds)
        statement.bind(4, answer.until.milliseconds)
        try answer.body.withUnsafeBytes { body in
            statement.bind(5, body)
            try statement.run()
        }
    }

    /// Deletes deliveries, and the messages that nobody else has to get.
    func delete(_ release: StoreRelease) throws {
        let select = try SQLiteStatement(db, "SELECT message FROM delivery WHERE life = ?1 AND sequence < ?2")
        let range = try SQLiteStatement(db, "DELETE FROM delivery WHERE life = ?1 AND sequence < ?2")
        let last = try SQLiteStatement(db, "DELETE FROM message WHERE id = ?1 AND recipients = 1")
        let other = try SQLiteStatement(db, "UPDATE message SET recipients = recipients - 1 WHERE id = ?1")
        select.bind(1, release.life)
        select.bind(2, Int64(release.before))
        var messages: [Int64] = []
        while try select.step() { messages.append(select.integer(0)) }
        if !messages.isEmpty {
            range.bind(1, release.life)
            range.bind(2, Int64(release.before))
            try range.run()
            for message in messages {
                last.bind(1, message)
                if try last.run() == 0 {
                    other.bind(1, message)
                    try other.run()
                }
            }
        }
        if release.ends {
            let end = try SQLiteStatement(
                db,
                "DELETE FROM session WHERE life = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE life = ?1)")
            end.bind(1, release.life)
            try end.run()
        }
    }
}

/// Tells whether bytes came back as they were written: SQLite itself looks only at the structure of its file.
enum Checksum {
    /// FNV-1a over words of eight bytes.
    static func of(_ bytes: UnsafeRawBufferPointer) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01B3
            // Multiplication carries upwards only: bring the high bits down, or flips there would stay there.
            hash ^= hash >> 32
            offset += 8
        }
        while offset < bytes.count {
            hash = (hash ^ UInt64(bytes[offset])) &* 0x100_0000_01B3
            offset += 1
        }
        return Int64(bitPattern: hash)
    }
}
