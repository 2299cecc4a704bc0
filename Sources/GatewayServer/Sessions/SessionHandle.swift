import GatewayCore
import Synchronization

/// A session where publishers and connections of all threads can reach it. The lock is held for tens of nanoseconds
/// and never across another lock of a session.
public final class SessionHandle: Sendable {
    public let clientID: ClientID
    let session: Mutex<Session>
    /// Of a client that numbers its messages.
    private let numbering = Mutex<ClientSequencer?>(nil)

    init(clientID: ClientID, session: consuming Session) {
        self.clientID = clientID
        self.session = Mutex(session)
    }

    /// The order of the client's numbered messages; it begins with the first of them.
    func sequencer() -> ClientSequencer {
        numbering.withLock { present in
            if let present { return present }
            let fresh = ClientSequencer()
            present = fresh
            return fresh
        }
    }
}
