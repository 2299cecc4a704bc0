#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program to run, with everything that it gets. There is no shell: arguments arrive as they are.
public struct ProcessCommand: Equatable, Sendable {
    /// A path, or a name that is looked up in the `PATH` of `environment`.
    public var program: String
    public var arguments: [String]
    /// All variables of the program; nothing is inherited beside them.
    public var environment: [String: String]
    public var workingDirectory: String?

    public init(
        program: String, arguments: [String] = [], environment: [String: String] = Self.inherited(),
        workingDirectory: String? = nil
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
    }

    /// What a program needs in order to find others, its own files and its language, and no secret.
    public static let inheritedVariables = [
        "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM",
        "TMPDIR",
        "TZ", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    ]

    /// The gateway's own values of the variables on a list, and those that are given besides, which win.
    public static func inherited(
        _ names: [String] = inheritedVariables, adding own: [String: String] = [:]
    ) -> [String: String] {
        var environment: [String: String] = [:]
        for name in names {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return environment.merging(own) { $1 }
    }

    /// Where the program is; nil when nothing of this name can be run.
    func resolved() -> String? {
        if program.utf8.contains(UInt8(ascii: "/")) { return program }
        for directory in (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            let path = "\(directory)/\(program)"
            var status = stat()
            if access(path, X_OK) == 0, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return path }
        }
        return nil
    }
}

/// Why a program did not start.
public enum ProcessStartFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// As many run as may.
    case tooManyProcesses(limit: Int)
    /// Its permit refused it, with the reason.
    case notPermitted(String)
    case programNotFound(String)
    /// The program cannot be run, with the system's reason.
    case notExecutable(String, reason: String)
    case noWorkingDirectory(String, reason: String)
    case systemError(String)
    case hostIsClosed

    public var description: String {
        switch self {
        case .tooManyProcesses(let limit): "\(limit) processes run, and more are not allowed"
        case .notPermitted(let reason): reason
        case .programNotFound(let name): "no program named \(name) in PATH"
        case .notExecutable(let path, let reason): "cannot run \(path): \(reason)"
        case .noWorkingDirectory(let path, let reason): "cannot work in \(path): \(reason)"
        case .systemError(let reason): reason
        case .hostIsClosed: "the gateway is stopping"
        }
    }
}

/// How a process ended.
public enum ProcessExit: Equatable, Sendable, CustomStringConvertible {
    case code(CInt)
    case signal(CInt)

    init(status: CInt) {
        let signal = status & 0x7F
        self = signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)
    }

    public var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let number): "signal \(number)"
        }
    }
}
