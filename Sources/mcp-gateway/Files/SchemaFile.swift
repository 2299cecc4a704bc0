import JSONSchema

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension SchemaSet {
    /// Reads the file of the key `validation.schemas`.
    /// - Parameter path: `nil` for no schemas.
    static func read(_ path: String?) throws -> SchemaSet {
        guard let path else { return SchemaSet() }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("validation.schemas: \(path) cannot be read", code: 1)
        }
        do {
            return try Array(data).withUnsafeBytes { try SchemaSet($0) }
        } catch let error as JSONSchema.Problem {
            throw CommandFailure(
                "validation.schemas: \(path)\(error.path.isEmpty ? "" : " at \(error.path)"): \(error.reason)", code: 1)
        }
    }
}
