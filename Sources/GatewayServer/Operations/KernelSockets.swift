#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The connections that the system holds for this process on given ports. Reading them takes tens of milliseconds where
/// there are thousands: not for event loops.
struct KernelSockets: Sendable {
    /// Connections that stand.
    private(set) var established = 0
    /// Connections that the peer has closed and the process has not.
    private(set) var closeWait = 0
    /// Bytes that the peers have not taken.
    private(set) var sendQueueBytes = 0

    /// `nil` where the system does not tell.
    init?(ports: Set<Int>) {
        guard let own = Self.ownSockets() else { return nil }
        let isKnown4 = read("/proc/self/net/tcp", ports, own)
        let isKnown6 = read("/proc/self/net/tcp6", ports, own)
        guard isKnown4 || isKnown6 else { return nil }
    }

    /// The numbers of the process's sockets.
    private static func ownSockets() -> Set<UInt64>? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var numbers: Set<UInt64> = []
        var target = [CChar](repeating: 0, count: 64)
        while let entry = readdir(directory) {
            let length = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    readlinkat(dirfd(directory), name, &target, target.count - 1)
                }
            }
            // `socket:[12345]`
            guard length > 9, target[0] == CChar(UInt8(ascii: "s")), target[7] == CChar(UInt8(ascii: "[")) else {
                continue
            }
            let digits = target[8..<(length - 1)].map { UInt8(bitPattern: $0) }
            if let number = UInt64(String(decoding: digits, as: UTF8.self)) { numbers.insert(number) }
        }
        return numbers
    }

    private mutating func read(_ path: String, _ ports: Set<Int>, _ own: Set<UInt64>) -> Bool {
        guard let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, CInt(line.count), file) != nil {
            let text = line.withUnsafeBytes { bytes in bytes.prefix { $0 != 0 } }
            let words = text.split(separator: UInt8(ascii: " "))
            // sl local remote st tx:rx tr:when retrnsmt uid timeout inode
            guard words.count > 9, let colon = words[1].lastIndex(of: UInt8(ascii: ":")),
                let port = Int(String(decoding: words[1][(colon + 1)...], as: UTF8.self), radix: 16),
                ports.contains(port), let inode = UInt64(String(decoding: words[9], as: UTF8.self)),
                own.contains(inode)
            else { continue }
            switch String(decoding: words[3], as: UTF8.self) {
            case "01": established += 1
            case "08": closeWait += 1
            default: continue
            }
            let queue = words[4].prefix { $0 != UInt8(ascii: ":") }
            sendQueueBytes += Int(String(decoding: queue, as: UTF8.self), radix: 16) ?? 0
        }
        return true
    }
}
