import Foundation
import GatewayCore
import GatewayStore
import GatewayStoreSQLite
import Testing

/// What is kept free for deletions.
@Suite struct FullDiskTests {
    private static func reserve(_ fixture: StoreFixture) -> Int? {
        try? FileManager.default.attributesOfItem(atPath: fixture.path + ".reserve")[.size] as? Int
    }

    @Test func `the reserve is as large as asked for, and can be none`() throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try fixture.open { $0.reserveBytes = 300_000 }
        #expect(Self.reserve(fixture) == 300_000)
        try fixture.open { $0.reserveBytes = 400_000 }
        #expect(Self.reserve(fixture) == 400_000)
        try fixture.open { $0.reserveBytes = 0 }
        #expect(Self.reserve(fixture) == nil)
        try fixture.store.probe()
    }

    @Test func `a probe brings a reserve back that was given up`() throws {
        let fixture = try StoreFixture(.sqliteNormal)
        try fixture.open { $0.reserveBytes = 300_000 }
        try FileManager.default.removeItem(atPath: fixture.path + ".reserve")
        try fixture.store.probe()
        #expect(Self.reserve(fixture) == 300_000)
    }
}
