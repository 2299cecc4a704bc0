import NIOCore
import NIOPosix
import NIOSSL

/// Why a load test cannot begin.
public struct LoadFailure: Error, CustomStringConvertible {
    public let description: String
}

/// How far a load test is.
public struct LoadProgress: Sendable {
    public enum Phase: String, Sendable {
        case opening, sending
        /// Nothing is sent any more; what is under way may still be answered.
        case ending
    }

    public var phase: Phase
    /// Seconds since the first connection was begun.
    public var seconds: Double
    public var point: LoadPoint
    public var figures: LoadFigures
}

/// A load test: it opens connections, sends at a rate that no answer slows down, and says what came of it.
public struct LoadRun: Sendable {
    private let plan: LoadPlan

    public init(_ plan: LoadPlan) { self.plan = plan }

    /// Runs to its end.
    /// - Parameters:
    ///   - opened: called when the connections are there, before anything is sent.
    ///   - finished: called when everything has been sent and received, while the connections are still there.
    ///   - isInterrupted: asked several times a second; whether to end early, with a report of what there is.
    ///   - progress: called about once a second.
    /// - Throws: `LoadFailure` if nothing can be begun.
    public func run(
        opened: () async throws -> Void = {}, finished: () async throws -> Void = {},
        isInterrupted: @Sendable () -> Bool, progress: (LoadProgress) -> Void
    ) async throws -> LoadReport {
        let tls = try Self.tls(plan)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: plan.threads)
        var loops: [NIOLoopBound<LoadLoop>] = []
        for index in 0..<plan.threads {
            let eventLoop = group.next()
            let numbers = Array(stride(from: index, to: plan.connections, by: plan.threads))
            let plan = plan
            loops.append(
                try await eventLoop.submit {
                    NIOLoopBound(
                        LoadLoop(plan, numbers: numbers, publishes: index == 0, tls: tls, on: eventLoop),
                        eventLoop: eventLoop)
                }.get())
        }
        var course = Course(plan, loops)
        var problem: (any Error)?
        do {
            try await course.follow(opened: opened, isInterrupted: isInterrupted, progress: progress)
            try await finished()
        } catch { problem = error }
        let report = await course.end()
        try? await group.shutdownGracefully()
        if let problem { throw problem }
        return report
    }

    private static func tls(_ plan: LoadPlan) throws -> NIOSSLContext? {
        guard plan.place.isSecure || plan.publishing?.isSecure == true else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = plan.authorities { configuration.trustRoots = .file(file) }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw LoadFailure(description: "certificates cannot be read: \(error)")
        }
    }
}

/// The course of one run.
private struct Course {
    let plan: LoadPlan
    let loops: [NIOLoopBound<LoadLoop>]
    private let startedAt = NIODeadline.now().uptimeNanoseconds
    private var points: [LoadPoint] = []
    private var last = (time: UInt64(0), received: 0, problems: 0)
    private var sendingFrom: UInt64?
    private var sendingEnded: UInt64?
    private var wasInterrupted = false
    private var openWhileSending = 0
    private var receivedInTime: Int?

    init(_ plan: LoadPlan, _ loops: [NIOLoopBound<LoadLoop>]) {
        self.plan = plan
        self.loops = loops
        last.time = startedAt
    }

    private func seconds(_ time: UInt64) -> Double { Double(time - startedAt) / 1e9 }

    private func each(_ body: @escaping @Sendable (LoadLoop) -> Void) {
        for loop in loops { loop.eventLoop.execute { body(loop.value) } }
    }

    private func collect() async -> (
        figures: LoadFigures, recent: LatencyHistogram, open: Int, underWay: Int, unsettled: Int
    ) {
        var all = (figures: LoadFigures(), recent: LatencyHistogram(), open: 0, underWay: 0, unsettled: 0)
        for loop in loops {
            let part = try? await loop.eventLoop.submit {
                let taken = loop.value.takeFigures()
                return (
                    taken.total, taken.recent, taken.open, loop.value.underWay, loop.value.unsettledConnections
                )
            }.get()
            guard let part else { continue }
            all.figures.add(part.0)
            all.recent.add(part.1)
            all.open += part.2
            all.underWay += part.3
            all.unsettled += part.4
        }
        return all
    }

    mutating func follow(
        opened: () async throws -> Void, isInterrupted: @Sendable () -> Bool, progress: (LoadProgress) -> Void
    ) async throws {
        let began = startedAt
        each { $0.start(at: began) }
        var phase = LoadProgress.Phase.opening
        let sendingTime = UInt64(plan.duration * 1e9)
        var nextPoint = startedAt + 1_000_000_000
        var interval = LatencyHistogram()
        while true {
            try? await Task.sleep(nanoseconds: 100_000_000)
            let now = NIODeadline.now().uptimeNanoseconds
            let state = await collect()
            interval.add(state.recent)
            if now >= nextPoint {
                nextPoint = now + 1_000_000_000
                let point = point(state.figures, interval, open: state.open, now)
                interval.clear()
                progress(LoadProgress(phase: phase, seconds: seconds(now), point: point, figures: state.figures))
            }
            if isInterrupted(), phase != .ending {
                wasInterrupted = true
                endSending(now, open: state.open, received: state.figures.received)
                phase = .ending
            }
            switch phase {
            case .opening:
                let tried = state.figures.attempted == plan.connections
                let settled = tried && state.unsettled == 0
                guard settled || seconds(now) > plan.ramp + plan.timeout else { break }
                guard state.open > 0 else { return }
                try await opened()
                let begin = NIODeadline.now().uptimeNanoseconds
                phase = .sending
                sendingFrom = begin
                each { $0.send(from: begin, until: begin + sendingTime) }
            case .sending:
                guard let sendingFrom, now >= sendingFrom + sendingTime || state.open == 0 else { break }
                endSending(now, open: state.open, received: state.figures.received)
                phase = .ending
            case .ending:
                guard let sendingEnded else { return }
                let isDone = state.underWay == 0 && missing(state.figures) == 0
                if isDone || Double(now - sendingEnded) / 1e9 > plan.timeout { return }
            }
        }
    }

    private mutating func endSending(_ now: UInt64, open: Int, received: Int) {
        receivedInTime = received
        sendingEnded = now
        openWhileSending = open
        each { $0.stopSending() }
    }

    /// Events that were accepted and have not reached the streams that are open.
    private func missing(_ figures: LoadFigures) -> Int {
        guard plan.publishing != nil else { return 0 }
        return max(0, figures.published * openWhileSending - figures.received)
    }

    private mutating func point(
        _ figures: LoadFigures, _ interval: LatencyHistogram, open: Int, _ now: UInt64
    ) -> LoadPoint {
        let span = Double(now - last.time) / 1e9
        let point = LoadPoint(
            time: seconds(now), connections: open, received: Double(figures.received - last.received) / span,
            problems: Double(figures.problemCount - last.problems) / span, p50: interval.value(at: 0.5),
            p99: interval.value(at: 0.99), maximum: interval.maximum)
        last = (now, figures.received, figures.problemCount)
        points.append(point)
        // A day has as many points as a minute.
        if points.count > LoadReport.maxPoints { points = stride(from: 1, to: points.count, by: 2).map { points[$0] } }
        return point
    }

    mutating func end() async -> LoadReport {
        let now = NIODeadline.now().uptimeNanoseconds
        var state = await collect()
        let missing = missing(state.figures)
        if missing > 0 { state.figures.add(.missing, "accepted and not arrived", count: missing) }
        each { $0.stop() }
        let sending = sendingFrom.map { Double((sendingEnded ?? now) - $0) / 1e9 } ?? 0
        return LoadReport(
            plan: plan, figures: state.figures, points: points, seconds: seconds(now), sendingSeconds: sending,
            open: state.open, wasInterrupted: wasInterrupted, receivedInTime: receivedInTime)
    }
}
