internal import Yams

/// What libyaml has to say about a syntax error, and what probably caused it.
enum YAMLFault {
    static func explain(_ error: any Error, in text: String) -> YAMLDocument.Fault {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _):
            return explain(problem, context?.text, mark, in: text)
        case YamlError.composer(_, "but found another document", let mark, _):
            return fault(mark.line, "one YAML document expected, found a second one")
        case YamlError.composer(_, "found undefined alias", let mark, _):
            return fault(mark.line, "`*` refers to an anchor, and there is none of that name; put the value in quotes")
        case YamlError.composer(let context, let problem, let mark, _):
            return explain(problem, context?.text, mark, in: text)
        default:
            return fault(1, "\(error)")
        }
    }

    private static func explain(_ problem: String, _ context: String?, _ mark: Mark, in text: String)
        -> YAMLDocument.Fault
    {
        let line = lineText(mark.line, of: text)
        if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
            return fault(mark.line, "a tab in the indentation; use spaces")
        }
        let found = context.map { "\(problem) \($0)" } ?? problem
        let hint = hint(problem, context, line, column: mark.column)
        return fault(mark.line, "\(found), column \(mark.column)\(hint.map { " (\($0))" } ?? "")")
    }

    private static func fault(_ line: Int, _ message: String) -> YAMLDocument.Fault {
        .init(line: line, message: "not valid YAML: \(message)")
    }

    private static func hint(_ problem: String, _ context: String?, _ line: Substring, column: Int) -> String? {
        switch problem {
        case "did not find expected alphabetic or numeric character":
            "a value that begins with * needs quotes: \"*\""
        case "found character that cannot start any token":
            "a value that begins with this character needs quotes"
        case "mapping values are not allowed in this context":
            "is the indentation right, a space missing after a colon above, or a value with a colon without quotes?"
        case "did not find expected key", "did not find expected <document start>":
            "is the indentation right?"
        case "did not find expected node content" where line.contains("::"):
            "an IPv6 address within brackets needs quotes: \"::1\""
        case _ where problem.hasPrefix("did not find expected ','"):
            "is a bracket or a comma missing?"
        case "found unexpected end of stream":
            "is a closing quote missing?"
        default: nil
        }
    }

    private static func lineText(_ number: Int, of text: String) -> Substring {
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        return lines.indices.contains(number - 1) ? lines[number - 1] : ""
    }
}
