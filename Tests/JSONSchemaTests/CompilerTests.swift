import JSONSchema
import Testing

struct CompilerTests {
    /// Nothing of a schema is silently unchecked.
    @Test(arguments: [
        "$ref", "$defs", "allOf", "anyOf", "oneOf", "not", "if", "pattern", "patternProperties", "multipleOf",
        "uniqueItems",
        "contains", "prefixItems", "dependentRequired", "propertyNames", "unevaluatedProperties", "typo",
    ])
    func keywordsThatAreNotCheckedAreRefused(name: String) {
        #expect(problem("{\"properties\": {\"a\": {\"\(name)\": true}}}")?.path == "/properties/a/\(name)")
    }

    @Test(arguments: [
        ("[]", ""), ("1", ""), ("", ""), (#"{"type": "text"}"#, "/type"), (#"{"type": ["string", 1]}"#, "/type/1"),
        (#"{"minLength": -1}"#, "/minLength"), (#"{"maxItems": 1.5}"#, "/maxItems"), (#"{"minimum": "1"}"#, "/minimum"),
        (#"{"maximum": 1e999}"#, "/maximum"), (#"{"enum": [1, []]}"#, "/enum/1"), (#"{"const": {}}"#, "/const"),
        (#"{"enum": 1}"#, "/enum"), (#"{"required": [1]}"#, "/required/0"), (#"{"required": ["a", "a"]}"#, "/required"),
        (#"{"properties": []}"#, "/properties"), (#"{"items": [{}]}"#, "/items"),
        (#"{"minLength": 1, "minLength": 2}"#, ""),
        ("{} {}", ""),
    ])
    func wrongSchemasAreRefusedWithTheirPlace(text: String, path: String) {
        #expect(problem(text)?.path == path)
    }

    @Test func schemasHaveADepth() {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"items":"#, count: depth) + "{}" + String(repeating: "}", count: depth)
        }
        #expect(problem(nested(JSONSchema.maxDepth - 1)) == nil)
        #expect(problem(nested(JSONSchema.maxDepth)) != nil)
        #expect(problem(nested(100_000)) != nil)
    }

    @Test func schemasHaveANumber() {
        func wide(_ count: Int) -> String {
            "{\"properties\": {" + (0..<count).map { "\"p\($0)\": {}" }.joined(separator: ",") + "}}"
        }
        #expect(problem(wide(JSONSchema.maxNodes - 1)) == nil)
        #expect(problem(wide(JSONSchema.maxNodes)) != nil)
    }

    /// What the schema does not look into is as deep as the scanner allows, inside of what it does look into.
    @Test func textsHaveADepth() throws {
        let schema = try schema("{}")
        #expect(difference(schema, String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == nil)
        #expect(difference(schema, String(repeating: "[", count: 100) + String(repeating: "]", count: 100)) != nil)
    }

    @Test func aFileHasASchemaForEachType() throws {
        func read(_ text: String) throws -> SchemaSet {
            try Array(text.utf8).withUnsafeBytes { bytes in try SchemaSet(bytes) }
        }
        let set = try read(#"{"chat": {"type": "object"}, "": true}"#)
        #expect(set["chat"] != nil && set["other"] == nil && !set.isEmpty)
        #expect(throws: JSONSchema.Problem.self) { try read("[]") }
        #expect(throws: JSONSchema.Problem.self) { try read(#"{"a": {}, "a": {}}"#) }
        do {
            _ = try read(#"{"chat": {"type": "text"}}"#)
            Issue.record("a wrong schema was taken")
        } catch let error as JSONSchema.Problem {
            #expect(error.path == "/chat/type")
        }
    }
}
