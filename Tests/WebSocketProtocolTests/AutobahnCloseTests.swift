import Testing

@testable import WebSocketProtocol

/// Group 7 of the Autobahn test suite: closing.
@Suite struct AutobahnCloseTests {
    static let sequences: [AutobahnCase] = [
        AutobahnCase("7.1.1 text, then close", [.text("a"), .close(1000)], [.text("a"), .close(1000)]),
        AutobahnCase("7.1.2 two closes", [.close(1000), .close(1000)], [.close(1000)]),
        AutobahnCase("7.1.3 ping after close", [.close(1000), .bytes(9)], [.close(1000)]),
        AutobahnCase("7.1.4 text after close", [.close(1000), .text("a")], [.close(1000)]),
        AutobahnCase(
            "7.1.5 close inside a message", [.text("a", isFinal: false), .close(1000), .bytes(0, [0x62])],
            [.close(1000)]),
        AutobahnCase(
            "7.1.6 close after much", [.bytes(2, [UInt8](repeating: 1, count: 20_000)), .close(1000), .bytes(9)],
            [.binary([UInt8](repeating: 1, count: 20_000)), .close(1000)]),
        AutobahnCase("7.3.1 empty", [.close(nil)], [.close(nil)]),
        AutobahnCase("7.3.2 one byte", [.bytes(8, [3])], [.violation(1002)]),
        AutobahnCase("7.3.3 code only", [.close(1000)], [.close(1000)]),
        AutobahnCase("7.3.4 code and reason", [.close(1000, Array("Hello World!".utf8))], [.close(1000)]),
        AutobahnCase("7.3.5 longest reason", [.close(1000, [UInt8](repeating: 0x2A, count: 123))], [.close(1000)]),
        AutobahnCase("7.3.6 reason too long", [.close(1000, [UInt8](repeating: 0x2A, count: 124))], [.violation(1002)]),
        AutobahnCase(
            "7.5.1 reason not UTF-8", [.close(1000, AutobahnTextTests.greek + [0xED, 0xA0, 0x80])], [.violation(1007)]),
        AutobahnCase("reason cut in a character", [.close(1000, [0xE2, 0x82])], [.violation(1007)]),
        AutobahnCase("close in fragments", [.bytes(8, [3, 232], isFinal: false)], [.violation(1002)]),
    ]

    @Test(arguments: sequences)
    func autobahn(autobahn: AutobahnCase) {
        for (how, seen) in autobahn.played() {
            let isRight = seen == autobahn.expected
            #expect(isRight, "\(autobahn.name), sent \(how)")
        }
    }

    /// 7.7, 7.9, 7.13 and every other code there is: RFC 6455 §7.4 and the registry.
    @Test func everyCode() {
        let allowed = Set(
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014] + Array(3000...4999))
        for code in 0...65_535 {
            let may = allowed.contains(code)
            if CloseCode(rawValue: UInt16(code)).mayBeReceived != may { Issue.record("\(code)") }
            guard code < 6000 || code % 997 == 0 else { continue }
            let seen = decode([ClientFrame.close(code).encoded], scratch: 125).seen
            if seen != [may ? .close(UInt16(code)) : .violation(1002)] { Issue.record("\(code): \(seen)") }
        }
    }

    @Test func theGatewaysOwnCodesMayBeSent() {
        let own: [CloseCode] = [
            .normal, .goingAway, .protocolError, .invalidPayload, .policyViolation, .messageTooBig, .slowConsumer,
        ]
        #expect(own.map(\.rawValue) == [1000, 1001, 1002, 1007, 1008, 1009, 4008])
        for code in own { #expect(code.mayBeReceived) }
    }
}
