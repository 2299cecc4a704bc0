import GatewayCore
import Testing

@Suite("What has come already")
struct ReplayWindowTests {
    @Test("Each number is taken once, in whatever order")
    func once() {
        var window = ReplayWindow()
        #expect([0, 2, 1, 5].allSatisfy { window.take($0) })
        #expect(![0, 1, 2, 5].contains { window.take($0) })
        let late = [3, 4].allSatisfy { window.take($0) }
        #expect(late)
    }

    @Test("What is too far behind counts as a repetition")
    func bounded() {
        var window = ReplayWindow()
        let highest = window.take(1000)
        let edge = window.take(1000 - ReplayWindow.size + 1)
        let beyond = window.take(1000 - ReplayWindow.size)
        #expect(highest && edge && !beyond)
        let negative = window.take(-1)
        #expect(!negative)
    }

    @Test("As a set would have it, within the window", arguments: [UInt64(1), 2, 3])
    func model(seed: UInt64) {
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var window = ReplayWindow()
        var seen: Set<Int> = []
        var highest = -1
        for _ in 0..<20_000 {
            let number = max(0, highest - 80 + next(100))
            let expected = !seen.contains(number) && number > highest - ReplayWindow.size
            #expect(window.take(number) == expected)
            if expected { seen.insert(number) }
            highest = max(highest, number)
        }
        let end = window.take(.max)
        let again = window.take(.max)
        #expect(end && !again)
    }
}
