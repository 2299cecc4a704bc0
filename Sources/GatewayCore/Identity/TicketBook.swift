import DequeModule

/// Tickets: what stands in an address in place of a token, because addresses get written down. Good once, and not for long.
public struct TicketBook: Sendable {
    /// What a ticket is known by: 128 bits drawn at random.
    public struct Name: Hashable, Sendable {
        public let high: UInt64
        public let low: UInt64

        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// What every ticket's text begins with.
        public static let prefix = "tk_"

        /// - Returns: `nil` if no ticket is written like this.
        public init?(_ text: String) {
            guard text.utf8.count == 35, text.hasPrefix(Self.prefix) else { return nil }
            let digits = text.dropFirst(Self.prefix.count)
            guard digits.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }),
                let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16)
            else { return nil }
            self.init(high: high, low: low)
        }

        /// The text that a client holds.
        public var text: String { Self.prefix + Self.digits(high) + Self.digits(low) }

        private static func digits(_ number: UInt64) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
    }

    private var tickets: [Name: (principal: Principal, until: Instant)] = [:]
    /// In the order in which they end.
    private var order: Deque<(name: Name, until: Instant)> = []
    private let lifetime: Instant.Span
    private let limit: Int

    /// - Parameters:
    ///   - lifetime: how long a ticket is good.
    ///   - limit: tickets that have neither been used nor ended, at the most.
    public init(lifetime: Instant.Span, limit: Int) {
        self.lifetime = lifetime
        self.limit = limit
    }

    public var count: Int { tickets.count }

    /// Hands out a ticket.
    /// - Returns: `false` if too many are out.
    public mutating func issue(_ name: Name, for principal: Principal, now: Instant) -> Bool {
        while let first = order.first, first.until <= now || tickets[first.name] == nil {
            tickets[first.name] = nil
            order.removeFirst()
        }
        guard order.count < limit else { return false }
        tickets[name] = (principal, now + lifetime)
        order.append((name, now + lifetime))
        return true
    }

    /// Takes a ticket, which is used up by that.
    public mutating func use(_ name: Name, now: Instant) -> Principal? {
        guard let ticket = tickets.removeValue(forKey: name), ticket.until > now else { return nil }
        return ticket.principal
    }
}
