import GatewayCore
import GatewayViability
import NIOCore
import Synchronization

/// Who may connect: the bounds on connections, for each service and each address.
package final class Admission: Sendable {
    private let perAddress: Atomic<Int>
    private let counts: [GatewaySettings.Service: Counter]
    private let pacer: Mutex<HandshakePacer?>
    private let pace: Mutex<Pace>
    private let admissions = Atomic<Int>(0)
    /// When those that are refused are to come back; `nil` if nobody coordinates them.
    private let returns: Mutex<ReturnSchedule?>
    private let addresses = Mutex<[AddressKey: Int]>([:])
    /// What S3 has granted to each transport; `nil` if it shares nothing.
    private let ledger: Mutex<ConnectionLedger?>
    private let reclaimSeconds: Int

    /// How fast clients are let in.
    private struct Pace: Equatable {
        let rate: Double
        let burst: Int
        let delay: Instant.Span

        init(_ settings: GatewaySettings) {
            rate = settings.handshakeRate
            burst = settings.handshakeBurst
            delay = settings.handshakeDelay
        }

        var pacer: HandshakePacer? {
            rate > 0 ? HandshakePacer(rate: rate, burst: burst, maxDelay: delay) : nil
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)
        private let bound: Atomic<Int>

        init(limit: Int) { bound = Atomic(limit) }

        /// More than these are not let in.
        var limit: Int { bound.load(ordering: .relaxed) }

        func change(limit: Int) { bound.store(limit, ordering: .relaxed) }

        var now: Int { value.load(ordering: .relaxed) }

        /// - Returns: the new value.
        func increment() -> Int { value.add(1, ordering: .relaxed).newValue }

        func decrement() { value.subtract(1, ordering: .relaxed) }

        func correct(by difference: Int) { value.add(difference, ordering: .relaxed) }
    }

    /// What refuses connections when memory is short.
    private let memory: MemoryWatch?

    /// Who is not let in, however few there are.
    private let accessGuard: AccessGuard?

    init(_ settings: GatewaySettings, memory: MemoryWatch? = nil, accessGuard: AccessGuard? = nil) {
        self.memory = memory
        self.accessGuard = accessGuard
        perAddress = Atomic(settings.maxConnectionsPerAddress)
        let pace = Pace(settings)
        self.pace = Mutex(pace)
        pacer = Mutex(pace.pacer)
        returns = Mutex(settings.isViabilityOn ? settings.viability.coordination.returns : nil)
        reclaimSeconds = max(1, settings.viability.control.reclaimTime.roundedUpSeconds)
        let sharing = settings.isViabilityOn && settings.viability.control.isOn
        ledger = Mutex(
            sharing
                ? ConnectionLedger(capacity: Self.capacity(settings.viability.control, settings.maxConnections)) : nil)
        counts = Dictionary(
            uniqueKeysWithValues: GatewaySettings.Service.allCases.map {
                ($0, Counter(limit: settings.maxConnections[$0] ?? .max))
            })
    }

    /// Other bounds apply from now on to whoever comes.
    func apply(_ settings: GatewaySettings) {
        for (service, counter) in counts { counter.change(limit: settings.maxConnections[service] ?? .max) }
        perAddress.store(settings.maxConnectionsPerAddress, ordering: .relaxed)
        let new = Pace(settings)
        let isOther = pace.withLock { pace in
            defer { pace = new }
            return pace != new
        }
        // Those who wait keep the turns that they were given.
        if isOther { pacer.withLock { $0 = new.pacer } }
    }

    /// Connections of all kinds.
    var openConnections: Int { counts.values.reduce(0) { $0 + $1.now } }

    /// Connections of one kind.
    func connections(_ service: GatewaySettings.Service) -> Int { counts[service]?.now ?? 0 }

    /// A connection has come; what it wants is not known yet, so it counts as plain HTTP.
    /// - Returns: why it may not stay; `nil` if it has been counted in.
    func enter(address: SocketAddress?) -> Problem? { enter(.http, address: address) }

    /// A connection of a known kind has come that is none of the network's: a long-poll session.
    /// - Parameter isKept: whether S5 wants it in every mode.
    /// - Returns: why it may not stay; `nil` if it has been counted in.
    func enter(_ service: GatewaySettings.Service, address: SocketAddress?, isKept: Bool = false) -> Problem? {
        if let problem = count(in: service, isKept: isKept) { return problem }
        guard let problem = claim(address: address) else { return nil }
        uncount(service)
        return problem
    }

    /// Counts one more connection from an address.
    /// - Returns: why it may not be; it is not counted then.
    func claim(address: SocketAddress?) -> Problem? {
        guard let key = AddressKey(address) else { return nil }
        if let problem = accessGuard?.arrived(address) { return problem }
        let perAddress = perAddress.load(ordering: .relaxed)
        let isAdmitted = addresses.withLock { addresses in
            let count = addresses[key, default: 0]
            guard count < perAddress else { return false }
            addresses[key] = count + 1
            return true
        }
        guard !isAdmitted else { return nil }
        accessGuard?.refusals.count(.connectionsPerAddress)
        return Problem(
            429, "too_many_connections_from_ip",
            "as many connections from this address as security.max_connections_per_ip allows", retryAfter: 10)
    }

    /// A counted connection becomes one of another kind.
    /// - Parameter isKept: whether S5 wants it in every mode.
    /// - Returns: why it may not; it still counts as what it was then.
    func turn(
        _ from: GatewaySettings.Service, into service: GatewaySettings.Service, isKept: Bool = false
    ) -> Problem? {
        if let problem = count(in: service, isKept: isKept) { return problem }
        uncount(from)
        return nil
    }

    private func count(in service: GatewaySettings.Service, isKept: Bool = false) -> Problem? {
        // Plain requests stay possible: publishers are told what they may send, operators see why.
        if let transport = service.transport,
            let problem = memory?.refuseConnection(transport, isKept: isKept)
        {
            return later(problem)
        }
        guard counts[service]!.increment() > counts[service]!.limit else {
            if let problem = refuseUngranted(service) {
                counts[service]!.decrement()
                return problem
            }
            if service != .http { admissions.add(1, ordering: .relaxed) }
            return nil
        }
        counts[service]!.decrement()
        return Problem(
            503, "overloaded", "as many connections as transports.\(service.rawValue).max_connections allows",
            retryAfter: returnAfter(most: 10))
    }

    private func uncount(_ service: GatewaySettings.Service) {
        counts[service]!.decrement()
        guard let transport = service.transport else { return }
        ledger.withLock { $0?.leave(transport) }
    }

    // MARK: - What S3 grants

    /// - Returns: why S3 has no place for one more; `nil` if it has taken one.
    private func refuseUngranted(_ service: GatewaySettings.Service) -> Problem? {
        guard let transport = service.transport else { return nil }
        let isLender: Bool? = ledger.withLock { ledger in
            guard ledger?.admit(transport) == false else { return nil }
            return ledger?.isLender(transport)
        }
        guard let isLender else { return nil }
        // Whose place is lent gets it back within the time of the loan, and does not queue behind the crowd that has it.
        let wait = isLender ? Int.random(in: 1...reclaimSeconds) : returnAfter(most: 10)
        return Problem(
            503, "overloaded", "viability.control grants no more connections to \(service.rawValue) now",
            retryAfter: wait)
    }

    /// Streams and sockets that the node has for all: what is configured or, without that, what their own bounds allow. A part
    /// of the open files is left to everything else.
    private static func capacity(_ settings: ControlSettings, _ bounds: [GatewaySettings.Service: Int]) -> Int {
        guard settings.connections <= 0 else { return settings.connections }
        let files = ProcessFigures.descriptorLimit
        let sum = [GatewaySettings.Service.eventStream, .webSocket].reduce(0) { $0 + min(files, bounds[$1] ?? files) }
        return min(sum, files - files / 8)
    }

    /// Writes down what each transport has been using and missing.
    func ask(_ node: inout NodeSample, _ settings: GatewaySettings) {
        let bounds = Dictionary(uniqueKeysWithValues: counts.map { ($0, $1.limit) })
        node.connectionCapacity = Self.capacity(settings.viability.control, bounds)
        guard let ledger = ledger.withLock({ $0 }) else { return }
        for service in [GatewaySettings.Service.eventStream, .webSocket] {
            guard let transport = service.transport else { continue }
            let (used, admitted, refused) = ledger.demand(transport)
            node.connectionDemand[transport] = ConnectionBargain.Demand(
                used: used, admitted: admitted, refused: refused, limit: limit(service))
        }
    }

    /// Other grants hold from now on.
    func grant(_ grants: [Transport: PlaceGrant], of capacity: Int) {
        ledger.withLock { $0?.grant(grants, of: capacity) }
    }

    // MARK: - Those that are refused

    /// The same refusal, with a place in time to come back at.
    func later(_ problem: Problem) -> Problem {
        Problem(
            problem.status, problem.error, problem.reason, retryAfter: returnAfter(most: problem.retryAfter ?? 10))
    }

    /// The seconds that somebody is to wait who would come back with all others: until a place in time of its own, or, if
    /// nobody coordinates them, a time by chance.
    func returnAfter(most: Int) -> Int {
        let chance = UInt64.random(in: 0 ... .max)
        return returns.withLock { $0?.next(now: Clock.now, chance: chance) }?.roundedUpSeconds
            ?? Int.random(in: 1...max(1, most))
    }

    /// Those that are refused come back at another rate from now on.
    func returns(at rate: Double) { returns.withLock { $0?.change(rate: rate) } }

    /// How many were told when to come back, and for how long there will be returns.
    var returnFigures: (given: Int, spread: Instant.Span) {
        returns.withLock { ($0?.given ?? 0, $0?.spread(now: Clock.now) ?? Instant.Span(nanoseconds: 0)) }
    }

    /// How many connections of one kind there may be.
    func limit(_ service: GatewaySettings.Service) -> Int { counts[service]!.limit }

    /// Connections of one kind.
    func open(_ service: GatewaySettings.Service) -> Int { counts[service]!.now }

    /// Streams and sockets that have been counted in since the beginning.
    var admitted: Int { admissions.load(ordering: .relaxed) }

    /// An audit has found that a count was wrong.
    package func correct(_ service: GatewaySettings.Service, by difference: Int) {
        counts[service]!.correct(by: difference)
        guard let transport = service.transport else { return }
        ledger.withLock { $0?.correct(transport, by: difference) }
    }

    /// Somebody wants to begin what costs a handshake.
    /// - Parameter chance: any number.
    func pace(now: Instant, chance: UInt64) -> HandshakePacer.Decision {
        pacer.withLock { $0?.arrive(now: now, chance: chance) } ?? .now
    }

    /// A connection that was counted in has ended.
    func left(_ service: GatewaySettings.Service, address: SocketAddress?) {
        uncount(service)
        release(address: address)
    }

    /// A connection from an address has ended.
    func release(address: SocketAddress?) {
        guard let key = AddressKey(address) else { return }
        addresses.withLock { addresses in
            guard let count = addresses[key] else { return }
            addresses[key] = count > 1 ? count - 1 : nil
        }
    }
}

extension GatewaySettings.Service {
    /// Whose connections these are; `nil` for requests, which S3 does not share.
    fileprivate var transport: Transport? {
        switch self {
        case .http: nil
        case .eventStream: .eventStream
        case .webSocket: .webSocket
        }
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, as one customer has it. Loopback addresses
/// do not count.
struct AddressKey: Hashable, Sendable {
    private let high: UInt64
    private let isIPv6: Bool

    /// As people write it.
    var text: String {
        guard isIPv6 else {
            return stride(from: 24, through: 0, by: -8).map { "\(high >> $0 & 0xFF)" }.joined(separator: ".")
        }
        return stride(from: 48, through: 0, by: -16).map { String(high >> $0 & 0xFFFF, radix: 16) }.joined(
            separator: ":")
            + "::/64"
    }

    /// `nil` for loopback, and for addresses that are of neither kind.
    init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            let value = UInt32(bigEndian: address.address.sin_addr.s_addr)
            guard value >> 24 != 127 else { return nil }
            high = UInt64(value)
            isIPv6 = false
        case .v6(let address):
            let words = withUnsafeBytes(of: address.address.sin6_addr) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            if words.0 == 0, words.1 >> 32 == 0xFFFF {
                // An IPv4 address in IPv6 clothes.
                guard (words.1 >> 24) & 0xFF != 127 else { return nil }
                high = words.1 & 0xFFFF_FFFF
                isIPv6 = false
            } else {
                guard words != (0, 1) else { return nil }
                high = words.0
                isIPv6 = true
            }
        default: return nil
        }
    }
}
