import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How many descriptors, and so connections, the process may have.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one.
    static func raise(_ logger: Logger) {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(resource, &limit) == 0 else {
            return logger.warning("the limit on open files stays", metadata: ["errno": "\(errno)"])
        }
    }
}

/// A file that reaches the process's limit on file sizes is as good as a full disk: an error, not an end.
enum FileSizeSignal {
    static func ignore() { _ = signal(SIGXFSZ, SIG_IGN) }
}

enum Terminal {
    static var isStandardError: Bool { isatty(2) == 1 }
}
