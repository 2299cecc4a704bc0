import GatewayCore

/// What servers have asked a client, and it has not answered yet, by the ids that the client knows the questions by.
struct OpenQuestions {
    /// One of them, and where its answer goes.
    struct Question {
        /// Who asks; `nil` where `answered` takes the answer.
        weak var session: UpstreamSession?
        /// What it calls the question.
        var id: [UInt8] = []
        var progressToken: [UInt8]?
        /// The call that waits for the answer.
        weak var call: Call?
        /// Who takes the answer instead of a session.
        var answered: (([UInt8]?) -> Void)?
    }

    private var questions: [Int: (question: Question, askedAt: Instant)] = [:]
    private var next = 1

    /// Keeps a question.
    /// - Parameters:
    ///   - limit: how many there may be.
    ///   - patience: one that has been open for longer makes room for another one: nobody waits for its answer.
    /// - Returns: the id that the client is to know it by; `nil` if there are too many.
    mutating func add(_ question: Question, limit: Int, patience: Instant.Span, now: Instant) -> Int? {
        if questions.count >= limit { questions = questions.filter { now - $0.value.askedAt <= patience } }
        guard questions.count < limit else { return nil }
        defer { next += 1 }
        questions[next] = (question, now)
        return next
    }

    subscript(id: Int) -> Question? { questions[id]?.question }

    /// It has been answered, or is taken back.
    mutating func remove(_ id: Int) -> Question? { questions.removeValue(forKey: id)?.question }

    /// The id that the client knows a server's question by.
    func id(of question: [UInt8], from session: UpstreamSession) -> Int? {
        questions.first { $0.value.question.session === session && $0.value.question.id == question }?.key
    }

    /// A session with a server has ended: what it has asked will not be wanted any more.
    mutating func forget(_ session: UpstreamSession) {
        questions = questions.filter {
            $0.value.question.session !== session || $0.value.question.answered != nil
        }
    }
}
