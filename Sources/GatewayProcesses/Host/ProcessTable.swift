import CChildProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The processes that run, on the host's thread.
///
/// Everything in here happens in `run`, on one thread; it is handed to that thread and not touched elsewhere.
final class ProcessTable: @unchecked Sendable {
    private struct Entry {
        var id: pid_t
        /// Becomes readable when the process ends; -1 where the system has no such thing.
        var descriptor: CInt
        var ended: @Sendable (ProcessExit) -> Void
    }

    /// How often is asked where nothing tells.
    private static let pollInterval: CInt = 20

    private let host: ProcessHost
    private let bell: CInt
    private let warden: CInt
    private let usesProcessDescriptors: Bool
    private var entries: [Entry] = []
    /// Groups whose leader has been reaped. In a container the gateway may be the one to whom their other members fall.
    private var orphanedGroups: [pid_t] = []
    private var closing: (@Sendable () -> Void)?

    init(host: ProcessHost, bell: CInt, warden: CInt, usesProcessDescriptors: Bool) {
        self.host = host
        self.bell = bell
        self.warden = warden
        self.usesProcessDescriptors = usesProcessDescriptors
    }

    func run() {
        while true {
            for order in host.takeOrders() { carryOut(order) }
            if let closing, entries.isEmpty, orphanedGroups.isEmpty {
                _ = systemClose(bell)
                // The warden ends with it.
                _ = systemClose(warden)
                return closing()
            }
            let due = wait()
            for index in due.reversed() where child_process_has_ended(entries[index].id) != 0 {
                reap(entries.remove(at: index))
            }
            sweep()
        }
    }

    private func carryOut(_ order: ProcessHost.Order) {
        switch order {
        case .spawn(let command, let started, let ended): spawn(command, started: started, ended: ended)
        case .signal(let id, let number):
            // One that has been reaped is not in the table: its number may be somebody else's.
            if entries.contains(where: { $0.id == id }) { _ = kill(-id, number) }
        case .close(let done):
            closing = done
            for entry in entries { _ = kill(-entry.id, SIGKILL) }
        }
    }

    // MARK: Start

    private func spawn(
        _ command: ProcessCommand, started: @Sendable (Result<ProcessHost.Started, ProcessStartFailure>) -> Void,
        ended: @escaping @Sendable (ProcessExit) -> Void
    ) {
        guard closing == nil else { return refuse(.hostIsClosed, started) }
        guard let path = command.resolved() else { return refuse(.programNotFound(command.program), started) }
        // Input, output, errors: the end that reads, the end that writes.
        var pipes: [[CInt]] = []
        for _ in 0..<3 {
            var ends: [CInt] = [0, 0]
            let problem = child_process_pipe(&ends)
            guard problem == 0 else {
                for descriptor in pipes.joined() { _ = systemClose(descriptor) }
                return refuse(.systemError(systemReason(problem)), started)
            }
            pipes.append(ends)
        }
        var problem: CInt = 0
        var stage: CChar = 0
        let id = withStrings([command.program] + command.arguments) { arguments in
            withStrings(command.environment.map { "\($0.key)=\($0.value)" }) { environment in
                child_process_spawn(
                    path, arguments, environment, command.workingDirectory, pipes[0][0], pipes[1][1], pipes[2][1],
                    &problem, &stage)
            }
        }
        for descriptor in [pipes[0][0], pipes[1][1], pipes[2][1]] { _ = systemClose(descriptor) }
        let own = [pipes[0][1], pipes[1][0], pipes[2][0]]
        guard id > 0 else {
            for descriptor in own { _ = systemClose(descriptor) }
            let reason = systemReason(problem)
            switch UInt8(bitPattern: stage) {
            case UInt8(ascii: "e"): return refuse(.notExecutable(path, reason: reason), started)
            case UInt8(ascii: "d"):
                return refuse(.noWorkingDirectory(command.workingDirectory ?? "", reason: reason), started)
            default: return refuse(.systemError(reason), started)
            }
        }
        tellWarden(id)
        let descriptor = usesProcessDescriptors ? child_process_descriptor(id) : -1
        entries.append(Entry(id: id, descriptor: descriptor, ended: ended))
        started(.success(.init(id: id, input: own[0], output: own[1], errors: own[2])))
    }

    private func refuse(
        _ failure: ProcessStartFailure, _ started: (Result<ProcessHost.Started, ProcessStartFailure>) -> Void
    ) {
        host.processEnded()
        started(.failure(failure))
    }

    private func withStrings<Outcome>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Outcome
    ) -> Outcome {
        let copies = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return body(copies)
    }

    private func tellWarden(_ group: pid_t) {
        var group = group
        // Without a warden the children of children outlive a gateway that is killed; nothing else is lost.
        _ = write(warden, &group, MemoryLayout<pid_t>.size)
    }

    // MARK: End

    /// Waits for an order or an end. Answers which entries may have ended.
    private func wait() -> [Int] {
        var descriptors = [pollfd(fd: bell, events: Int16(POLLIN), revents: 0)]
        // A negative descriptor is passed over.
        descriptors += entries.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let mustAsk = !orphanedGroups.isEmpty || entries.contains { $0.descriptor < 0 }
        _ = poll(&descriptors, nfds_t(descriptors.count), mustAsk ? Self.pollInterval : -1)
        var rings: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(bell, &rings, MemoryLayout.size(ofValue: rings)) > 0 {}
        return entries.indices.filter { entries[$0].descriptor < 0 || descriptors[$0 + 1].revents != 0 }
    }

    private func reap(_ entry: Entry) {
        // As long as it is not reaped its number, and so its group's, is its own.
        _ = kill(-entry.id, SIGKILL)
        tellWarden(-entry.id)
        var status: CInt = 0
        while waitpid(entry.id, &status, 0) < 0, errno == EINTR {}
        if entry.descriptor >= 0 { _ = systemClose(entry.descriptor) }
        orphanedGroups.append(entry.id)
        host.processEnded()
        entry.ended(ProcessExit(status: status))
    }

    private func sweep() {
        orphanedGroups.removeAll { group in
            var status: CInt = 0
            while true {
                let outcome = waitpid(-group, &status, WNOHANG)
                if outcome > 0 { continue }
                // 0: some are still dying. Otherwise there are none, or none of ours.
                return outcome < 0
            }
        }
    }
}
