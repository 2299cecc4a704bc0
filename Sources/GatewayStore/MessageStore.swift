public import GatewayCore

/// A way of keeping messages beyond the end of the process.
///
/// All calls but `load` come from one thread at a time, the writer's; none comes from an event loop, and all may wait for
/// the disk. What a call to
/// `commit` has returned from is there after the process has been killed at any later moment.
public protocol MessageStore: Sendable {
    /// What the engine is called in the configuration.
    var engineName: String { get }

    /// Opens the store, checks it, and says what an earlier process has left.
    func open(now: Timestamp) throws(StoreError) -> StoreContents

    /// Writes and deletes in one step: all of it or nothing.
    func commit(_ batch: StoreBatch) throws(StoreError)

    /// What waits for a client, in order. May be called from any thread, beside the writer.
    func load(_ client: ClientID, now: Timestamp) throws(StoreError) -> StoredSession

    /// Finds out whether writing works again.
    func probe() throws(StoreError)

    /// A step of the housekeeping that nobody waits for: what has expired goes, and freed space goes back.
    /// - Returns: whether there is more to do.
    func maintain(now: Timestamp) throws(StoreError) -> Bool

    /// Bytes that the store takes on its medium.
    var size: Int { get }

    /// Ends the use of the store. Nothing is called afterwards.
    func close()
}

/// What a store has when it is opened.
public struct StoreContents: Sendable {
    /// The first number that may be given to the life of a session: higher than all that are stored.
    public var nextLife: Int64 = 1
    /// Clients for whom messages may wait, as `ClientDigest`s.
    public private(set) var clients: Set<UInt64> = []
    /// Those among them that several clients share.
    public private(set) var sharedDigests: Set<UInt64> = []
    /// Ids of stored messages with what their senders were told, oldest first.
    public var answers: [RememberedAnswer] = []
    /// Where a damaged store was put, if one was found.
    public var setAside: String?

    public init() {}

    /// Notes a client for whom messages may wait. Each is to be noted once.
    public mutating func note(_ client: ClientID) {
        let digest = ClientDigest.of(client)
        if !clients.insert(digest).inserted { sharedDigests.insert(digest) }
    }

    /// Makes room for so many clients.
    public mutating func reserveClients(_ count: Int) { clients.reserveCapacity(count) }
}

/// A short form of a client's name, so that a million of them fit into a few megabytes. Two names may share one.
public enum ClientDigest {
    /// FNV-1a: the same in every process, which `Hasher` is not.
    public static func of(_ client: ClientID) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in client.text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}

/// Why a store does not do what it is asked to.
public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable, CaseIterable {
        /// The medium has no room.
        case full
        /// The file or its directory may not be written.
        case readOnly = "read_only"
        /// Another process holds the file.
        case locked
        /// The file is not what it should be.
        case damaged
        /// The file belongs to something else, or to a later version.
        case foreign
        /// The medium fails.
        case failing
    }

    public let kind: Kind
    /// What happened, for the operator.
    public let detail: String

    public init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// What it means, for the sender of a message.
    public var reason: String {
        switch kind {
        case .full: "the disk is full"
        case .readOnly: "the storage file cannot be written"
        case .locked: "another process holds the storage file"
        case .damaged: "the storage file is damaged"
        case .foreign: "the storage file is not this gateway's"
        case .failing: "the disk fails"
        }
    }

    public var description: String { "\(reason): \(detail)" }
}
