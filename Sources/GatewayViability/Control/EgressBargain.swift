public import GatewayCore

/// The resource bargain of S3 for what is sent: the node may send so many bytes a second, transports ask by what they send
/// and whether they were held back, and get what is max-min fair, never less than their floor while they need it. What is
/// granted holds for one beat, so a loan is back with the next. Samples in, grants out: a value without a clock.
public struct EgressBargain: Sendable {
    /// One transport on one event loop.
    public struct Place: Hashable, Sendable {
        public let transport: Transport
        public let loop: Int

        /// - Parameters:
        ///   - transport: by which clients are sent to.
        ///   - loop: which event loop they are on.
        public init(_ transport: Transport, loop: Int) {
            self.transport = transport
            self.loop = loop
        }
    }

    /// What has been sent from one place and what could not be.
    public struct Demand: Equatable, Sendable {
        /// Bytes since the beginning.
        public var sent: Int
        /// How often a connection was held back, since the beginning.
        public var heldBack: Int
        /// Whether some are held back now.
        public var isWaiting: Bool

        /// What has been counted.
        public init(sent: Int = 0, heldBack: Int = 0, isWaiting: Bool = false) {
            self.sent = sent
            self.heldBack = heldBack
            self.isWaiting = isWaiting
        }
    }

    /// How one transport stands, in bytes a second.
    public struct Account: Equatable, Sendable {
        public var floor = 0
        public var asked = 0
        public var granted = 0
        public var used = 0
        /// The part of its floor that others may have.
        public var lent = 0
        /// What it has sent beyond its grant.
        public var borrowed = 0
        /// How often one of its connections was held back, since the beginning.
        public var heldBack = 0
    }

    /// What one place has been sending and asking for.
    private struct Course: Sendable {
        var demand = Demand()
        var used = 0
        var asked = 0
        var isHeld = false
    }

    /// How each transport stands.
    public private(set) var accounts: [Transport: Account] = [:]
    /// Bytes a second that may be sent from each place.
    public private(set) var rates: [Place: Int] = [:]
    /// How often a transport sent more than others left it, and how often that has ended, since the beginning.
    public private(set) var recalls = (called: 0, settled: 0)
    private let settings: ControlSettings
    private var courses: [Place: Course] = [:]
    private var open: [Transport: Instant] = [:]
    private var lastBeat: Instant?

    /// Event loops that send nothing have together this part of a grant, so that one that begins need not wait for a beat.
    private static let idlePart = 4

    /// Nobody has sent anything.
    public init(_ settings: ControlSettings) { self.settings = settings }

    /// Bytes a second of all transports together.
    public var capacity: Int { settings.egress }

    /// How long what was not sent may be caught up.
    public var burst: Instant.Span { settings.egressBurst }

    /// Asks, grants, calls back.
    public mutating func settle(_ demands: [Place: Demand], now: Instant) -> [ViableEvent] {
        let time = lastBeat.map { (now - $0).seconds } ?? 0
        lastBeat = now
        let loops = Set(demands.keys.map(\.loop)).sorted()
        let before = accounts.mapValues(\.granted)
        courses = demands.reduce(into: [:]) { courses, demand in
            let loopFloor = floor(of: demand.key.transport) / max(1, loops.count)
            courses[demand.key] = course(demand.key, demand.value, time, loopFloor)
        }
        for transport in Transport.allCases { ask(transport) }
        let claims = Transport.allCases.map { transport in
            let account = accounts[transport]!
            return FairShare.Claim(floor: account.floor - account.lent, asked: account.asked)
        }
        for (transport, share) in zip(Transport.allCases, Self.all(of: capacity, among: claims)) {
            accounts[transport]!.granted = share
            accounts[transport]!.borrowed = max(0, accounts[transport]!.used - share)
            divide(share, of: transport, among: loops)
        }
        return Transport.allCases.compactMap { tell($0, before[$0] ?? 0, now) }
    }

    private func floor(of transport: Transport) -> Int { settings.floor(of: transport, capacity: capacity) }

    /// Who was not held back has had what it needs, and a quarter more lets it grow. Who was may need any amount: it asks
    /// for its floor, or twice what it had. What it asked for is forgotten by half each beat: traffic comes in bursts.
    private func course(_ place: Place, _ demand: Demand, _ time: Double, _ floor: Int) -> Course {
        let last = courses[place] ?? Course()
        var course = Course(demand: demand)
        course.isHeld = demand.isWaiting || demand.heldBack > last.demand.heldBack
        if time > 0 { course.used = Int(Double(max(0, demand.sent - last.demand.sent)) / time) }
        let need = course.isHeld ? max(floor, 2 * course.used) : course.used + course.used / 4
        course.asked = min(capacity, max(need, (last.asked + need) / 2))
        return course
    }

    private mutating func ask(_ transport: Transport) {
        var account = Account()
        for (place, course) in courses where place.transport == transport {
            account.used += course.used
            account.asked += course.asked
            account.heldBack += course.demand.heldBack
        }
        account.asked = min(account.asked, capacity)
        account.floor = floor(of: transport)
        account.lent = Int(Double(max(0, account.floor - account.asked)) * settings.lent)
        accounts[transport] = account
    }

    /// Event loops share a grant as transports share the whole.
    private mutating func divide(_ grant: Int, of transport: Transport, among loops: [Int]) {
        let least = grant / (Self.idlePart * max(1, loops.count))
        let claims = loops.map { loop in
            FairShare.Claim(floor: least, asked: courses[Place(transport, loop: loop)]?.asked ?? 0)
        }
        for (loop, share) in zip(loops, Self.all(of: grant, among: claims)) {
            rates[Place(transport, loop: loop)] = share
        }
    }

    /// What is fair, and what nobody has asked for in equal parts: whoever begins to send finds it there.
    private static func all(of capacity: Int, among claims: [FairShare.Claim]) -> [Int] {
        let shares = FairShare.shares(of: capacity, among: claims)
        let rest = max(0, capacity - shares.reduce(0, +))
        return shares.map { $0 + rest / max(1, shares.count) }
    }

    /// A transport has less than before because others need it, and has sent more than that; or it does so no more. What
    /// is a burst and no loan is left out.
    private mutating func tell(_ transport: Transport, _ before: Int, _ now: Instant) -> ViableEvent? {
        let account = accounts[transport]!
        let isMissed = courses.contains { $0.key.transport != transport && $0.value.isHeld }
        let isOver = isMissed && account.borrowed > account.granted / 8
        if let since = open[transport] {
            guard !isOver else { return nil }
            open[transport] = nil
            recalls.settled += 1
            return loan(transport, isCalled: false, now - since)
        }
        guard isOver, account.granted < before else { return nil }
        open[transport] = now
        recalls.called += 1
        // What is sent from now on is within the grant.
        return loan(transport, isCalled: true, .seconds(0))
    }

    private func loan(_ transport: Transport, isCalled: Bool, _ time: Instant.Span) -> ViableEvent {
        .loan(
            Loan(
                resource: .egress, transport: transport, isCalled: isCalled, amount: accounts[transport]!.borrowed,
                time: time))
    }
}
