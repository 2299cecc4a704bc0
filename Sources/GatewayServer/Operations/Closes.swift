import GatewayCore

/// How connections ended, by who ended them and with which code. One for each event loop.
struct Closes: Sendable {
    /// Who ended a connection.
    enum Initiator: String, Sendable, CaseIterable { case client, gateway }

    struct Key: Hashable, Sendable {
        let transport: Transport
        let initiator: Initiator
        let code: UInt16
    }

    /// The connection was gone without a word (RFC 6455 §7.4.1, 1006).
    static let vanished: UInt16 = 1006
    /// The client closed it without a code (RFC 6455 §7.4.1, 1005).
    static let unnamed: UInt16 = 1005

    private(set) var counts: [Key: Int] = [:]

    mutating func count(_ transport: Transport, _ initiator: Initiator, _ code: UInt16) {
        // A client may send any number: what is its own affair counts as one.
        let known = code < 3000 || initiator == .gateway ? code : 4000
        counts[Key(transport: transport, initiator: initiator, code: known), default: 0] += 1
    }

    mutating func add(_ other: Closes) { counts.merge(other.counts, uniquingKeysWith: +) }

    /// In a fixed order.
    var sorted: [(key: Key, count: Int)] {
        counts.map { ($0.key, $0.value) }.sorted { one, other in
            (one.0.transport.rawValue, one.0.code, one.0.initiator.rawValue)
                < (other.0.transport.rawValue, other.0.code, other.0.initiator.rawValue)
        }
    }
}
