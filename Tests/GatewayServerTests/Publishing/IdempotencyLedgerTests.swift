import GatewayCore
import Synchronization
import Testing

@testable import GatewayServer

/// Contract §6.5: the same id from the same sender is accepted once and answered alike.
struct IdempotencyLedgerTests {
    private static let window = Instant.Span.seconds(300)

    /// Sends `id` and tells whether it was published, and the answer.
    private func send(
        _ ledger: IdempotencyLedger, sender: String = "a", id: String, at seconds: Int64 = 0, answer: String = "x"
    ) throws -> (isNew: Bool, answer: String) {
        var isNew = false
        let given = try ledger.once(sender: sender, id: id, now: Instant.zero + .seconds(seconds)) {
            () throws(Problem) in
            isNew = true
            return .accepted(id: answer, operation: nil)
        }
        guard case .accepted(let text, nil) = given else { return (isNew, "?") }
        return (isNew, text)
    }

    @Test func `a repeated id is not published again and gets the first answer`() throws {
        let ledger = IdempotencyLedger(window: Self.window, limit: 1000)
        #expect(try send(ledger, id: "1", answer: "first") == (true, "first"))
        #expect(try send(ledger, id: "1", at: 299, answer: "second") == (false, "first"))
        #expect(try send(ledger, id: "2", answer: "other") == (true, "other"))
    }

    @Test func `senders do not share ids`() throws {
        let ledger = IdempotencyLedger(window: Self.window, limit: 1000)
        for sender in ["", "a", "b", "ab"] {
            for id in ["b", "a", "1"] { #expect(try send(ledger, sender: sender, id: id).isNew) }
        }
    }

    @Test func `an id is free again when the window is over`() throws {
        let ledger = IdempotencyLedger(window: Self.window, limit: 1000)
        #expect(try send(ledger, id: "1").isNew)
        #expect(try send(ledger, id: "1", at: 300).isNew)
        #expect(try !send(ledger, id: "1", at: 301).isNew)
    }

    @Test func `a refusal is not remembered`() throws {
        let ledger = IdempotencyLedger(window: Self.window, limit: 1000)
        #expect(throws: Problem.missingFields) {
            _ = try ledger.once(sender: "a", id: "1", now: .zero) { () throws(Problem) in throw .missingFields }
        }
        #expect(try send(ledger, id: "1").isNew)
    }

    @Test(arguments: [1, 32, 64, 320])
    func `the newest id is remembered, however small the limit`(limit: Int) throws {
        let ledger = IdempotencyLedger(window: Self.window, limit: limit)
        var twice: [Int] = []
        for number in 0..<100 {
            #expect(try send(ledger, id: "\(number)").isNew)
            if try send(ledger, id: "\(number)").isNew { twice.append(number) }
        }
        #expect(twice == [], "published twice")
    }

    @Test func `repeats push nothing out`() throws {
        // One place in each shard. What is new takes the place of one that was there; what is not, takes none.
        let ledger = IdempotencyLedger(window: Self.window, limit: 32)
        let ids = (0..<64).map(String.init)
        for id in ids { _ = try send(ledger, id: id) }
        let remembered = ids.filter { id in
            // Asking does not change what is asked about: a refusal is not remembered.
            (try? ledger.once(sender: "a", id: id, now: .zero) { () throws(Problem) in throw .missingFields }) != nil
        }
        #expect(remembered.count > 0)
        #expect(remembered.count <= 32)
        let twice = try remembered.filter { try send(ledger, id: $0).isNew }
        #expect(twice == [], "published twice")
    }

    @Test func `of ids that come at once on several threads each is published once`() {
        let ledger = IdempotencyLedger(window: Self.window, limit: 100_000)
        let published = Mutex([Int](repeating: 0, count: 500))
        let answers = Mutex([Set<String>](repeating: [], count: 500))
        onThreads(4) { thread in
            for number in 0..<500 {
                let answer = try? ledger.once(sender: "a", id: "\(number)", now: .zero) { () throws(Problem) in
                    published.withLock { $0[number] += 1 }
                    return .accepted(id: "\(number) by \(thread)", operation: nil)
                }
                if case .accepted(let text, _) = answer { _ = answers.withLock { $0[number].insert(text) } }
            }
        }
        #expect(published.withLock { $0 } == [Int](repeating: 1, count: 500))
        #expect(answers.withLock { $0 }.allSatisfy { $0.count == 1 })
    }
}
