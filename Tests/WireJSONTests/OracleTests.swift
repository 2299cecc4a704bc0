import Foundation
import Testing

@testable import WireJSON

/// The scanner takes what Foundation takes, and nothing else.
@Suite struct OracleTests {
    /// Where the two are right to differ:
    /// - Foundation takes UTF-16, UTF-32 and a byte order mark. Here only UTF-8 without one is JSON (RFC 8259 §8.1).
    /// - Foundation refuses unpaired surrogate escapes, which the grammar allows (§8.2 leaves it to the reader).
    /// - Foundation takes a comma before a closing bracket or brace.
    /// - Foundation refuses numbers that its types cannot hold. Here numbers are only passed on.
    private func mayDiffer(_ text: [UInt8]) -> Bool {
        if text.prefix(4).contains(0) || text.starts(with: [0xEF, 0xBB, 0xBF]) || text.starts(with: [0xFE, 0xFF])
            || text.starts(with: [0xFF, 0xFE])
        {
            return true
        }
        return hasUnpairedSurrogate(text) || hasHugeNumber(text) || hasTrailingComma(text)
    }

    private func hasUnpairedSurrogate(_ text: [UInt8]) -> Bool {
        var units: [Int?] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "\\"), index + 1 < text.count {
                if text[index + 1] == UInt8(ascii: "u"), index + 6 <= text.count {
                    units.append(Int(String(decoding: text[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16))
                    index += 6
                    continue
                }
                index += 1
            }
            units.append(nil)
            index += 1
        }
        for (index, unit) in units.enumerated() {
            guard let unit, unit & 0xF800 == 0xD800 else { continue }
            let before = index > 0 ? units[index - 1] : nil
            let after = index + 1 < units.count ? units[index + 1] : nil
            let isPaired =
                unit < 0xDC00 ? (after ?? 0) & 0xFC00 == 0xDC00 : (before ?? 0) & 0xFC00 == 0xD800
            if !isPaired { return true }
        }
        return false
    }

    private func hasTrailingComma(_ text: [UInt8]) -> Bool {
        let dense = text.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return zip(dense, dense.dropFirst()).contains { $0 == UInt8(ascii: ",") && $1 | 0x20 == UInt8(ascii: "}") }
    }

    private func hasHugeNumber(_ text: [UInt8]) -> Bool {
        let digits = text.split { !($0 >= 0x30 && $0 <= 0x39) }
        return digits.contains { $0.count > 15 }
            || text.indices.contains { index in
                text[index] | 0x20 == UInt8(ascii: "e")
                    && text[(index + 1)...].prefix(4).count { $0 >= 0x30 && $0 <= 0x39 } > 2
            }
    }

    private func check(_ text: [UInt8], _ what: String) {
        guard !mayDiffer(text) else { return }
        let ours = complaint(text)
        if (ours == nil) != foundationTakes(text) {
            Issue.record("\(what): \(ours.map { "\($0)" } ?? "taken"), Foundation not so: \(shown(text))")
        }
    }

    @Test(arguments: 0..<40)
    func validTextIsTaken(seed: Int) {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<20 {
            let text = generator.document()
            if let error = complaint(text) { Issue.record("seed \(seed): \(error) in \(shown(text))") }
            check(text, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<60)
    func changedTextIsTakenOrRefusedAlike(seed: Int) {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<10 {
            let text = generator.document()
            for _ in 0..<8 {
                var changed = text
                for _ in 0...generator.random.below(2) {
                    let place = generator.random.below(changed.count + 1)
                    let structural = Array("{}[],:\"\\0123456789.eE+-tfn ulas\n\t".utf8)
                    let byte =
                        generator.random.oneIn(3)
                        ? UInt8(generator.random.below(256)) : generator.random.pick(structural)
                    switch generator.random.below(4) {
                    case 0: changed.insert(byte, at: place)
                    case 1: if place < changed.count { changed.remove(at: place) }
                    case 2: if place < changed.count { changed[place] = byte }
                    default: changed.removeLast(min(changed.count, generator.random.below(4)))
                    }
                }
                check(changed, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<20)
    func soupOfTokensIsTakenOrRefusedAlike(seed: Int) {
        var random = SeededGenerator(seed)
        let tokens = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "1", "-", "0", ".5", "e1", "true", "nul", "null", " ", "\n", "\"",
            "\\", "01",
            "1.", "+1", "\"\\u12\"", "\"\\x\"", "//", "'a'", "NaN", "\u{7F}", "\u{A0}", "\u{FEFF}",
        ]
        for _ in 0..<100 {
            var text = "["
            for _ in 0..<random.below(6) { text += random.pick(tokens) }
            check(Array((text + random.pick(["]", "", " ]"])).utf8), "seed \(seed)")
        }
    }
}
