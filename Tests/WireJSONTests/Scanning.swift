import Foundation

@testable import WireJSON

/// What the scanner says about a whole text; `nil` when it takes it.
func complaint(_ text: [UInt8], maxDepth: Int = 64) -> JSONError? {
    text.withUnsafeBytes { bytes in
        do throws(JSONError) {
            var scanner = JSONScanner(bytes, maxDepth: maxDepth)
            _ = try scanner.value()
            try scanner.finish()
            return nil
        } catch {
            return error
        }
    }
}

func complaint(_ text: String, maxDepth: Int = 64) -> JSONError? { complaint(Array(text.utf8), maxDepth: maxDepth) }

/// What Foundation says about the same.
func foundationTakes(_ text: [UInt8]) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])) != nil
}

func foundationString(_ text: [UInt8]) -> String? {
    try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed]) as? String
}

/// A text as it can be read in a failure.
func shown(_ text: [UInt8]) -> String {
    String(decoding: text, as: UTF8.self) + " " + text.map { String($0, radix: 16) }.joined(separator: " ")
}
