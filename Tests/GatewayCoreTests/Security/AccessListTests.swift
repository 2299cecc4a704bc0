import Testing

@testable import GatewayCore

@Suite struct AccessListTests {
    private let time = Timestamp(milliseconds: 1_000_000)

    private func network(_ kind: AccessList.Kind, _ text: String, until: Int64? = nil) throws -> AccessList.Entry {
        AccessList.Entry(
            kind, .network(try #require(IPAddressRange(text))), name: text, since: time,
            until: until.map { Timestamp(milliseconds: $0) })
    }

    private func verdict(_ list: AccessList, _ address: String, at time: Timestamp? = nil) throws -> AccessList.Kind? {
        list.entry(for: try #require(IPAddress(address)), at: time ?? self.time)?.kind
    }

    @Test func `networks of all lengths are found, and what is allowed is not blocked`() throws {
        var list = AccessList(limit: 10)
        for text in ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"] {
            #expect(list.add(try network(.block, text), at: time) == true)
        }
        #expect(list.add(try network(.allow, "203.0.113.9"), at: time) == true)
        #expect(try verdict(list, "203.0.113.8") == .block)
        #expect(try verdict(list, "203.0.113.9") == .allow)
        #expect(try verdict(list, "203.0.114.8") == nil)
        #expect(try verdict(list, "198.51.100.7") == .block)
        #expect(try verdict(list, "::ffff:198.51.100.7") == .block)
        #expect(try verdict(list, "198.51.100.8") == nil)
        #expect(try verdict(list, "2001:db8:1::1") == .block)
        #expect(try verdict(list, "2001:db9::1") == nil)
        #expect(list.remove(.block, .network(try #require(IPAddressRange("2001:db8::/32")))) != nil)
        #expect(try verdict(list, "2001:db8:1::1") == nil)
    }

    @Test func `an entry ends at its time, and makes place`() throws {
        var list = AccessList(limit: 1)
        #expect(list.add(try network(.block, "192.0.2.1", until: 1_000_001), at: time) == true)
        #expect(list.add(try network(.block, "192.0.2.2"), at: time) == false)
        #expect(try verdict(list, "192.0.2.1") == .block)
        let later = Timestamp(milliseconds: 1_000_001)
        #expect(try verdict(list, "192.0.2.1", at: later) == nil)
        #expect(list.add(try network(.block, "192.0.2.2"), at: later) == true)
        #expect(list.entries(at: later).map(\.name) == ["192.0.2.2"])
    }

    @Test func `clients are found by their names`() throws {
        var list = AccessList(limit: 4)
        let mallory = try #require(ClientID("mallory"))
        let entry = AccessList.Entry(.block, .client(mallory), name: "mallory", since: time)
        #expect(list.add(entry, at: time) == true)
        #expect(list.entry(for: mallory, at: time)?.kind == .block)
        #expect(list.entry(for: try #require(ClientID("Mallory")), at: time) == nil)
    }

    @Test func `of all masks of all addresses the list agrees with the ranges themselves`() throws {
        let texts = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "0.0.0.0/1", "fe80::/10", "fe80::1"]
        var list = AccessList(limit: 10)
        for text in texts { #expect(list.add(try network(.block, text), at: time) == true) }
        for address in ["10.1.2.3", "10.2.2.3", "11.0.0.1", "129.0.0.1", "fe80::1", "fe90::2", "ff00::1"] {
            let value = try #require(IPAddress(address))
            let expected = texts.contains { IPAddressRange($0)?.contains(value) == true }
            #expect(try verdict(list, address) == (expected ? .block : nil), "\(address)")
        }
    }
}
