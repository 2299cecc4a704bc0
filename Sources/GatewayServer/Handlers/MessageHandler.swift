import GatewayCore
import Synchronization

/// A message that a client sent, as a handler gets it.
public struct ClientMessage: Sendable {
    /// The message's id: the client's own, if it gave one.
    public let id: String
    /// Who sent it.
    public let clientID: ClientID
    /// Its `type`.
    public let type: String
    /// Its `data`, as JSON text.
    public let data: [UInt8]
    /// The whole envelope without a place in a log, as JSON text: `{"type", "id", "timestamp", "from", "data"}`.
    public let envelope: [UInt8]
    /// What the webhook `connect` or `join` has said of the client, as JSON text.
    public let attributes: [UInt8]?
    /// Where in a trace it stands, if it is in one.
    public let trace: TraceContext?
}

/// Takes messages that clients send, and answers them. It runs beside the event loops, as many messages at a time as
/// `limit` allows; those of one client may be under way together.
public final class MessageHandler: Sendable {
    /// What it is called in statistics.
    public let name: String
    /// Messages that may be under way; one more is refused as `overloaded`.
    public let limit: Int
    private let body: @Sendable (ClientMessage) async throws -> [UInt8]?
    private let running = Atomic<Int>(0)

    /// - Parameters:
    ///   - name: what it is called in statistics.
    ///   - limit: messages that may be under way at a time.
    ///   - body: takes a message. What it returns is the reply's JSON text, `nil` for the usual `{id, operation_id}`; a
    ///     `Problem` that it throws is what the client is told.
    public init(
        _ name: String, limit: Int = 1000, _ body: @escaping @Sendable (ClientMessage) async throws -> [UInt8]?
    ) {
        self.name = name
        self.limit = limit
        self.body = body
    }

    /// Counts a message in.
    /// - Returns: `false` if as many are under way as may be.
    func enter() -> Bool {
        guard running.add(1, ordering: .relaxed).newValue <= limit else {
            leave()
            return false
        }
        return true
    }

    func leave() { running.subtract(1, ordering: .relaxed) }

    /// Lets the handler do its work on a message that was counted in.
    func handle(_ message: ClientMessage) async throws -> [UInt8]? { try await body(message) }
}

extension MessageHandler: Equatable {
    /// Handlers are equal if they are the same.
    public static func == (a: MessageHandler, b: MessageHandler) -> Bool { a === b }
}

/// A message whose answer a handler gives.
struct HandlerCall: Sendable {
    let handler: MessageHandler
    let message: ClientMessage
    let sender: SessionHandle
}

extension Gateway {
    /// Lets a handler answer a message; whoever waits for the answer gets it on its own event loop.
    /// - Parameter id: the id that the client gave the message, under which the answer is remembered.
    func begin(_ call: HandlerCall, id: String?, _ later: AnswerLater) {
        tasks.start { [self] in
            let answer: StoredAnswer
            do {
                let body = try await call.handler.handle(call.message)
                answer = .success(body ?? Accepted.json(call.message.id, nil))
            } catch let problem as Problem {
                answer = .failure(problem)
            } catch {
                if !(error is CancellationError) {
                    logger.error("handler failed", metadata: ["handler": "\(call.handler.name)", "error": "\(error)"])
                }
                answer = .failure(Problem(500, "internal_error", "the handler of this type of message failed"))
            }
            call.handler.leave()
            var byLoop = [later.loop: [(later, answer)]]
            if let id {
                let remembered: IdempotencyLedger.Answer? =
                    if case .success(let body) = answer { .recalled(body) } else { nil }
                for waiter in ledger.settle(sender: call.sender.clientID.text, id: id, remembered) {
                    byLoop[waiter.loop, default: []].append((waiter, answer))
                }
            }
            for (loop, answers) in byLoop { inboxes[loop].post(answers) }
        }
    }
}
