import GatewayCore
import NIOCore

/// How a connection has come to its first request.
struct Arrival {
    /// What lies between the engine and the socket.
    enum Link {
        /// Nothing: bytes go to the socket as they are.
        case plain
        /// TLS.
        case secured
        /// A stream of an HTTP/2 connection.
        case stream
    }

    var link = Link.plain
    /// Who is at the other end, as far as it is known: the socket's peer, or whom a trusted proxy has named.
    var address: SocketAddress?
    /// Whether it has been counted in already, and for which address.
    var isCounted = false
    var countedAddress: SocketAddress?
    /// Why it has no place here, to be said as an answer.
    var problem: Problem?
    /// When its first request must be there; otherwise the whole handshake timeout is left.
    var deadline: Instant?
    /// It has waited for its turn already; what it opens first needs no other.
    var hasTurn = false
}
