import DequeModule

/// Bounds of what waits for its turn (keys `sequencer.*`).
public struct SequencerLimits: Equatable, Sendable {
    /// Messages that wait, and numbers whose answers are remembered.
    public var buffered = 100
    /// Bytes that wait.
    public var bufferedBytes = 1 << 20
    /// How long a missing number is waited for.
    public var gapTimeout = Instant.Span.seconds(5)

    public init() {}
}

/// Brings the messages of a client that numbers them into order, across all its connections: `seq` is 0, 1, 2, … What
/// comes early waits, what comes twice is answered as the first time, and a number that does not come is given up after
/// a while.
///
/// One message is under way at a time: whoever was told to process one says when it is done, and gets the next. So
/// messages that arrive on two connections at once cannot overtake each other.
public struct MessageSequencer<Payload: Sendable, Answer: Sendable>: Sendable {
    private struct Waiting: Sendable {
        let payload: Payload
        let cost: Int
        let since: Instant
    }

    /// The number of the next message to be processed.
    public private(set) var expected = 0
    /// When the oldest missing number is given up; `nil` while none is missing.
    public private(set) var deadline: Instant?
    private var waiting: [Int: Waiting] = [:]
    private var waitingBytes = 0
    /// Answers to the numbers before `expected`, the last one at the end.
    private var answers = Deque<Answer>()
    private var isProcessing = false

    public init() {}

    /// Messages that wait.
    public var bufferedCount: Int { waiting.count }
    /// Bytes that wait.
    public var bufferedBytes: Int { waitingBytes }

    /// What is to be done with a message that has come.
    public enum Arrival: Sendable {
        /// Process it now, then call `processed`.
        case process
        /// It waits for its turn.
        case buffered
        /// It has been here; this was the answer.
        case duplicate(Answer)
        /// It waits already.
        case duplicateOfBuffered
        /// It has been here, or was given up, too long ago to say more.
        case tooOld
        /// As much waits as may.
        case full
    }

    /// A message has come.
    /// - Parameter keep: makes the form in which it can wait.
    public mutating func arrived(
        _ number: Int, cost: Int, limits: SequencerLimits, now: Instant, keep: () -> Payload
    ) -> Arrival {
        guard number >= expected else {
            let back = expected - number
            return back <= answers.count ? .duplicate(answers[answers.count - back]) : .tooOld
        }
        if number == expected {
            guard isProcessing else {
                isProcessing = true
                return .process
            }
            // The one that is being processed: its answer is not known yet.
            return .duplicateOfBuffered
        }
        if waiting[number] != nil { return .duplicateOfBuffered }
        guard waiting.count < limits.buffered, waitingBytes + cost <= limits.bufferedBytes,
            number - expected <= limits.buffered
        else { return .full }
        waiting[number] = Waiting(payload: keep(), cost: cost, since: now)
        waitingBytes += cost
        if deadline == nil { deadline = now + limits.gapTimeout }
        return .buffered
    }

    /// The message that was to be processed has an answer.
    /// - Returns: the next one to process, if it is here.
    public mutating func processed(_ answer: Answer, limits: SequencerLimits, now: Instant) -> Payload? {
        precondition(isProcessing, "Nothing is under way")
        answers.append(answer)
        while answers.count > limits.buffered { answers.removeFirst() }
        expected += 1
        isProcessing = false
        return proceed(limits)
    }

    /// The message that was to be processed was refused: its number can be used again.
    public mutating func refused(limits: SequencerLimits, now: Instant) {
        precondition(isProcessing, "Nothing is under way")
        isProcessing = false
        setDeadline(limits)
    }

    /// Numbers that were given up.
    public struct Loss: Equatable, Sendable {
        public let from: Int
        public let to: Int
    }

    /// Gives up the missing numbers if their time is over.
    /// - Returns: which, and the message to process now.
    public mutating func expire(limits: SequencerLimits, now: Instant) -> (loss: Loss, next: Payload)? {
        guard !isProcessing, let deadline, now >= deadline, let first = waiting.keys.min() else { return nil }
        let loss = Loss(from: expected, to: first - 1)
        expected = first
        // Answers belong to the numbers right before `expected`.
        answers.removeAll()
        guard let next = proceed(limits) else { preconditionFailure("The first that waits is here") }
        return (loss, next)
    }

    /// No message waits longer than `gapTimeout`.
    private mutating func setDeadline(_ limits: SequencerLimits) {
        deadline = waiting.values.lazy.map(\.since).min().map { $0 + limits.gapTimeout }
    }

    private mutating func proceed(_ limits: SequencerLimits) -> Payload? {
        guard let next = waiting.removeValue(forKey: expected) else {
            // Another number is missing now.
            setDeadline(limits)
            return nil
        }
        waitingBytes -= next.cost
        deadline = nil
        isProcessing = true
        return next.payload
    }
}
