import JSONSchema
import Testing

/// One keyword after the other, in the manner of the JSON-Schema-Test-Suite: each ignores what is not its type.
struct KeywordTests {
    static let cases: [(schema: String, fits: [String], differs: [String])] = [
        ("true", ["null", "{}"], []), ("false", [], ["null", "{}"]), ("{}", ["1", "[[]]"], []),
        (#"{"type": "integer"}"#, ["1", "-0", "1.0", "1e3"], ["1.1", #""1""#, "{}", "[]", "true", "null", "1e999"]),
        (#"{"type": "number"}"#, ["1", "1.1", "1e-9"], [#""1""#, "{}", "[]", "true", "null"]),
        (#"{"type": "string"}"#, [#""""#, #""1""#], ["1", "{}", "[]", "true", "null"]),
        (#"{"type": "object"}"#, ["{}"], ["1", #""{}""#, "[]", "true", "null"]),
        (#"{"type": "array"}"#, ["[]"], ["1", #""[]""#, "{}", "true", "null"]),
        (#"{"type": "boolean"}"#, ["true", "false"], ["0", #""true""#, "{}", "[]", "null"]),
        (#"{"type": "null"}"#, ["null"], ["0", #""""#, "{}", "[]", "false"]),
        (#"{"type": ["integer", "string"]}"#, ["1", #""a""#], ["1.5", "{}", "[]", "true", "null"]),
        (#"{"const": 2}"#, ["2", "2.0", "2e0"], ["3", #""2""#, "[2]"]),
        (#"{"const": false}"#, ["false"], ["0", "[]", "null", "true"]),
        (
            #"{"enum": [6, "foo", true, null]}"#, ["6", #""foo""#, #""\u0066oo""#, "true", "null"],
            [#""Foo""#, "false", "7", "[]", "{}"]
        ),
        (#"{"minimum": 1.1}"#, ["1.1", "2", #""0""#], ["0.6", "-1"]),
        (#"{"maximum": -2}"#, ["-2", "-3", "null"], ["-1.9999"]),
        (#"{"exclusiveMinimum": 1.1}"#, ["1.2"], ["1.1", "0"]),
        (#"{"exclusiveMaximum": 3.0}"#, ["2.2"], ["3", "3.5"]),
        (#"{"minLength": 2}"#, [#""fo""#, #""\u0061b""#, "1"], [#""f""#, #""💩""#]),
        (#"{"maxLength": 2}"#, [#""f""#, #""💩💩""#, "100"], [#""foo""#]),
        (#"{"minItems": 1}"#, ["[1]", #""""#], ["[]"]),
        (#"{"maxItems": 2}"#, ["[1, 2]", #""foobar""#], ["[1, 2, 3]"]),
        (#"{"items": {"type": "integer"}}"#, ["[1, 2]", "[]", #"{"0": "x"}"#], [#"[1, "x"]"#]),
        (#"{"items": false}"#, ["[]"], ["[1]"]),
        (#"{"minProperties": 1}"#, [#"{"a": 1}"#, "[]"], ["{}"]),
        (#"{"maxProperties": 1}"#, ["{}", #"{"a": 1}"#], [#"{"a": 1, "b": 2}"#]),
        (#"{"required": ["a"]}"#, [#"{"a": 1}"#, #"{"\u0061": 1}"#, "[]", "12"], ["{}", #"{"b": 1}"#]),
        (
            #"{"properties": {"a": {"type": "integer"}, "b": false}}"#, [#"{"a": 1, "c": []}"#, "[]"],
            [#"{"a": "x"}"#, #"{"b": 1}"#, #"{"a": 1, "a": "x"}"#]
        ),
        (#"{"properties": {"a": {}}, "additionalProperties": false}"#, [#"{"a": 1}"#, "{}", "[1]"], [#"{"b": 1}"#]),
        (
            #"{"properties": {"a": {}}, "additionalProperties": {"type": "boolean"}}"#, [#"{"a": 1, "b": true}"#],
            [#"{"a": 1, "b": 2}"#]
        ),
        // Named by `required` only: one of the others.
        (#"{"required": ["a"], "additionalProperties": false}"#, [], ["{}", #"{"a": 1}"#]),
        (#"{"title": "x", "description": "y", "default": {}, "format": "email"}"#, ["1", #""no address""#], []),
    ]

    @Test(arguments: cases.indices)
    func keyword(index: Int) throws {
        let (text, fits, differs) = Self.cases[index]
        let schema = try schema(text)
        for one in fits { #expect(difference(schema, one) == nil, "\(text) and \(one)") }
        for one in differs { #expect(difference(schema, one) != nil, "\(text) and \(one)") }
    }

    @Test func differencesNameTheirPlace() throws {
        let schema = try schema(
            #"""
            {"type": "object", "required": ["user"], "properties": {"user": {"type": "object", "required": ["age", "name"],
             "properties": {"age": {"type": "integer", "minimum": 0}, "tags": {"items": {"maxLength": 3}}}}, "a/b~c": false}}
            """#)
        #expect(difference(schema, "{}") == "/user: is required")
        #expect(difference(schema, #"{"user": []}"#) == "/user: must be object")
        #expect(difference(schema, #"{"user": {"name": 1}}"#) == "/user/age: is required")
        #expect(difference(schema, #"{"user": {"age": -1}}"#) == "/user/age: must be at least 0")
        #expect(difference(schema, #"{"user": {"tags": ["a", "long"]}}"#) == "/user/tags/1: may have 3 characters")
        #expect(difference(schema, #"{"a/b~c": 1}"#) == "/a~1b~0c: must not be there")
        #expect(difference(schema, #"{"user": {"age": 1, "name": 2}, "more": [[]]}"#) == nil)
    }

    /// Names are the sender's: what is told of them stays short.
    @Test func longNamesAreCut() throws {
        let told = difference(
            try schema(#"{"additionalProperties": false}"#), "{\"\(String(repeating: "k", count: 10_000))\": 1}")
        #expect(told?.utf8.count ?? .max < 200)
    }
}
