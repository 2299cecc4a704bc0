import GatewayCore
import Synchronization

/// A session where publishers and connections of all threads can reach it. The lock is held for tens of nanoseconds
/// and never across another lock of a session.
public final class SessionHandle: Sendable {
    public let clientID: ClientID
    let session: Mutex<Session>

    init(clientID: ClientID, session: consuming Session) {
        self.clientID = clientID
        self.session = Mutex(session)
    }
}
