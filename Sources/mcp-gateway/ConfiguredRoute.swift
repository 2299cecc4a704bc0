import GatewayConfiguration

/// A route as the configuration has it; the server's own type has the same name.
typealias ConfiguredRoute = Route
