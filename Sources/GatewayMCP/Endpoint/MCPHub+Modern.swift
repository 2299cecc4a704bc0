import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

/// Requests from revision 2026-07-28 on: each one stands alone.
extension MCPHub {
    func postModern(_ request: EndpointRequest, version: String, _ exchange: Exchange) {
        exchange.respond(.rpc(.badRequest, .unsupportedVersion(version)))
    }
}
