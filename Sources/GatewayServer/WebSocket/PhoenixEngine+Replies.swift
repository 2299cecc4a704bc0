import PhoenixProtocol

/// Answers to what a client has pushed, under the references that it gave.
extension PhoenixEngine {
    /// The answer that says no more than that it went well.
    static let emptyObject = Array("{}".utf8)

    func reply(_ incoming: Incoming, isError: Bool, _ response: [UInt8]) {
        reply(incoming, joinRef: incoming.joinRef, isError: isError, response)
    }

    func reply(_ incoming: Incoming, joinRef: UnsafeRawBufferPointer, isError: Bool, _ response: [UInt8]) {
        PhoenixWriter.appendReply(
            version, joinRef: joinRef, ref: incoming.ref, topic: incoming.topicText, isError: isError,
            response: response, to: &loop.text)
        writeText()
    }

    func reply(_ incoming: Incoming, _ problem: Problem) {
        reply(incoming, isError: true, problem.json)
    }

    func replyUnmatched(_ incoming: Incoming) {
        reply(incoming, joinRef: Incoming.null, isError: true, Array(#"{"reason":"unmatched topic"}"#.utf8))
    }
}
