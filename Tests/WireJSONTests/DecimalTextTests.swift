import Testing
import WireJSON

@Suite struct DecimalTextTests {
    @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, Int.max, -1, -10, Int.min])
    func `A number is written as it is described`(number: Int) {
        var room = [UInt8](repeating: 0, count: 20)
        let count = room.withUnsafeMutableBytes { DecimalText.write(number, to: $0) }
        #expect(String(decoding: room[..<count], as: UTF8.self) == String(number))
    }

    @Test func `A string stands in a message if it is written letter by letter`() {
        func stands(_ text: String, _ json: String) -> Bool {
            Array(json.utf8).withUnsafeBytes { JSONText.stands(text, in: $0[...]) }
        }
        #expect(stands("add", "\"add\""))
        #expect(stands("größe", "\"größe\""))
        #expect(stands("", "\"\""))
        #expect(!stands("add", "\"adde\""))
        #expect(!stands("add", "\"\\u0061dd\""))
        // The letters are those of the escape, the string is another.
        #expect(!stands("a\\nb", "\"a\\nb\""))
    }
}
