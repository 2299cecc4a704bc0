public import GatewayServer
import GatewayViability
public import Logging
import WireJSON

/// The last step of an algedonic signal: a call to whoever is in charge.
extension Webhooks {
    /// Tells the webhook of `webhooks.algedonic` each signal that has come as high as the operator, and the relief after it,
    /// one after the other, until the gateway stops. What cannot be told is logged, and counted in the webhook's figures.
    public func tellOperator(of bus: EventBus, _ logger: Logger) async {
        guard let url = settings.algedonic else { return }
        let webhook = webhook(url)
        // Signals of the whole node, duplicates left out: more than wait here are as good as one.
        var missed = 0
        let signals = bus.events(of: .algedonic, buffer: 64) { event in
            if case .signal(let signal) = event { signal.level == .operator } else { false }
        }
        for await event in signals {
            switch event {
            case .missed(let count): missed += count
            case .event(.signal(let signal)):
                let body = JSONWriter.object { writer in
                    writer.member("event", "algedonic_signal")
                    writer.member("node", settings.node)
                    signal.write(to: &writer)
                    writer.member("missed", missed)
                }
                missed = 0
                do {
                    _ = try await Self.traced("algedonic_signal", url, nil) {
                        try await webhook.call(body, id: Self.newID(), timeout: settings.timeout)
                    }
                } catch {
                    logger.error(
                        "the operator's webhook cannot be told",
                        metadata: ["signal": "\(signal.message)", "reason": "\(error)"])
                }
            case .event: break
            }
        }
    }
}
