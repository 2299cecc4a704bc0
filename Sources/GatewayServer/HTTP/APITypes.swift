import NIOCore
import NIOHTTP1

/// A whole request for the API.
public struct APIRequest: Sendable {
    public let head: HTTPRequestHead
    public let body: ByteBuffer
    public let service: GatewaySettings.Service
    public let remoteAddress: SocketAddress?
    /// Whether a token of its own has proven that it comes from an administrator.
    public var isAdministrator = false

    public init(
        head: HTTPRequestHead, body: ByteBuffer, service: GatewaySettings.Service, remoteAddress: SocketAddress?
    ) {
        self.head = head
        self.body = body
        self.service = service
        self.remoteAddress = remoteAddress
    }
}

/// A whole answer of the API.
public struct APIResponse: Sendable {
    public var status: HTTPResponseStatus
    public var headers: HTTPHeaders
    public var body: ByteBuffer

    public init(status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON answer.
    public static func json(_ status: HTTPResponseStatus, _ bytes: [UInt8]) -> APIResponse {
        APIResponse(
            status: status, headers: ["content-type": "application/json; charset=utf-8", "cache-control": "no-store"],
            body: ByteBuffer(bytes: bytes))
    }

    /// A refusal.
    static func problem(_ problem: Problem) -> APIResponse {
        var response = json(HTTPResponseStatus(statusCode: problem.status), problem.json)
        if let seconds = problem.retryAfter { response.headers.replaceOrAdd(name: "retry-after", value: "\(seconds)") }
        return response
    }
}
