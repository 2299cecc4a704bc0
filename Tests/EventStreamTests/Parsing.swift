@testable import EventStream

/// Parses `pieces`, one after the other.
func parse(_ pieces: [[UInt8]]) -> (events: [ServerSentEvent], lastEventID: String, retry: Int?) {
    var parser = EventStreamParser()
    let events = pieces.flatMap { parser.append($0) }
    return (events, parser.lastEventID, parser.retry)
}

func parse(_ text: String) -> (events: [ServerSentEvent], lastEventID: String, retry: Int?) {
    parse([Array(text.utf8)])
}

/// An event of the type `message`.
func message(_ data: String, event: String = "message", id: String = "") -> ServerSentEvent {
    ServerSentEvent(event: event, data: data, lastEventID: id)
}

/// `bytes` cut before each of `cuts`, which are in order.
func cut(_ bytes: [UInt8], at cuts: [Int]) -> [[UInt8]] {
    let edges = [0] + cuts + [bytes.count]
    return zip(edges, edges.dropFirst()).map { Array(bytes[$0..<$1]) }
}
