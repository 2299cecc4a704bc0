import GatewayCore
import Synchronization
import WireJSON

/// What a client's numbered messages are told, and what waits of them.
final class ClientSequencer: Sendable {
    /// A message that waits for its turn, as it came.
    struct Waiting: Sendable {
        let number: Int
        let bytes: [UInt8]
        /// The topic's channel that it was pushed on.
        let channel: String?
        /// The tier of the token that it came with.
        let tier: String?
    }

    enum Answer: Sendable {
        case accepted(id: String, operation: EventID?)
        /// Its id had this answer before a crash.
        case recalled([UInt8])
        case refused(Problem)
    }

    let state = Mutex(MessageSequencer<Waiting, Answer>())
    /// Whether something looks after missing numbers already.
    let isWatched = Atomic<Bool>(false)
}

/// What a numbered message is answered.
enum NumberedOutcome {
    case accepted(Accepted)
    case repeated(id: String, operation: EventID?)
    /// It waits for the numbers before it, until this time.
    case buffered(until: Instant)

    /// The answer: as without a number, or `{seq, status: "buffered"}`.
    func json(number: Int) -> [UInt8] {
        switch self {
        case .accepted(let accepted): accepted.json
        case .repeated(let id, let operation): Accepted.repeated(id: id, operation: operation).json
        case .buffered:
            JSONWriter.object { writer in
                writer.member("seq", number)
                writer.member("status", "buffered")
            }
        }
    }
}

extension Gateway {
    /// Takes a message that its client has numbered (`seq`): in order, each once.
    /// - Returns: `nil` if the answer is given later, when the message is stored.
    func acceptNumbered(
        _ request: PublishRequest, _ number: Int, from sender: SessionHandle, channel: String?, _ loop: LoopState,
        later: @autoclosure () -> AnswerLater
    ) throws(Problem) -> NumberedOutcome? {
        let limits = settings.sequencer
        let now = loop.context.now
        let sequencer = sender.sequencer()
        let arrival = sequencer.state.withLock {
            $0.arrived(number, cost: request.bytes.count, limits: limits, now: now) {
                .init(
                    number: number, bytes: Array(request.bytes), channel: channel, tier: loop.context.tier)
            }
        }
        switch arrival {
        case .process:
            let accepted: Accepted
            let isStoring: Bool
            do throws(Problem) {
                (accepted, isStoring) = try admit(
                    request, from: sender, channel: channel, &loop.context, later: later())
            } catch {
                // Its client may send the number again.
                sequencer.state.withLock { $0.refused(limits: limits, now: now) }
                watch(sequencer, of: sender, loop)
                throw error
            }
            proceed(sequencer, of: sender, after: accepted.answer, loop)
            return isStoring ? nil : .accepted(accepted)
        case .buffered, .duplicateOfBuffered:
            watch(sequencer, of: sender, loop)
            return .buffered(until: now + limits.gapTimeout)
        case .duplicate(.accepted(let id, let operation)): return .repeated(id: id, operation: operation)
        case .duplicate(.recalled(let body)): return .accepted(.recalled(body))
        case .duplicate(.refused(let problem)): throw problem
        case .tooOld:
            throw Problem(
                409, "sequence_passed", "seq \(number) has been here, or was given up (sequencer.gap_timeout)")
        case .full:
            throw Problem(
                503, "overloaded", "as many messages wait for a missing seq as sequencer.buffer allows", retryAfter: 1)
        }
    }

    /// Processes what has waited for the message that was answered.
    private func proceed(
        _ sequencer: ClientSequencer, of sender: SessionHandle, after answer: ClientSequencer.Answer, _ loop: LoopState
    ) {
        let limits = settings.sequencer
        let now = loop.context.now
        var next = sequencer.state.withLock { $0.processed(answer, limits: limits, now: now) }
        while let waiting = next {
            let answer = process(waiting, from: sender, loop)
            next = sequencer.state.withLock { $0.processed(answer, limits: limits, now: now) }
        }
        if sequencer.state.withLock({ $0.deadline }) != nil { watch(sequencer, of: sender, loop) }
    }

    private func process(
        _ waiting: ClientSequencer.Waiting, from sender: SessionHandle, _ loop: LoopState
    ) -> ClientSequencer.Answer {
        loop.context.tier = waiting.tier
        do throws(Problem) {
            let result = waiting.bytes.withUnsafeBytes { bytes in
                Result { () throws(Problem) in
                    let request = try PublishRequest(bytes, maxDepth: settings.maxJSONDepth)
                    return try admit(
                        request, from: sender, channel: waiting.channel, &loop.context,
                        later: .numbered(sender, waiting.number, loop: loop.index)
                    ).0
                }
            }
            return try result.get().answer
        } catch {
            // It was answered as buffered: its client hears of this another way.
            tell(sender, error, from: waiting.number, to: waiting.number, loop)
            return .refused(error)
        }
    }

    /// Gives up the numbers whose time is over.
    /// - Returns: when to look again; `nil` if nothing is missing.
    fileprivate func giveUp(_ sequencer: ClientSequencer, of sender: SessionHandle, _ loop: LoopState) -> Instant? {
        let limits = settings.sequencer
        let now = loop.context.now
        if let (loss, next) = sequencer.state.withLock({ $0.expire(limits: limits, now: now) }) {
            let problem = Problem(
                408, "sequence_gap",
                "these numbers did not come within sequencer.gap_timeout; what follows them has gone on")
            tell(sender, problem, from: loss.from, to: loss.to, loop)
            proceed(sequencer, of: sender, after: process(next, from: sender, loop), loop)
        }
        return sequencer.state.withLock { $0.deadline }
    }

    /// Tells a client of a message that was answered already, or never came.
    func tell(_ client: SessionHandle, _ problem: Problem, from: Int, to: Int, _ loop: LoopState) {
        let data = JSONWriter.object { writer in
            writer.member("error", problem.error)
            writer.member("reason", problem.reason)
            writer.member("from", from)
            writer.member("to", to)
        }
        client.session.withLock { $0.alert(data, wakes: &loop.context.wakes) }
    }

    private func watch(_ sequencer: ClientSequencer, of sender: SessionHandle, _ loop: LoopState) {
        guard let deadline = sequencer.state.withLock({ $0.deadline }),
            !sequencer.isWatched.exchange(true, ordering: .acquiringAndReleasing)
        else { return }
        loop.enter(SequencerWatch(sequencer, of: sender, loop: loop), visitAt: deadline)
    }
}

/// Looks after the missing numbers of one client, on the wheel of the loop that noticed them first.
private final class SequencerWatch: LoopMember {
    private let sequencer: ClientSequencer
    private let sender: SessionHandle

    init(_ sequencer: ClientSequencer, of sender: SessionHandle, loop: LoopState) {
        self.sequencer = sequencer
        self.sender = sender
        super.init(loop: loop)
    }

    override func visit() -> Instant? {
        if let next = loop.gateway.giveUp(sequencer, of: sender, loop) { return next }
        sequencer.isWatched.store(false, ordering: .releasing)
        // A number may have gone missing in between.
        if sequencer.state.withLock({ $0.deadline }) != nil,
            !sequencer.isWatched.exchange(true, ordering: .acquiringAndReleasing)
        {
            return loop.now + LoopState.tick
        }
        loop.leave(self)
        return nil
    }
}

extension Accepted {
    /// What is remembered of it.
    fileprivate var answer: ClientSequencer.Answer {
        switch self {
        case .new(let message, let operation): .accepted(id: message.id, operation: operation)
        case .repeated(let id, let operation): .accepted(id: id, operation: operation)
        case .recalled(let body): .recalled(body)
        }
    }
}
