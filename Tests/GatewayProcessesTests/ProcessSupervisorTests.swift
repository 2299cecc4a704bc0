import GatewayCore
import Testing

@testable import GatewayProcesses

@Suite struct ProcessSupervisorTests {
    private static let limits = ProcessSupervisor.Limits(
        startTimeout: .seconds(10), idleTimeout: .seconds(60),
        backoff: Backoff(initial: .seconds(1), limit: .seconds(8), jitter: 0), stableAfter: .seconds(30))

    @Test func stepsOfAStop() {
        var supervisor = ProcessSupervisor(limits: Self.limits)
        #expect(supervisor.wanted(now: .zero) == .spawn)
        supervisor.ready(now: .zero)
        #expect(supervisor.close(now: .zero) == .closeInput)
        #expect(supervisor.deadline == .zero + .seconds(2))
        #expect(supervisor.deadlineReached(now: .zero + .seconds(2)) == .terminate)
        #expect(supervisor.deadlineReached(now: .zero + .seconds(4)) == .kill)
        #expect(supervisor.deadline == nil && supervisor.phase == .stopping(.killed))
        supervisor.ended(now: .zero + .seconds(5), random: 0)
        #expect(supervisor.phase == .closed)
        #expect(supervisor.wanted(now: .zero + .seconds(5)) == .none)
    }

    @Test func waitsGrowUntilItIsStable() {
        var supervisor = ProcessSupervisor(limits: Self.limits)
        var now = Instant.zero
        #expect(supervisor.wanted(now: now) == .spawn)
        for wait in [1, 2, 4, 8, 8] as [Int64] {
            supervisor.ended(now: now, random: 0)
            #expect(supervisor.wanted(now: now) == .none)
            #expect(supervisor.deadline == now + .seconds(wait))
            now = now + .seconds(wait)
            #expect(supervisor.deadlineReached(now: now) == .spawn)
        }
        supervisor.ready(now: now)
        now = now + .seconds(30)
        supervisor.ended(now: now, random: 0)
        #expect(supervisor.deadline == now + .seconds(1))
        // Nobody wants it: it does not start again, and then it starts at once.
        #expect(supervisor.deadlineReached(now: now + .seconds(1)) == .none)
        #expect(supervisor.phase == .stopped && supervisor.wanted(now: now + .seconds(1)) == .spawn)
    }

    @Test func aStartHasItsTime() {
        var supervisor = ProcessSupervisor(limits: Self.limits)
        _ = supervisor.wanted(now: .zero)
        #expect(supervisor.deadlineReached(now: .zero + .seconds(9)) == .none)
        #expect(supervisor.deadlineReached(now: .zero + .seconds(10)) == .closeInput)
        supervisor.ended(now: .zero + .seconds(11), random: 0)
        #expect(supervisor.phase == .waiting && supervisor.failures == 1)
    }

    @Test func idleOnesStopAndStartWithoutAWait() {
        var supervisor = ProcessSupervisor(limits: Self.limits)
        _ = supervisor.wanted(now: .zero)
        supervisor.callBegan()
        supervisor.ready(now: .zero)
        #expect(supervisor.deadline == nil)
        supervisor.callEnded(now: .zero + .seconds(100))
        #expect(supervisor.deadlineReached(now: .zero + .seconds(160)) == .closeInput)
        _ = supervisor.wanted(now: .zero + .seconds(160))
        supervisor.ended(now: .zero + .seconds(161), random: 0)
        #expect(supervisor.deadlineReached(now: .zero + .seconds(161)) == .spawn)
    }

    /// Whatever happens in whatever order: one process at a time, a stop in its steps and with its times, a wait after every
    /// death, no stop during a call for being idle, nothing after the end.
    @Test(arguments: 0..<400)
    func holdsItsRules(seed: Int) {
        var random = SeededGenerator(seed)
        let limits = ProcessSupervisor.Limits(
            startTimeout: .milliseconds(Int64(100 + random.below(900))), closeGrace: .milliseconds(200),
            terminateGrace: .milliseconds(300), idleTimeout: random.oneIn(3) ? nil : .milliseconds(500),
            backoff: Backoff(initial: .milliseconds(100), limit: .seconds(2), jitter: 0.5), stableAfter: .seconds(1),
            keepsRunning: random.oneIn(2))
        var supervisor = ProcessSupervisor(limits: limits)
        var now = Instant.zero
        var isAlive = false
        var isClosed = false
        var calls = 0
        var stopBegan: Instant?
        var steps: [ProcessSupervisor.Action] = []
        var earliestStart = Instant.zero

        func check(_ action: ProcessSupervisor.Action) {
            switch action {
            case .none: break
            case .spawn:
                #expect(!isAlive && !isClosed && now >= earliestStart, "seed \(seed)")
                isAlive = true
                steps = []
                stopBegan = nil
            case .closeInput:
                #expect(isAlive && steps.isEmpty, "seed \(seed)")
                stopBegan = now
                steps.append(action)
            case .terminate:
                #expect(isAlive && steps == [.closeInput], "seed \(seed)")
                #expect(now >= stopBegan! + limits.closeGrace, "seed \(seed)")
                steps.append(action)
            case .kill:
                #expect(isAlive && steps == [.closeInput, .terminate], "seed \(seed)")
                #expect(now >= stopBegan! + limits.closeGrace + limits.terminateGrace, "seed \(seed)")
                steps.append(action)
            }
            #expect(supervisor.isAlive == isAlive, "seed \(seed)")
        }

        for _ in 0..<300 {
            switch random.below(9) {
            case 0, 1: check(supervisor.wanted(now: now))
            case 2: supervisor.ready(now: now)
            case 3:
                supervisor.callBegan()
                calls += 1
            case 4 where calls > 0:
                supervisor.callEnded(now: now)
                calls -= 1
            case 5 where isAlive && random.oneIn(2):
                let wasGood = stopBegan == nil
                supervisor.ended(now: now, random: random.next())
                isAlive = false
                if wasGood { earliestStart = now + .milliseconds(50) }
                #expect(!supervisor.isAlive, "seed \(seed)")
            case 6 where random.oneIn(4): check(supervisor.failed(now: now))
            case 7 where random.oneIn(40):
                check(supervisor.close(now: now))
                isClosed = true
            default:
                let wasRunning = supervisor.phase == .running
                if let deadline = supervisor.deadline, random.oneIn(2) {
                    now = max(now, deadline)
                } else {
                    now = now + .milliseconds(Int64(random.below(200)))
                }
                let action = supervisor.deadlineReached(now: now)
                if wasRunning, action != .none { #expect(calls == 0, "seed \(seed): it was in use") }
                check(action)
            }
            if supervisor.phase == .starting { #expect(supervisor.deadline != nil, "seed \(seed): a start must end") }
        }
        // From any state a stop comes to its end.
        check(supervisor.close(now: now))
        isClosed = true
        while isAlive {
            if let deadline = supervisor.deadline {
                now = max(now, deadline)
                check(supervisor.deadlineReached(now: now))
            } else {
                #expect(steps.last == .kill, "seed \(seed)")
                supervisor.ended(now: now, random: 0)
                isAlive = false
            }
        }
        #expect(supervisor.phase == .closed && supervisor.deadline == nil, "seed \(seed)")
    }
}
