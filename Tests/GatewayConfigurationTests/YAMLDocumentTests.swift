import Testing

@testable import GatewayConfiguration

/// Problems of form: each with file and line.
@Suite struct YAMLDocumentTests {
    @Test(arguments: [
        "", "\n\n", "# only a comment", "---\n", "---\n...\n", "~", "transports:", "transports:\n  http:\n", "\u{FEFF}",
    ])
    func emptyIsFine(yaml: String) throws {
        #expect(try load(yaml).configuration == defaults)
    }

    @Test func anAliasOfAnAnchorIsTheAnchoredValue() throws {
        let loaded = try load("transports:\n  http:\n    max_connections: &n 7\n  http_sse:\n    max_connections: *n")
        #expect(loaded.configuration.transports.httpSSE.maxConnections == 7)
        #expect(loaded.origin(of: "transports.http_sse.max_connections") == "gateway.yaml:5")
    }

    @Test func aByteOrderMarkAndWindowsLineEndsAreFine() throws {
        let loaded = try load("\u{FEFF}debug: true\r\nlog:\r\n  level: debug\r\n")
        #expect(loaded.configuration.debug)
        #expect(loaded.origin(of: "log.level") == "gateway.yaml:3")
    }

    @Test(arguments: [
        (
            "debug: true\nlog: level: info",
            "gateway.yaml:2: not valid YAML: mapping values are not allowed in this context, column 11 (is the indentation "
                + "right, a space missing after a colon above, or a value with a colon without quotes?)"
        ),
        (
            "listen:\n  host: [127.0.0.1, ::1]",
            "gateway.yaml:2: not valid YAML: did not find expected node content while parsing a flow node, column 21 "
                + "(an IPv6 address within brackets needs quotes: \"::1\")"
        ),
        (
            "routes:\n  - {type: *, handler: echo}",
            "gateway.yaml:2: not valid YAML: did not find expected alphabetic or numeric character while scanning an alias, "
                + "column 13 (a value that begins with * needs quotes: \"*\")"
        ),
        (
            "routes:\n  - {type: *all, handler: echo}",
            "gateway.yaml:2: not valid YAML: `*` refers to an anchor, and there is none of that name; put the value in quotes"
        ),
        (
            "cluster:\n  node_id: @home",
            "gateway.yaml:2: not valid YAML: found character that cannot start any token while scanning for the next token, "
                + "column 12 (a value that begins with this character needs quotes)"
        ),
        (
            "cluster:\n  node_id: 'home",
            "gateway.yaml:2: not valid YAML: found unexpected end of stream while scanning a quoted scalar, column 17 "
                + "(is a closing quote missing?)"
        ),
        (
            "cors:\n  origin: [a\ndebug: true",
            "gateway.yaml:3: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence, column 6 "
                + "(is a bracket or a comma missing?)"
        ),
        (
            "log:\n  level: info\n format: text",
            "gateway.yaml:3: not valid YAML: did not find expected key while parsing a block mapping, column 2 "
                + "(is the indentation right?)"
        ),
        (
            "debug: true\n---\ndebug: false",
            "gateway.yaml:2: not valid YAML: one YAML document expected, found a second one"
        ),
    ])
    func syntaxErrors(yaml: String, expected: String) {
        #expect(problems(yaml) == [expected])
    }

    @Test(arguments: [
        ("log:\n\tlevel: info", 2), ("log:\n  level: info\n\tformat: text", 3), ("debug: true\n\tlog:", 2),
        ("log:\n  \tlevel: info", 2),
    ])
    func tabs(yaml: String, line: Int) {
        #expect(problems(yaml) == ["gateway.yaml:\(line): not valid YAML: a tab in the indentation; use spaces"])
    }

    @Test(arguments: [("debug: true\nlog:\u{0}", 2, "U+0000"), ("\u{1B}", 1, "U+001B"), ("a\r\n\n\u{7F}", 3, "U+007F")])
    func controlCharacters(yaml: String, line: Int, name: String) {
        #expect(problems(yaml) == ["gateway.yaml:\(line): control character \(name): expected a text file in UTF-8"])
    }

    @Test func repeatedKeysAreAllFoundWithTheirLines() {
        let yaml = """
            debug: true
            log:
              level: info
              "level": debug
            debug: false
            'debug': true
            transports:
              http: {port: 1, port: 2}
            """
        #expect(
            problems(yaml) == [
                "gateway.yaml:4: the key level is given twice, first on line 3",
                "gateway.yaml:5: the key debug is given twice, first on line 1",
                "gateway.yaml:6: the key debug is given twice, first on line 1",
                "gateway.yaml:8: the key port is given twice, first on line 8",
            ])
    }

    @Test func repeatedKeysOfAnotherFormAreFoundToo() {
        #expect(problems("&a debug: true\ndebug: false") == ["gateway.yaml:1: the key debug is given twice"])
        #expect(problems("[1]: 2") == ["gateway.yaml:1: a key must be a name, found a list or a mapping"])
        let many = String(repeating: "debug: true\n", count: 40)
        #expect(problems(many) == ["gateway.yaml:1: more than 100 keys are given twice"])
    }

    @Test func deepNestingIsRefused() {
        let found = problems(String(repeating: "[", count: 100_000))
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("gateway.yaml:1: not valid YAML: "))
    }

    @Test func aliasesOfAliasesEnd() {
        let lines = (1...60).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }
        let yaml = "a0: &a0 x\n" + lines.joined(separator: "\n")
        #expect(problems(yaml).contains { $0.hasSuffix(": more than 100000 values") })
    }

    @Test(arguments: 0..<300) func neverFailsToAnswer(seed: Int) {
        var random = SeededGenerator(seed)
        let pieces = [
            "debug", ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", "*", "&a", "\"", "'", "#", "\t", "|", ">", "true",
            "1",
            "transports:\n  http:\n    port: ", "\u{0}", "é", "\r\n", "!!str ", "<<", "routes:\n  - ", "? ", ",",
            "---\n",
        ]
        let yaml = (0..<Int.random(in: 1...40, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        for problem in problems(yaml.joined()) {
            #expect(
                problem.wholeMatch(of: /gateway\.yaml:[1-9]\d*: .+/) != nil,
                "\(problem.debugDescription) of \(yaml.joined().debugDescription)")
        }
    }
}
