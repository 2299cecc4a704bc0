import GatewayCore
import NIOCore
import NIOHTTP1

/// A whole request, on its event loop.
struct FrontRequest {
    let head: HTTPRequestHead
    let target: RequestTarget
    let body: ByteBuffer
    let service: GatewaySettings.Service
    /// Who sent it: the peer, or whom a trusted proxy names.
    let remoteAddress: SocketAddress?
    /// Whether it was encrypted on its way.
    var isSecure = false
    /// Who gives an answer that has to wait, on which event loop.
    var front: NIOLoopBound<HTTPFront>?
    /// What it has shown of who sent it.
    var identity = RequestIdentity.open
    /// Whether it has waited for the storage already.
    var hasWaited = false

    /// The client id of the query, or of the header.
    var clientIDText: String? { target["client_id"] ?? head.headers.first(name: "x-client-id") }
}

/// What becomes of a request.
enum FrontDecision {
    /// It is answered at once.
    case answer(APIResponse)
    /// It is answered when what it brought is stored.
    case later
    /// It is decided again when what is stored for these clients has been read.
    case restore([ClientID])
    /// The API answers it; these headers are added.
    case api(HTTPHeaders)
    /// It opens a stream.
    case stream(ConnectionEngine, GatewaySettings.Service)
    /// An endpoint answers it on this event loop; these headers are added.
    case endpoint(any LoopEndpoint, HTTPHeaders)
    /// A long-poll session answers it, perhaps later.
    case longPoll(LongPollCall)
}
