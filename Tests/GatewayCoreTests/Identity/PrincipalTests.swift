import GatewayCore
import Testing

struct PrincipalTests {
    @Test func capabilitiesAreActionsOnNamesOrBeginnings() {
        let capabilities = Capabilities(
            [
                "subscribe:room:*", "publish:room:1", "presence", "send:bob", "mcp:time", "mcp:search/query",
                "mcp:x/read_*",
            ]
            .compactMap { Capability($0) })
        check(capabilities.allow(.subscribe, "room:1") && capabilities.allow(.subscribe, "room:"))
        check(!capabilities.allow(.subscribe, "room") && !capabilities.allow(.subscribe, "Room:1"))
        check(capabilities.allow(.publish, "room:1") && !capabilities.allow(.publish, "room:11"))
        check(!capabilities.allow(.publish, "room:*") && !capabilities.allow(.publish))
        check(capabilities.allow(.presence, "anything") && capabilities.allow(.presence))
        check(capabilities.allow(.mcp, "time/now") && !capabilities.allow(.mcp, "timer/now"))
        check(capabilities.allow(.mcp, "search/query") && !capabilities.allow(.mcp, "search/query2"))
        check(capabilities.allow(.mcp, "x/read_file") && !capabilities.allow(.mcp, "x/write_file"))
        check(!capabilities.allow(.admin) && !capabilities.allow(.service))
        check(capabilities.allowSome(.mcp) && !capabilities.allowSome(.admin))
    }

    @Test(arguments: ["", ":", "publish:", "Publish:a", "read", "openid", "admins", "*", " publish"])
    func whatIsNoCapabilityIsNone(_ text: String) { check(Capability(text) == nil) }

    @Test func administratorsMayDoEverythingAndBackEndsSendEverywhere() {
        let administrator = Principal.administrator.capabilities
        for action in Capability.Action.allCases { check(administrator.allow(action, "x")) }
        let backEnd = Capabilities([Capability(.service)])
        check(backEnd.allow(.publish, "a") && backEnd.allow(.send, "a") && backEnd.allow(.service))
        check(!backEnd.allow(.admin) && !backEnd.allow(.mcp, "a/b"))
        let partial = Capabilities([Capability(.admin, "none")])
        check(!partial.allow(.admin) && !partial.allow(.publish, "a"))
    }

    @Test func thereIsABoundOfCapabilities() {
        let many = Capabilities((0..<1000).map { Capability(.publish, "t\($0)") })
        check(many.texts.count == Capabilities.limit)
    }

    @Test func aSubjectIsItselfAndABackEndAnybody() throws {
        let alice = try #require(ClientID("alice"))
        check(Principal(subject: "alice").mayBe(alice))
        check(!Principal(subject: "alice:1").mayBe(alice) && !Principal(subject: "Alice").mayBe(alice))
        check(Principal(subject: "x", capabilities: Capabilities([Capability(.service)])).mayBe(alice))
    }

    @Test func revocationsConcernWhomTheyName() {
        var list = RevocationList(limit: 3)
        let moment = Timestamp(milliseconds: 1000)
        let later = Timestamp(milliseconds: 9000)
        func principal(_ subject: String, id: String? = nil, issued: Int64?) -> Principal {
            Principal(subject: subject, issuedAt: issued.map { Timestamp(milliseconds: $0) }, tokenID: id)
        }
        check(!list.revokes(principal("a", id: "t", issued: nil)))
        check(list.add(.init(.token("t"), issuedBefore: moment, until: later), now: moment))
        check(list.revokes(principal("a", id: "t", issued: 5000)) && !list.revokes(principal("t", issued: 0)))
        check(list.add(.init(.subject("b"), issuedBefore: moment, until: later), now: moment))
        check(list.revokes(principal("b", issued: 1000)) && list.revokes(principal("b", issued: nil)))
        check(!list.revokes(principal("b", issued: 1001)) && !list.revokes(principal("a", issued: 0)))
        // An earlier cut does not take a later one back.
        check(list.add(.init(.subject("b"), issuedBefore: .init(milliseconds: 1), until: later), now: moment))
        check(list.revokes(principal("b", issued: 1000)) && list.count == 2)
        check(list.add(.init(.everyone, issuedBefore: .init(milliseconds: 500), until: later), now: moment))
        check(list.revokes(principal("c", issued: 500)) && !list.revokes(principal("c", issued: 501)))
        check(!list.add(.init(.token("u"), issuedBefore: moment, until: later), now: moment))
        // What concerns nobody any more makes place.
        check(list.add(.init(.token("u"), issuedBefore: moment, until: .init(milliseconds: 20_000)), now: later))
        check(list.count == 1 && !list.revokes(principal("b", issued: nil)))
    }

    @Test func ticketsAreGoodOnceAndNotForLong() {
        var book = TicketBook(lifetime: .seconds(30), limit: 2)
        let one = TicketBook.Name(high: 1, low: 2)
        let two = TicketBook.Name(high: 3, low: .max)
        let three = TicketBook.Name(high: 5, low: 6)
        let alice = Principal(subject: "alice")
        check(book.issue(one, for: alice, now: .zero) && book.issue(two, for: alice, now: .zero + .seconds(1)))
        check(!book.issue(three, for: alice, now: .zero + .seconds(2)))
        check(book.use(one, now: .zero + .seconds(29))?.subject == "alice")
        check(book.use(one, now: .zero + .seconds(29)) == nil)
        check(book.issue(three, for: alice, now: .zero + .seconds(29)))
        check(book.use(two, now: .zero + .seconds(31)) == nil)
        check(book.use(three, now: .zero + .seconds(58))?.subject == "alice" && book.count == 0)
    }

    @Test func aTicketHasOneWrittenForm() {
        let name = TicketBook.Name(high: 0xAB, low: .max)
        check(name.text == "tk_00000000000000abffffffffffffffff" && TicketBook.Name(name.text) == name)
        for text in [
            "tk_00000000000000ABffffffffffffffff", "tk_+0000000000000abffffffffffffffff", "tk_ab", "",
            "00000000000000abffffffffffffffff___",
        ] { check(TicketBook.Name(text) == nil) }
    }

    @Test func anEndingTokenWarnsOnceAndThenCloses() {
        var lifetime = TokenLifetime(expiresAt: .zero + .seconds(100), notice: .seconds(60), grace: .seconds(10))
        check(lifetime.next == .zero + .seconds(40))
        check(lifetime.advance(to: .zero + .seconds(39)) == .none)
        check(lifetime.advance(to: .zero + .seconds(41)) == .warn)
        check(lifetime.next == .zero + .seconds(110))
        check(lifetime.advance(to: .zero + .seconds(109)) == .none)
        check(lifetime.advance(to: .zero + .seconds(110)) == .close)
    }
}

/// For values that change by being asked, which the macro does not take.
private func check(_ holds: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(holds, sourceLocation: sourceLocation)
}
