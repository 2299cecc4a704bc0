extension Session {
    /// Alerts that wait for a connection at the most; beyond it the oldest are forgotten.
    static let maxAlerts = 16

    /// Tells the client something outside the log, on the next connection that delivers.
    /// - Parameter data: the data of an `error` event, as JSON.
    public mutating func alert(_ data: [UInt8], wakes: inout WakeSet) {
        if alerts.count >= Self.maxAlerts { alerts.removeFirst() }
        alerts.append(data)
        guard let index = cursors.firstIndex(where: \.delivers), !cursors[index].wakeRequested else { return }
        cursors[index].wakeRequested = true
        wakes.insert(cursors[index].connection)
    }
}
