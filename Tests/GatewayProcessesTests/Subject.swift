import GatewayCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GatewayProcesses

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A supervised process of a test, used from outside of its event loop.
final class Subject: Sendable {
    private let process: NIOLoopBound<SupervisedProcess>
    private let loop: any EventLoop
    private let events: AsyncStream<SupervisedProcess.Event>
    let log: LogLines

    static func start(
        _ command: ProcessCommand, host: ProcessHost, permit: (any ProcessPermit)? = nil,
        limits: SupervisedProcess.Limits = quick(), isWanted: Bool = true
    ) async throws -> Subject {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let log = LogLines()
        let (events, continuation) = AsyncStream.makeStream(of: SupervisedProcess.Event.self)
        let process = try await loop.submit {
            let process = SupervisedProcess(
                command, limits: limits, host: host, permit: permit, loop: loop,
                logger: Logger(label: "test") { _ in log }
            ) { continuation.yield($0) }
            if isWanted { process.wanted() }
            return NIOLoopBound(process, eventLoop: loop)
        }.get()
        return Subject(process: process, loop: loop, events: events, log: log)
    }

    private init(
        process: NIOLoopBound<SupervisedProcess>, loop: any EventLoop, events: AsyncStream<SupervisedProcess.Event>,
        log: LogLines
    ) {
        self.process = process
        self.loop = loop
        self.events = events
        self.log = log
    }

    /// Short times, so that tests are quick; a start may take long on a busy machine.
    static func quick(
        startTimeout: Instant.Span = .seconds(60), grace: Instant.Span = .milliseconds(200),
        idleTimeout: Instant.Span? = nil, keepsRunning: Bool = false, lineBytes: Int = 1 << 20,
        unsentBytes: Int = 1 << 16, errorLines: Int = 20
    ) -> SupervisedProcess.Limits {
        .init(
            supervision: .init(
                startTimeout: startTimeout, closeGrace: grace, terminateGrace: grace, idleTimeout: idleTimeout,
                backoff: Backoff(initial: .milliseconds(20), limit: .milliseconds(200)), keepsRunning: keepsRunning),
            lineBytes: lineBytes, unsentBytes: unsentBytes, errorLinesPerSecond: errorLines)
    }

    func on<Value: Sendable>(_ body: @escaping @Sendable (SupervisedProcess) -> Value) async throws -> Value {
        try await loop.submit { body(self.process.value) }.get()
    }

    /// Everything up to the first event that `isLast` accepts.
    @discardableResult
    func events(
        through isLast: (SupervisedProcess.Event) -> Bool
    ) async -> [SupervisedProcess.Event] {
        var seen: [SupervisedProcess.Event] = []
        for await event in events {
            seen.append(event)
            if isLast(event) { return seen }
        }
        return seen
    }

    func line() async -> String? {
        guard case .line(let line)? = await events(through: { if case .line = $0 { true } else { false } }).last else {
            return nil
        }
        return String(buffer: line)
    }

    func started() async -> pid_t? {
        let isStart: (SupervisedProcess.Event) -> Bool = { if case .started = $0 { true } else { false } }
        guard case .started(let id)? = await events(through: isStart).last else { return nil }
        return id
    }

    /// Everything up to the end of the present process, and how it ended.
    func end() async -> (events: [SupervisedProcess.Event], exit: ProcessExit?) {
        let seen = await events(through: { if case .ended = $0 { true } else { false } })
        guard case .ended(let exit, _)? = seen.last else { return (seen, nil) }
        return (seen, exit)
    }

    func close() async throws {
        try await on { $0.close() }
        await events(through: { $0 == .closed })
    }
}

/// What was logged.
final class LogLines: LogHandler {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    func log(event: LogEvent) {
        let text = "\(event.message) " + (event.metadata?.values.map { "\($0)" }.joined(separator: " ") ?? "")
        lines.withLock { $0.append(text) }
    }

    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }
}

extension ProcessCommand {
    static func python(_ script: String, _ arguments: String...) -> ProcessCommand {
        ProcessCommand(program: "python3", arguments: ["-u", "-c", script] + arguments)
    }
}

/// What the system knows of this process: it has to come back to where it was.
enum SystemState {
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    /// Open pipes and process descriptors. Other tests of this program use neither.
    static func descriptors() -> Int {
        names(in: "/proc/self/fd").count { name in
            var target = [CChar](repeating: 0, count: 256)
            guard readlink("/proc/self/fd/\(name)", &target, 255) > 0 else { return false }
            let text = String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return text.hasPrefix("pipe:") || text.contains("pidfd")
        }
    }

    /// Children of this process, zombies too.
    static func children() -> Set<pid_t> {
        Set(names(in: "/proc").compactMap { pid_t($0) }.filter { parent(of: $0) == getpid() })
    }

    private static func parent(of process: pid_t) -> pid_t? {
        guard let text = contents("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        return text[end...].split(separator: " ").dropFirst(2).first.flatMap { pid_t($0) }
    }

    static func contents(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Whether a process runs; one that waits to be reaped does not.
    static func runs(_ process: pid_t) -> Bool {
        guard let text = contents("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return false }
        return !["Z", "X"].contains(text[end...].dropFirst(2).first.map(String.init) ?? "X")
    }
}

/// Waits until something holds, for as long as a slow machine may need.
func eventually(
    _ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(30)
    while !condition() {
        guard clock.now < end else {
            Issue.record("It did not come to be", sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Where the programs of this package lie: beside the tests.
enum ProgramDirectory {
    static func path(of name: String) -> String? {
        for line in (SystemState.contents("/proc/self/cmdline") ?? "").split(separator: "\0") {
            guard let slash = line.lastIndex(of: "/") else { continue }
            let candidate = line[..<slash] + "/" + name
            if access(String(candidate), X_OK) == 0 { return String(candidate) }
        }
        return nil
    }
}
