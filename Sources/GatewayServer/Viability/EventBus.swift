public import GatewayCore
public import GatewayViability
import Synchronization

/// A topic of the bus, and the type of what is published to it.
public struct EventTopic<Event: Sendable>: Sendable {
    /// The name, as the requirements have it.
    public let name: String

    /// A topic of a program that holds the gateway; names of the gateway's own are taken.
    public init(_ name: String) { self.name = name }
}

extension EventTopic where Event == [UnitReport] {
    /// What the units report, once a beat (S1).
    public static var operations: Self { Self("s1_operations") }
}

extension EventTopic where Event == Restlessness {
    /// How restless the node is, when that has changed (S2).
    public static var coordination: Self { Self("s2_coordination") }
}

extension EventTopic where Event == ViableEvent {
    /// What is short, and what audits have found (S3 and S3*).
    public static var control: Self { Self("s3_control") }
    /// Forecasts that come into use or go out of it, and what is unusual (S4).
    public static var intelligence: Self { Self("s4_intelligence") }
    /// Changes of mode (S5).
    public static var policy: Self { Self("s5_policy") }
    /// What hurts.
    public static var algedonic: Self { Self("algedonic_channel") }
}

/// A question that one party answers, and the types of question and answer.
public struct CallTopic<Request: Sendable, Reply: Sendable>: Sendable {
    public let name: String

    public init(_ name: String) { self.name = name }
}

/// What a subscriber gets.
public enum BusEvent<Event: Sendable>: Sendable {
    /// Something was published.
    case event(Event)
    /// So many events came while as many waited as may.
    case missed(Int)
}

/// Why a call came to nothing.
public enum EventBusError: Error, Equatable, Sendable {
    /// Nobody answers calls of this topic.
    case nobodyAnswers
    /// There was no answer in time.
    case timeout
}

/// Carries what the systems of the node tell each other, to programs that hold the gateway too. Nothing on it is there for a
/// message: what a client gets is followed by `events(for:)`.
public final class EventBus: Sendable {
    private struct Subscriber: Sendable {
        let tell: @Sendable (any Sendable) -> Void
        let end: @Sendable () -> Void
    }

    private struct State {
        var next = 0
        var subscribers: [String: [Int: Subscriber]] = [:]
        var answers: [String: @Sendable (any Sendable) async -> (any Sendable)?] = [:]
    }

    private let state = Mutex(State())
    private let observers: ClientObservers

    init(_ observers: ClientObservers) { self.observers = observers }

    /// Follows a topic, from this call on. What has been published arrives in its order.
    /// - Parameters:
    ///   - buffer: events that wait while nobody takes them; what is more is counted and told as `missed`.
    ///   - isWanted: which events are meant at all; what is not neither waits nor is missed.
    public func events<Event>(
        of topic: EventTopic<Event>, buffer: Int = 100,
        where isWanted: @escaping @Sendable (Event) -> Bool = { _ in true }
    ) -> AsyncStream<BusEvent<Event>> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: BusEvent<Event>.self, bufferingPolicy: .bufferingOldest(max(2, buffer)))
        let missed = Mutex(0)
        let subscriber = Subscriber(
            tell: { value in
                guard let event = value as? Event, isWanted(event) else { return }
                missed.withLock { missed in
                    if missed > 0 {
                        guard case .enqueued = continuation.yield(.missed(missed)) else {
                            missed += 1
                            return
                        }
                        missed = 0
                    }
                    if case .dropped = continuation.yield(.event(event)) { missed += 1 }
                }
            }, end: { continuation.finish() })
        let leave = enter(topic.name, subscriber)
        continuation.onTermination = { _ in leave() }
        return stream
    }

    /// Has every event of a topic told, from this call on, on the thread that publishes it: `tell` must not wait.
    /// - Parameter end: called when the gateway stops.
    /// - Returns: what ends it.
    func follow<Event>(
        _ topic: EventTopic<Event>, _ tell: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        enter(topic.name, Subscriber(tell: { value in if let event = value as? Event { tell(event) } }, end: end))
    }

    /// - Returns: what lets the subscriber leave.
    private func enter(_ topic: String, _ subscriber: Subscriber) -> @Sendable () -> Void {
        let number = state.withLock { state in
            state.next += 1
            state.subscribers[topic, default: [:]][state.next] = subscriber
            return state.next
        }
        return { [weak self] in
            self?.state.withLock { state in
                state.subscribers[topic]?[number] = nil
                if state.subscribers[topic]?.isEmpty == true { state.subscribers[topic] = nil }
            }
        }
    }

    /// Follows a client: its messages, its connections, its changes of transport.
    public func events(for client: ClientID, buffer: Int = 100) -> ClientEvents {
        observers.observe(client, buffer: buffer)
    }

    /// Whether anybody follows a topic.
    public func isFollowed<Event>(_ topic: EventTopic<Event>) -> Bool {
        state.withLock { $0.subscribers[topic.name] != nil }
    }

    /// Tells whoever follows a topic. Nobody is waited for.
    public func publish<Event>(_ event: Event, to topic: EventTopic<Event>) {
        let subscribers = state.withLock { $0.subscribers[topic.name]?.sorted { $0.key < $1.key }.map(\.value) ?? [] }
        for subscriber in subscribers { subscriber.tell(event) }
    }

    /// Answers calls of a topic from now on, in place of whoever did before.
    public func answer<Request, Reply>(
        _ topic: CallTopic<Request, Reply>, with body: @escaping @Sendable (Request) async -> Reply
    ) {
        state.withLock { state in
            state.answers[topic.name] = { request in
                guard let request = request as? Request else { return nil }
                return await body(request)
            }
        }
    }

    /// Asks whoever answers calls of a topic.
    /// - Parameter timeout: how long to wait; whoever answers is cancelled then.
    public func call<Request, Reply>(
        _ topic: CallTopic<Request, Reply>, _ request: Request, timeout: Duration = .seconds(5)
    ) async throws(EventBusError) -> Reply {
        guard let answer = state.withLock({ $0.answers[topic.name] }) else { throw .nobodyAnswers }
        let first = FirstAnswer<Reply>()
        let asking = Task { first.resume(await answer(request) as? Reply) }
        let expiry = Task {
            try await Task.sleep(for: timeout)
            first.resume(nil)
        }
        defer {
            asking.cancel()
            expiry.cancel()
        }
        guard let reply = await first.value() else { throw .timeout }
        return reply
    }

    /// Ends all sequences.
    func end() {
        let subscribers = state.withLock { state in
            defer { state.subscribers = [:] }
            return state.subscribers.values.flatMap(\.values)
        }
        for subscriber in subscribers { subscriber.end() }
    }
}

/// The first of several values; whoever answers may not heed that it is cancelled, and is not waited for.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value?, Never>)
        case done(Value?)
    }

    private let state = Mutex(State.empty)

    func resume(_ value: Value?) {
        let continuation: CheckedContinuation<Value?, Never>? = state.withLock { state in
            switch state {
            case .empty: state = .done(value)
            case .done: break
            case .waiting(let continuation):
                state = .done(value)
                return continuation
            }
            return nil
        }
        continuation?.resume(returning: value)
    }

    func value() async -> Value? {
        await withCheckedContinuation { continuation in
            let isDone: Bool? = state.withLock { state in
                if case .done = state { return true }
                state = .waiting(continuation)
                return nil
            }
            guard isDone == true, case .done(let value) = state.withLock({ $0 }) else { return }
            continuation.resume(returning: value)
        }
    }
}
