import GatewayCore
import GatewayStore
import NIOCore
import NIOHTTP1

/// A message that has its places in the logs of its recipients and waits to be stored; its sender waits for that.
struct PendingWrite: Sendable {
    let write: StoreWrite
    /// The sessions of `write.deliveries`, in the same order.
    let sessions: [SessionHandle]
    /// Under what the sender's id is remembered, if it gave one.
    let sender: String
    let id: String?
    let remembered: IdempotencyLedger.Answer
    /// What the sender is told when the message is stored.
    let body: [UInt8]
    let later: AnswerLater

    /// Bytes that it counts for while it waits.
    var cost: Int { write.message.cost + write.deliveries.count * 32 + body.count }
}

/// Where an answer goes that is given later, and on which event loop.
enum AnswerLater: Sendable {
    /// To a request, with these headers.
    case request(NIOLoopBound<HTTPFront>, HTTPHeaders, loop: Int)
    /// To a push on a channel.
    case push(ConnectionID, ReplyAddress)
    /// To a client whose numbered message was answered while it waited for its turn: it only hears of a failure.
    case numbered(SessionHandle, Int, loop: Int)
    /// To a task of this process.
    case task(PendingAnswer, loop: Int)

    var loop: Int {
        switch self {
        case .request(_, _, let loop): loop
        case .push(let id, _): id.loop
        case .numbered(_, _, let loop): loop
        case .task(_, let loop): loop
        }
    }
}

/// What a channel's reply repeats of the push that it answers, as JSON text.
struct ReplyAddress: Sendable {
    private let bytes: [UInt8]
    private let joinRefEnd: Int
    private let refEnd: Int

    init(joinRef: UnsafeRawBufferPointer, ref: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(joinRef.count + ref.count + topic.count)
        bytes.append(contentsOf: joinRef)
        bytes.append(contentsOf: ref)
        bytes.append(contentsOf: topic)
        self.bytes = bytes
        joinRefEnd = joinRef.count
        refEnd = joinRef.count + ref.count
    }

    /// Runs `body` on the three: join reference, reference, topic.
    func withTexts(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        bytes.withUnsafeBytes { bytes in
            body(
                UnsafeRawBufferPointer(rebasing: bytes[..<joinRefEnd]),
                UnsafeRawBufferPointer(rebasing: bytes[joinRefEnd..<refEnd]),
                UnsafeRawBufferPointer(rebasing: bytes[refEnd...]))
        }
    }
}

/// The answer to a message that was to be stored: its body, or why it was refused.
typealias StoredAnswer = Result<[UInt8], Problem>
