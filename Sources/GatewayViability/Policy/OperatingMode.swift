public import GatewayCore

/// What the node lives by at present (S5).
public enum OperatingMode: UInt8, Sendable, Comparable, CaseIterable {
    /// Everything is taken that there is room for.
    case normal
    /// It gets tight, or will: what is worth least is refused.
    case conserve
    /// There is more work than time: only what matters most is taken.
    case survive

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The name in reports.
    public var name: String {
        switch self {
        case .normal: "normal"
        case .conserve: "conserve"
        case .survive: "survive"
        }
    }
}

/// What S5 lays down (section `policy`). Compiled into what the event loops read: they never ask.
public struct Policy: Equatable, Sendable {
    /// What is refused in each mode, whatever the memory would allow.
    public var conserve = OverloadLadder.Step.lowPriority
    public var survive = OverloadLadder.Step.normalPriority
    /// How late event loops may be: at this lag there is more work than time.
    public var maxLag = Instant.Span.seconds(1)
    /// The share of `maxLag` that is already tight.
    public var conserveAt = 0.5
    /// How long it must be as bad before the mode gets stricter, and how long it must be better before it eases.
    public var patience = Instant.Span.seconds(2)
    public var dwell = Instant.Span.seconds(10)
    /// How long before a bound is reached S4 is heeded.
    public var foresight = Instant.Span.seconds(60)
    /// What the node is there for, in the words of whoever runs it; it is shown and changes nothing.
    public var purpose: String?
    /// What becomes of certain messages in certain modes; the first rule that fits decides.
    public var rules: [PolicyRule] = []
    /// What is never to be crossed, in no mode.
    public var limits: [PolicyLimit] = []

    public init() {}

    /// What is refused in a mode.
    public func step(in mode: OperatingMode) -> OverloadLadder.Step {
        switch mode {
        case .normal: .none
        case .conserve: conserve
        case .survive: max(conserve, survive)
        }
    }
}

/// Chooses the mode between what S3 sees, the pressure of the moment, and what S4 foresees.
///
/// A value without a clock. It gets stricter by one mode when the reason has lasted `patience`, easier by one when there
/// has been none for `dwell`: neither a single late turn nor a single calm one changes anything.
public struct ModeMachine: Equatable, Sendable {
    /// The present mode.
    public private(set) var mode = OperatingMode.normal
    private var stricterSince: Instant?
    private var easierSince: Instant?

    public init() {}

    /// What the moment and the future call for.
    /// - Parameters:
    ///   - pressure: the worst lag as a share of what it may be.
    ///   - timeToCapacity: when a bound will be reached; `nil` for not within sight.
    public static func wanted(
        pressure: Double, timeToCapacity: Instant.Span?, policy: Policy
    ) -> OperatingMode {
        if pressure >= 1 { return .survive }
        if pressure >= policy.conserveAt { return .conserve }
        // What will be short is spared; only what is short is fought for.
        if let timeToCapacity, timeToCapacity <= policy.foresight { return .conserve }
        return .normal
    }

    /// - Returns: whether the mode has changed.
    public mutating func observe(_ wanted: OperatingMode, policy: Policy, now: Instant) -> Bool {
        if wanted > mode {
            easierSince = nil
            let since = stricterSince ?? now
            stricterSince = since
            guard now - since >= policy.patience, let next = OperatingMode(rawValue: mode.rawValue + 1) else {
                return false
            }
            mode = next
            stricterSince = wanted > next ? now : nil
            return true
        }
        stricterSince = nil
        guard wanted < mode else {
            easierSince = nil
            return false
        }
        let since = easierSince ?? now
        easierSince = since
        guard now - since >= policy.dwell, let next = OperatingMode(rawValue: mode.rawValue - 1) else { return false }
        mode = next
        easierSince = wanted < next ? now : nil
        return true
    }
}
