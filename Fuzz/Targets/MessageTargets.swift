import EventStream
import GatewayCore
import GatewayServer
import PhoenixProtocol
import WireJSON

private let maxDepth = 32

/// Input: a text frame.
func fuzzPhoenixText(_ input: UnsafeRawBufferPointer, _ version: PhoenixVersion) {
    guard let frame = try? PhoenixFrame.decode(input, version: version, maxDepth: maxDepth) else { return }
    let parts: [JSONSpan?] = [frame.joinRef, frame.ref, frame.topic, frame.event, frame.payload]
    let texts = parts.map { span -> [UInt8]? in
        guard let span else { return nil }
        check(span.offset >= 0 && span.length > 0 && span.end <= input.count, "parts lie within the frame")
        return Array(input[span])
    }
    for name in [frame.topic, frame.event] {
        check(input[name.offset] == 0x22 && input[name.end - 1] == 0x22, "names are strings")
        _ = JSONText.decode(input[name])
    }
    // The same parts, written plainly, are read as the same.
    let null = Array("null".utf8)
    var plain: [UInt8] = []
    switch version {
    case .v2:
        plain.append(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { plain.append(UInt8(ascii: ",")) }
            plain += text ?? null
        }
        plain.append(UInt8(ascii: "]"))
    case .v1:
        plain += Array(#"{"join_ref":"#.utf8) + (texts[0] ?? null) + Array(#","ref":"#.utf8) + (texts[1] ?? null)
        plain += Array(#","topic":"#.utf8) + texts[2]! + Array(#","event":"#.utf8) + texts[3]!
        plain += Array(#","payload":"#.utf8) + texts[4]! + Array("}".utf8)
    }
    plain.withUnsafeBytes { bytes in
        guard let again = try? PhoenixFrame.decode(bytes, version: version, maxDepth: maxDepth) else {
            preconditionFailure("what was read can be written")
        }
        let copies = [again.joinRef, again.ref, again.topic, again.event, again.payload].map {
            $0.map { Array(bytes[$0]) }
        }
        check(copies == texts, "decode undoes encode")
    }
}

/// Input: a binary frame.
func fuzzPhoenixBinary(_ input: UnsafeRawBufferPointer) {
    guard let frame = try? PhoenixBinaryFrame.decode(input) else { return }
    let parts = [frame.joinRef, frame.ref, frame.topic, frame.event, frame.payload]
    check(parts[0].lowerBound == 5 && parts[4].upperBound == input.count, "the parts are all of the frame")
    for (part, next) in zip(parts, parts.dropFirst()) {
        check(part.upperBound == next.lowerBound, "the parts follow each other")
    }
    // A reference, read as the text of its JSON form, is itself.
    let reference = Array(input[frame.ref])
    check(PhoenixBinaryWriter.referenceText(quoted(reference)) == reference, "references come back as they were")
    // A push of the gateway has no `ref`; a client's reads the same with an empty one.
    let topic = String(decoding: input[frame.topic], as: UTF8.self)
    let event = String(decoding: input[frame.event], as: UTF8.self)
    var push: [UInt8] = []
    PhoenixBinaryWriter.appendPush(joinRef: Array(input[frame.joinRef]), topic: topic, event: event, to: &push)
    push.insert(0, at: 2)
    push += input[frame.payload]
    push.withUnsafeBytes { bytes in
        guard let again = try? PhoenixBinaryFrame.decode(bytes) else {
            preconditionFailure("what is written can be read")
        }
        check(
            bytes[again.joinRef].elementsEqual(input[frame.joinRef]) && bytes[again.topic].elementsEqual(topic.utf8)
                && bytes[again.event].elementsEqual(event.utf8) && again.ref.isEmpty
                && bytes[again.payload].elementsEqual(input[frame.payload]), "decode undoes encode")
    }
}

/// Input: an event id, a client id, and an epoch, all the same text.
func fuzzResumePoint(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    switch ResumePoint(text: text) {
    case .none: check(text.isEmpty, "only the empty text names no place")
    case .automatic: preconditionFailure("no id means that")
    case .after(let id):
        check(id.sequence >= -1, "there is nothing before the place before the first message")
        check(ResumePoint(text: id.description) == .after(id), "an id that is written is read as itself")
    case .afterSequence(let sequence):
        check(sequence >= -1 && ResumePoint(text: "\(sequence)") == .afterSequence(sequence), "a number is itself")
    case .foreign: break
    }
    if let epoch = Epoch(text) {
        check(Epoch(epoch.description) == epoch, "an epoch that is written is read as itself")
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Epoch.maxLength) { room in
            let count = epoch.write(to: room.baseAddress!)
            check(room[..<count].elementsEqual(epoch.description.utf8), "both ways of writing agree")
        }
    }
    if let client = ClientID(text) {
        check(client.text == text && (1...128).contains(text.utf8.count), "a client id is what was given")
    }
}

/// Input: a byte that decides the split, and a stream.
func fuzzEventStream(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first else { return }
    let bytes = input.from(1)
    func parsed(_ pieces: [UnsafeRawBufferPointer]) -> (events: [ServerSentEvent], id: String, retry: Int?) {
        var parser = EventStreamParser()
        let events = pieces.flatMap { parser.append($0) }
        return (events, parser.lastEventID, parser.retry)
    }
    let whole = parsed([bytes])
    for pieces in [bytes.pieces(first), bytes.octets] {
        check(parsed(pieces) == whole, "every split of the stream gives the same")
    }
    for event in whole.events {
        check(!event.event.isEmpty && !event.event.utf8.contains(0x0A), "an event has a name of one line")
        // Data of one line and a name that the gateway could have given are read back.
        guard !event.data.utf8.contains(0x0A), !event.data.utf8.contains(0x0D), !event.event.utf8.contains(0x0D) else {
            continue
        }
        let written = EventStreamWriter.event(event.event, data: Array(event.data.utf8))
        var parser = EventStreamParser()
        let back = parser.append(written)
        check(back.count == 1 && back[0].event == event.event && back[0].data == event.data, "decode undoes encode")
    }
}

/// Input: JSON text, perhaps.
func fuzzJSON(_ input: UnsafeRawBufferPointer) {
    func value(_ bytes: UnsafeRawBufferPointer) -> JSONSpan? {
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        guard let span = try? scanner.value(), (try? scanner.finish()) != nil else { return nil }
        check(scanner.index == bytes.count, "all of it was read")
        return span
    }
    if let span = value(input) {
        check(span.end <= input.count && span.length > 0, "a value lies within the text")
        check(
            value(input[span]) == JSONSpan(offset: 0, length: span.length), "a value is JSON without what is around it")
        check(UTF8Validation.isValid(input), "JSON is UTF-8")
        let wrapped = [UInt8(ascii: "[")] + Array(input) + [UInt8(ascii: "]")]
        wrapped.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: maxDepth)
            var inner: JSONSpan?
            if (try? scanner.beginArray()) == true { inner = try? scanner.value() }
            check(inner == JSONSpan(offset: span.offset + 1, length: span.length), "the same value inside an array")
        }
        if input[span.offset] == UInt8(ascii: "\"") {
            let text = JSONText.decode(input[span])
            JSONText.quoted(text).withUnsafeBytes { again in
                check(value(again) != nil && JSONText.decode(again) == text, "decode undoes encode")
            }
        }
    }
    // Any text can be quoted.
    let text = String(decoding: input, as: UTF8.self)
    JSONText.quoted(text).withUnsafeBytes { quoted in
        check(value(quoted) != nil && JSONText.decode(quoted) == text, "what is quoted is JSON and reads as itself")
    }
}

private func quoted(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    JSONText.appendQuoted(text, to: &output)
    return output
}

/// Input: the target of an HTTP request.
func fuzzRequestTarget(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    let target = RequestTarget(text)
    check(!target.path.contains("?") && !target.path.contains("#"), "the path ends before the query")
    // A value whose every byte is escaped comes back as it was.
    let digits = Array("0123456789ABCDEF")
    let escaped = text.utf8.map { "%\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
    check(RequestTarget("/?first=1&value=\(escaped)#value=2")["value"] == text, "decode undoes encode")
    check(RequestTarget.decode(Substring(escaped)) == text, "decode undoes encode")
}

/// Input: the body of `POST /mcp/messages`.
func fuzzPublishRequest(_ input: UnsafeRawBufferPointer) {
    let problem: Problem
    do throws(Problem) {
        let request = try PublishRequest(input, maxDepth: maxDepth)
        for span in [request.type, request.data] {
            guard let span else { continue }
            check(span.length > 0 && span.end <= input.count, "parts lie within the body")
        }
        check((request.topic?.utf8.count ?? 0) <= 255 && (request.event?.utf8.count ?? 0) <= 255, "names are bounded")
        return
    } catch {
        problem = error
    }
    check((400..<500).contains(problem.status), "whoever sends it is told that it is theirs")
    check(!problem.reason.isEmpty, "and why")
}
