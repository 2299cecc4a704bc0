extension SettingKind where Value == Int {
    /// A whole number; underscores between digits are for the eye (`10_000`).
    static func integer(_ range: ClosedRange<Int>) -> SettingKind {
        .scalar(
            "an integer from \(range.lowerBound) to \(range.upperBound)",
            schema: #"{"type": "integer", "minimum": \#(range.lowerBound), "maximum": \#(range.upperBound)}"#,
            hint: quotesHint,
            parse: { scalar in
                guard scalar.style != .quoted, let number = Numeral.integer(scalar.text) else { return nil }
                return range.contains(number) ? number : nil
            }, show: { ShownValue(String($0)) })
    }

    /// A TCP port; 0 lets the system choose.
    static var port: SettingKind { .integer(0...65535) }
}

extension SettingKind where Value == Double {
    /// A number with or without a fraction.
    static func number(_ range: ClosedRange<Double>) -> SettingKind {
        let bounds = (Numeral.text(range.lowerBound), Numeral.text(range.upperBound))
        return .scalar(
            "a number from \(bounds.0) to \(bounds.1)",
            schema: #"{"type": "number", "minimum": \#(bounds.0), "maximum": \#(bounds.1)}"#, hint: quotesHint,
            parse: { scalar in
                guard scalar.style != .quoted, let number = Numeral.decimal(scalar.text) else { return nil }
                return range.contains(number) ? number : nil
            }, show: { ShownValue(Numeral.text($0)) })
    }
}

extension SettingKind where Value == Bool {
    /// `true` or `false`; also `yes`, `no`, `on`, `off`, and `1`, `0` in variables and flags.
    static var flag: SettingKind {
        .scalar(
            "true or false", schema: #"{"type": "boolean"}"#, hint: quotesHint,
            parse: { scalar in
                switch (scalar.text.lowercased(), scalar.style) {
                case (_, .quoted): nil
                case ("true", _), ("yes", _), ("on", _), ("1", .argument): true
                case ("false", _), ("no", _), ("off", _), ("0", .argument): false
                default: nil
                }
            }, show: { ShownValue($0 ? "true" : "false") })
    }
}

@Sendable private func quotesHint(_ scalar: SourceTree.Scalar) -> String? {
    scalar.style == .quoted ? "write it without quotes" : nil
}

/// Numbers as people write them in files.
enum Numeral {
    static func integer(_ text: String) -> Int? {
        guard let digits = withoutUnderscores(text) else { return nil }
        let unsigned = digits.hasPrefix("-") ? digits.dropFirst() : digits[...]
        guard !unsigned.isEmpty, unsigned.allSatisfy(isDigit), unsigned.first != "0" || unsigned.count == 1 else {
            return nil
        }
        return Int(digits)
    }

    static func decimal(_ text: String) -> Double? {
        guard let digits = withoutUnderscores(text) else { return nil }
        let unsigned = digits.hasPrefix("-") ? digits.dropFirst() : digits[...]
        let parts = unsigned.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isDigit) }) else { return nil }
        return Double(digits)
    }

    /// A whole number without the `.0`.
    static func text(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }

    static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }

    /// `nil` when an underscore does not stand between digits.
    private static func withoutUnderscores(_ text: String) -> String? {
        let groups = text.split(separator: "_", omittingEmptySubsequences: false)
        guard groups.count > 1 else { return text }
        let areJoined = zip(groups, groups.dropFirst()).allSatisfy { left, right in
            left.last.map(isDigit) == true && right.first.map(isDigit) == true
        }
        return areJoined ? groups.joined() : nil
    }
}
