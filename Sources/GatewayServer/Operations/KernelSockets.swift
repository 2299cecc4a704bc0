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
    private static func ownSockets() -> Set<Int>? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var numbers: Set<Int> = []
        while let entry = readdir(directory) {
            let descriptor = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                Words.number(name.prefix { $0 != 0 }, radix: 10)
            }
            var status = stat()
            guard let descriptor, fstat(CInt(descriptor), &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
                continue
            }
            numbers.insert(Int(status.st_ino))
        }
        return numbers
    }

    private mutating func read(_ path: String, _ ports: Set<Int>, _ own: Set<Int>) -> Bool {
        guard let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, CInt(line.count), file) != nil { line.withUnsafeBytes { count($0, ports, own) } }
        return true
    }

    /// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`
    private mutating func count(_ line: UnsafeRawBufferPointer, _ ports: Set<Int>, _ own: Set<Int>) {
        var words = Words(line)
        words.skip(1)
        guard let local = words.next(), let colon = local.lastIndex(of: UInt8(ascii: ":")),
            let port = Words.number(local[(colon + 1)...], radix: 16), ports.contains(port)
        else { return }
        words.skip(1)
        guard let state = words.next().flatMap({ Words.number($0, radix: 16) }), let queues = words.next() else {
            return
        }
        words.skip(4)
        guard let inode = words.next().flatMap({ Words.number($0, radix: 10) }), own.contains(inode) else { return }
        switch state {
        case 1: established += 1
        case 8: closeWait += 1
        default: return
        }
        sendQueueBytes += Words.number(queues.prefix { $0 != UInt8(ascii: ":") }, radix: 16) ?? 0
    }

    /// The words of a line, read where they stand: there are tens of thousands of lines.
    private struct Words {
        private var rest: Slice<UnsafeRawBufferPointer>

        init(_ line: UnsafeRawBufferPointer) { rest = line[...] }

        mutating func next() -> Slice<UnsafeRawBufferPointer>? {
            rest = rest.drop { $0 == UInt8(ascii: " ") }
            let word = rest.prefix { $0 > UInt8(ascii: " ") }
            rest = rest[word.endIndex...]
            return word.isEmpty ? nil : word
        }

        mutating func skip(_ count: Int) { for _ in 0..<count { _ = next() } }

        /// `nil` for what is no number.
        static func number(_ text: Slice<UnsafeRawBufferPointer>, radix: Int) -> Int? {
            var number = 0
            for byte in text {
                let digit: UInt8
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
                case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
                default: return nil
                }
                guard digit < radix else { return nil }
                number = number &* radix &+ Int(digit)
            }
            return text.isEmpty ? nil : number
        }
    }
}
