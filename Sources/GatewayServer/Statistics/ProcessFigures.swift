#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the system says of this process, when it is asked.
struct ProcessFigures {
    /// Seconds of processor time, in the program and in the kernel for it.
    let processorSeconds: Double
    /// Bytes in memory; `nil` where the system does not tell.
    let residentBytes: Int?
    let openDescriptors: Int?
    let maxDescriptors: Int

    init() {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(RUSAGE_SELF.rawValue, &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        processorSeconds = Self.seconds(usage)
        residentBytes = Self.residentBytes()
        openDescriptors = Self.descriptors()
        maxDescriptors = Self.descriptorLimit
    }

    /// Files that the process may have open.
    static var descriptorLimit: Int {
        var limit = rlimit()
        #if canImport(Glibc)
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return Int(clamping: limit.rlim_cur)
    }

    /// Seconds of processor time alone.
    static var processorSeconds: Double {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(RUSAGE_SELF.rawValue, &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        return seconds(usage)
    }

    private static func seconds(_ usage: rusage) -> Double {
        Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    /// Bytes in memory; `nil` where the system does not tell.
    static func residentBytes() -> Int? { residentPages().map { $0 * Int(sysconf(CInt(_SC_PAGESIZE))) } }

    private static func residentPages() -> Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return nil }
        let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            .split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    private static func descriptors() -> Int? {
        #if os(Linux)
            // Since Linux 6.2 the directory's size is their number; counting 19,000 entries takes milliseconds.
            var status = stat()
            if stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int(status.st_size) }
        #endif
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) { if entry.pointee.d_name.0 != 0x2E { count += 1 } }
        // The directory itself is one of them.
        return count - 1
    }
}
