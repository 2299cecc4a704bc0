import GatewayCore
import PhoenixProtocol

/// What a client asked for when it opened `/mcp/ws`.
struct PhoenixRequest: Sendable {
    var version: PhoenixVersion
    /// From the query; `nil` if the first join is to give it.
    var clientID: ClientID?
    var resume = ResumePoint.none
    var isIndependent = false
    var slowConsumerPolicy: SlowConsumerPolicy?
    /// Who calls, if a header says so and nobody has to prove anything.
    var caller: Caller?
    /// Whose token the request brought.
    var principal: Principal?
    /// Why that token was not good. It is told where a page can read it: in answer to a join.
    var tokenFailure: AuthenticationFailure?
    /// Whether messages are to be encrypted.
    var isSealed = false
}
