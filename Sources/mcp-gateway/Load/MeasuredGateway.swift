import GatewayLoad

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A gateway of this program's own that is measured: a process beside this one, on free ports, without a file.
final class MeasuredGateway {
    private let process: pid_t
    private let directory: String
    /// The address of its API.
    let authority: String

    /// What its process has used.
    struct Usage {
        /// Seconds of a processor.
        var processor: Double
        /// Bytes of memory.
        var memory: Double
    }

    init() throws {
        var template = Array("/tmp/mcp-gateway-plan-XXXXXX\0".utf8).map(CChar.init(bitPattern:))
        guard mkdtemp(&template) != nil else { throw CommandFailure("no place in /tmp: \(Self.reason)", code: 1) }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // An empty configuration: a gateway.yaml that lies here is not what is measured.
        let file = directory + "/gateway.yaml"
        try ReportFile.write("", to: file)
        var pipes: [Int32] = [0, 0]
        guard pipe(&pipes) == 0 else { throw CommandFailure("no pipe: \(Self.reason)", code: 1) }
        let arguments = [
            Self.program, "serve", "--config", file, "--port", "0", "--sse-port", "0", "--ws-port", "0",
            "--host", "127.0.0.1", "--set", "storage.engine=memory", "--set", "log.level=error",
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addclose(&actions, pipes[0])
        var process: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        // Nothing of the environment that would configure it.
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), nil]
        let failure = posix_spawn(&process, Self.program, &actions, nil, &words, &environment)
        for word in words + environment { free(word) }
        posix_spawn_file_actions_destroy(&actions)
        close(pipes[1])
        guard failure == 0 else {
            throw CommandFailure("the gateway cannot be started: \(String(cString: strerror(failure)))", code: 1)
        }
        defer { close(pipes[0]) }
        guard let authority = Self.address(pipes[0]) else {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            throw CommandFailure("the gateway did not start within 30 s", code: 1)
        }
        self.process = process
        self.directory = directory
        self.authority = authority
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static var program: String {
        #if os(Linux)
            "/proc/self/exe"
        #else
            CommandLine.arguments[0]
        #endif
    }

    /// Waits for the line `ready http=…`.
    private static func address(_ descriptor: Int32) -> String? {
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<300 {
            var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waited, 1, 100) > 0 else { continue }
            let count = read(descriptor, &room, room.count)
            guard count > 0 else { return nil }
            text += room[..<count]
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("ready ") {
                let place = line.split(separator: " ").first { $0.hasPrefix("http=") }?.dropFirst(5)
                if let place { return String(place) }
            }
        }
        return nil
    }

    /// What it has used so far, as its metrics say.
    func usage() async throws -> Usage {
        guard let address = HTTPAddress("http://\(authority)/metrics") else { throw CommandFailure(authority, code: 1) }
        let answer = try await HTTPCall.request(.GET, nil, to: address, authorities: nil, fields: [], timeout: 10)
        func figure(_ name: String) throws -> Double {
            for line in String(decoding: answer.body, as: UTF8.self).split(separator: "\n")
            where line.hasPrefix(name + " ") {
                if let value = Double(line.dropFirst(name.count + 1)) { return value }
            }
            throw CommandFailure("the gateway does not say \(name) here: plan cannot measure on this system", code: 1)
        }
        return Usage(
            processor: try figure("process_cpu_seconds_total"), memory: try figure("process_resident_memory_bytes"))
    }

    func stop() {
        kill(process, SIGTERM)
        kill(process, SIGTERM)
        waitpid(process, nil, 0)
        unlink(directory + "/gateway.yaml")
        rmdir(directory)
    }
}
