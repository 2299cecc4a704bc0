/// Writes random valid JSON texts with all that the grammar allows.
struct JSONGenerator {
    var random: SeededGenerator
    var output: [UInt8] = []
    /// How deep arrays and objects may be nested.
    var maxDepth = 5

    init(seed: Int) { random = SeededGenerator(seed) }

    mutating func document() -> [UInt8] {
        output = []
        space()
        value(depth: 0)
        space()
        return output
    }

    private mutating func put(_ text: String) { output.append(contentsOf: text.utf8) }

    private mutating func space() {
        while random.oneIn(3) { output.append(random.pick([0x20, 0x09, 0x0A, 0x0D])) }
    }

    private mutating func value(depth: Int) {
        switch random.below(depth < maxDepth ? 9 : 6) {
        case 0: put(random.pick(["true", "false", "null"]))
        case 1...2: number()
        case 3...5: string()
        case 6...7:
            put("{")
            space()
            for index in 0..<random.below(4) {
                if index > 0 { put(","); space() }
                string()
                space()
                put(":")
                space()
                value(depth: depth + 1)
                space()
            }
            put("}")
        default:
            put("[")
            space()
            for index in 0..<random.below(4) {
                if index > 0 { put(","); space() }
                value(depth: depth + 1)
                space()
            }
            put("]")
        }
    }

    private mutating func number() {
        if random.oneIn(2) { put("-") }
        if random.oneIn(3) {
            put("0")
        } else {
            put(String(1 + random.below(9)))
            for _ in 0..<random.below(8) { put(String(random.below(10))) }
        }
        if random.oneIn(3) {
            put(".")
            for _ in 0...random.below(5) { put(String(random.below(10))) }
        }
        if random.oneIn(3) {
            put(random.pick(["e", "E"]) + random.pick(["", "+", "-"]))
            put(String(random.below(30)))
        }
    }

    mutating func string() {
        put("\"")
        for _ in 0..<random.below(12) {
            switch random.below(6) {
            case 0: put(random.pick(["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]))
            case 1: put(escaped(random.pick([0x0, 0x1F, 0x41, 0xE9, 0x20AC, 0xFFFD, 0xFFFF])))
            case 2: put(escaped(0xD800 + random.below(0x400)) + escaped(0xDC00 + random.below(0x400)))
            case 3: put(String(randomScalar()))
            default: put(random.pick(["a", " ", "xyz", "0123456789abcdef", "\u{7F}", "/", "é", "😀"]))
            }
        }
        put("\"")
    }

    private mutating func escaped(_ unit: Int) -> String {
        let digits = String(unit, radix: 16)
        let text = String(repeating: "0", count: 4 - digits.count) + digits
        return "\\u" + (random.oneIn(2) ? text : text.uppercased())
    }

    mutating func randomScalar() -> Character {
        while true {
            let value = random.pick([0x80, 0x800, 0x10000, 0x110000])
            if let scalar = Unicode.Scalar(UInt32(random.below(value))), scalar.value >= 0x20, scalar != "\"",
                scalar != "\\"
            {
                return Character(scalar)
            }
        }
    }
}
