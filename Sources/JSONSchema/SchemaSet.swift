import WireJSON

/// A schema for each type of message, as one file has them: a JSON object from types to schemas.
public struct SchemaSet: Sendable, Equatable {
    private var schemas: [String: JSONSchema] = [:]

    /// No schema at all.
    public init() {}

    public var isEmpty: Bool { schemas.isEmpty }

    /// - Parameter bytes: the JSON object.
    public init(_ bytes: UnsafeRawBufferPointer) throws(JSONSchema.Problem) {
        do {
            var scanner = JSONScanner(bytes, maxDepth: 2 * JSONSchema.maxDepth + 4)
            if try scanner.beginObject() {
                repeat {
                    let key = try scanner.key()
                    let type = JSONText.decode(UnsafeRawBufferPointer(rebasing: bytes[key.offset..<key.end]))
                    let span = try scanner.value()
                    guard schemas[type] == nil else {
                        throw JSONSchema.Problem(path: "", reason: "the type `\(type)` stands there twice")
                    }
                    do throws(JSONSchema.Problem) {
                        schemas[type] = try JSONSchema(UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end]))
                    } catch {
                        throw JSONSchema.Problem(path: "/" + Pointer.escaped(type) + error.path, reason: error.reason)
                    }
                } while try scanner.nextMember()
            }
            try scanner.finish()
        } catch let error as JSONSchema.Problem {
            throw error
        } catch {
            throw JSONSchema.Problem(path: "", reason: "the file must be a JSON object from types to schemas")
        }
    }

    /// The schema of a message's type, if there is one.
    public subscript(type: String) -> JSONSchema? { schemas[type] }
}
