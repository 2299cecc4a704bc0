import WireJSON

/// A line that is not an event.
public struct HistoryError: Error, Equatable, CustomStringConvertible {
    public let place: HistoryEvent.Place
    public let reason: String

    public var description: String { "\(place): \(reason)" }
}

/// Reads histories: JSON Lines, one event each (docs/check-history.md).
public enum HistoryReader {
    /// - Throws: `HistoryError` for the first line that is not an event.
    public static func read(_ text: [UInt8], file: String) throws(HistoryError) -> [HistoryEvent] {
        var events: [HistoryEvent] = []
        var line = 0
        for bytes in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            line += 1
            guard bytes.contains(where: { $0 > 0x20 }) else { continue }
            let place = HistoryEvent.Place(file: file, line: line)
            do {
                events.append(try event(Members(Array(bytes)), place))
            } catch let error as JSONError {
                throw HistoryError(place: place, reason: error.reason)
            } catch let error as Fault {
                throw HistoryError(place: place, reason: error.reason)
            } catch {
                throw HistoryError(place: place, reason: "\(error)")
            }
        }
        return events
    }

    /// Events of several files in the order of their times.
    /// - Throws: `HistoryError` for an event without a time.
    public static func merge(_ files: [[HistoryEvent]]) throws(HistoryError) -> [HistoryEvent] {
        guard files.count > 1 else { return files.first ?? [] }
        var merged: [(at: Double, event: HistoryEvent)] = []
        for event in files.joined() {
            guard let at = event.at else {
                throw HistoryError(
                    place: event.place, reason: "needs `at`, a time in milliseconds: there are several files")
            }
            merged.append((at, event))
        }
        // The order within a file is kept where times are the same.
        let order = merged.indices.sorted { (merged[$0].at, $0) < (merged[$1].at, $1) }
        return order.map { merged[$0].event }
    }

    private struct Fault: Error {
        let reason: String
    }

    private static func event(_ members: Members, _ place: HistoryEvent.Place) throws -> HistoryEvent {
        let kind: HistoryEvent.Kind
        let name = try members.text("event")
        switch name {
        case "publish":
            guard let answer = HistoryEvent.Answer(rawValue: try members.text("answer")) else {
                throw Fault(reason: "`answer` is accepted, refused or none")
            }
            kind = .publish(
                publisher: try members.text("publisher"), client: try members.text("client"),
                id: try members.text("id"),
                isDurable: try members.flag("durable"), answer)
        case "connect":
            kind = .connect(
                client: try members.text("client"), connection: try members.text("connection"),
                epoch: try members.text("epoch"), resume: try members.position("resume"),
                recovered: try members.flag("recovered"))
        case "deliver":
            kind = .deliver(
                client: try members.text("client"), connection: try members.text("connection"),
                HistoryEvent.Position(epoch: try members.text("epoch"), sequence: try members.number("sequence")),
                id: try members.text("id"))
        case "gap":
            let from = try members.number("from")
            let to = try members.number("to")
            guard from <= to else { throw Fault(reason: "`from` is behind `to`") }
            kind = .gap(
                client: try members.text("client"), connection: try members.text("connection"),
                epoch: try members.text("epoch"), range: from...to)
        case "ack":
            kind = .acknowledge(
                client: try members.text("client"),
                HistoryEvent.Position(epoch: try members.text("epoch"), sequence: try members.number("sequence")))
        case "disconnect":
            kind = .disconnect(client: try members.text("client"), connection: try members.text("connection"))
        case "crash": kind = .crash
        case "settled": kind = .settled(client: try members.text("client"))
        default:
            throw Fault(
                reason: "`event` is \"\(name)\"; known: publish, connect, deliver, gap, ack, disconnect, crash, settled"
            )
        }
        return HistoryEvent(kind, at: members.values["at"].flatMap(Double.init), place: place)
    }

    /// One flat object. Strings are decoded; other values are kept as they stand.
    private struct Members {
        var values: [String: String] = [:]
        private var strings: Set<String> = []

        init(_ line: [UInt8]) throws(JSONError) {
            let read: Result<([String: String], Set<String>), JSONError> = line.withUnsafeBytes { bytes in
                Result { () throws(JSONError) in try Self.scan(bytes) }
            }
            (values, strings) = try read.get()
        }

        private static func scan(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> ([String: String], Set<String>) {
            var values: [String: String] = [:]
            var strings: Set<String> = []
            var scanner = JSONScanner(bytes, maxDepth: 16)
            if try scanner.beginObject() {
                repeat {
                    let key = JSONText.decode(slice(bytes, try scanner.key()))
                    let value = slice(bytes, try scanner.value())
                    if value[0] == UInt8(ascii: "\"") {
                        values[key] = JSONText.decode(value)
                        strings.insert(key)
                    } else {
                        values[key] = String(decoding: value, as: UTF8.self)
                    }
                } while try scanner.nextMember()
            }
            try scanner.finish()
            return (values, strings)
        }

        private static func slice(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
        }

        func text(_ key: String) throws(Fault) -> String {
            guard strings.contains(key), let value = values[key] else {
                throw Fault(reason: "`\(key)`, a string, is missing")
            }
            return value
        }

        func number(_ key: String) throws(Fault) -> Int {
            guard !strings.contains(key), let value = values[key].flatMap({ Int($0) }) else {
                throw Fault(reason: "`\(key)`, a whole number, is missing")
            }
            return value
        }

        func flag(_ key: String) throws(Fault) -> Bool {
            guard !strings.contains(key), let value = values[key].flatMap(Bool.init) else {
                throw Fault(reason: "`\(key)`, true or false, is missing")
            }
            return value
        }

        func position(_ key: String) throws(Fault) -> HistoryEvent.Position? {
            guard strings.contains(key) else { return nil }
            guard let position = values[key].flatMap({ HistoryEvent.Position($0) }) else {
                throw Fault(reason: "`\(key)` is an event id, <epoch>-<sequence>, or null")
            }
            return position
        }
    }
}
