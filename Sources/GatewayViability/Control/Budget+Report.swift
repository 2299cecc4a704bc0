import GatewayCore
import WireJSON

extension PlaceBargain {
    /// Writes how each unit stands.
    func write(to writer: inout JSONWriter) {
        writer.member("resource", resource.rawValue)
        writer.member("capacity", capacity)
        writer.member("recalls_called", recalls.called)
        writer.member("recalls_settled", recalls.settled)
        writer.key("units")
        writer.array { list in
            for (unit, account) in accounts.sorted(by: { $0.key < $1.key }) {
                list.object { item in
                    item.member("unit", name(unit))
                    item.member("floor", account.floor)
                    item.member("asked", account.asked)
                    item.member("granted", account.granted)
                    item.member("used", account.used)
                    item.member("lent", account.lent)
                    item.member("borrowed", account.borrowed)
                    item.member("recalled", account.recalled)
                    item.member("refused", account.refused)
                }
            }
        }
    }
}

extension MemoryBargain {
    /// Writes how each transport stands.
    func write(to writer: inout JSONWriter) {
        writer.member("resource", Loan.Resource.memory.rawValue)
        writer.member("capacity", capacity)
        writer.member("recalls_called", recalls.called)
        writer.member("recalls_settled", recalls.settled)
        writer.key("units")
        writer.array { list in
            for (transport, account) in accounts.sorted(by: { $0.key < $1.key }) {
                list.object { item in
                    item.member("unit", transport.name)
                    item.member("floor", account.floor)
                    item.member("asked", account.asked)
                    item.member("granted", account.granted)
                    item.member("used", account.used)
                    item.member("borrowed", account.borrowed)
                    item.member("over", account.isOver)
                }
            }
        }
    }
}
