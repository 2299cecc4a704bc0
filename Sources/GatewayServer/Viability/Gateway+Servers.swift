import GatewayViability

/// What servers share.
extension Gateway {
    /// Adds what servers have of a resource. To be called before the first of them has one.
    /// - Parameters:
    ///   - share: who may have one more.
    ///   - takeBack: takes so many back from each server, as far as they can be spared; called on any thread.
    public func addServers(
        _ share: ServerShare, takeBack: @escaping @Sendable ([String: Int]) async -> Void
    ) {
        guard settings.isViabilityOn, settings.viability.control.isOn else { return }
        share.begin()
        serverShares.withLock { $0.append(SharedPlaces(share: share, takeBack: takeBack)) }
        // Floors are there from the first one on.
        var node = NodeSample()
        share.ask(&node)
        let first = node
        let grants = viability.withSystem { system in
            _ = system.shareAmongServers(first, Clock.now)
            return system.grants(of: share.resource)
        }
        if let grants { _ = share.grant(grants.granted, recalled: [:]) }
    }

    /// Grants what the viable system has settled, and takes back what belongs to others.
    func shareAmongServers() async {
        for shared in serverShares.withLock({ $0 }) {
            guard let grants = viability.withSystem({ $0.grants(of: shared.share.resource) }) else { continue }
            let counts = shared.share.grant(grants.granted, recalled: grants.recalled)
            if !counts.isEmpty { await shared.takeBack(counts) }
        }
    }
}
