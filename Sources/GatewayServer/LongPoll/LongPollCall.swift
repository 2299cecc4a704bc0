import GatewayCore
import NIOCore
import NIOHTTP1
import PhoenixProtocol
import WireJSON

/// A request of a long-poll session, on its way to the event loop that owns the session.
struct LongPollCall: Sendable {
    enum Work: Sendable {
        case poll
        case post(ByteBuffer, [LongPollBody.Message])
    }

    /// Drawn for this request.
    let number: UInt64
    let token: LongPollToken
    let work: Work
    /// What the address says, for a session that begins with this request.
    let request: PhoenixRequest
    /// Where it came from: a session counts where its client counts.
    let address: SocketAddress?
    /// Goes onto the answer: who may read it.
    let headers: HTTPHeaders
}

/// What goes back on requests to `/mcp/ws/longpoll`. Phoenix answers with HTTP status 200 and tells its own status in the
/// body; what the gateway refuses before that has the fitting HTTP status too.
enum LongPollAnswer {
    /// `{"status":200}`
    static func status(_ status: Int) -> APIResponse {
        .json(.ok, JSONWriter.object { $0.member("status", status) })
    }

    /// The answer to a poll.
    static func poll(_ status: LongPollOutbox.Answer.Status, token: String, messages: some Sequence<[UInt8]>)
        -> APIResponse
    {
        .json(
            .ok,
            JSONWriter.object { writer in
                writer.member("status", status.rawValue)
                writer.member("token", token)
                writer.key("messages")
                writer.array { writer in
                    for message in messages { writer.raw(message) }
                }
            })
    }

    /// A refusal, with a status that phoenix.js knows: 403 ends its attempts, all else lets it come back.
    static func problem(_ problem: Problem, isPoll: Bool) -> APIResponse {
        let status = isPoll && problem.status != 403 ? 500 : problem.status
        var response = APIResponse.problem(problem)
        response.body = ByteBuffer(
            bytes: JSONWriter.object { writer in
                writer.member("status", status)
                writer.member("error", problem.error)
                writer.member("reason", problem.reason)
                writer.key("retry_after")
                if let seconds = problem.retryAfter { writer.value(seconds) } else { writer.null() }
            })
        return response
    }
}
