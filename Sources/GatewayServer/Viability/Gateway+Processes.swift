import GatewayViability

/// The processes that servers share.
extension Gateway {
    /// Adds whoever starts the processes of servers. To be called before the first of them starts.
    /// - Parameters:
    ///   - share: who may start one more.
    ///   - takeBack: stops so many processes of each server, as far as nobody uses them; called on any thread.
    public func addProcesses(
        _ share: ProcessShare, takeBack: @escaping @Sendable ([String: Int]) async -> Void
    ) {
        guard settings.isViabilityOn, settings.viability.control.isOn else { return }
        share.begin()
        processes.withLock { $0 = SharedProcesses(share: share, takeBack: takeBack) }
        // Floors are there from the first process on.
        var node = NodeSample()
        share.ask(&node)
        let first = node
        let grants = viability.withSystem { system in
            _ = system.shareProcesses(first, Clock.now)
            return system.processGrants
        }
        if let grants { _ = share.grant(grants.granted, recalled: [:]) }
    }

    /// Grants what the viable system has settled, and takes back what belongs to others.
    func shareProcesses() async {
        guard let shared = processes.withLock({ $0 }), let grants = viability.withSystem({ $0.processGrants })
        else { return }
        let counts = shared.share.grant(grants.granted, recalled: grants.recalled)
        if !counts.isEmpty { await shared.takeBack(counts) }
    }
}
