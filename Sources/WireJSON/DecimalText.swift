/// Numbers as decimal digits, written in place.
public enum DecimalText {
    /// Writes a number.
    /// - Parameter output: has room for 20 bytes, or for as many as the number has.
    /// - Returns: the bytes that were written.
    public static func write(_ number: Int, to output: UnsafeMutableRawBufferPointer) -> Int {
        var rest = number.magnitude
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var count = 0
        repeat {
            digits[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            count += 1
        } while rest > 0
        var written = 0
        if number < 0 {
            output[0] = UInt8(ascii: "-")
            written = 1
        }
        for i in 0..<count { output[written + i] = digits[count - 1 - i] }
        return written + count
    }
}
