import Testing

@testable import GatewayCore

/// A client that holds an event stream all the time, and a WebSocket over a link that comes and goes.
@Suite struct TransportDampingTests {
    private static let tick = Instant.Span.milliseconds(50)
    private static let limits = SessionLimits()

    /// The link is up in the first half of each period, or a little longer or shorter.
    private struct FlappingLink {
        var session = Session(epoch: Epoch(7), now: .zero)
        var wakes = WakeSet(loops: 1)
        var random: SeededGenerator
        var now = Instant.zero
        var nextConnection = 1
        var socket: ConnectionID?
        var switchesBack = 0
        var received: [Int] = []
        var batch: [Session.Delivery] = []
        /// When the switches back were.
        var times: [Instant] = []
        var lostAt = Instant.zero

        let stream = ConnectionID(slot: 0)

        init(seed: Int) {
            random = SeededGenerator(seed)
            _ = session.attach(
                .init(connection: stream, transport: .eventStream), limits: limits, now: now, wakes: &wakes)
        }

        mutating func connect() {
            let id = ConnectionID(slot: nextConnection)
            nextConnection += 1
            socket = id
            // As clients do that have two transports: they have everything so far.
            var request = Session.AttachRequest(connection: id, transport: .webSocket)
            if let last = received.last { request.resume = .afterSequence(last) }
            _ = session.attach(request, limits: limits, now: now, wakes: &wakes)
        }

        mutating func lose(isSilent: Bool) {
            guard let id = socket else { return }
            socket = nil
            lostAt = now
            let isGivenUp =
                isSilent
                && session.giveUp(
                    id, confirmed: session.nextSequence, damping: DampingLimits(), now: now, wakes: &wakes)
            if !isGivenUp {
                session.detach(id, flushed: session.nextSequence, isLost: true, now: now, wakes: &wakes)
            }
        }

        /// Everything that can be taken is taken, and reaches the client.
        mutating func settle() {
            for _ in 0..<3 {
                for id in [stream, socket].compactMap({ $0 }) {
                    var notices = Session.Notices()
                    batch.removeAll()
                    _ = session.take(
                        id, flushed: session.nextSequence, maxMessages: 100, maxBytes: 1 << 20, limits: limits,
                        now: now,
                        into: &batch, notices: &notices, wakes: &wakes)
                    received += batch.map(\.sequence)
                    session.flushed(id, before: session.nextSequence, now: now, wakes: &wakes)
                    if let notice = notices.transportSwitch, notice.to == .webSocket {
                        switchesBack += 1
                        times.append(now)
                    }
                }
            }
            _ = wakes.takeAll()
        }

        mutating func run(period: Instant.Span, for span: Instant.Span, noise: Int) {
            var isUp = false
            var nextEdge = now
            let end = now + span
            var count = 0
            while now < end {
                while nextEdge <= now {
                    isUp.toggle()
                    if isUp { connect() } else { lose(isSilent: random.oneIn(2)) }
                    let half = period.nanoseconds / 2
                    let shift = noise == 0 ? 0 : Int64(random.below(2 * noise + 1) - noise) * half / 100
                    nextEdge = nextEdge + Instant.Span(nanoseconds: max(1_000_000, half + shift))
                }
                if count % 4 == 0 {
                    _ = session.append(.sample("m\(count)", acceptedAt: now), limits: limits, now: now, wakes: &wakes)
                }
                count += 1
                session.goBack(now: now, wakes: &wakes) { true }
                settle()
                now = now + tick
            }
        }
    }

    /// A link that flaps is returned to a few times, more and more seldom, and then not at all.
    @Test(
        arguments: [(0.2, 1), (0.5, 1), (1, 2), (2, 3), (4, 4), (8, 6)], [0, 40])
    func `a flapping link is returned to no more often than expected`(
        wave: (seconds: Double, expected: Int), noise: Int
    ) {
        for seed in 0..<5 {
            var link = FlappingLink(seed: seed)
            link.run(
                period: .milliseconds(Int64(wave.seconds * 1000)), for: .seconds(600), noise: noise)
            // The first connect is no return; with noise some gaps are longer than the wave's.
            #expect(
                link.switchesBack <= 1 + wave.expected + (noise > 0 ? 6 : 0),
                "\(wave.seconds) s, noise \(noise): \(link.switchesBack)")
            #expect(link.received == Array(0..<link.session.nextSequence), "order, without holes or repeats")
        }
    }

    @Test func `no wave makes a client change more than seven times a minute`() {
        for period in stride(from: 300, through: 60_000, by: 700) {
            var link = FlappingLink(seed: period)
            link.run(period: .milliseconds(Int64(period)), for: .seconds(600), noise: 0)
            #expect(link.switchesBack <= 70, "\(period) ms: \(link.switchesBack)")
            for (one, next) in zip(link.times.dropFirst(), link.times.dropFirst(2)) {
                #expect(next - one >= DampingLimits().minimumDwell)
            }
        }
    }

    @Test func `a link that has healed is back within the longest wait`() {
        for period in [200, 1000, 5000] {
            var link = FlappingLink(seed: period)
            link.run(period: .milliseconds(Int64(period)), for: .seconds(120), noise: 20)
            let before = link.now
            if link.socket == nil { link.connect() }
            while link.session.activeTransport != .webSocket, link.now - before < .seconds(60) {
                link.now = link.now + Self.tick
                link.session.goBack(now: link.now, wakes: &link.wakes) { true }
                link.settle()
            }
            #expect(link.now - before <= .seconds(31))
        }
    }

    @Test func `the wait doubles with each loss and shrinks with time`() {
        var damping = TransportDamping(.webSocket)
        var limits = DampingLimits()
        limits.flapHalfLife = .seconds(1_000_000)
        var now = Instant.zero
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            damping.lost(limits: limits, now: now)
            let off = (damping.returnAt - now).seconds - Double(wait)
            #expect(abs(off) < 0.01, "\(wait)")
            #expect(damping.holds(.webSocket, now: damping.returnAt + .milliseconds(-1)))
            #expect(!damping.holds(.webSocket, now: damping.returnAt))
            #expect(!damping.holds(.eventStream, now: now))
            now = now + .milliseconds(1)
        }
        now = now + .seconds(40_000_000)
        damping.lost(limits: limits, now: now)
        #expect(abs((damping.returnAt - now).seconds - 1) < 0.01, "long ago is forgotten")
    }

    @Test func `who leaves by itself may come back at once`() {
        var link = FlappingLink(seed: 1)
        link.connect()
        link.settle()
        link.session.detach(
            link.socket!, flushed: link.session.nextSequence, isLost: false, now: link.now, wakes: &link.wakes)
        link.connect()
        link.settle()
        #expect(link.session.activeTransport == .webSocket)
    }

    @Test func `the node decides how many go back`() {
        var link = FlappingLink(seed: 1)
        link.connect()
        link.settle()
        link.lose(isSilent: false)
        link.connect()
        link.now = link.now + .seconds(2)
        link.session.goBack(now: link.now, wakes: &link.wakes) { false }
        link.settle()
        #expect(link.session.activeTransport == .eventStream)
        link.session.goBack(now: link.now, wakes: &link.wakes) { true }
        link.settle()
        #expect(link.session.activeTransport == .webSocket)
    }

    @Test func `what the client has shown to have is where the other transport goes on`() {
        var link = FlappingLink(seed: 1)
        link.connect()
        link.settle()
        for number in 0..<10 {
            _ = link.session.append(
                .sample("m\(number)", acceptedAt: link.now), limits: Self.limits, now: link.now, wakes: &link.wakes)
        }
        link.settle()
        #expect(link.received == Array(0..<10))
        // The kernel took all ten, the client has shown that it has seven.
        let gone = link.socket!
        link.socket = nil
        let isGivenUp = link.session.giveUp(
            gone, confirmed: 7, damping: DampingLimits(), now: link.now, wakes: &link.wakes)
        #expect(isGivenUp)
        link.settle()
        #expect(link.received == Array(0..<10) + [7, 8, 9])
    }

    @Test func `without another transport a connection is not given up`() {
        var session = Session(epoch: Epoch(1), now: .zero)
        var wakes = WakeSet(loops: 1)
        let id = ConnectionID(slot: 1)
        _ = session.attach(.init(connection: id, transport: .webSocket), limits: Self.limits, now: .zero, wakes: &wakes)
        let isGivenUp = session.giveUp(id, confirmed: 0, damping: DampingLimits(), now: .zero, wakes: &wakes)
        #expect(!isGivenUp && session.hasConnections)
    }

    @Test func `a round trip's timeout follows its measurements`() {
        var trip = RoundTrip()
        #expect(trip.timeout(minimum: .milliseconds(400)) == .seconds(1))
        for _ in 0..<50 { trip.measured(.milliseconds(2)) }
        #expect(trip.timeout(minimum: .milliseconds(400)) == .milliseconds(400))
        for _ in 0..<50 { trip.measured(.milliseconds(900)) }
        let slow = trip.timeout(minimum: .milliseconds(400))
        #expect(slow > .milliseconds(900) && slow < .seconds(2))
        for number in 0..<50 { trip.measured(.milliseconds(number % 2 == 0 ? 100 : 1500)) }
        #expect(trip.timeout(minimum: .milliseconds(400)) > .milliseconds(1500))
    }
}
