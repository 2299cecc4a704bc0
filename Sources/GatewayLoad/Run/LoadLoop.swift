import NIOCore
import NIOSSL

/// The part of a load test that runs on one event loop: its connections, what is due on them, and what came of it.
/// Everything here is used on that event loop only.
final class LoadLoop {
    let plan: LoadPlan
    let eventLoop: any EventLoop
    let tls: NIOSSLContext?
    /// Since the beginning.
    private(set) var total = LoadFigures()
    /// Since it was asked for last.
    private var recent = LatencyHistogram()
    private var connections: [LoadConnection] = []
    private var publisher: Publisher?
    /// The numbers of the connections that it opens.
    private let numbers: [Int]
    private var nextToOpen = 0
    private var startedAt: UInt64 = 0
    /// When messages begin to be sent, and when they end; nanoseconds.
    private var sendingFrom = UInt64.max
    private var sendingUntil = UInt64.max
    private var sentCount = 0
    private var nextSender = 0
    private var nextSweep: UInt64 = 0
    private var nextHeartbeat: UInt64 = 0
    private var ticker: RepeatedTask?

    /// - Parameter publishes: whether it publishes what the streams of all event loops are to receive.
    init(_ plan: LoadPlan, numbers: [Int], publishes: Bool, tls: NIOSSLContext?, on eventLoop: any EventLoop) {
        self.plan = plan
        self.numbers = numbers
        self.tls = tls
        self.eventLoop = eventLoop
        if publishes, let place = plan.publishing { publisher = Publisher(place, loop: self) }
    }

    /// Nanoseconds of a clock that only goes forward.
    var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    // MARK: - What the run asks for

    func start(at time: UInt64) {
        startedAt = time
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { _ in
            bound.value.tick()
        }
    }

    /// Messages are sent from now on, until a time.
    func send(from time: UInt64, until end: UInt64) {
        sendingFrom = time
        sendingUntil = end
        sentCount = 0
    }

    /// No more messages; what is under way may still be answered.
    func stopSending() { sendingUntil = min(sendingUntil, now) }

    /// Answers that are still waited for.
    var underWay: Int { connections.reduce(0) { $0 + $1.underWay } + (publisher?.underWay ?? 0) }

    var openConnections: Int { connections.count { $0.isReady } }

    /// Those of which it is not known yet whether they come about.
    var unsettledConnections: Int { connections.count { $0.phase == .opening } }

    /// What has been counted lately, and from the beginning.
    func takeFigures() -> (total: LoadFigures, recent: LatencyHistogram, open: Int) {
        let taken = recent
        recent.clear()
        return (total, taken, openConnections)
    }

    func stop() {
        ticker?.cancel()
        publisher?.stop()
        for connection in connections { connection.leave() }
    }

    // MARK: - What connections tell

    func opened(after nanoseconds: UInt64) {
        total.opened += 1
        total.opening.record(nanoseconds)
    }

    func received(_ bytes: Int) { total.bytesReceived += bytes }

    /// Something that was due at a time has its answer, or has arrived.
    func arrived(_ due: UInt64) {
        let time = now
        let latency = time > due ? time - due : 0
        total.latency.record(latency)
        total.received += 1
        recent.record(latency)
    }

    func published(_ due: UInt64) {
        total.published += 1
        total.publishing.record(now - due)
    }

    func sent() { total.sent += 1 }

    func problem(_ problem: LoadProblem, _ words: String) { total.add(problem, words) }

    // MARK: - Time

    private func tick() {
        let time = now
        open(time)
        send(time)
        if time >= nextSweep {
            nextSweep = time + 250_000_000
            let limit = UInt64(plan.timeout * 1e9)
            for connection in connections { connection.sweep(now: time, limit: limit) }
            publisher?.sweep(now: time, limit: limit)
        }
        if time >= nextHeartbeat {
            nextHeartbeat = time + 20_000_000_000
            for connection in connections { connection.beat() }
        }
    }

    /// Opens the connections whose time has come.
    private func open(_ time: UInt64) {
        guard nextToOpen < numbers.count else { return }
        let pace = plan.ramp * 1e9 / Double(plan.connections)
        while nextToOpen < numbers.count {
            let number = numbers[nextToOpen]
            guard time >= startedAt + UInt64(pace * Double(number)) else { return }
            nextToOpen += 1
            total.attempted += 1
            let connection: LoadConnection =
                switch plan.dialect {
                case .phoenix, .echo: SocketConnection(number, loop: self)
                case .sse: StreamConnection(number, loop: self)
                case .mcp: ToolConnection(number, loop: self)
                }
            connections.append(connection)
            connection.connect()
        }
    }

    /// Sends what is due. A message that is late counts from when it was due: what waits behind a slow answer is part of
    /// what a user would have waited for.
    private func send(_ time: UInt64) {
        guard time >= sendingFrom, plan.rate > 0 else { return }
        let senders = publisher == nil ? connections.count : 1
        guard senders > 0, publisher != nil || plan.dialect != .sse else { return }
        let share = publisher == nil ? plan.rate * Double(numbers.count) / Double(plan.connections) : plan.rate
        while true {
            let due = sendingFrom + UInt64(Double(sentCount) * 1e9 / share)
            guard due <= time, due < sendingUntil else { return }
            sentCount += 1
            if let publisher {
                publisher.publish(due: due)
            } else {
                connections[nextSender % senders].send(due: due)
                nextSender += 1
            }
        }
    }
}
