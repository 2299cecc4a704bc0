#if canImport(Glibc)
    import Glibc
    private let systemWrite = Glibc.write
#elseif canImport(Musl)
    import Musl
    private let systemWrite = Musl.write
#else
    import Darwin
    private let systemWrite = Darwin.write
#endif

/// A report that is written as a whole.
enum ReportFile {
    static func write(_ page: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))", code: 1)
        }
        defer { close(descriptor) }
        var rest = Array(page.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(errno)))", code: 1)
            }
            rest = rest.dropFirst(count)
        }
    }
}
