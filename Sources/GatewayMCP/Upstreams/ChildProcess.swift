import CSpawn
import GatewayCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program that speaks in lines on its standard input and output. It leads a process group of its own, no shell stands
/// between, and it is reaped on every path: whoever starts one can forget it.
final class ChildProcess {
    /// What is started.
    struct Command {
        let program: String
        let arguments: [String]
        let environment: [String: String]
        let directory: String?
    }

    private let eventLoop: any EventLoop
    private let maxLineBytes: Int
    private var identifier: pid_t = 0
    private var channel: (any Channel)?
    private var errors: (any Channel)?
    private var watch: RepeatedTask?
    private var stopStep = 0
    private var ticks = 0
    private var isReaped = false
    /// A whole line has come, without its line feed.
    var onLine: ((ByteBuffer) -> Void)?
    /// A line of its standard error.
    var onErrorLine: ((ByteBuffer) -> Void)?
    /// Its output has ended, or it has; called once.
    var onEnd: ((String) -> Void)?
    /// It has been reaped; called once.
    var onReaped: (() -> Void)?

    /// What of the gateway's own environment a child gets: enough to find programs and homes, and no secrets.
    private static let inherited = [
        "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    ]

    init(eventLoop: any EventLoop, maxLineBytes: Int) {
        self.eventLoop = eventLoop
        self.maxLineBytes = maxLineBytes
    }

    /// Starts the program.
    /// - Returns: why it could not be started; `nil` if it runs.
    func start(_ command: Command) -> String? {
        var input: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        var error: [Int32] = [-1, -1]
        guard pipe(&input) == 0, pipe(&output) == 0, pipe(&error) == 0 else {
            for descriptor in input + output + error where descriptor >= 0 { close(descriptor) }
            return "no pipes: \(String(cString: strerror(errno)))"
        }
        for descriptor in input + output + error { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let code = Self.spawn(command, input: input[0], output: output[1], error: error[1], into: &identifier)
        for descriptor in [input[0], output[1], error[1]] { close(descriptor) }
        guard code == 0 else {
            for descriptor in [input[1], output[0], error[0]] { close(descriptor) }
            return "cannot start \(command.program): \(String(cString: strerror(code)))"
        }
        carry(output[0], input[1], error[0])
        let child = NIOLoopBound(self, eventLoop: eventLoop)
        watch = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { _ in
            child.value.look()
        }
        return nil
    }

    private static func spawn(
        _ command: Command, input: Int32, output: Int32, error: Int32, into identifier: inout pid_t
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)
        // Nothing of the gateway's is left open in the child.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let directory = command.directory { posix_spawn_file_actions_addchdir_np(&actions, directory) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var environment: [String: String] = [:]
        for name in inherited { if let value = getenv(name) { environment[name] = String(cString: value) } }
        environment.merge(command.environment) { _, configured in configured }
        var arguments = ([command.program] + command.arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        return posix_spawnp(&identifier, command.program, &actions, &attributes, &arguments, &variables)
    }

    private func carry(_ output: Int32, _ input: Int32, _ error: Int32) {
        let child = NIOLoopBound(self, eventLoop: eventLoop)
        let maxLineBytes = maxLineBytes
        NIOPipeBootstrap(group: eventLoop)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        LineHandler(maxBytes: maxLineBytes) {
                            child.value.onLine?($0)
                        } ended: {
                            child.value.ended($0)
                        })
                }
            }
            .takingOwnershipOfDescriptors(input: output, output: input)
            .assumeIsolated().whenSuccess { self.opened($0) }
        NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        LineHandler(maxBytes: 65_536) {
                            child.value.onErrorLine?($0)
                        } ended: { _ in
                        })
                }
            }
            .takingOwnershipOfDescriptor(input: error)
            .assumeIsolated().whenSuccess { self.errors = $0 }
    }

    private var unsent: [ByteBuffer] = []

    private func opened(_ channel: any Channel) {
        self.channel = channel
        for line in unsent { channel.writeAndFlush(line, promise: nil) }
        unsent = []
        if stopStep > 0 { channel.close(mode: .output, promise: nil) }
    }

    /// Writes one line.
    func send(_ message: ByteBuffer) {
        var line = message
        line.writeInteger(UInt8(ascii: "\n"))
        if let channel { channel.writeAndFlush(line, promise: nil) } else { unsent.append(line) }
    }

    private func ended(_ reason: String) {
        let onEnd = onEnd
        self.onEnd = nil
        stop()
        onEnd?(reason)
    }

    /// Ends it: its input is closed; two seconds later it is asked, and another two seconds later made, to go.
    func stop() {
        guard stopStep == 0, !isReaped else { return }
        stopStep = 1
        ticks = 0
        channel?.close(mode: .output, promise: nil)
    }

    private func look() {
        var status: Int32 = 0
        let result = waitpid(identifier, &status, WNOHANG)
        if result == identifier || result == -1 && errno == ECHILD {
            isReaped = true
            watch?.cancel()
            // Whatever it has started goes with it; such a one may hold the pipes open.
            kill(-identifier, SIGKILL)
            let onEnd = onEnd
            self.onEnd = nil
            channel?.close(promise: nil)
            errors?.close(promise: nil)
            let onReaped = onReaped
            self.onReaped = nil
            onEnd?("its process has ended with status \(status >> 8 & 0xFF)")
            onReaped?()
            return
        }
        guard stopStep > 0 else { return }
        ticks += 1
        if ticks == 40 {
            kill(-identifier, SIGTERM)
        } else if ticks >= 80 {
            kill(-identifier, SIGKILL)
        }
    }

    /// The gateway ends now: nothing is waited for.
    func kill() {
        guard !isReaped else { return }
        isReaped = true
        watch?.cancel()
        kill(-identifier, SIGKILL)
        var status: Int32 = 0
        waitpid(identifier, &status, 0)
        onReaped?()
        onReaped = nil
    }

    private func kill(_ identifier: pid_t, _ signal: Int32) {
        #if canImport(Glibc)
            _ = Glibc.kill(identifier, signal)
        #elseif canImport(Musl)
            _ = Musl.kill(identifier, signal)
        #else
            _ = Darwin.kill(identifier, signal)
        #endif
    }
}

/// Cuts bytes into lines.
private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var buffer = ByteBuffer()
    private var searched = 0
    private let maxBytes: Int
    private let line: (ByteBuffer) -> Void
    private let ended: (String) -> Void
    private var reason = "its output has ended"

    init(maxBytes: Int, line: @escaping (ByteBuffer) -> Void, ended: @escaping (String) -> Void) {
        self.maxBytes = maxBytes
        self.line = line
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        while let offset = buffer.readableBytesView.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) {
            let length = offset - buffer.readerIndex
            guard let whole = buffer.readSlice(length: length) else { break }
            buffer.moveReaderIndex(forwardBy: 1)
            searched = 0
            if whole.readableBytes > 0 { line(whole) }
        }
        searched = buffer.readableBytes
        buffer.discardReadBytes()
        guard buffer.readableBytes > maxBytes else { return }
        reason = "it sent more than mcp.max_result_bytes in one line"
        buffer.clear()
        searched = 0
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { ended(reason) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
