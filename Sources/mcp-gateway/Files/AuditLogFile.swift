import Logging
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What administrators did, one line each, in a file of a bounded size: a full one is put aside in place of the one before.
final class AuditLogFile: Sendable {
    private let path: String
    private let maxSize: Int
    private let lock = Mutex(())

    init(path: String, maxSize: Int) {
        self.path = path
        self.maxSize = maxSize
    }

    func append(_ line: [UInt8]) {
        lock.withLock { _ in
            var status = stat()
            if stat(path, &status) == 0, Int(status.st_size) + line.count >= maxSize { rename(path, path + ".1") }
            // Its owner alone may read who administers from where.
            let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return complain() }
            defer { close(descriptor) }
            let text = line + [UInt8(ascii: "\n")]
            guard text.withUnsafeBytes({ write(descriptor, $0.baseAddress, $0.count) }) == text.count else {
                return complain()
            }
        }
    }

    private func complain() {
        Logger(label: "gateway").error(
            "audit log not written", metadata: ["path": "\(path)", "reason": "\(String(cString: strerror(errno)))"])
    }
}
