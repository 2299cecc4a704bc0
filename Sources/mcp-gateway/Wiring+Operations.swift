import GatewayConfiguration
import GatewayCore
import GatewayHTTP
import GatewayServer

/// From what the operator wrote to what operators see.
extension GatewaySettings.Operations {
    init(_ configuration: GatewayConfiguration) {
        self.init()
        interval = Instant.Span(configuration.dashboard.interval)
        traceTime = Instant.Span(configuration.trace.duration)
        maxTraces = configuration.trace.maxClients
        maxTraceEvents = configuration.trace.maxEvents
    }
}

extension AdminAccess {
    /// Who reaches a gateway that listens on loopback only is on its machine, and may see figures that name nobody.
    init(_ configuration: GatewayConfiguration, token: AdminToken) {
        self.init(token: token.text, isOpen: configuration.listen.isLoopbackOnly && !configuration.isAuthenticated)
    }
}
