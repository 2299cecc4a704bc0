import GatewayCore

/// Which connections an operator wants to see.
public struct ConnectionQuery: Sendable, Equatable {
    /// What the connections are sorted by; the largest come first, names from A.
    public enum Order: String, Sendable, CaseIterable { case age, unsent, pending, sent, client }

    /// A part of the client's id.
    public var client: String?
    /// `websocket`, `http_sse` or `longpoll`.
    public var transport: String?
    /// The beginning of the address.
    public var address: String?
    public var minimumAge: Instant.Span?
    public var maximumAge: Instant.Span?
    public var minimumUnsent: Int?
    public var order = Order.age
    /// Whether the smallest come first.
    public var isAscending = false
    public var limit = 50

    /// The most connections of one answer.
    public static let maximumLimit = 1000

    public init() {}

    /// - Parameter parameter: the value of a parameter of the query.
    /// - Throws: what is wrong with a parameter.
    public init(parameter: (String) -> String?) throws(QueryProblem) {
        client = parameter("client")
        address = parameter("address")
        if let name = parameter("transport") {
            guard ["websocket", "http_sse", "longpoll"].contains(name) else {
                throw QueryProblem("transport is websocket, http_sse or longpoll")
            }
            transport = name
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws(QueryProblem) -> Int? {
            guard let text = parameter(name) else { return nil }
            guard let value = Int(text), range.contains(value) else {
                throw QueryProblem("\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        let years = 0...1_000_000_000
        minimumAge = try number("min_age", years).map { .seconds(Int64($0)) }
        maximumAge = try number("max_age", years).map { .seconds(Int64($0)) }
        minimumUnsent = try number("min_unsent", 0...Int(Int32.max))
        limit = try number("limit", 1...Self.maximumLimit) ?? limit
        if let name = parameter("sort") {
            guard let order = Order(rawValue: name) else {
                throw QueryProblem("sort is one of " + Order.allCases.map(\.rawValue).joined(separator: ", "))
            }
            self.order = order
        }
        isAscending = order == .client
        switch parameter("order") {
        case nil: break
        case "asc": isAscending = true
        case "desc": isAscending = false
        default: throw QueryProblem("order is asc or desc")
        }
    }
}

/// What is wrong with a question, in words for whoever asked.
public struct QueryProblem: Error {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }
}

/// One connection as it was found.
struct ConnectionReport: Sendable {
    var client: String?
    var transport: String
    var address: String?
    var age: Instant.Span?
    /// Whether its client's messages go to it now.
    var isActive = false
    var pendingMessages = 0
    /// Bytes that wait in the log and on the way to the kernel.
    var unsentBytes = 0
    /// Of the client, over all its connections.
    var messagesSent = 0
    var messagesReceived = 0
    var pendingAcknowledgements = 0
    var idle: Instant.Span?
    var loop = 0

    /// Whether it comes before another one.
    func precedes(_ other: ConnectionReport, by query: ConnectionQuery) -> Bool {
        func ordered<Value: Comparable>(_ one: Value, _ two: Value) -> Bool {
            if one != two { return query.isAscending ? one < two : one > two }
            return (client ?? "") < (other.client ?? "")
        }
        switch query.order {
        case .age: return ordered(age?.nanoseconds ?? -1, other.age?.nanoseconds ?? -1)
        case .unsent: return ordered(unsentBytes, other.unsentBytes)
        case .pending: return ordered(pendingMessages, other.pendingMessages)
        case .sent: return ordered(messagesSent, other.messagesSent)
        case .client: return ordered(client ?? "", other.client ?? "")
        }
    }
}

/// The connections that a query finds, as many as it wants of the first, and how many there are.
struct ConnectionSelection: Sendable {
    let query: ConnectionQuery
    private(set) var matches = 0
    private(set) var reports: [ConnectionReport] = []

    init(_ query: ConnectionQuery) { self.query = query }

    mutating func add(_ report: ConnectionReport) {
        matches += 1
        reports.append(report)
        if reports.count >= 2 * query.limit + 64 { trim() }
    }

    /// Puts the selections of several event loops together.
    mutating func add(_ other: ConnectionSelection) {
        matches += other.matches
        reports += other.reports
        trim()
    }

    mutating func trim() {
        let query = query
        reports.sort { $0.precedes($1, by: query) }
        if reports.count > query.limit { reports.removeLast(reports.count - query.limit) }
    }
}
