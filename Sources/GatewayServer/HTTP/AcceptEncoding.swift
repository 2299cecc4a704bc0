/// What a client says about encodings of the answer (RFC 9110 §12.5.3).
enum AcceptEncoding {
    /// The encoding of an answer.
    enum Choice: Equatable {
        case gzip
        case identity
        /// The client excludes everything that there is.
        case nothing
    }

    /// Chooses between gzip and the bytes as they are.
    /// - Parameter values: the values of all `Accept-Encoding` lines; none leaves the answer as it is.
    /// - Parameter offersGzip: whether gzip is to be had.
    static func choose(_ values: [String], offersGzip: Bool) -> Choice {
        var gzip: Int?
        var identity: Int?
        var others: Int?
        for value in values {
            for element in value.split(separator: ",") {
                let parts = element.split(separator: ";", omittingEmptySubsequences: false).map(trimmed)
                // What cannot be read asks for nothing.
                guard let weight = weight(parts.dropFirst()) else { continue }
                switch parts[0].lowercased() {
                case "gzip", "x-gzip": gzip = max(gzip ?? 0, weight)
                case "identity": identity = weight
                case "*": others = weight
                default: break
                }
            }
        }
        let gzipWeight = offersGzip ? gzip ?? others ?? 0 : 0
        // Identity is fine unless it is excluded, but only asked for if it is named.
        let identityWeight = identity ?? others
        if gzipWeight > 0, gzipWeight >= identityWeight ?? 0 { return .gzip }
        return identityWeight == 0 ? (gzipWeight > 0 ? .gzip : .nothing) : .identity
    }

    /// The weight in thousandths; `nil` if the parameters are none that an encoding may have.
    private static func weight(_ parameters: ArraySlice<Substring>) -> Int? {
        guard let parameter = parameters.first else { return 1000 }
        guard parameters.count == 1, parameter.lowercased().hasPrefix("q=") else { return nil }
        let digits = Array(parameter.utf8.dropFirst(2))
        guard (1...5).contains(digits.count), digits.count == 1 || digits[1] == UInt8(ascii: ".") else { return nil }
        var thousandths = 0
        for (index, unit) in [(0, 1000), (2, 100), (3, 10), (4, 1)] where index < digits.count {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digits[index]) else { return nil }
            thousandths += Int(digits[index] - UInt8(ascii: "0")) * unit
        }
        return thousandths <= 1000 ? thousandths : nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }
}
