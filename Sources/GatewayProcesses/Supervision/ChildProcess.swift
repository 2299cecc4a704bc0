import GatewayCore
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One life of a process: its three pipes as channels on one event loop, from its start to its end. Used on that loop.
final class ChildProcess {
    enum Event {
        case started(pid_t)
        case startFailed(ProcessStartFailure)
        case piece(LineDecoder.Piece)
        /// Its standard output has ended while it runs.
        case outputEnded
        /// It is gone, and what it had written has been read. The last event.
        case ended(ProcessExit)
    }

    struct Limits {
        var lineBytes: Int
        var unsentBytes: Int
        /// How long the output of a process that is gone is waited for: somebody else may have it open too.
        static let outputGrace = TimeAmount.seconds(1)
    }

    let loop: any EventLoop
    private let host: ProcessHost
    private let permit: (any ProcessPermit)?
    private let limits: Limits
    private let errorLines: ErrorLines
    private let receive: (ChildProcess, Event) -> Void

    private var id: pid_t?
    private var input: (any Channel)?
    private var output: (any Channel)?
    private var errors: (any Channel)?
    private var isInputClosed = false
    private var isOutputEnded = false
    private var exit: ProcessExit?
    private var isOver = false

    init(
        host: ProcessHost, permit: (any ProcessPermit)?, loop: any EventLoop, limits: Limits, errorLines: ErrorLines,
        receive: @escaping (ChildProcess, Event) -> Void
    ) {
        self.host = host
        self.permit = permit
        self.loop = loop
        self.limits = limits
        self.errorLines = errorLines
        self.receive = receive
    }

    func start(_ command: ProcessCommand) {
        let this = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        host.spawn(
            command, permit: permit,
            started: { result in loop.execute { this.value.startEnded(result) } },
            ended: { exit in loop.execute { this.value.processEnded(exit) } })
    }

    private func startEnded(_ result: Result<ProcessHost.Started, ProcessStartFailure>) {
        switch result {
        case .failure(let failure):
            isOver = true
            receive(self, .startFailed(failure))
        case .success(let process):
            id = process.id
            connect(process)
            receive(self, .started(process.id))
            if isInputClosed { input?.close(promise: nil) }
        }
    }

    private func connect(_ process: ProcessHost.Started) {
        let this = NIOLoopBound(self, eventLoop: loop)
        let bound = limits.unsentBytes
        adopt(process.input) {
            NIOPipeBootstrap(group: $0)
                .channelOption(.writeBufferWaterMark, value: .init(low: max(1, bound / 2), high: bound))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { this.value.input = channel }
                }
                .takingOwnershipOfDescriptor(output: process.input)
        }
        adopt(process.output) {
            NIOPipeBootstrap(group: $0)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        this.value.output = channel
                        try channel.pipeline.syncOperations.addHandler(
                            LineHandler(
                                decoder: LineDecoder(maximumLength: this.value.limits.lineBytes),
                                receive: { this.value.received($0) }, ended: { this.value.outputEnded() }))
                    }
                }
                .takingOwnershipOfDescriptor(input: process.output)
        }
        adopt(process.errors) {
            NIOPipeBootstrap(group: $0)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        this.value.errors = channel
                        let errorLines = this.value.errorLines
                        try channel.pipeline.syncOperations.addHandler(
                            LineHandler(
                                decoder: LineDecoder(maximumLength: ErrorLines.maximumLength, onlyMessages: false),
                                receive: { errorLines.received($0) }, ended: {}))
                    }
                }
                .takingOwnershipOfDescriptor(input: process.errors)
        }
    }

    private func adopt(_ descriptor: CInt, _ connect: (any EventLoopGroup) -> EventLoopFuture<any Channel>) {
        let this = NIOLoopBound(self, eventLoop: loop)
        connect(loop).whenFailure { _ in
            // The descriptor could not be registered; the process is of no use.
            _ = systemClose(descriptor)
            this.value.outputEnded()
        }
    }

    // MARK: Input

    enum Sending: Equatable {
        case sent
        /// It does not read: more than the bound is waiting already, and this was not taken.
        case full
        case closed
    }

    private static let lineEnd = ByteBuffer(string: "\n")

    /// Writes a line. The bound may be passed by this one line, never by the next.
    func send(_ line: ByteBuffer) -> Sending {
        guard let input, !isInputClosed, input.isActive else { return .closed }
        guard input.isWritable else { return .full }
        input.write(line, promise: nil)
        input.writeAndFlush(Self.lineEnd, promise: nil)
        return .sent
    }

    func closeInput() {
        isInputClosed = true
        input?.close(promise: nil)
    }

    /// Sends a signal to the whole group.
    func signal(_ number: CInt) {
        if let id, exit == nil { host.signal(id, number) }
    }

    /// Whether it is read from; what it writes meanwhile fills its pipe, and then it waits.
    func setReading(_ isReading: Bool) {
        output?.setOption(.autoRead, value: isReading).whenComplete { _ in }
    }

    // MARK: Output and end

    private func received(_ piece: LineDecoder.Piece) {
        if !isOver { receive(self, .piece(piece)) }
    }

    private func outputEnded() {
        guard !isOutputEnded else { return }
        isOutputEnded = true
        if exit == nil { receive(self, .outputEnded) }
        endIfOver()
    }

    private func processEnded(_ exit: ProcessExit) {
        self.exit = exit
        isInputClosed = true
        input?.close(promise: nil)
        guard !isOutputEnded else { return endIfOver() }
        // It may have been paused; nothing more will come than what lies in the pipe.
        setReading(true)
        let this = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Limits.outputGrace) { this.value.outputEnded() }
    }

    private func endIfOver() {
        guard let exit, isOutputEnded, !isOver else { return }
        isOver = true
        output?.close(promise: nil)
        errors?.close(promise: nil)
        errorLines.flush()
        receive(self, .ended(exit))
    }
}

/// Carries lines from a pipe.
final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var decoder: LineDecoder
    private let receive: (LineDecoder.Piece) -> Void
    private let ended: () -> Void

    init(decoder: LineDecoder, receive: @escaping (LineDecoder.Piece) -> Void, ended: @escaping () -> Void) {
        self.decoder = decoder
        self.receive = receive
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.feed(unwrapInboundIn(data))
        while let piece = decoder.next() { receive(piece) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let piece = decoder.finish() { receive(piece) }
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// What a process writes to its standard error goes to the log, line by line, as far as a rate allows; how many lines
/// were left out is told. Used on one event loop, which tells the time.
final class ErrorLines {
    /// A longer line is cut off.
    static let maximumLength = 4096

    private let logger: Logger
    private let limit: RateLimit
    private let now: () -> Instant
    private var usage = RateLimit.Usage()
    /// Since the last line that was written.
    private(set) var suppressed = 0

    init(logger: Logger, linesPerSecond: Int, now: @escaping () -> Instant) {
        self.logger = logger
        limit = RateLimit(rate: Double(linesPerSecond), burst: linesPerSecond)
        self.now = now
    }

    func received(_ piece: LineDecoder.Piece) {
        guard limit.admit(&usage, now: now()) == .admitted else {
            suppressed += 1
            return
        }
        flush()
        switch piece {
        case .line(let line), .junk(.notAMessage(let line)):
            logger.info("stderr", metadata: ["line": "\(String(buffer: line))"])
        case .junk(.tooLong(let bytes)):
            logger.info("stderr: a line was too long", metadata: ["bytes": "\(bytes)"])
        case .junk(.unfinished(let line, _)):
            logger.info("stderr", metadata: ["line": "\(String(buffer: line))"])
        }
    }

    /// Tells what was left out.
    func flush() {
        guard suppressed > 0 else { return }
        logger.warning("stderr: lines were left out", metadata: ["lines": "\(suppressed)"])
        suppressed = 0
    }
}
