/// Which source a value came from; later cases override earlier ones.
enum Origin: Sendable, Equatable {
    case builtIn
    case file(path: String, line: Int)
    case variable(String)
    case flag(String)

    var precedence: Int {
        switch self {
        case .builtIn: 0
        case .file: 1
        case .variable: 2
        case .flag: 3
        }
    }

    /// The line in the file; 0 elsewhere.
    var line: Int {
        if case .file(_, let line) = self { line } else { 0 }
    }
}

extension Origin: CustomStringConvertible {
    var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .variable(let name), .flag(let name): name
        }
    }
}
