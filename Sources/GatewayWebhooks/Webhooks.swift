import AsyncHTTPClient
public import GatewayCore
public import GatewayServer
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Tracing
public import WireJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// All webhooks of a gateway.
public final class Webhooks: Sendable {
    let settings: WebhookSettings
    private let signature: WebhookSignature?
    private let client: HTTPClient
    /// By address: two routes to the same one share its turns and its breaker.
    private let webhooks = Mutex<[String: Webhook]>([:])

    /// - Parameter settings: how they are called.
    public init(_ settings: WebhookSettings) {
        self.settings = settings
        signature = settings.secret.map { WebhookSignature(secret: $0) }
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .nanoseconds(settings.timeout.nanoseconds)
        // How many calls are under way is each webhook's own bound; one of them must not use up another's connections.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.concurrency * 64
        // Attempts are counted here, with a wait between them.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes all connections.
    public func shutdown() async { try? await client.shutdown() }

    func webhook(_ url: String) -> Webhook {
        webhooks.withLock { webhooks in
            if let present = webhooks[url] { return present }
            let fresh = Webhook(url, settings) { [self] body, id, deadline in
                try await attempt(url, body, id: id, until: deadline)
            }
            webhooks[url] = fresh
            return fresh
        }
    }

    // MARK: - What the gateway uses

    /// Answers messages of a route.
    /// - Parameter timeout: how long a call may take; `nil` for what the settings say.
    public func handler(_ url: String, timeout: Instant.Span?) -> MessageHandler {
        let webhook = webhook(url)
        let settings = settings
        // What waits is bounded by the webhook's queue; this only keeps a flood from becoming tasks first.
        return MessageHandler("webhook " + ShownAddress.text(url), limit: settings.concurrency + settings.queue) {
            message in
            let body = JSONWriter.object { writer in
                writer.member("event", "message")
                writer.member("client_id", message.clientID.text)
                writer.member("node", settings.node)
                Self.write(message.attributes, to: &writer)
                writer.member("message", raw: message.envelope)
            }
            return try await Self.traced("message", url, message.trace) {
                try await webhook.call(body, id: message.id, timeout: timeout ?? settings.timeout)
            }
        }
    }

    /// Whom to ask about clients.
    public var hooks: LifecycleHooks {
        var hooks = LifecycleHooks()
        hooks.connect = settings.connect.map { question($0, "connect") }
        hooks.join = settings.join.map { question($0, "join") }
        hooks.disconnect = settings.disconnect.map { url in
            let webhook = webhook(url)
            let settings = settings
            return { departure in
                let body = JSONWriter.object { writer in
                    writer.member("event", "disconnect")
                    writer.member("client_id", departure.clientID.text)
                    writer.member("node", settings.node)
                    Self.write(departure.attributes, to: &writer)
                    writer.member("transport", departure.transport)
                    writer.member("address", departure.address)
                    writer.member("remaining_connections", departure.remaining)
                }
                // Nobody waits for it: what goes wrong shows in the webhook's figures.
                _ = try? await Self.traced("disconnect", url, nil) {
                    try await webhook.call(body, id: Self.newID(), timeout: settings.timeout)
                }
            }
        }
        return hooks
    }

    private func question(
        _ url: String, _ event: String
    ) -> @Sendable (LifecycleHooks.Question) async throws -> [UInt8]? {
        let webhook = webhook(url)
        let settings = settings
        return { question in
            let body = JSONWriter.object { writer in
                writer.member("event", event)
                writer.member("client_id", question.clientID.text)
                writer.member("node", settings.node)
                Self.write(question.attributes, to: &writer)
                writer.member("transport", question.transport)
                writer.member("address", question.address)
                writer.key("topics")
                writer.array { writer in question.topics.forEach { writer.value($0) } }
            }
            let answer: [UInt8]?
            do {
                answer = try await Self.traced(event, url, nil) {
                    try await webhook.call(body, id: Self.newID(), timeout: settings.timeout)
                }
            } catch let problem as Problem {
                // Refusals of the webhook itself are below 500.
                guard problem.status >= 500, settings.onFailure == .allow else { throw problem }
                return nil
            }
            return try WebhookAnswer.permission(answer)
        }
    }

    /// How each webhook is.
    public var figures: [UpstreamFigures] {
        webhooks.withLock { $0 }.sorted { $0.key < $1.key }.map(\.value.upstreamFigures)
    }

    /// A span around a call with all its attempts; each attempt has one of its own below it, of the HTTP client.
    static func traced(
        _ event: String, _ url: String, _ trace: TraceContext?, _ body: () async throws -> [UInt8]?
    ) async throws -> [UInt8]? {
        var context = ServiceContext.topLevel
        if let trace { InstrumentationSystem.instrument.extract(trace, into: &context, using: TraceExtractor()) }
        return try await withSpan("webhook \(event)", context: context, ofKind: .client) { span in
            span.attributes["mcp_gateway.webhook.event"] = event
            span.attributes["url.full"] = ShownAddress.text(url)
            return try await body()
        }
    }

    /// Hands a place in a trace to whatever tracer the process has.
    private struct TraceExtractor: Extractor {
        func extract(key: String, from carrier: TraceContext) -> String? { key == "traceparent" ? carrier.text : nil }
    }

    /// What all webhooks are doing, as members of a JSON object.
    public func writeStatistics(to writer: inout JSONWriter) {
        for (url, webhook) in webhooks.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            writer.member(ShownAddress.text(url)) { webhook.write(to: &$0) }
        }
    }

    private static func write(_ attributes: [UInt8]?, to writer: inout JSONWriter) {
        writer.key("attributes")
        if let attributes { writer.raw(attributes) } else { writer.null() }
    }

    static func newID() -> String {
        var identifiers = IdentifierSource()
        return identifiers.uuid(at: Timestamp(milliseconds: wallMilliseconds))
    }

    private static var wallMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    // MARK: - Calling

    private struct TimedOut: Error {}

    private func attempt(
        _ url: String, _ body: [UInt8], id: String, until deadline: Instant
    ) async throws -> Webhook.Outcome {
        let request = request(url, body, id: id)
        do {
            return try await withThrowingTaskGroup(of: Webhook.Outcome.self) { group in
                group.addTask { [client, settings] in
                    let response = try await client.execute(
                        request, deadline: NIODeadline.uptimeNanoseconds(UInt64(deadline.nanoseconds)))
                    let bytes = try await response.body.collect(upTo: settings.maxAnswerSize)
                    return .answered(status: Int(response.status.code), body: Array(buffer: bytes))
                }
                group.addTask {
                    try await Task.sleep(for: .nanoseconds(max(0, (deadline - MonotonicClock.now).nanoseconds)))
                    throw TimedOut()
                }
                defer { group.cancelAll() }
                return try await group.next() ?? .timedOut
            }
        } catch is TimedOut {
            return .timedOut
        } catch is NIOTooManyBytesError {
            return .failed("its answer is larger than webhooks.max_answer_size")
        } catch let error as HTTPClientError {
            try Task.checkCancellation()
            return error == .deadlineExceeded || error == .readTimeout || error == .connectTimeout
                ? .timedOut : .failed("\(error.shortDescription)")
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .failed("cannot connect")
        }
    }

    private func request(_ url: String, _ body: [UInt8], id: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        let timestamp = Self.wallMilliseconds / 1000
        request.headers = [
            "content-type": "application/json", "accept": "application/json",
            "user-agent": "mcp-gateway/\(settings.version)", "webhook-id": id, "webhook-timestamp": "\(timestamp)",
        ]
        if let signature {
            request.headers.add(
                name: "webhook-signature", value: signature.sign(id: id, timestamp: timestamp, body: body))
        }
        request.body = .bytes(body)
        return request
    }
}
