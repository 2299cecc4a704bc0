import CAllocator
import GatewayCore
import GatewayViability
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Compares the memory of the process with its budget, four times a second: the message path counts nothing and reads one
/// byte.
final class MemoryWatch: Sendable {
    private let ladder: Mutex<OverloadLadder>
    /// What is given up whatever the memory would allow, because S5 says so.
    private let floor = Atomic<UInt8>(0)
    /// What is given up because of the memory alone.
    private let own = Atomic<UInt8>(0)
    private let measure: @Sendable (_ enough: Int) -> Int
    private let current = Atomic<UInt8>(0)
    private let used = Atomic<Int>(0)
    /// Connections and messages that were refused.
    private let refusedConnections = Atomic<Int>(0)
    /// Connections that S5 would have refused, but for its rules.
    private let keptConnections = Atomic<Int>(0)
    private let refusedMessages = Atomic<Int>(0)
    let budget: Int
    /// What S3 says of each transport.
    private let webSocket = Atomic<UInt8>(MemoryBargain.Standing.ordinary.rawValue)
    private let eventStream = Atomic<UInt8>(MemoryBargain.Standing.ordinary.rawValue)

    /// - Parameters:
    ///   - budget: bytes; 0 takes three quarters of what the machine or the container has.
    ///   - measure: the bytes in use; the exact figure does not matter below `enough`.
    init(budget: Int, measure: @escaping @Sendable (_ enough: Int) -> Int = MemoryWatch.bytesInUse) {
        self.budget = budget > 0 ? budget : Self.machineMemory / 4 * 3
        self.measure = measure
        ladder = Mutex(OverloadLadder(budget: self.budget))
    }

    /// How much is given up at present.
    var step: OverloadLadder.Step { OverloadLadder.Step(rawValue: current.load(ordering: .relaxed)) ?? .none }

    /// Looks at the memory.
    /// - Returns: the step, if it is another one than before.
    func look() -> OverloadLadder.Step? {
        let bytes = measure(budget / 100 * (OverloadLadder.Step.connections.percent - OverloadLadder.hysteresis))
        used.store(bytes, ordering: .relaxed)
        return ladder.withLock { ladder in
            let before = ladder.step
            ladder.use(bytes)
            own.store(ladder.step.rawValue, ordering: .relaxed)
            current.store(max(ladder.step.rawValue, floor.load(ordering: .relaxed)), ordering: .relaxed)
            return ladder.step == before ? nil : ladder.step
        }
    }

    /// Gives up at least as much from now on, however much memory there is.
    func require(atLeast step: OverloadLadder.Step) {
        ladder.withLock { ladder in
            floor.store(step.rawValue, ordering: .relaxed)
            current.store(max(ladder.step, step).rawValue, ordering: .relaxed)
        }
    }

    /// Refuses a message that there is no room for.
    func require(_ priority: Priority) throws(Problem) {
        guard !step.admits(priority) else { return }
        refusedMessages.add(1, ordering: .relaxed)
        throw refusal("messages with priority \(priority.name)") { $0.admits(priority) }
    }

    /// Refuses a message that there is no memory for, whatever S5 says.
    /// - Returns: whether it would have been refused because of what S5 says.
    func requireRoom(_ priority: Priority) throws(Problem) -> Bool {
        let step = OverloadLadder.Step(rawValue: own.load(ordering: .relaxed)) ?? .none
        guard step.admits(priority) else {
            refusedMessages.add(1, ordering: .relaxed)
            throw .noMemory("messages with priority \(priority.name)")
        }
        return !self.step.admits(priority)
    }

    /// - Parameter isKept: whether S5 wants it in every mode, so that it is refused for want of memory only.
    /// - Returns: why a new connection may not be.
    func refuseConnection(_ transport: Transport, isKept: Bool = false) -> Problem? {
        guard step >= .connections, !isSpared(transport) else { return nil }
        if isKept, own.load(ordering: .relaxed) < OverloadLadder.Step.connections.rawValue || isOwnSpared(transport) {
            keptConnections.add(1, ordering: .relaxed)
            return nil
        }
        refusedConnections.add(1, ordering: .relaxed)
        return refusal("new connections") { $0 < .connections }
    }

    // MARK: - What S3 shares

    /// Other standings hold from now on.
    func stand(_ standings: [Transport: MemoryBargain.Standing]) {
        webSocket.store((standings[.webSocket] ?? .ordinary).rawValue, ordering: .relaxed)
        eventStream.store((standings[.eventStream] ?? .ordinary).rawValue, ordering: .relaxed)
    }

    /// Whether readers of a transport that are behind are cut short: all from its step on, those of a transport that holds
    /// what others miss from the first one.
    func cutsSlowReaders(_ transport: Transport) -> Bool {
        let step = step
        guard step >= .connections else { return false }
        return step >= .slowReaders || standing(transport) == .over
    }

    private func isSpared(_ transport: Transport) -> Bool {
        // What S5 asks for is asked of all: that is about time, and not about who holds memory.
        floor.load(ordering: .relaxed) < OverloadLadder.Step.connections.rawValue && isOwnSpared(transport)
    }

    /// Whether the memory alone would let in clients of a transport that others take it from.
    private func isOwnSpared(_ transport: Transport) -> Bool {
        own.load(ordering: .relaxed) == OverloadLadder.Step.connections.rawValue && standing(transport) == .spared
    }

    private func standing(_ transport: Transport) -> MemoryBargain.Standing {
        let value =
            switch transport {
            case .webSocket: webSocket.load(ordering: .relaxed)
            case .eventStream: eventStream.load(ordering: .relaxed)
            }
        return MemoryBargain.Standing(rawValue: value) ?? .ordinary
    }

    /// Why something is refused: for memory, or for time.
    private func refusal(_ what: String, unless admits: (OverloadLadder.Step) -> Bool) -> Problem {
        admits(ladder.withLock(\.step)) ? .noTime(what) : .noMemory(what)
    }

    /// What it has come to.
    var figures: (used: Int, connections: Int, messages: Int) {
        (
            used.load(ordering: .relaxed), refusedConnections.load(ordering: .relaxed),
            refusedMessages.load(ordering: .relaxed)
        )
    }

    /// Connections that S5's rules have let in although its mode refuses them.
    var connectionsKept: Int { keptConnections.load(ordering: .relaxed) }

    // MARK: - Measuring

    /// The bytes that the process has in use. What is resident costs next to nothing to ask for, but does not shrink when
    /// memory is given back to the allocator; so the allocator, which has to count, is asked once it matters.
    static func bytesInUse(enough: Int) -> Int {
        let resident = ProcessFigures.residentBytes() ?? 0
        guard resident >= enough else { return resident }
        let allocated = allocator_used_bytes()
        return allocated > 0 ? min(resident, Int(allocated)) : resident
    }

    /// The memory of the machine, or of the container if that has less.
    private static var machineMemory: Int {
        let machine = Int(sysconf(CInt(_SC_PHYS_PAGES))) * Int(sysconf(CInt(_SC_PAGESIZE)))
        guard let file = fopen("/sys/fs/cgroup/memory.max", "r") else { return machine }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, CInt(line.count), file) != nil else { return machine }
        // Without a limit it says `max`.
        let digits = line.prefix { $0 >= 0x30 && $0 <= 0x39 }.map(UInt8.init(bitPattern:))
        return Int(String(decoding: digits, as: UTF8.self)).map { min($0, machine) } ?? machine
    }
}

extension Problem {
    static func noMemory(_ what: String) -> Problem {
        Problem(
            503, "overloaded", "\(what) are refused while the gateway's memory is near memory.budget",
            retryAfter: Int.random(in: 2...10))
    }

    static func noTime(_ what: String) -> Problem {
        Problem(
            503, "overloaded", "\(what) are refused while there is more to do than time, or will be: see policy",
            retryAfter: Int.random(in: 2...10))
    }
}
