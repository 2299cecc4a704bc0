import GatewayCore

/// Presence (contract §5, the requirements' Phoenix form). Its events have no place in the log: whoever comes back gets the
/// state anew, so that nothing of it has to be kept for absent clients.
extension ConnectionEngine {
    /// The connection has come to a topic.
    final func enterPresence(_ topic: String) {
        guard let handle, gateway.presence.covers(topic), !presences.contains(where: { $0.topic.name == topic }),
            may(.presence, topic)
        else {
            return
        }
        let (now, time) = (loop.now, loop.context.wallClock)
        presences.append(
            gateway.presence.join(
                topic, handle.clientID, id, transport: transportName, at: time, now: now, wakes: &loop.context.wakes))
        // The state leaves behind what answers the peer.
        loop.context.wakes.insert(id)
    }

    /// The connection has gone from a topic.
    final func leavePresence(_ topic: String) {
        guard let index = presences.firstIndex(where: { $0.topic.name == topic }) else { return }
        gateway.presence.leave(presences.remove(at: index).topic, id)
    }

    /// Writes what the connection has not been told.
    final func writePresence() {
        for index in presences.indices.reversed() where presences[index].isBehind {
            let cursor = presences[index]
            guard let news = cursor.topic.news(for: id, since: cursor.seen) else {
                // Another connection of the client has ended the subscription.
                presences.remove(at: index)
                continue
            }
            if let state = news.state { writePresence("presence_state", topic: cursor.topic.name, data: state) }
            for diff in news.diffs { writePresence("presence_diff", topic: cursor.topic.name, data: diff) }
            presences[index].seen = news.version
        }
    }
}
