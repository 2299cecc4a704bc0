import GatewayCore
import PhoenixProtocol

/// Joins that somebody else permits (`LifecycleHooks`). The connection stands still meanwhile: what comes behind a join is
/// taken up after it, so that clients need not wait for its answer.
extension PhoenixEngine {
    /// Whether a join may go on now; otherwise it is taken up again later, or has been refused.
    func mayGoOn(joining topic: String, _ parameters: JoinParameters, _ incoming: Incoming) -> Bool {
        guard gateway.settings.hooks.asks else { return true }
        return mayGoOn(incoming) {
            // What is wrong with the join itself is found when it goes on.
            guard let client = try? client(parameters) else { return nil }
            var topics = parameters.topics
            if let room = parameters.room { topics.append(WellKnownTopic.room(room)) }
            if topic != WellKnownTopic.gateway { topics.append(topic) }
            return inquiry(client, topics)
        }
    }

    /// Whether a subscription may go on now.
    func mayGoOn(subscribing topic: String, _ incoming: Incoming) -> Bool {
        guard gateway.settings.hooks.asks else { return true }
        return mayGoOn(incoming) { handle.flatMap { inquiry($0.clientID, [topic]) } }
    }

    private func inquiry(_ client: ClientID, _ topics: [String]) -> LifecycleInquiry? {
        gateway.inquiry(
            client, transport: transportName, address: address?.ipAddress, topics: topics, connects: handle == nil)
    }

    private func mayGoOn(_ incoming: Incoming, _ inquiry: () -> LifecycleInquiry?) -> Bool {
        if let permission {
            self.permission = nil
            guard case .refused(let problem) = permission else { return true }
            reply(incoming, problem)
            return false
        }
        guard let inquiry = inquiry() else { return true }
        waitingFrames = WaitingFrames(.permission(inquiry))
        return false
    }
}
