import Testing

@testable import GatewayServer

struct MessageInspectorTests {
    private static func inspect(
        _ json: String, _ change: (inout ValidationSettings) -> Void = { _ in }
    ) -> (finding: MessageInspector.Finding?, threat: Threat?) {
        var settings = ValidationSettings()
        change(&settings)
        return Array(json.utf8).withUnsafeBytes { bytes in
            var inspector = MessageInspector(bytes, settings)
            let finding = inspector.inspect(maxDepth: 64)
            return (finding, inspector.threat)
        }
    }

    @Test(arguments: [
        (#""<ScRiPt>""#, Threat.script), (#"{"a":["x","JavaScript:alert(1)"]}"#, .javascriptAddress),
        (#""<img onError=x>""#, .eventHandler), (#""${7*7}""#, .template), (#""\u003cscript""#, .script),
        (#""on\u006coad=1""#, .eventHandler),
    ])
    fileprivate func `patterns are found in strings, escaped or not`(_ json: String, _ threat: Threat) {
        #expect(Self.inspect(json).threat == threat)
        #expect(Self.inspect(json) { $0.threats = .off }.threat == nil)
    }

    @Test(arguments: [
        #""version=1""#, #""money=5""#, #""on = off""#, #""on=1""#, #""$5 {a}""#, #""< script""#, #"{"<script":1}"#,
        #""${a""#, #""coffeescript:""#, "12", "null", #""""#, #""<scrip""#,
    ])
    func `what is harmless stays so`(_ json: String) { #expect(Self.inspect(json).threat == nil) }

    @Test func `keys are counted and measured wherever they are`() {
        #expect(Self.inspect(#"{"a":{"b":1},"c":[{"d":2}]}"#) { $0.maxKeys = 4 }.finding == nil)
        #expect(Self.inspect(#"{"a":{"b":1},"c":[{"d":2}]}"#) { $0.maxKeys = 3 }.finding == .tooManyKeys)
        #expect(Self.inspect(#"[{"abc":1}]"#) { $0.maxKeyLength = 3 }.finding == nil)
        #expect(Self.inspect(#"[{"abcd":1}]"#) { $0.maxKeyLength = 3 }.finding == .keyTooLong)
        #expect(Self.inspect(#"["abcd"]"#) { $0.maxStringLength = 4 }.finding == nil)
        #expect(Self.inspect(#"["abcde"]"#) { $0.maxStringLength = 4 }.finding == .stringTooLong)
    }

    @Test func `names are compared as what they mean`() {
        let twice = #"{"a":1,"\u0061":2}"#
        #expect(Self.inspect(twice).finding == nil)
        #expect(Self.inspect(twice) { $0.allowsDuplicateKeys = false }.finding == .duplicateKey)
        #expect(Self.inspect(#"{"a":{"a":1},"b":{"a":2}}"#) { $0.allowsDuplicateKeys = false }.finding == nil)
    }
}
