import DequeModule
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One connection of a load test. A base class and no protocol: it is called for every message.
class LoadConnection {
    let number: Int
    unowned let loop: LoadLoop
    private(set) var phase = Phase.opening
    var channel: (any Channel)?
    /// When the messages were due that are not answered yet, the oldest first.
    private(set) var waiting = Deque<UInt64>()
    private var began: UInt64 = 0

    enum Phase { case opening, ready, over }

    init(_ number: Int, loop: LoadLoop) {
        self.number = number
        self.loop = loop
    }

    var plan: LoadPlan { loop.plan }
    var isReady: Bool { phase == .ready }
    var underWay: Int { phase == .ready ? waiting.count : 0 }

    // MARK: - What each kind does its own way

    /// Puts its handlers on a channel that is being opened.
    func install(on channel: any Channel) throws {}

    /// Sends the next message.
    func transmit() {}

    /// Sends what keeps a silent connection open.
    func beat() {}

    // MARK: - Life

    func connect() {
        began = loop.now
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        Self.open(plan.place, tls: loop.tls, timeout: plan.timeout, on: loop.eventLoop) { channel in
            bound.value.channel = channel
            try bound.value.install(on: channel)
        }.assumeIsolated().whenFailure { self.end(.connect, "\(Self.words($0))") }
    }

    /// Opens a channel, with TLS where the place wants it.
    static func open(
        _ place: LoadPlan.Place, tls: NIOSSLContext?, timeout: Double, on eventLoop: any EventLoop,
        _ install: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let host = place.host
        let isSecure = place.isSecure
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(Int64(timeout * 1e9)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isSecure, let tls {
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host))
                    }
                    try install(channel)
                }
            }
            .connect(host: place.host, port: place.port)
    }

    static func words(_ error: any Error) -> String {
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        return error.connectionErrors.first.map { words($0.error) } ?? "its name has no address"
    }

    /// It can be used.
    func opened() {
        guard phase == .opening else { return }
        phase = .ready
        loop.opened(after: loop.now - began)
    }

    /// It has ended, or cannot begin.
    func end(_ problem: LoadProblem, _ words: String) {
        guard phase != .over else { return }
        phase = .over
        loop.problem(problem, words)
        for _ in waiting { loop.problem(.unanswered, "") }
        waiting.removeAll()
        channel?.close(promise: nil)
        channel = nil
    }

    /// The channel is gone: how bad that is depends on what it was good for.
    func lost(_ words: String) { end(phase == .opening ? .refused : .closed, words) }

    /// The test is over.
    func leave() {
        phase = .over
        channel?.close(promise: nil)
        channel = nil
    }

    // MARK: - Messages

    func send(due: UInt64) {
        guard phase == .ready else { return loop.problem(.notSent, "the connection was not open") }
        guard waiting.count < plan.window else {
            return loop.problem(.notSent, "\(plan.window) messages of one connection were under way")
        }
        waiting.append(due)
        transmit()
    }

    /// The oldest message has its answer.
    func answered() { if let due = waiting.popFirst() { loop.arrived(due) } }

    /// The oldest message has an answer that says that it failed.
    func failed(_ words: String) {
        guard waiting.popFirst() != nil else { return }
        loop.problem(.answer, words)
    }

    /// Gives up what has waited for too long.
    func sweep(now: UInt64, limit: UInt64) {
        if phase == .opening, now > began, now - began > limit { return end(.refused, "not ready within the timeout") }
        guard let oldest = waiting.first, now > oldest, now - oldest > limit else { return }
        // What comes later could not be told from the answer to the next: the connection is of no more use.
        end(.closed, "given up: no answer within the timeout")
    }
}
