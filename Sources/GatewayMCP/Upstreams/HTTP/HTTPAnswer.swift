import EventStream
import GatewayCore
import ModelContextProtocol
import NIOCore

/// One answer of a server on its way: JSON as a whole, or events one by one.
final class HTTPAnswer: HTTPReceiver {
    /// What was asked.
    enum Role: Equatable {
        case handshake, initialized, notification, listening, farewell, probe
        case call(Call)
        /// The rest of a call's stream that broke.
        case resumed(Call, after: String)
        /// The event stream of the transport of 2024-11-05, and a message beside it, perhaps of a call.
        case channel
        case posted(Call?)

        static func == (a: Role, b: Role) -> Bool {
            switch (a, b) {
            case (.handshake, .handshake), (.initialized, .initialized), (.notification, .notification),
                (.listening, .listening), (.farewell, .farewell), (.probe, .probe), (.channel, .channel):
                true
            case (.call(let a), .call(let b)), (.resumed(let a, _), .resumed(let b, _)): a === b
            case (.posted(let a), .posted(let b)): a === b
            default: false
            }
        }

        /// Whether the answer says something of the replica's health, and if so, whether it is no retry.
        var isFirstAttempt: Bool? {
            switch self {
            case .call(let call): call.attempts <= 1
            case .handshake, .probe, .channel: false
            default: nil
            }
        }

        /// Whether the answer goes on for as long as the session.
        var isLong: Bool { self == .listening || self == .channel }
    }

    private weak var session: HTTPSession?
    private let replicas: Replicas
    let role: Role
    let generation: Int
    private(set) var replica: Int
    /// The right that the breaker gave for this request; used up when it has been told how it went.
    var permit: CircuitBreaker.Permit?
    /// Whether a place on the replica was taken for this request only.
    private var hasPlace = false
    /// Whether the head of a good answer has come.
    private(set) var hasBegun = false
    private var status = 200
    private var body = ByteBuffer()
    private var parser: EventStreamParser?
    private var bytesSinceEvent = 0
    private let limit: Int
    private unowned let hub: MCPHub

    init(_ session: HTTPSession, _ role: Role, generation: Int, replica: Int) {
        self.session = session
        self.role = role
        self.generation = generation
        self.replica = replica
        hub = session.hub
        replicas = session.replicas
        limit = session.hub.settings.maxResultBytes
    }

    deinit { leavePlace() }

    var call: Call? {
        switch role {
        case .call(let call), .resumed(let call, _): call
        case .posted(let call): call
        default: nil
        }
    }

    var isOfCall: Bool { call != nil }

    /// Where the server's stream can be taken up again.
    var lastEventID: String? {
        guard let id = parser?.lastEventID, !id.isEmpty else { return nil }
        return id
    }

    /// How long the server wants to be left alone before it is asked for more, in milliseconds.
    var retry: Int? { parser?.retry }

    func takePlace(_ replica: Int) {
        self.replica = replica
        hasPlace = true
    }

    private func leavePlace() {
        guard hasPlace else { return }
        hasPlace = false
        replicas.release(replica)
    }

    /// Nobody will know how it went.
    func abandon() {
        if let permit { replicas.abandoned(replica, permit) }
        permit = nil
        leavePlace()
    }

    override func cut() {
        session = nil
        super.cut()
    }

    private func went(well: Bool) {
        guard let permit else { return }
        self.permit = nil
        if well {
            replicas.succeeded(replica, permit, now: hub.now)
        } else {
            replicas.failed(replica, permit, now: hub.now)
        }
    }

    override func responseBegan(_ head: HTTPResponseReader.Head, on connection: HTTPConnection) {
        hub.readClock()
        status = head.status
        hasBegun = status == 200
        // What proxies say when there is nobody behind them; any other answer is a sign of life.
        went(well: status != 502 && status != 503 && status != 504)
        if status == 200, head.contentType == "text/event-stream" { parser = EventStreamParser() }
        guard let session, session.isCurrent(self) else { return }
        session.answerBegan(self, head)
    }

    override func responseContinued(_ bytes: ByteBuffer) {
        guard let session, session.isCurrent(self) else { return }
        if parser != nil {
            hub.readClock()
            bytesSinceEvent += bytes.readableBytes
            guard bytesSinceEvent <= limit else { return tooLarge(session) }
            let events = parser?.append(bytes.readableBytesView) ?? []
            for event in events {
                bytesSinceEvent = 0
                guard !event.data.isEmpty else { continue }
                if event.event == "endpoint", role == .channel {
                    session.endpointNamed(event.data)
                    continue
                }
                var data = event.data
                data.withUTF8 { session.received(UnsafeRawBufferPointer($0), with: call) }
            }
        } else {
            guard body.readableBytes + bytes.readableBytes <= limit else { return tooLarge(session) }
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        }
    }

    private func tooLarge(_ session: HTTPSession) {
        let connection = connection
        self.session = nil
        if let call {
            session.failed(call, .internalError("\(session.server.name) sent more than mcp.max_result_bytes"))
        }
        connection?.close()
    }

    override func responseEnded() {
        leavePlace()
        guard let session, session.isCurrent(self) else { return }
        hub.readClock()
        if parser == nil, body.readableBytes > 0, isMessage(session) {
            body.withUnsafeReadableBytes { session.received($0, with: call) }
        }
        session.answerEnded(self, status, body)
    }

    /// Whether the body is the answer to what was asked, and not an error of the transport.
    private func isMessage(_ session: HTTPSession) -> Bool {
        switch role {
        case .call: status != 404 || session.isModern
        case .handshake: true
        case .probe, .posted, .channel: false
        default: status == 200
        }
    }

    override func responseNotTried(_ reason: String) {
        abandon()
        responseFailed(reason, wasSent: false)
    }

    override func responseFailed(_ reason: String, wasSent: Bool) {
        hub.readClock()
        went(well: false)
        leavePlace()
        guard let session, session.isCurrent(self) else { return }
        session.answerFailed(self, reason, wasSent: wasSent)
    }
}
