import Foundation
import GatewayCore
import GatewayStore
import GatewayStoreSQLite
import NIOCore
import Testing

/// The engines that must all pass the same tests.
enum StoreEngine: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, sqliteNormal, sqliteFull

    var testDescription: String { rawValue }
}

/// A store that can be opened again, as after the end of a process.
final class StoreFixture {
    let engine: StoreEngine
    let directory: String
    private let memory = MemoryStore()
    private(set) var store: any MessageStore
    var now = Timestamp(milliseconds: 1_768_472_625_000)

    init(_ engine: StoreEngine) throws {
        self.engine = engine
        directory = NSTemporaryDirectory() + "store-\(UUID().uuidString)"
        store = memory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit {
        store.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var path: String { directory + "/below/gateway.db" }

    func options(_ change: (inout SQLiteStore.Options) -> Void = { _ in }) -> SQLiteStore.Options {
        var options = SQLiteStore.Options(path: path)
        options.synchronous = engine == .sqliteFull ? .full : .normal
        options.lockTimeout = .milliseconds(50)
        change(&options)
        return options
    }

    /// Ends the use of the store and opens it anew.
    @discardableResult
    func open(_ change: (inout SQLiteStore.Options) -> Void = { _ in }) throws -> StoreContents {
        store.close()
        store = engine == .memory ? memory : SQLiteStore(options(change))
        return try store.open(now: now)
    }

    /// The ids of what waits for a client.
    func waiting(_ client: String) throws -> [String] {
        try store.load(Self.client(client), now: now).messages.map {
            $0.message(now: .zero, wallClock: now).holeReason?.rawValue ?? $0.message(now: .zero, wallClock: now).id
        }
    }

    func commit(_ writes: [StoreWrite] = [], _ releases: [StoreRelease] = []) throws {
        try store.commit(StoreBatch(writes: writes, releases: releases))
    }

    /// A message with the given id, at these places.
    func write(
        _ id: String, _ places: [(String, life: Int64, sequence: Int)], expiresIn milliseconds: Int64 = 60_000,
        size: Int = 0, topic: String? = nil, binary: ByteBuffer? = nil, answer: RememberedAnswer? = nil
    ) -> StoreWrite {
        let start = #""id":""#
        var tail = ByteBuffer(string: start + id + #"","data":""#)
        tail.writeRepeatingByte(UInt8(ascii: "x"), count: size)
        tail.writeString("\"}")
        let message = Message(
            tail: tail, idOffset: start.utf8.count, idLength: id.utf8.count, topic: topic, event: "changed",
            priority: .high, isDurable: true, transport: .webSocket,
            binary: binary, acceptedAt: .zero, expiresAt: .distantFuture)
        return StoreWrite(
            message: message, acceptedAt: now, expiresAt: Timestamp(milliseconds: now.milliseconds + milliseconds),
            deliveries: places.map {
                .init(client: Self.client($0.0), place: StorePlace(life: $0.life, sequence: $0.sequence))
            }, answer: answer)
    }

    static func client(_ name: String) -> ClientID {
        guard let id = ClientID(name) else { preconditionFailure("Not a client id: \(name)") }
        return id
    }
}
