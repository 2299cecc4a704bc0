extension SettingTable {
    /// The section `storage`.
    static let storage: [Setting] = [
        Setting("storage.engine", \.storage.engine, .word, "Where durable messages are kept"),
        Setting("storage.path", \.storage.path, .path, "The SQLite file; its directory is made if it is missing"),
        Setting(
            "storage.synchronous", \.storage.synchronous, .word,
            "normal survives the end of the process, full the loss of power too"),
        Setting(
            "storage.on_damage", \.storage.onDamage, .word,
            "A damaged file is set aside and a new one begun, or the start is refused"),
        Setting("storage.batch_size", \.storage.batchSize, .integer(1...100_000), "Messages in one commit"),
        Setting(
            "storage.batch_delay", \.storage.batchDelay, .duration(.zero ... .seconds(1)),
            "How long a commit waits for more messages; 0 commits at once when idle"),
        Setting(
            "storage.queue_bytes", \.storage.queueBytes, .size(1_024...(1 << 34)),
            "Bytes that may wait to be stored; beyond it durable messages are refused"),
        Setting(
            "storage.reserve_bytes", \.storage.reserveBytes, .size(0...(1 << 34)),
            "Bytes kept free beside the file, so that a full disk does not keep anything from being deleted"),
        Setting(
            "storage.lock_timeout", \.storage.lockTimeout, .duration(.zero ... .seconds(60)),
            "How long a commit waits for a file that another process holds"),
        Setting(
            "storage.retry_interval", \.storage.retryInterval, interval,
            "After a failure: how long until writing is tried again"),
        Setting(
            "storage.maintenance_interval", \.storage.maintenanceInterval, interval,
            "Time between two rounds of housekeeping"),
    ]
}
