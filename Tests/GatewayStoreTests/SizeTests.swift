import Foundation
import GatewayCore
import GatewayStore
import Testing

/// The file returns to its base after traffic.
@Suite struct SizeTests {
    /// `MCP_STORE_MESSAGES` makes it longer: `make soak` has a million.
    private static let count = ProcessInfo.processInfo.environment["MCP_STORE_MESSAGES"].flatMap(Int.init) ?? 50_000

    @Test func `the file returns to its base after traffic`() throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try fixture.open()
        let base = fixture.store.size
        var largest = 0
        var next = 0
        while next < Self.count {
            // A hundred clients, each of which is done with what it got a while ago.
            let numbers = next..<min(next + 500, Self.count)
            let writes = numbers.map { fixture.write("\($0)", [("c\($0 % 100)", Int64($0 % 100 + 1), $0)], size: 200) }
            let releases = (0..<100).map { StoreRelease(life: Int64($0 + 1), before: next - 20_000) }
            try fixture.commit(writes, releases)
            next = numbers.upperBound
            largest = max(largest, fixture.store.size)
        }
        #expect(largest > 4_000_000, "there was something to give back")
        try fixture.commit([], (0..<100).map { StoreRelease(life: Int64($0 + 1), before: .max, ends: true) })
        while try fixture.store.maintain(now: fixture.now) {}
        fixture.store.close()
        // A megabyte of log and a few free pages may stay for what comes next.
        #expect(fixture.store.size < base + (2 << 20), "\(base) before, \(largest) at the most")
    }

    @Test func `a hundred thousand clients with messages do not hold up the start`() throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try fixture.open()
        for start in stride(from: 0, to: 100_000, by: 10_000) {
            try fixture.commit(
                (start..<(start + 10_000)).map { fixture.write("\($0)", [("client-\($0)", Int64($0 + 1), 0)]) })
        }
        let clock = ContinuousClock()
        var contents = StoreContents()
        let time = try clock.measure { contents = try fixture.open() }
        #expect(contents.clients.count == 100_000)
        print("start with 100,000 clients: \(time)")
        #expect(try fixture.waiting("client-77777") == ["77777"])
    }
}
