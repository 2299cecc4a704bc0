/// Wall-clock time as it stands in envelopes: `2026-01-15T10:23:45.123Z`.
public struct Timestamp: Hashable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64

    @inlinable
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Number of bytes of the written form, for the years 0 to 9999.
    public static let length = 24

    /// Writes the 24 bytes of the ISO 8601 form.
    public func write(to out: UnsafeMutablePointer<UInt8>) {
        let day = milliseconds.flooring(by: 86_400_000)
        var rest = Int(milliseconds - day * 86_400_000)
        let date = Self.civil(fromDays: Int(day))
        put(date.year, 4, out)
        out[4] = UInt8(ascii: "-")
        put(date.month, 2, out + 5)
        out[7] = UInt8(ascii: "-")
        put(date.day, 2, out + 8)
        out[10] = UInt8(ascii: "T")
        put(rest / 3_600_000, 2, out + 11)
        rest %= 3_600_000
        out[13] = UInt8(ascii: ":")
        put(rest / 60_000, 2, out + 14)
        rest %= 60_000
        out[16] = UInt8(ascii: ":")
        put(rest / 1000, 2, out + 17)
        out[19] = UInt8(ascii: ".")
        put(rest % 1000, 3, out + 20)
        out[23] = UInt8(ascii: "Z")
    }

    /// The ISO 8601 form.
    public var text: String {
        String(unsafeUninitializedCapacity: Self.length) { buffer in
            write(to: buffer.baseAddress!)
            return Self.length
        }
    }

    private func put(_ value: Int, _ digits: Int, _ out: UnsafeMutablePointer<UInt8>) {
        var value = value
        for i in stride(from: digits - 1, through: 0, by: -1) {
            out[i] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
            value /= 10
        }
    }

    /// Days since 1970-01-01 to the proleptic Gregorian date; years are counted from March, so that the leap day is the
    /// last day of a year and months have a simple pattern.
    static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func flooring(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
