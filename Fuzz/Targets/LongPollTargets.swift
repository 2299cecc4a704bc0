import PhoenixProtocol

/// Input: the body of a POST, once as one message and once as a batch.
func fuzzLongPollBody(_ input: UnsafeRawBufferPointer) {
    let maxMessages = 16
    let maxSize = 1024
    if let single = try? LongPollBody.messages(input, isBatch: false, maxMessages: maxMessages, maxSize: maxSize) {
        check(single == [.text(0..<input.count)] && input.count <= maxSize, "one message is all of the body")
    }
    guard let batch = try? LongPollBody.messages(input, isBatch: true, maxMessages: maxMessages, maxSize: maxSize)
    else { return }
    check((1...maxMessages).contains(batch.count), "a batch has messages, and not too many")
    var end = 0
    for message in batch {
        switch message {
        case .text(let range):
            check(range.lowerBound >= end && range.upperBound <= input.count, "messages follow each other in the body")
            check(range.count <= maxSize && !input[range].contains(0x0A), "a message is one line within the bound")
            end = range.upperBound
        case .binary(let bytes): check(bytes.count <= maxSize, "binary messages have the same bound")
        }
    }
}

/// Input: what the signature of a token has been taken from.
func fuzzLongPollToken(_ input: UnsafeRawBufferPointer) {
    guard let token = LongPollToken(Array(input)) else { return }
    check(token.position >= 0 && token.nextSequence >= 0, "places are not negative")
    guard let again = LongPollToken(token.bytes) else { preconditionFailure("what is written can be read") }
    if again.channels == token.channels, again.topics == token.topics {
        check(again == token, "decode undoes encode")
    } else {
        // Beyond the bound of a token the lists are left out, and it says so.
        check(
            again.channels.isEmpty && again.topics.isEmpty && !again.isWhole, "a token is whole or says that it is not")
    }
}
