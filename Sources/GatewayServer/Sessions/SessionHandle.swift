import GatewayCore
import GatewayStore
import Synchronization

/// A session where publishers and connections of all threads can reach it. The lock is held for tens of nanoseconds
/// and never across another lock of a session.
public final class SessionHandle: Sendable {
    public let clientID: ClientID
    package let session: Mutex<Session>
    /// What the session is called in the store; 0 without one.
    let life: Int64
    /// Where the messages that an earlier process has left are stored: those with which the log begins.
    let inherited: [StorePlace]

    init(clientID: ClientID, session: consuming Session, life: Int64 = 0, inherited: [StorePlace] = []) {
        self.clientID = clientID
        self.life = life
        self.inherited = inherited
        self.session = Mutex(session)
    }

    /// The order of the client's numbered messages; it begins with the first of them.
    func sequencer() -> ClientSequencer { session.withLock { SessionCompanion.of(&$0).sequencer } }

    /// What a hook has said of the client, as JSON text.
    var attributes: [UInt8]? {
        let companion = session.withLock { $0.companion as? SessionCompanion }
        return companion?.attributes.withLock { $0 }
    }
}
