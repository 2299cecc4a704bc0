import JSONSchema

/// Compiles the text of a schema.
func schema(_ text: String) throws -> JSONSchema {
    try Array(text.utf8).withUnsafeBytes { bytes in try JSONSchema(bytes) }
}

/// How a text differs from a schema: its place and what must be there.
func difference(_ schema: JSONSchema, _ text: String) -> String? {
    Array(text.utf8).withUnsafeBytes { schema.violation(in: $0, maxDepth: 64) }.map { "\($0.path): \($0.reason)" }
}

/// What a schema is refused for.
func problem(_ text: String) -> JSONSchema.Problem? {
    do {
        _ = try schema(text)
        return nil
    } catch {
        return error as? JSONSchema.Problem
    }
}
