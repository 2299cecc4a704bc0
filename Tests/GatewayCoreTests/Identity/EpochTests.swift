import Testing

@testable import GatewayCore

/// Epochs are 64-bit numbers in base 36.
@Suite struct EpochTests {
    private func written(_ epoch: Epoch) -> String {
        var bytes = [UInt8](repeating: 0, count: Epoch.maxLength)
        let count = bytes.withUnsafeMutableBufferPointer { epoch.write(to: $0.baseAddress!) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test(arguments: [
        (0, "0"), (35, "z"), (36, "10"), (UInt64.max, "3w5e11264sgsf"), (UInt64(1) << 63, "1y2p0ij32e8e8"),
    ])
    func theWrittenForm(value: UInt64, text: String) {
        #expect(Epoch(value).description == text)
        #expect(written(Epoch(value)) == text)
        #expect(Epoch(text) == Epoch(value))
        #expect(text.utf8.count <= Epoch.maxLength)
    }

    @Test(arguments: 0..<20)
    func whatIsWrittenIsReadAgain(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<50 {
            let epoch = Epoch(random.next() >> UInt64(random.below(64)))
            #expect(written(epoch) == epoch.description)
            #expect(Epoch(epoch.description) == epoch)
        }
    }

    @Test(arguments: [
        "", "-", "-1", "+1", " 1", "1 ", "a_b", "ä", "3w5e11264sgsg", "00000000000000", "zzzzzzzzzzzzz", "1.5",
    ])
    func whatIsNoEpoch(text: String) {
        #expect(Epoch(text) == nil)
    }
}
