import GatewayCore
import Synchronization
import Testing

@testable import GatewayServer

struct MemoryWatchTests {
    /// Memory that the test fills and empties.
    private final class Gauge: Sendable {
        let bytes = Atomic<Int>(0)
    }

    private static func watch(_ gauge: Gauge) -> MemoryWatch {
        MemoryWatch(budget: 1000) { _ in gauge.bytes.load(ordering: .relaxed) }
    }

    @Test func connectionsAreRefusedFirstAndPlainRequestsNever() {
        let gauge = Gauge()
        let watch = Self.watch(gauge)
        let admission = Admission(GatewaySettings(), memory: watch)
        gauge.bytes.store(800, ordering: .relaxed)
        #expect(watch.look() == .connections)
        #expect(admission.enter(address: nil) == nil)
        for service in [GatewaySettings.Service.webSocket, .eventStream] {
            let problem = admission.turn(.http, into: service)
            #expect(problem?.status == 503 && problem?.error == "overloaded" && problem?.retryAfter != nil)
        }
        #expect(throws: Never.self) { try watch.require(.low) }
        gauge.bytes.store(700, ordering: .relaxed)
        #expect(watch.look() == OverloadLadder.Step.none)
        #expect(admission.turn(.http, into: .webSocket) == nil)
        #expect(watch.figures.connections == 2)
    }

    @Test func whoHoldsWhatOthersMissIsRefusedAndTheOthersAreSparedForOneStep() {
        let gauge = Gauge()
        let watch = Self.watch(gauge)
        let admission = Admission(GatewaySettings(), memory: watch)
        watch.stand([.webSocket: .over, .eventStream: .spared])
        #expect(admission.turn(.http, into: .webSocket) == nil && !watch.cutsSlowReaders(.webSocket))
        gauge.bytes.store(800, ordering: .relaxed)
        #expect(watch.look() == .connections)
        #expect(admission.turn(.http, into: .webSocket)?.status == 503)
        #expect(admission.turn(.http, into: .eventStream) == nil)
        #expect(watch.cutsSlowReaders(.webSocket) && !watch.cutsSlowReaders(.eventStream))
        // What S5 asks for is asked of all.
        watch.require(atLeast: .connections)
        #expect(admission.turn(.http, into: .eventStream)?.status == 503)
        watch.require(atLeast: .none)
        gauge.bytes.store(850, ordering: .relaxed)
        #expect(watch.look() == .lowPriority)
        #expect(admission.turn(.http, into: .eventStream)?.status == 503)
        gauge.bytes.store(950, ordering: .relaxed)
        #expect(watch.look() == .slowReaders && watch.cutsSlowReaders(.eventStream))
    }

    @Test func whomThePolicyKeepsIsRefusedForWantOfMemoryOnly() {
        let gauge = Gauge()
        let watch = Self.watch(gauge)
        let admission = Admission(GatewaySettings(), memory: watch)
        watch.require(atLeast: .normalPriority)
        #expect(admission.turn(.http, into: .webSocket)?.status == 503)
        #expect(admission.turn(.http, into: .webSocket, isKept: true) == nil)
        #expect(admission.enter(.webSocket, address: nil, isKept: true) == nil)
        #expect(watch.connectionsKept == 2 && watch.figures.connections == 1)
        // The memory alone would have let it in: others hold what is missing.
        gauge.bytes.store(800, ordering: .relaxed)
        #expect(watch.look() == .connections)
        watch.stand([.webSocket: .spared, .eventStream: .over])
        #expect(admission.turn(.http, into: .webSocket)?.status == 503)
        #expect(admission.turn(.http, into: .webSocket, isKept: true) == nil)
        #expect(admission.turn(.http, into: .eventStream, isKept: true)?.reason.contains("memory.budget") == true)
        watch.require(atLeast: .none)
        #expect(admission.turn(.http, into: .webSocket, isKept: true) == nil)
        #expect(watch.connectionsKept == 3, "the mode refuses nobody")
        gauge.bytes.store(900, ordering: .relaxed)
        #expect(watch.look() == .normalPriority)
        #expect(admission.turn(.http, into: .webSocket, isKept: true)?.status == 503)
    }

    @Test func messagesAreRefusedByTheirPriority() {
        let gauge = Gauge()
        let watch = Self.watch(gauge)
        for (bytes, refused) in [(850, 1), (900, 2), (950, 2), (1000, 3)] {
            gauge.bytes.store(bytes, ordering: .relaxed)
            #expect(watch.look() != nil)
            #expect(watch.look() == nil, "told once")
            let problems = Priority.allCases.map { priority in
                do throws(Problem) {
                    try watch.require(priority)
                    return false
                } catch {
                    return error.status == 503 && error.error == "overloaded"
                }
            }
            #expect(problems == Priority.allCases.indices.map { $0 < refused })
        }
    }

    @Test func whatIsInUseIsMeasured() {
        let all = MemoryWatch.bytesInUse(enough: .max)
        #expect(all > 1 << 20)
        let before = MemoryWatch.bytesInUse(enough: 0)
        let block = UnsafeMutableRawPointer.allocate(byteCount: 64 << 20, alignment: 16)
        block.initializeMemory(as: UInt8.self, repeating: 1, count: 64 << 20)
        #expect(MemoryWatch.bytesInUse(enough: 0) >= before + 48 << 20)
        block.deallocate()
        #expect(MemoryWatch(budget: 0).budget > 1 << 26)
    }
}
