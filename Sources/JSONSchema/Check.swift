import WireJSON

extension JSONSchema {
    /// How a text differs from the schema; `nil` if it fits. The first difference is told.
    /// - Parameters:
    ///   - bytes: JSON text that was found to be right.
    ///   - maxDepth: how deep it may be nested.
    public func violation(in bytes: UnsafeRawBufferPointer, maxDepth: Int) -> Violation? {
        var check = Check(nodes: nodes, bytes: bytes, scanner: JSONScanner(bytes, maxDepth: maxDepth))
        do throws(JSONError) {
            return try check.value(0)
        } catch {
            return Violation(path: "", reason: error.reason)
        }
    }

    /// One walk over a text.
    private struct Check {
        let nodes: [Node]
        let bytes: UnsafeRawBufferPointer
        var scanner: JSONScanner

        mutating func value(_ place: Int) throws(JSONError) -> Violation? {
            let node = nodes[place]
            guard node.fits else { return Violation(path: "", reason: "must not be there") }
            switch try scanner.peek() {
            case UInt8(ascii: "{"): return try object(node)
            case UInt8(ascii: "["): return try array(node)
            case UInt8(ascii: "\""): return try string(node)
            default: return try plain(node)
            }
        }

        private mutating func object(_ node: Node) throws(JSONError) -> Violation? {
            if let violation = mismatch(node, .object) { return violation }
            var seen = [Bool](repeating: false, count: node.required.count)
            var count = 0
            if try scanner.beginObject() {
                repeat {
                    let key = try scanner.key()
                    count += 1
                    if count > node.maxProperties { break }
                    let name = JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[key.offset..<key.end]))
                    let property = node.properties[name]
                    if let requirement = property?.requirement { seen[requirement] = true }
                    // What only `required` names is one of the others.
                    guard let child = property?.node ?? node.additional else {
                        _ = try scanner.value()
                        continue
                    }
                    if var violation = try value(child) {
                        violation.path = "/" + Pointer.escaped(name) + violation.path
                        return violation
                    }
                } while try scanner.nextMember()
            }
            if count > node.maxProperties {
                return Violation(path: "", reason: "may have \(node.maxProperties) members")
            }
            if count < node.minProperties {
                return Violation(path: "", reason: "must have \(node.minProperties) members")
            }
            guard let missing = seen.firstIndex(of: false) else { return nil }
            return Violation(path: "/" + Pointer.escaped(node.required[missing]), reason: "is required")
        }

        private mutating func array(_ node: Node) throws(JSONError) -> Violation? {
            if let violation = mismatch(node, .array) { return violation }
            var count = 0
            if try scanner.beginArray() {
                repeat {
                    count += 1
                    if count > node.maxItems { break }
                    guard let child = node.items else {
                        _ = try scanner.value()
                        continue
                    }
                    if var violation = try value(child) {
                        violation.path = "/\(count - 1)" + violation.path
                        return violation
                    }
                } while try scanner.nextElement()
            }
            if count > node.maxItems { return Violation(path: "", reason: "may have \(node.maxItems) items") }
            return count < node.minItems ? Violation(path: "", reason: "must have \(node.minItems) items") : nil
        }

        private mutating func string(_ node: Node) throws(JSONError) -> Violation? {
            let span = try scanner.string()
            if let violation = mismatch(node, .string) { return violation }
            guard node.values != nil || node.minLength > 0 || node.maxLength < .max else { return nil }
            let text = JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end]))
            if let values = node.values, !values.contains(.text(text)) { return Self.notListed }
            // Characters are code points (JSON Schema Validation 6.3).
            let length = text.unicodeScalars.count
            if length > node.maxLength { return Violation(path: "", reason: "may have \(node.maxLength) characters") }
            return length < node.minLength
                ? Violation(path: "", reason: "must have \(node.minLength) characters") : nil
        }

        private mutating func plain(_ node: Node) throws(JSONError) -> Violation? {
            let span = try scanner.value()
            switch Scalar(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])) {
            case .number(let number): return self.number(node, number)
            case .boolean(let flag):
                return mismatch(node, .boolean)
                    ?? node.values.flatMap { $0.contains(.boolean(flag)) ? nil : Self.notListed }
            default: return mismatch(node, .null) ?? node.values.flatMap { $0.contains(.null) ? nil : Self.notListed }
            }
        }

        private func number(_ node: Node, _ number: Double) -> Violation? {
            // 1.0 is an integer (JSON Schema Validation 6.1.1).
            let isInteger = number.isFinite && number == number.rounded()
            if let violation = mismatch(node, isInteger ? [.number, .integer] : .number) { return violation }
            if let values = node.values, !values.contains(.number(number)) { return Self.notListed }
            func told(_ words: String, _ bound: Double) -> Violation {
                let text = Int64(exactly: bound).map { "\($0)" } ?? "\(bound)"
                return Violation(path: "", reason: "must be \(words) \(text)")
            }
            if let bound = node.minimum, number < bound { return told("at least", bound) }
            if let bound = node.maximum, number > bound { return told("at most", bound) }
            if let bound = node.exclusiveMinimum, number <= bound { return told("more than", bound) }
            if let bound = node.exclusiveMaximum, number >= bound { return told("less than", bound) }
            return nil
        }

        private func mismatch(_ node: Node, _ types: Types) -> Violation? {
            if let wanted = node.types, wanted.isDisjoint(with: types) {
                return Violation(path: "", reason: "must be \(wanted.text)")
            }
            // Lists have values without parts only.
            return node.values != nil && !types.isDisjoint(with: [.object, .array]) ? Self.notListed : nil
        }

        private static let notListed = Violation(path: "", reason: "must be one of the values that are listed")
    }
}
