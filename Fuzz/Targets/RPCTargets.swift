import ModelContextProtocol
import WireJSON

/// Input: a message of the Model Context Protocol.
func fuzzRPCMessage(_ input: UnsafeRawBufferPointer) {
    guard let message = try? RPCMessage(input, maxDepth: 32) else { return }
    let spans = [
        message.id, message.methodName, message.params, message.result, message.error, message.name, message.uri,
        message.cursor, message.requestID, message.progressToken, message.notifiedToken, message.meta,
    ]
    for case let span? in spans {
        check(span.offset >= 0 && span.length > 0 && span.end <= input.count, "parts lie within the message")
    }
    switch message.kind {
    case .request: check(message.id != nil && message.methodName != nil, "a request has an id and a method")
    case .notification: check(message.id == nil && message.methodName != nil, "a notification has a method only")
    case .response: check(message.methodName == nil, "a response has no method")
    }
    // As it is passed on: another id in its place, on one line, and the same message otherwise.
    var splice = Splice()
    splice.replace(message.id, with: 7)
    let passed = splice.apply(to: input, oneLine: message.hasLineBreaks)
    passed.withUnsafeReadableBytes { bytes in
        guard let again = try? RPCMessage(bytes, maxDepth: 32) else {
            preconditionFailure("what is passed on can be read")
        }
        check(!message.hasLineBreaks || !again.hasLineBreaks, "one line")
        check(again.kind == message.kind && again.method == message.method, "it is of the same kind")
        if let id = again.id { check(Array(bytes[id]) == Array("7".utf8), "the id is the new one") }
        let names = (message.name.map { Array(input[$0]) }, again.name.map { Array(bytes[$0]) })
        check(names.0 == names.1, "what it names is the same")
    }
}
