import GatewayCore
import GatewayViability

/// What S3 lets transports send.
extension Gateway {
    /// Hands the event loops what they may send.
    func grantEgress() {
        guard let egress = viability.withSystem({ $0.egress }) else { return }
        let burst = egress.burst
        for index in 0..<loopCount {
            let rates = Self.rates(egress, on: index)
            onLoop(index) { $0.grantEgress(rates, burst: burst) }
        }
    }

    /// What an event loop may send that begins.
    func firstEgress(on index: Int) -> (rates: [Int], burst: Instant.Span)? {
        guard settings.isViabilityOn, let egress = viability.withSystem({ $0.egress }) else { return nil }
        return (Self.rates(egress, on: index), egress.burst)
    }

    private static func rates(_ egress: EgressBargain, on loop: Int) -> [Int] {
        Transport.allCases.map { egress.rates[EgressBargain.Place($0, loop: loop)] ?? 0 }
    }
}
