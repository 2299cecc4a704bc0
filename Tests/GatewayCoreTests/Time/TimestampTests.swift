import Foundation
import Testing

@testable import GatewayCore

/// `2026-01-15T10:23:45.123Z`, as Foundation writes it.
@Suite struct TimestampTests {
    private static func oracle() -> DateFormatter {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.calendar = Calendar(identifier: .iso8601)
        formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss"
        return formatter
    }

    private func agrees(_ milliseconds: Int64, _ oracle: DateFormatter) -> Bool {
        var seconds = milliseconds / 1000
        var rest = milliseconds % 1000
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1000) }
        let fraction = String(rest + 1000).dropFirst()
        let expected = "\(oracle.string(from: Date(timeIntervalSince1970: Double(seconds)))).\(fraction)Z"
        let text = Timestamp(milliseconds: milliseconds).text
        if text != expected { Issue.record("\(milliseconds): \(text) instead of \(expected)") }
        return text == expected
    }

    @Test func theBeginningAndTheContractsExample() {
        #expect(Timestamp(milliseconds: 0).text == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: 1_768_472_625_123).text == "2026-01-15T10:23:45.123Z")
        #expect(Timestamp(milliseconds: -1).text == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp(milliseconds: 0).text.utf8.count == Timestamp.length)
    }

    @Test(arguments: 0..<5)
    func anyTimeFrom1900To9999(seed: Int) {
        var random = SeededGenerator(seed)
        let oracle = Self.oracle()
        let first: Int64 = -2_208_988_800_000
        let last: Int64 = 253_402_300_799_999
        for _ in 0..<300 {
            guard agrees(first + Int64(random.next() % UInt64(last - first + 1)), oracle) else { return }
        }
        _ = agrees(last, oracle)
    }

    @Test func everyEdgeOfAYearAndEveryLeapDay() {
        let oracle = Self.oracle()
        let day: Int64 = 86_400_000
        for year in stride(from: 1970, through: 2500, by: 1) {
            let years = Int64(year - 1)
            let leapDays = years / 4 - years / 100 + years / 400
            let start = (years * 365 + leapDays - 719_162) * day
            guard agrees(start, oracle), agrees(start - 1, oracle), agrees(start + 59 * day, oracle) else { return }
        }
    }
}
