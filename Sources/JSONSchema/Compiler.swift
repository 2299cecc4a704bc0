import WireJSON

extension JSONSchema {
    /// From the text of a schema to nodes.
    struct Compiler {
        private(set) var nodes: [Node] = []
        private let bytes: UnsafeRawBufferPointer
        private var scanner: JSONScanner

        init(_ bytes: UnsafeRawBufferPointer) {
            self.bytes = bytes
            // Room for `{"properties": {…}}` around each.
            scanner = JSONScanner(bytes, maxDepth: 2 * JSONSchema.maxDepth + 2)
        }

        mutating func compile() throws(Problem) {
            _ = try schema(at: "", depth: 0)
            try take(at: "") { scanner throws(JSONError) in try scanner.finish() }
        }

        /// Keywords that check nothing.
        private static let annotations: Set<String> = [
            "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
            "writeOnly", "format", "contentEncoding", "contentMediaType",
        ]

        private mutating func schema(at path: String, depth: Int) throws(Problem) -> Int {
            guard depth < JSONSchema.maxDepth else {
                throw Problem(path: path, reason: "schemas may be nested \(JSONSchema.maxDepth) deep")
            }
            guard nodes.count < JSONSchema.maxNodes else {
                throw Problem(path: path, reason: "there may be \(JSONSchema.maxNodes) schemas")
            }
            let place = nodes.count
            nodes.append(Node())
            var node = Node()
            switch try take(at: path, { scanner throws(JSONError) in try scanner.peek() }) {
            case UInt8(ascii: "{"): try keywords(&node, at: path, depth: depth)
            default:
                guard case .boolean(let fits) = try scalar(at: path) else {
                    throw Problem(path: path, reason: "a schema is an object, true or false")
                }
                node.fits = fits
            }
            nodes[place] = node
            return place
        }

        private mutating func keywords(_ node: inout Node, at path: String, depth: Int) throws(Problem) {
            try members(at: path) { compiler, name, path throws(Problem) in
                try compiler.keyword(name, &node, at: path, depth: depth)
            }
            for name in node.required {
                guard node.properties[name]?.requirement == nil else {
                    throw Problem(path: path + "/required", reason: "`\(name)` stands there twice")
                }
                let count = node.properties.values.count { $0.requirement != nil }
                node.properties[name, default: Property()].requirement = count
            }
        }

        private mutating func keyword(
            _ name: String, _ node: inout Node, at path: String, depth: Int
        ) throws(Problem) {
            switch name {
            case "type": node.types = try types(at: path)
            case "const": node.values = [try scalar(at: path)]
            case "enum":
                var values: Set<Scalar> = []
                try elements(at: path) { compiler, path throws(Problem) in
                    values.insert(try compiler.scalar(at: path))
                }
                node.values = values
            case "minimum": node.minimum = try number(at: path)
            case "maximum": node.maximum = try number(at: path)
            case "exclusiveMinimum": node.exclusiveMinimum = try number(at: path)
            case "exclusiveMaximum": node.exclusiveMaximum = try number(at: path)
            case "minLength": node.minLength = try count(at: path)
            case "maxLength": node.maxLength = try count(at: path)
            case "minItems": node.minItems = try count(at: path)
            case "maxItems": node.maxItems = try count(at: path)
            case "minProperties": node.minProperties = try count(at: path)
            case "maxProperties": node.maxProperties = try count(at: path)
            case "items": node.items = try schema(at: path, depth: depth + 1)
            case "additionalProperties":
                node.additional = try schema(at: path, depth: depth + 1)
            case "required":
                var names: [String] = []
                try elements(at: path) { compiler, path throws(Problem) in
                    guard case .text(let name) = try compiler.scalar(at: path) else {
                        throw Problem(path: path, reason: "a name is a string")
                    }
                    names.append(name)
                }
                node.required = names
            case "properties":
                var properties: [String: Property] = [:]
                try members(at: path) { compiler, name, path throws(Problem) in
                    properties[name] = Property(node: try compiler.schema(at: path, depth: depth + 1))
                }
                node.properties = properties
            default:
                guard Self.annotations.contains(name) else {
                    throw Problem(path: path, reason: "the keyword `\(name)` is none that is checked here")
                }
                _ = try take(at: path) { scanner throws(JSONError) in try scanner.value() }
            }
        }

        private mutating func types(at path: String) throws(Problem) -> Types {
            func type(_ value: Scalar, _ path: String) throws(Problem) -> Types {
                guard case .text(let name) = value, let found = Types.names.first(where: { $0.name == name }) else {
                    throw Problem(
                        path: path, reason: "a type is one of \(Types.names.map(\.name).joined(separator: ", "))")
                }
                return found.type
            }
            guard try take(at: path, { scanner throws(JSONError) in try scanner.peek() }) == UInt8(ascii: "[") else {
                return try type(try scalar(at: path), path)
            }
            var types: Types = []
            try elements(at: path) { compiler, path throws(Problem) in
                types.insert(try type(try compiler.scalar(at: path), path))
            }
            return types
        }

        private mutating func number(at path: String) throws(Problem) -> Double {
            guard case .number(let number) = try scalar(at: path), number.isFinite else {
                throw Problem(path: path, reason: "must be a number")
            }
            return number
        }

        private mutating func count(at path: String) throws(Problem) -> Int {
            guard let count = Int(exactly: try number(at: path)), count >= 0 else {
                throw Problem(path: path, reason: "must be a whole number from 0 on")
            }
            return count
        }

        private mutating func scalar(at path: String) throws(Problem) -> Scalar {
            let span = try take(at: path) { scanner throws(JSONError) in try scanner.value() }
            guard let scalar = Scalar(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])) else {
                throw Problem(path: path, reason: "must be a string, a number, a boolean or null")
            }
            return scalar
        }

        /// Visits the members of an object; each name may come once.
        private mutating func members(
            at path: String, _ body: (inout Compiler, String, String) throws(Problem) -> Void
        ) throws(Problem) {
            guard try take(at: path, { scanner throws(JSONError) in try scanner.peek() }) == UInt8(ascii: "{") else {
                throw Problem(path: path, reason: "must be an object")
            }
            guard try take(at: path, { scanner throws(JSONError) in try scanner.beginObject() }) else { return }
            var names: Set<String> = []
            repeat {
                let key = try take(at: path) { scanner throws(JSONError) in try scanner.key() }
                let name = JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[key.offset..<key.end]))
                guard names.insert(name).inserted else {
                    throw Problem(path: path, reason: "`\(name)` stands there twice")
                }
                try body(&self, name, path + "/" + Pointer.escaped(name))
            } while try take(at: path) { scanner throws(JSONError) in try scanner.nextMember() }
        }

        private mutating func elements(
            at path: String, _ body: (inout Compiler, String) throws(Problem) -> Void
        ) throws(Problem) {
            guard try take(at: path, { scanner throws(JSONError) in try scanner.peek() }) == UInt8(ascii: "[") else {
                throw Problem(path: path, reason: "must be an array")
            }
            guard try take(at: path, { scanner throws(JSONError) in try scanner.beginArray() }) else { return }
            var index = 0
            repeat {
                try body(&self, "\(path)/\(index)")
                index += 1
            } while try take(at: path) { scanner throws(JSONError) in try scanner.nextElement() }
        }

        private mutating func take<Value>(
            at path: String, _ body: (inout JSONScanner) throws(JSONError) -> Value
        ) throws(Problem) -> Value {
            do throws(JSONError) { return try body(&scanner) } catch { throw Problem(path: path, reason: error.reason) }
        }
    }
}

extension JSONSchema.Scalar {
    /// - Returns: `nil` for arrays and objects.
    init?(_ bytes: UnsafeRawBufferPointer) {
        switch bytes.first {
        case UInt8(ascii: "{"), UInt8(ascii: "["), nil: return nil
        case UInt8(ascii: "\""): self = .text(JSONText.decode(bytes))
        case UInt8(ascii: "t"): self = .boolean(true)
        case UInt8(ascii: "f"): self = .boolean(false)
        case UInt8(ascii: "n"): self = .null
        default: self = .number(Double(String(decoding: bytes, as: UTF8.self)) ?? .infinity)
        }
    }
}

/// JSON pointers (RFC 6901).
enum Pointer {
    /// Longer names are cut: they are the sender's.
    static let maxNameLength = 64

    static func escaped(_ name: String) -> String {
        let shown = name.count > maxNameLength ? name.prefix(maxNameLength) + "…" : name[...]
        return String(shown).replacing("~", with: "~0").replacing("/", with: "~1")
    }
}
