import GatewayCore
import GatewayStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of a store and those beside it.
struct StoreFiles: Sendable {
    let path: String

    /// Bytes of the file and of its log of changes.
    var size: Int { Self.size(path) + walSize }

    var walSize: Int { Self.size(path + "-wal") }

    /// Makes the directory and an empty file, both for this user only, if they are missing.
    func prepare() throws(StoreError) {
        var directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        if directory.isEmpty { directory = "/" }
        var missing: [String] = []
        while access(directory, F_OK) != 0 {
            missing.append(directory)
            guard let slash = directory.lastIndex(of: "/"), slash != directory.startIndex else { break }
            directory = String(directory[..<slash])
        }
        for directory in missing.reversed() where mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw Self.failure("cannot make the directory \(directory)")
        }
        let descriptor = Self.open(path, O_RDWR | O_CREAT)
        guard descriptor >= 0 else { throw Self.failure("cannot open \(path)") }
        _ = closeDescriptor(descriptor)
    }

    /// Whether the file can be ours at all. An empty one can. SQLite is asked only afterwards, because opening a file
    /// for writing already changes it.
    func checkHeader() throws(StoreError) {
        let descriptor = Self.open(path, O_RDONLY)
        guard descriptor >= 0 else { throw Self.failure("cannot open \(path)") }
        defer { _ = closeDescriptor(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return }
        guard count == 100, bytes.starts(with: "SQLite format 3\0".utf8) else {
            throw StoreError(.damaged, "\(path) is not an SQLite file")
        }
        func word(_ offset: Int) -> UInt32 { bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
        let (schemaCookie, owner) = (word(40), word(68))
        // Without either, all that the file has may still stand in its log of changes.
        guard owner == UInt32(bitPattern: SQLiteSchema.applicationID) || owner == 0 && schemaCookie == 0 else {
            throw StoreError(.foreign, "it is an SQLite file of another program (application_id \(owner))")
        }
    }

    /// Renames the file and what belongs to it.
    /// - Returns: its new name.
    func setAside(at time: Timestamp) throws(StoreError) -> String {
        let stamp = String(time.text.prefix(19).filter { $0 != "-" && $0 != ":" })
        var target = "\(path).corrupt-\(stamp)Z"
        var number = 1
        while access(target, F_OK) == 0 {
            number += 1
            target = "\(path).corrupt-\(stamp)Z-\(number)"
        }
        guard rename(path, target) == 0 else { throw Self.failure("cannot rename \(path)") }
        // Its log of changes goes with it, under the name where SQLite looks for it.
        for suffix in ["-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, target + suffix) == 0 else {
                throw Self.failure("cannot rename \(path)\(suffix)")
            }
        }
        return target
    }

    // MARK: - Reserve

    private var reserve: String { path + ".reserve" }

    func hasReserve(_ bytes: Int) -> Bool { Self.size(reserve) >= bytes }

    /// Takes room that `giveUpReserve` gives back.
    /// - Parameter spare: room that must be there beside it.
    /// - Returns: whether there was enough.
    func makeReserve(_ bytes: Int, spare: Int = 0) -> Bool {
        guard bytes > 0 else {
            giveUpReserve()
            return false
        }
        guard !hasReserve(bytes) else { return true }
        let descriptor = Self.open(reserve, O_WRONLY | O_CREAT | O_TRUNC)
        guard descriptor >= 0 else { return false }
        defer { _ = closeDescriptor(descriptor) }
        // Written, not only asked for: not every file system keeps its word.
        let zeros = [UInt8](repeating: 0, count: min(bytes, 65_536))
        var left = bytes + spare
        while left > 0 {
            let count = write(descriptor, zeros, min(left, zeros.count))
            guard count > 0 else {
                giveUpReserve()
                return false
            }
            left -= count
        }
        return ftruncate(descriptor, off_t(bytes)) == 0
    }

    func giveUpReserve() { _ = unlink(reserve) }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    static func open(_ path: String, _ flags: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.open(path, flags | O_CLOEXEC, 0o600)
        #elseif canImport(Musl)
            Musl.open(path, flags | O_CLOEXEC, 0o600)
        #else
            Darwin.open(path, flags | O_CLOEXEC, 0o600)
        #endif
    }

    static func failure(_ what: String) -> StoreError {
        let kind: StoreError.Kind =
            switch errno {
            case ENOSPC, EDQUOT, EFBIG: .full
            case EACCES, EPERM, EROFS: .readOnly
            default: .failing
            }
        return StoreError(kind, "\(what): \(String(cString: strerror(errno)))")
    }
}

/// Two gateways on one file would number its sessions twice: one holds this lock as long as it lives, and the kernel
/// takes it back whatever way that ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    init(path: String) throws(StoreError) {
        let descriptor = StoreFiles.open(path, O_RDWR | O_CREAT)
        guard descriptor >= 0 else { throw StoreFiles.failure("cannot open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            _ = closeDescriptor(descriptor)
            throw StoreError(.locked, "another gateway uses it (\(path) is locked)")
        }
        self.descriptor = descriptor
    }

    deinit { _ = closeDescriptor(descriptor) }
}

/// `close(2)`, whose name methods here have too.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
