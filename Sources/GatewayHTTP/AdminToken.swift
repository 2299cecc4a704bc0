import HTTPTypes
import Hummingbird

/// What admin paths want to see.
struct AdminToken: Sendable {
    private let token: String?

    /// - Parameter token: `nil` closes the paths.
    init(_ token: String?) { self.token = token }

    /// The answer to a request that may not have what it asks for; `nil` if it may.
    func refusal(of request: Request) -> Response? {
        guard let token else {
            return Problems.response(
                .forbidden, "forbidden", "admin paths need security.admin_token (MCP_ADMIN_TOKEN) to be set")
        }
        guard request.headers[values: .authorization].contains(where: { Self.isSame($0, "Bearer " + token) }) else {
            var response = Problems.response(
                .unauthorized, "authentication_failed", "the admin token is missing or wrong")
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return nil
    }

    /// Takes as long for every wrong text of a length.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return zip(a.utf8, b.utf8).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
    }
}
