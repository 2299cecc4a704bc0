extension SettingKind where Value == Duration {
    /// A time span: `500ms`, `30s`, `5m`, `24h`; a bare number is milliseconds.
    static func duration(_ range: ClosedRange<Duration>) -> SettingKind {
        let bounds = (DurationText.text(range.lowerBound), DurationText.text(range.upperBound))
        return .scalar(
            "a duration from \(bounds.0) to \(bounds.1), such as 500ms, 30s or 5m (a bare number is milliseconds)",
            schema: #"{"type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9][0-9_]* ?(ms|s|m|h)?$"}"#,
            parse: { scalar in DurationText.parse(scalar.text).flatMap { range.contains($0) ? $0 : nil } },
            show: { duration in
                ShownValue(yaml: DurationText.text(duration), json: String(DurationText.milliseconds(duration)))
            })
    }
}

extension SettingKind where Value == Int {
    /// An amount of bytes: `65536`, `64KiB`, `1MiB`; `kB`, `MB`, `GB` are powers of ten.
    static func size(_ range: ClosedRange<Int>) -> SettingKind {
        let bounds = (SizeText.text(range.lowerBound), SizeText.text(range.upperBound))
        return .scalar(
            "a size from \(bounds.0) to \(bounds.1), such as 65536, 64KiB or 1MiB (a bare number is bytes)",
            schema:
                #"{"type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9][0-9_]* ?([kKmMgG][iI]?)?[bB]?$"}"#,
            parse: { scalar in SizeText.parse(scalar.text).flatMap { range.contains($0) ? $0 : nil } },
            show: { size in ShownValue(yaml: SizeText.text(size), json: String(size)) })
    }
}

/// Durations in whole milliseconds, as they are written in files.
enum DurationText {
    private static let units: [(name: String, milliseconds: Int)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    static func parse(_ text: String) -> Duration? {
        Quantity.parse(text, bare: 1) { name in units.first { $0.name == name }?.milliseconds }.map {
            .milliseconds($0)
        }
    }

    /// In the largest unit that leaves no rest.
    static func text(_ duration: Duration) -> String {
        let milliseconds = milliseconds(duration)
        guard milliseconds != 0 else { return "0s" }
        let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}

/// Amounts of bytes, as they are written in files.
enum SizeText {
    private static let units: [(name: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
        ("B", 1),
    ]

    static func parse(_ text: String) -> Int? {
        Quantity.parse(text, bare: 1) { name in units.first { $0.name.lowercased() == name.lowercased() }?.bytes }
    }

    /// In the largest binary unit that leaves no rest, else in bytes.
    static func text(_ bytes: Int) -> String {
        let unit = units.prefix(3).first { bytes != 0 && bytes.isMultiple(of: $0.bytes) }
        return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)"
    }
}

/// A whole number, perhaps a space, perhaps a unit.
private enum Quantity {
    static func parse(_ text: String, bare: Int, unit: (Substring) -> Int?) -> Int? {
        let digits = text.prefix { Numeral.isDigit($0) || $0 == "_" }
        guard let number = Numeral.integer(String(digits)) else { return nil }
        var name = text[digits.endIndex...]
        if name.isEmpty { return number.multiplied(by: bare) }
        if name.first == " " { name.removeFirst() }
        return unit(name).flatMap(number.multiplied)
    }
}

extension Int {
    fileprivate func multiplied(by factor: Int) -> Int? {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
