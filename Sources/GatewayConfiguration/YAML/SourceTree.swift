/// What a source holds, before anyone knows what it should be.
indirect enum SourceTree: Sendable, Equatable {
    /// A text; what it means is decided by the kind of the setting that reads it.
    struct Scalar: Sendable, Equatable {
        enum Style: Sendable, Equatable {
            /// As it stands in a file.
            case plain
            /// In quotes in a file: a string whatever it looks like.
            case quoted
            /// The value of a variable or a flag.
            case argument
        }

        let text: String
        let style: Style
        let line: Int
    }

    struct Entry: Sendable, Equatable {
        let key: String
        let line: Int
        let value: SourceTree
    }

    case scalar(Scalar)
    case list([SourceTree], line: Int)
    case mapping([Entry], line: Int)

    var line: Int {
        switch self {
        case .scalar(let scalar): scalar.line
        case .list(_, let line), .mapping(_, let line): line
        }
    }

    /// Whether this is YAML's "no value": nothing at all, `~` or `null`.
    var isNull: Bool {
        guard case .scalar(let scalar) = self, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
    }

    /// Whether a variable or a flag says `~`.
    var isArgumentForNothing: Bool {
        guard case .scalar(let scalar) = self else { return false }
        return scalar.style == .argument && scalar.text == "~"
    }

    /// How a message names what was found.
    var description: String {
        switch self {
        case .list: "a list"
        case .mapping: "a mapping"
        case .scalar where isNull: "nothing"
        case .scalar(let scalar):
            switch scalar.style {
            case .quoted: JSONText.quoted(scalar.text.shortened)
            case .plain, .argument: "`\(scalar.text.shortened.withoutControlCharacters)`"
            }
        }
    }
}

extension String {
    /// At most 60 characters, so that a message stays one line.
    var shortened: String { count > 60 ? "\(prefix(59))…" : self }

    var withoutControlCharacters: String {
        String(
            UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
    }
}
