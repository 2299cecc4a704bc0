import GatewayCore
import Testing

@testable import GatewayServer

struct ConnectionQueryTests {
    private static func query(_ parameters: [String: String]) throws -> ConnectionQuery {
        try ConnectionQuery { parameters[$0] }
    }

    private static func report(_ client: String, unsent: Int = 0, age: Int64 = 0) -> ConnectionReport {
        var report = ConnectionReport(client: client, transport: "websocket", age: .seconds(age))
        report.unsentBytes = unsent
        return report
    }

    @Test func `without parameters the oldest come first`() throws {
        let query = try Self.query([:])
        #expect(query == ConnectionQuery())
        #expect(query.order == .age && !query.isAscending && query.limit == 50)
    }

    @Test(arguments: [
        ["transport": "carrier-pigeon"], ["sort": "colour"], ["limit": "0"], ["limit": "1001"], ["min_age": "-1"],
        ["max_age": "x"], ["min_unsent": "1.5"], ["order": "up"],
    ])
    func `what makes no sense is refused by name`(parameters: [String: String]) {
        #expect {
            try Self.query(parameters)
        } throws: { error in
            parameters.keys.allSatisfy { (error as? QueryProblem)?.reason.contains($0) == true }
        }
    }

    @Test func `names begin with A and figures with the largest`() throws {
        #expect(try Self.query(["sort": "client"]).isAscending)
        #expect(try !Self.query(["sort": "client", "order": "desc"]).isAscending)
        #expect(try !Self.query(["sort": "unsent"]).isAscending)
    }

    @Test(arguments: 0..<20)
    func `a selection keeps the first of all, however many there are`(seed: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let query = try Self.query(["sort": "unsent", "limit": "7"])
        let all = (0..<500).map { Self.report("client-\($0)", unsent: Int.random(in: 0...40, using: &generator)) }
        var parts = (0..<3).map { _ in ConnectionSelection(query) }
        for (index, report) in all.enumerated() { parts[index % 3].add(report) }
        var whole = ConnectionSelection(query)
        for part in parts { whole.add(part) }
        let expected = all.sorted { ($1.unsentBytes, $0.client ?? "") < ($0.unsentBytes, $1.client ?? "") }.prefix(7)
        #expect(whole.matches == 500)
        #expect(whole.reports.map(\.client) == expected.map(\.client))
    }

    @Test func `advice follows the errors`() {
        func advice(_ errors: Int, _ messages: Int, isOpen: Bool = true) -> TransportAdvice {
            TransportAdvice(errors: errors, messages: messages, connections: 5, isOpen: isOpen, slowConsumers: 0)
        }
        #expect(advice(0, 0).isHealthy && advice(4, 96).isHealthy && !advice(5, 95).isHealthy)
        // Too few to say anything.
        #expect(advice(5, 5).isHealthy)
        #expect(!advice(0, 100, isOpen: false).isHealthy)
        #expect(advice(10, 90).recommendation != advice(5, 95).recommendation)
    }

    @Test func `closes are counted by code, and what clients invent as one`() {
        var closes = Closes()
        closes.count(.webSocket, .client, 1000)
        closes.count(.webSocket, .client, 3500)
        closes.count(.webSocket, .client, 4999)
        closes.count(.webSocket, .gateway, 4008)
        var sum = Closes()
        sum.add(closes)
        sum.add(closes)
        #expect(sum.sorted.map(\.key.code) == [1000, 4000, 4008])
        #expect(sum.sorted.map(\.count) == [2, 4, 2])
    }
}
