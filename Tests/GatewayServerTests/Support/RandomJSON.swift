/// Random JSON text, with white space of all kinds between the tokens.
struct RandomJSON {
    /// The text.
    private(set) var text = ""
    /// The text with a space in place of each line break, all of which stand between tokens.
    private(set) var oneLine = ""
    private(set) var hasLineBreaks = false
    private var random: SeededGenerator

    init(seed: Int) {
        random = SeededGenerator(seed)
        value(depth: 0)
    }

    private mutating func token(_ token: String) {
        text += token
        oneLine += token
    }

    private mutating func space() {
        while random.oneIn(3) {
            switch random.below(4) {
            case 0: token(" ")
            case 1: token("\t")
            case 2: lineBreak("\n")
            default: lineBreak("\r")
            }
        }
    }

    private mutating func lineBreak(_ character: String) {
        text.unicodeScalars.append(contentsOf: character.unicodeScalars)
        oneLine += " "
        hasLineBreaks = true
    }

    private mutating func value(depth: Int) {
        switch random.below(depth < 4 ? 9 : 6) {
        case 0: token(random.pick(["true", "false", "null"]))
        case 1, 2: token(number())
        case 3, 4, 5: token(string())
        case 6: list(depth)
        default: object(depth)
        }
    }

    private mutating func list(_ depth: Int) {
        token("[")
        space()
        for index in 0..<random.below(4) {
            if index > 0 { token(",") }
            space()
            value(depth: depth + 1)
            space()
        }
        token("]")
    }

    private mutating func object(_ depth: Int) {
        token("{")
        space()
        let count = random.below(4)
        for index in 0..<count {
            if index > 0 { token(",") }
            space()
            // Descending, so that an order of anybody's own would show.
            token("\"k\(count - index)\(random.pick(["", "é", "\\n", "\\u000d", " "]))\"")
            space()
            token(":")
            space()
            value(depth: depth + 1)
            space()
        }
        token("}")
    }

    private mutating func number() -> String {
        switch random.below(5) {
        case 0: "\(random.below(10))"
        case 1: "-\(random.below(1_000_000))"
        case 2: "\(random.below(1000)).\(random.below(1000))"
        case 3: "\(random.below(100))e\(random.pick(["", "+", "-"]))\(random.below(20))"
        default: "\(Int(truncatingIfNeeded: random.next()))"
        }
    }

    private mutating func string() -> String {
        var text = "\""
        for _ in 0..<random.below(12) {
            text += random.pick([
                "a", "Z", "0", " ", "/", "é", "€", "😀", "\u{2028}", "\\n", "\\r", "\\t", "\\\\", "\\\"", "\\/", "\\b",
                "\\f",
                "\\u000a", "\\u000D", "\\u00e9", "\\ud83d\\ude00", "{", "}", "[", ",", ":", "data", "\u{7F}",
            ])
        }
        return text + "\""
    }
}
