/// Ways in which the core can be broken on purpose. Each strikes now and then.
enum Fault: String, CaseIterable, Sendable {
    /// A message gets its answer and no place in any log.
    case skipsAppend
    /// A sender is answered before the commit.
    case answersBeforeTheCommit
    /// A client that resumes gets its last message once more.
    case repeatsAfterResume
    /// A client that resumes does not get the next message.
    case skipsAfterResume
    /// A hole is not told.
    case forgetsAGap
    /// The log that begins after a crash goes by the name of the one before.
    case keepsTheEpochAfterACrash
    /// What was stored comes back in another order.
    case restoresInAnotherOrder
    /// Stored messages are deleted when they were handed out, not when they are done.
    case deletesTooEarly
    /// Ids of before a crash are accepted once more.
    case forgetsAnswers
    /// Numbered messages are processed as they come.
    case ignoresNumbers
}
