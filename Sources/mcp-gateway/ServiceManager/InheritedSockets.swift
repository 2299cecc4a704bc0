import GatewayServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Listening sockets that whoever started the gateway has opened, in the protocol of `sd_listen_fds(3)`.
enum InheritedSockets {
    private static let first: CInt = 3

    /// - Returns: sockets by what they are for; none unless `LISTEN_PID` is this process.
    /// - Throws: `CommandFailure` if a socket has a name that says nothing, or is none that listens.
    static func take(
        environment: [String: String]
    ) throws(CommandFailure) -> [GatewaySettings.Service: [CInt]] {
        guard let count = environment["LISTEN_FDS"].flatMap({ CInt($0) }), count > 0,
            environment["LISTEN_PID"].flatMap({ Int32($0) }) == getpid()
        else { return [:] }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var sockets: [GatewaySettings.Service: [CInt]] = [:]
        for index in 0..<Int(count) {
            let descriptor = first + CInt(index)
            let name = index < names.count ? String(names[index]) : ""
            guard let service = GatewaySettings.Service(rawValue: name) else {
                let known = GatewaySettings.Service.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandFailure(
                    "LISTEN_FDNAMES: socket \(index + 1) is called \"\(name)\"; FileDescriptorName is one of \(known)",
                    code: 1)
            }
            var isListening: CInt = 0
            var size = socklen_t(MemoryLayout<CInt>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening != 0 else {
                throw CommandFailure("LISTEN_FDS: descriptor \(descriptor) is no socket that listens", code: 1)
            }
            // Programs that the gateway starts have no business with it.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            sockets[service, default: []].append(descriptor)
        }
        return sockets
    }
}
