import GatewayCore

/// Topics that a connection asks for. The session counts who asks, so that a topic ends with the last of its connections.
extension ConnectionEngine {
    /// Asks for a topic.
    final func claim(_ topic: String) throws(Problem) {
        guard let handle else { return }
        if claims.contains(topic) {
            // Another connection of the client may have ended it meanwhile.
            if handle.session.withLock({ $0.isSubscribed(to: topic) }) { return }
            claims.removeAll { $0 == topic }
            leavePresence(topic)
        }
        guard Name.isValid(topic) else { throw .invalidMessage("a topic must have " + Name.rule) }
        try require(.subscribe, topic)
        let limits = gateway.sessionLimits
        switch handle.session.withLock({ $0.claim(topic, limits: limits) }) {
        case .subscribed:
            let now = loop.now
            gateway.topics.reconcile(topic, handle) { message in
                guard message.expiresAt > now else { return }
                _ = handle.session.withLock {
                    $0.append(message, limits: limits, now: now, wakes: &loop.context.wakes)
                }
            }
        case .claimed: break
        case .tooMany: throw .tooManyTopics(limits)
        }
        claims.append(topic)
        enterPresence(topic)
    }

    /// Does not want a topic any more.
    final func unclaim(_ topic: String) {
        guard let handle, let index = claims.firstIndex(of: topic) else { return }
        claims.remove(at: index)
        leavePresence(topic)
        release(topic, handle, leaving: true)
    }

    /// Ends a subscription, whoever asked for it.
    final func unsubscribe(_ topic: String) {
        guard let handle else { return }
        claims.removeAll { $0 == topic }
        leavePresence(topic)
        if gateway.presence.covers(topic) { gateway.presence.leave(topic, client: handle.clientID) }
        if handle.session.withLock({ $0.unsubscribe(topic) }) { gateway.topics.reconcile(topic, handle) }
    }

    /// Gives up a claim. The topic's member list is told if that was the end of the subscription.
    final func release(_ topic: String, _ handle: SessionHandle, leaving: Bool) {
        let now = loop.now
        if handle.session.withLock({ $0.release(topic, leaving: leaving, now: now) }) {
            gateway.topics.reconcile(topic, handle)
        }
    }
}
