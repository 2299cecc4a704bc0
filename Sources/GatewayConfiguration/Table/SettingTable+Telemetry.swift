/// How a node ends, and what it tells of what it does.
extension SettingTable {
    static let drain: [Setting] = [
        Setting(
            "drain.delay", \.drain.delay, .duration(.zero ... .seconds(600)),
            "How long a gateway that is to end says that it is not ready before it sends anybody away"),
        Setting(
            "drain.timeout", \.drain.timeout, .duration(.zero ... .seconds(3_600)),
            "How long everything behind that may take: goodbyes, and calls that are under way"),
        Setting(
            "drain.rate", \.drain.rate, .number(1...1_000_000),
            "Clients that are sent away, and come back, each second; faster if the time does not suffice"),
        Setting(
            "drain.reconnect_delay", \.drain.reconnectDelay, .duration(.zero ... .seconds(600)),
            "How long each of them is told to wait at least"),
    ]
}
