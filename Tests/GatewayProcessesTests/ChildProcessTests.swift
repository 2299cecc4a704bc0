import GatewayCore
import NIOCore
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

/// Real processes that behave as badly as processes do. One after the other, because the process table and the descriptors
/// of this program have to come back to where they were.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ChildProcessTests {
    private static let echo = "import sys\nfor line in sys.stdin: print(line, end='')"

    /// Runs `body` with a host of its own and checks that nothing of it is left.
    private func withHost(
        maximum: Int = 50, usesProcessDescriptors: Bool = true, _ body: (ProcessHost) async throws -> Void
    ) async throws {
        let descriptors = SystemState.descriptors()
        let children = SystemState.children()
        let host = try ProcessHost(maximumProcesses: maximum, usesProcessDescriptors: usesProcessDescriptors)
        try await body(host)
        await host.close()
        #expect(host.liveProcesses == 0)
        // Suites beside this one may start something of their own for a while.
        try await eventually { SystemState.children().isSubset(of: children) }
        try await eventually { SystemState.descriptors() <= descriptors }
    }

    @Test(arguments: [true, false])
    func linesGoThereAndBack(usesProcessDescriptors: Bool) async throws {
        try await withHost(usesProcessDescriptors: usesProcessDescriptors) { host in
            let subject = try await Subject.start(.python(Self.echo), host: host)
            let id = await subject.started()
            for index in 0..<100 {
                #expect(try await subject.on { $0.send(ByteBuffer(string: #"{"n":\#(index)}"#)) } == .sent)
                #expect(await subject.line() == #"{"n":\#(index)}"#)
            }
            #expect(host.liveProcesses == 1)
            // Closing its input is enough.
            try await subject.on { $0.close() }
            #expect(await subject.end().exit == .code(0))
            #expect(!SystemState.runs(id!))
        }
    }

    @Test func argumentsAndEnvironmentAreWhatWasGiven() async throws {
        setenv("GATEWAY_TEST_SECRET", "hidden", 1)
        defer { unsetenv("GATEWAY_TEST_SECRET") }
        try await withHost { host in
            var command = ProcessCommand.python(
                """
                import json, os, sys
                # A Python that is started through a script has a few more by its doing.
                names = [n for n in sorted(os.environ) if 'PYENV' not in n and n not in ('PWD', 'SHLVL', '_')]
                print(json.dumps([sys.argv[1:], names, os.getcwd(), os.getsid(0) == os.getpid(),
                                  os.getpgid(0) == os.getpid(), len(os.listdir('/proc/self/fd'))]))
                """, "a b", "$HOME; ls", "")
            command.environment = ProcessCommand.inherited(["PATH"], adding: ["OWN": "1", "LC_ALL": "C.UTF-8"])
            command.workingDirectory = "/tmp"
            let subject = try await Subject.start(command, host: host)
            let line = await subject.line()
            // Its three descriptors, and the one that lists them.
            #expect(line == #"[["a b", "$HOME; ls", ""], ["LC_ALL", "OWN", "PATH"], "/tmp", true, true, 4]"#)
            try await subject.close()
        }
    }

    @Test func whatCannotStartSaysWhy() async throws {
        try await withHost(maximum: 1) { host in
            func failure(_ command: ProcessCommand) async throws -> ProcessStartFailure? {
                let subject = try await Subject.start(command, host: host)
                let event = await subject.events(through: { if case .startFailed = $0 { true } else { false } }).last
                try await subject.close()
                guard case .startFailed(let failure, _)? = event else { return nil }
                return failure
            }
            #expect(try await failure(.init(program: "no-such-program")) == .programNotFound("no-such-program"))
            #expect(
                try await failure(.init(program: "/etc/passwd"))
                    == .notExecutable("/etc/passwd", reason: "Permission denied"))
            #expect(
                try await failure(.init(program: "cat", workingDirectory: "/no/such"))
                    == .noWorkingDirectory("/no/such", reason: "No such file or directory"))
            #expect(host.liveProcesses == 0)
            let subject = try await Subject.start(.init(program: "cat"), host: host)
            _ = await subject.started()
            #expect(try await failure(.init(program: "cat")) == .tooManyProcesses(limit: 1))
            try await subject.close()
        }
    }

    @Test func aPermitIsTakenForEachStartAndGivenBackOnce() async throws {
        try await withHost(maximum: 1) { host in
            let permit = CountedPermit()
            let subject = try await Subject.start(.init(program: "cat"), host: host, permit: permit)
            _ = await subject.started()
            #expect(permit.held == 1)
            // The host refuses one, the system another, and the permit a third.
            let second = try await Subject.start(.init(program: "cat"), host: host, permit: permit)
            let isFailure = { @Sendable (event: SupervisedProcess.Event) in
                if case .startFailed = event { true } else { false }
            }
            _ = await second.events(through: isFailure)
            #expect(permit.held == 1)
            try await second.close()
            try await subject.close()
            try await eventually { permit.held == 0 }
            let missing = try await Subject.start(.init(program: "no-such-program"), host: host, permit: permit)
            _ = await missing.events(through: isFailure)
            #expect(permit.held == 0 && permit.taken == 3)
            try await missing.close()
            permit.refuse()
            let refused = try await Subject.start(.init(program: "cat"), host: host, permit: permit)
            let last = await refused.events(through: isFailure).last
            guard case .startFailed(.notPermitted("not now"), _)? = last else { return #expect(Bool(false)) }
            #expect(permit.held == 0 && permit.taken == 3)
            try await refused.close()
        }
    }

    @Test func oneThatDiesAtItsStartIsTriedAgainAfterAWait() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import sys; sys.exit(3)"), host: host, limits: Subject.quick(keepsRunning: true))
            for _ in 0..<4 {
                guard case .ended(.code(3), let restart)? = await subject.end().events.last else {
                    Issue.record("It ends with code 3")
                    break
                }
                #expect(restart != nil && restart! <= .milliseconds(200))
            }
            try await subject.close()
        }
    }

    @Test func oneThatDiesInTheMiddleIsReplaced() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import os, sys\nfor line in sys.stdin:\n  print(line, end='')\n  os.kill(os.getpid(), 9)"),
                host: host, limits: Subject.quick(keepsRunning: true))
            for _ in 0..<3 {
                _ = await subject.started()
                #expect(try await subject.on { $0.send(ByteBuffer(string: "{}")) } == .sent)
                let (events, exit) = await subject.end()
                // What it wrote before its death is not lost.
                #expect(events.contains(.line(ByteBuffer(string: "{}"))) && exit == .signal(SIGKILL))
            }
            try await subject.close()
        }
    }

    @Test func allThatADeadProcessWroteIsRead() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import sys\nsys.stdout.write('{\"x\":1}\\n' * 20000)"), host: host)
            let (events, exit) = await subject.end()
            #expect(events.count { if case .line = $0 { true } else { false } } == 20_000 && exit == .code(0))
            try await subject.close()
        }
    }

    @Test func oneThatIgnoresEverythingIsKilled() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python(
                    """
                    import signal, time
                    signal.signal(signal.SIGTERM, lambda *a: print('[\"term\"]'))
                    print('["up"]')
                    while True: time.sleep(1)
                    """), host: host)
            #expect(await subject.line() == #"["up"]"#)
            try await subject.on { $0.close() }
            let (events, exit) = await subject.end()
            #expect(events.contains(.line(ByteBuffer(string: #"["term"]"#))))
            #expect(exit == .signal(SIGKILL))
        }
    }

    @Test func grandchildrenGoWithIt() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python(
                    """
                    import json, subprocess, sys
                    spawn = lambda: subprocess.Popen(['sleep', '1000'], start_new_session=False).pid
                    print(json.dumps([spawn(), spawn(), spawn()]))
                    sys.stdin.read()
                    """), host: host)
            let line = await subject.line() ?? "[]"
            let grandchildren = line.dropFirst().dropLast().split(separator: ", ").compactMap { pid_t($0) }
            #expect(grandchildren.count == 3 && grandchildren.allSatisfy(SystemState.runs))
            // The process ends by itself; those that it left hold its output open.
            try await subject.on { $0.close() }
            #expect(await subject.end().exit == .code(0))
            try await eventually { !grandchildren.contains(where: SystemState.runs) }
        }
    }

    /// Somebody outside of the group keeps the output open: the end is told all the same.
    @Test func oneWhoseOutputStaysOpenEnds() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python(
                    """
                    import subprocess
                    print([subprocess.Popen(['sleep', '1000'], start_new_session=True).pid])
                    """), host: host)
            let line = await subject.line() ?? "[]"
            #expect(await subject.end().exit == .code(0))
            try await subject.close()
            for escaped in line.dropFirst().dropLast().split(separator: ", ").compactMap({ pid_t($0) }) {
                kill(escaped, SIGKILL)
            }
        }
    }

    @Test func linesWithoutEndAreNotKept() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python(
                    """
                    import sys
                    for _ in range(100): sys.stdout.write('{' * 1048576)
                    print()
                    print('{"after":1}')
                    sys.stdin.read()
                    """), host: host, limits: Subject.quick(lineBytes: 65536))
            let events = await subject.events(through: { if case .line = $0 { true } else { false } })
            #expect(
                events.dropFirst() == [
                    .junk(.tooLong(bytes: 100 << 20)), .line(ByteBuffer(string: #"{"after":1}"#)),
                ])
            try await subject.close()
        }
    }

    @Test func halfALineAndAnExit() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import sys\nprint('hello')\nsys.stdout.write('{\"half\"')"), host: host)
            let (events, exit) = await subject.end()
            #expect(
                events.dropFirst().dropLast() == [
                    .junk(.notAMessage(ByteBuffer(string: "hello"))),
                    .junk(.unfinished(ByteBuffer(string: "{\"half\""), bytes: 7)),
                ])
            #expect(exit == .code(0))
            try await subject.close()
        }
    }

    @Test func aFloodOfErrorsIsLoggedInPart() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import sys\nfor i in range(20000): print('trouble', i, file=sys.stderr)"), host: host,
                limits: Subject.quick(errorLines: 20))
            #expect(await subject.end().exit == .code(0))
            let lines = subject.log.all
            #expect(lines.first == "stderr trouble 0")
            // A burst of 20, then 20 a second, each with a note of what was left out.
            #expect(lines.count >= 20 && lines.count < 4000)
            let suppressed = lines.filter { $0.contains("left out") }.compactMap { Int($0.split(separator: " ").last!) }
            #expect(suppressed.reduce(0, +) + lines.count { $0.contains("trouble") } == 20_000)
            try await subject.close()
        }
    }

    @Test func oneThatDoesNotReadFillsUpToTheBound() async throws {
        try await withHost { host in
            let subject = try await Subject.start(.python("import time\ntime.sleep(1000)"), host: host)
            _ = await subject.started()
            let line = ByteBuffer(string: "[\"" + String(repeating: "x", count: 1020) + "\"]")
            let sent = try await subject.on { process in
                var sent = 0
                while sent < 10_000, process.send(line) == .sent { sent += 1 }
                return sent
            }
            // The pipe's 64 KiB and the bound's.
            #expect(sent >= 64 && sent <= 129)
            #expect(try await subject.on { $0.send(line) } == .full)
            try await subject.close()
        }
    }

    @Test func idleOnesEndAndComeBackWhenWanted() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .init(program: "cat"), host: host, limits: Subject.quick(idleTimeout: .milliseconds(50)))
            for _ in 0..<2 {
                _ = await subject.started()
                try await subject.on { $0.ready() }
                guard case .ended(.code(0), nil)? = await subject.end().events.last else {
                    Issue.record("It should stop because nobody uses it")
                    break
                }
                try await subject.on { $0.wanted() }
            }
            try await subject.close()
        }
    }

    @Test func oneThatIsNotReadyInTimeIsStopped() async throws {
        try await withHost { host in
            let subject = try await Subject.start(
                .python("import time\ntime.sleep(1000)"), host: host,
                limits: Subject.quick(startTimeout: .milliseconds(100)))
            guard case .ended(.signal(SIGTERM), let restart?)? = await subject.end().events.last else {
                Issue.record("It should have been stopped")
                return
            }
            #expect(restart <= .milliseconds(20))
            try await subject.close()
        }
    }

    @Test func aHostThatClosesTakesAllWithIt() async throws {
        try await withHost { host in
            var subjects: [Subject] = []
            for _ in 0..<5 {
                let subject = try await Subject.start(.init(program: "sleep", arguments: ["1000"]), host: host)
                _ = await subject.started()
                subjects.append(subject)
            }
            await host.close()
            #expect(host.liveProcesses == 0)
            for subject in subjects { #expect(await subject.end().exit == .signal(SIGKILL)) }
        }
    }

    /// Started, stopped, killed and abandoned at any moment: the process table and the descriptors come back.
    @Test func fiveHundredStarts() async throws {
        try await withHost(maximum: 30) { host in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<10 {
                    group.addTask {
                        var random = SeededGenerator(worker)
                        for _ in 0..<50 {
                            let command = random.pick([
                                ProcessCommand(program: "cat"), ProcessCommand(program: "sleep", arguments: ["1000"]),
                                ProcessCommand(program: "sh", arguments: ["-c", "sleep 1000 & cat"]),
                                ProcessCommand(program: "sh", arguments: ["-c", "sleep 1000 & exit 1"]),
                                ProcessCommand(program: "sh", arguments: ["-c", "trap '' TERM; sleep 1000; cat"]),
                            ])
                            let subject = try await Subject.start(
                                command, host: host,
                                limits: Subject.quick(grace: .milliseconds(Int64(random.below(30)))))
                            switch random.below(4) {
                            case 0: break
                            case 1:
                                if let id = await subject.started() { kill(-id, SIGKILL) }
                            case 2:
                                _ = await subject.started()
                                _ = try await subject.on { $0.send(ByteBuffer(string: "{}")) }
                            default:
                                try await Task.sleep(for: .microseconds(random.below(20_000)))
                            }
                            try await subject.close()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(host.liveProcesses == 0)
        }
    }

    /// A gateway that is killed cannot clean up: the system takes its child, the warden what that had started.
    @Test func nothingOutlivesAGatewayThatIsKilled() async throws {
        let program = try #require(ProgramDirectory.path(of: "holds-processes"))
        try await withHost { host in
            let subject = try await Subject.start(
                .init(
                    program: program,
                    arguments: [
                        "python3", "-c",
                        """
                        import json, os, signal, subprocess, sys, time
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)
                        children = [subprocess.Popen(['sleep', '1000'], stdin=subprocess.DEVNULL).pid for _ in range(3)]
                        print(json.dumps([os.getpid()] + children), flush=True)
                        time.sleep(1000)
                        """,
                    ]), host: host)
            let gateway = try #require(await subject.started())
            let line = await subject.line() ?? "[]"
            let processes = line.dropFirst().dropLast().split(separator: ", ").compactMap { pid_t($0) }
            #expect(processes.count == 4 && processes.allSatisfy(SystemState.runs))
            // Only the gateway, not its group.
            kill(gateway, SIGKILL)
            #expect(await subject.end().exit == .signal(SIGKILL))
            try await eventually { !processes.contains(where: SystemState.runs) }
            try await subject.close()
        }
    }
}

/// A permit that counts.
private final class CountedPermit: ProcessPermit {
    private let state = Mutex((held: 0, taken: 0, refuses: false))

    var held: Int { state.withLock(\.held) }
    var taken: Int { state.withLock(\.taken) }

    func refuse() { state.withLock { $0.refuses = true } }

    func take() -> String? {
        state.withLock { state in
            guard !state.refuses else { return "not now" }
            state.held += 1
            state.taken += 1
            return nil
        }
    }

    func giveBack() { state.withLock { $0.held -= 1 } }
}
