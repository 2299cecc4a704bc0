import GatewayProcesses
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

/// Keeps one process, prints the lines it writes, and waits to be killed.
@main struct HoldsProcesses {
    static func main() async throws {
        let host = try ProcessHost(maximumProcesses: 10)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let command = ProcessCommand(
            program: CommandLine.arguments[1], arguments: Array(CommandLine.arguments.dropFirst(2)))
        try await loop.submit {
            let process = SupervisedProcess(command, host: host, loop: loop, logger: Logger(label: "holds-processes")) {
                guard case .line(let line) = $0 else { return }
                // At once, not when a buffer is full.
                let text = Array(line.readableBytesView) + [UInt8(ascii: "\n")]
                _ = write(1, text, text.count)
            }
            process.wanted()
        }.get()
        try await Task.sleep(for: .seconds(600))
    }
}
