import GatewayCore
public import WireJSON

/// How one unit stands with a resource that S3 shares, whichever that is.
public protocol BudgetAccount: Sendable {
    /// What is there for it in any case.
    var floor: Int { get }
    var asked: Int { get }
    var granted: Int { get }
    var used: Int { get }
    /// What it has beyond its grant.
    var borrowed: Int { get }
    /// Writes what only the accounts of this resource have.
    func writeOwn(to writer: inout JSONWriter)
}

/// A resource that S3 shares among units.
public protocol Budget: Sendable {
    associatedtype Unit: Hashable & Comparable
    associatedtype Account: BudgetAccount

    var resource: Loan.Resource { get }
    var capacity: Int { get }
    /// How each unit stands.
    var accounts: [Unit: Account] { get }
    /// Loans that were called back since the beginning, and those that have come back.
    var recalls: (called: Int, settled: Int) { get }
    /// The name that a unit has in reports.
    func name(of unit: Unit) -> String
}

extension Budget {
    /// How each unit stands, by its name in reports, in their order.
    public var standing: [(unit: String, account: Account)] {
        accounts.sorted { $0.key < $1.key }.map { (name(of: $0.key), $0.value) }
    }

    /// The same in figures that all resources have.
    public var figures: [(unit: String, figure: String, value: Int)] {
        standing.flatMap { unit, account in
            [
                (unit, "floor", account.floor), (unit, "granted", account.granted), (unit, "used", account.used),
                (unit, "borrowed", account.borrowed),
            ]
        }
    }

    /// Writes how each unit stands.
    func write(to writer: inout JSONWriter) {
        writer.member("resource", resource.rawValue)
        writer.member("capacity", capacity)
        writer.member("recalls_called", recalls.called)
        writer.member("recalls_settled", recalls.settled)
        writer.key("units")
        writer.array { list in
            for (unit, account) in standing {
                list.object { item in
                    item.member("unit", unit)
                    item.member("floor", account.floor)
                    item.member("asked", account.asked)
                    item.member("granted", account.granted)
                    item.member("used", account.used)
                    item.member("borrowed", account.borrowed)
                    account.writeOwn(to: &item)
                }
            }
        }
    }
}

extension PlaceBargain: Budget {
    public func name(of unit: Unit) -> String { unitName(unit) }
}

extension PlaceBargain.Account: BudgetAccount {
    public func writeOwn(to writer: inout JSONWriter) {
        writer.member("lent", lent)
        writer.member("recalled", recalled)
        writer.member("refused", refused)
    }
}

extension MemoryBargain: Budget {
    public var resource: Loan.Resource { .memory }

    public func name(of unit: Transport) -> String { unit.name }
}

extension MemoryBargain.Account: BudgetAccount {
    public func writeOwn(to writer: inout JSONWriter) { writer.member("over", isOver) }
}

extension EgressBargain: Budget {
    public var resource: Loan.Resource { .egress }

    public func name(of unit: Transport) -> String { unit.name }
}

extension EgressBargain.Account: BudgetAccount {
    public func writeOwn(to writer: inout JSONWriter) {
        writer.member("lent", lent)
        writer.member("held_back", heldBack)
    }
}
