/// Writes the format of event streams (WHATWG HTML §9.2). Data is one line: callers give text without line breaks.
public enum EventStreamWriter {
    /// Tells the client how long to wait before it reconnects.
    public static func retry(milliseconds: Int64) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }

    /// A comment: keeps proxies from cutting a silent stream, and is nothing to the client.
    public static let comment: [UInt8] = Array(":\n\n".utf8)

    /// An event without an id: it does not move the client's place.
    /// - Precondition: `name` and `data` have no line breaks.
    public static func event(_ name: String, data: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(data.count + name.utf8.count + 20)
        output.append(contentsOf: "event: ".utf8)
        output.append(contentsOf: name.utf8)
        output.append(contentsOf: "\ndata: ".utf8)
        output.append(contentsOf: data)
        output.append(contentsOf: "\n\n".utf8)
        return output
    }

    /// A block with an id only: it moves the client's place and is no event.
    public static func place(_ id: String) -> [UInt8] { Array("id: \(id)\n\n".utf8) }
}
