import WireJSON

/// A JSON Schema (2020-12), compiled: the keywords that need one look at each byte. What is left out, above all
/// references, combinations and patterns, is refused when the schema is read, so that nothing of it is silently unchecked.
///
/// A check visits each value of the text once, goes no deeper than the schema does, and allocates for names only.
public struct JSONSchema: Sendable, Equatable {
    /// What a schema cannot have, and where.
    public struct Problem: Error, Equatable, Sendable {
        /// JSON pointer into the schema.
        public let path: String
        public let reason: String
    }

    /// How a text differs from the schema.
    public struct Violation: Equatable, Sendable {
        /// JSON pointer into the text; empty for all of it.
        public internal(set) var path: String
        /// What must be there.
        public let reason: String
    }

    /// How deep schemas may be nested.
    public static let maxDepth = 32
    /// How many schemas one may contain.
    public static let maxNodes = 10_000

    let nodes: [Node]

    /// Compiles a schema.
    /// - Parameter bytes: its JSON text.
    public init(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        var compiler = Compiler(bytes)
        try compiler.compile()
        nodes = compiler.nodes
    }

    /// Types of JSON values.
    struct Types: OptionSet, Sendable {
        let rawValue: UInt8
        static let null = Types(rawValue: 1)
        static let boolean = Types(rawValue: 2)
        static let number = Types(rawValue: 4)
        static let integer = Types(rawValue: 8)
        static let string = Types(rawValue: 16)
        static let array = Types(rawValue: 32)
        static let object = Types(rawValue: 64)

        static let names: [(name: String, type: Types)] = [
            ("null", .null), ("boolean", .boolean), ("number", .number), ("integer", .integer), ("string", .string),
            ("array", .array), ("object", .object),
        ]

        /// As it stands in a sentence.
        var text: String {
            Self.names.filter { contains($0.type) }.map(\.name).joined(separator: " or ")
        }
    }

    /// A value that has no parts.
    enum Scalar: Hashable, Sendable {
        case null
        case boolean(Bool)
        case number(Double)
        case text(String)
    }

    /// What one member's name means.
    struct Property: Sendable, Equatable {
        /// Its schema among `nodes`; `nil` if only `required` names it.
        var node: Int?
        /// Its place among those that are required.
        var requirement: Int?
    }

    /// One schema. Children are places in `nodes`.
    struct Node: Sendable, Equatable {
        /// `false`: nothing fits.
        var fits = true
        var types: Types?
        var values: Set<Scalar>?
        var minimum: Double?
        var maximum: Double?
        var exclusiveMinimum: Double?
        var exclusiveMaximum: Double?
        var minLength = 0
        var maxLength = Int.max
        var minItems = 0
        var maxItems = Int.max
        var items: Int?
        var minProperties = 0
        var maxProperties = Int.max
        var properties: [String: Property] = [:]
        var required: [String] = []
        /// For members that `properties` does not name.
        var additional: Int?
    }
}
