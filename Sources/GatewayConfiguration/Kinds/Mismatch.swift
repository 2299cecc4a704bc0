/// A value that is not of the kind that its setting wants.
struct Mismatch: Error, Equatable {
    /// What was expected, and what was found.
    let message: String
    /// Where within the setting, `[2].handler`; empty for the setting itself.
    var within = ""
    /// The line of that part, when it is not the setting's own.
    var line: Int?

    static func expected(_ expectation: String, found: SourceTree, hint: String? = nil) -> Mismatch {
        Mismatch(message: "expected \(expectation), found \(found.description)\(hint.map { " (\($0))" } ?? "")")
    }
}
