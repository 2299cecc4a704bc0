import GatewayCore
import GatewayViability
import Synchronization
import Testing

@testable import GatewayServer

struct EventBusTests {
    private static func bus() -> EventBus { EventBus(ClientObservers()) }
    private static let numbers = EventTopic<Int>("numbers")

    private static func texts(_ events: AsyncStream<BusEvent<Int>>) async -> [String] {
        var texts: [String] = []
        for await event in events {
            switch event {
            case .event(let number): texts.append("\(number)")
            case .missed(let count): texts.append("missed \(count)")
            }
        }
        return texts
    }

    @Test func everySubscriberGetsEverythingInOrder() async {
        let bus = Self.bus()
        let one = bus.events(of: Self.numbers)
        let other = bus.events(of: Self.numbers)
        for number in 0..<10 { bus.publish(number, to: Self.numbers) }
        bus.publish("for others", to: EventTopic<String>("texts"))
        bus.end()
        let expected = (0..<10).map { "\($0)" }
        #expect(await Self.texts(one) == expected)
        #expect(await Self.texts(other) == expected)
    }

    @Test func whoDoesNotTakeMissesAndIsTold() async {
        let bus = Self.bus()
        let events = bus.events(of: Self.numbers, buffer: 3)
        for number in 0..<10 { bus.publish(number, to: Self.numbers) }
        var iterator = events.makeAsyncIterator()
        for _ in 0..<3 { _ = await iterator.next() }
        bus.publish(10, to: Self.numbers)
        bus.end()
        guard case .missed(7) = await iterator.next(), case .event(10) = await iterator.next() else {
            Issue.record("it was not told what it missed")
            return
        }
    }

    @Test func whatIsNotWantedTakesNobodysPlace() async {
        let bus = Self.bus()
        let events = bus.events(of: Self.numbers, buffer: 2) { $0 % 10 == 0 }
        for number in 0..<100 where number != 20 { bus.publish(number, to: Self.numbers) }
        var iterator = events.makeAsyncIterator()
        for _ in 0..<2 { _ = await iterator.next() }
        bus.publish(20, to: Self.numbers)
        bus.end()
        // 30 to 90 found no place; nothing else counts.
        guard case .missed(7) = await iterator.next(), case .event(20) = await iterator.next() else {
            Issue.record("it was told of others")
            return
        }
    }

    @Test func whoHasGoneIsForgotten() async {
        let bus = Self.bus()
        #expect(!bus.isFollowed(Self.numbers))
        let task = Task { [events = bus.events(of: Self.numbers)] in for await _ in events {} }
        #expect(bus.isFollowed(Self.numbers))
        task.cancel()
        await task.value
        #expect(!bus.isFollowed(Self.numbers))
    }

    @Test func callsAreAnswered() async throws {
        let bus = Self.bus()
        let doubled = CallTopic<Int, Int>("doubled")
        await #expect(throws: EventBusError.nobodyAnswers) { try await bus.call(doubled, 4) }
        bus.answer(doubled) { $0 * 2 }
        #expect(try await bus.call(doubled, 21) == 42)
        bus.answer(doubled) { $0 * 3 }
        #expect(try await bus.call(doubled, 2) == 6)
    }

    @Test func aCallDoesNotWaitForEver() async throws {
        let bus = Self.bus()
        let never = CallTopic<Int, Int>("never")
        let (gate, opening) = AsyncStream<Void>.makeStream()
        // It does not heed that it is cancelled.
        bus.answer(never) { number in
            await Task.detached { for await _ in gate { return } }.value
            return number
        }
        await #expect(throws: EventBusError.timeout) { try await bus.call(never, 1, timeout: .milliseconds(20)) }
        opening.finish()
    }
}
