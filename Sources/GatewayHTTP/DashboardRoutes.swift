import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics/dashboard`: one page, part of the program. It holds nothing secret; what it shows comes from streams and
/// admin paths that look at the token.
enum DashboardRoutes {
    static func add(to router: Router<APIContext>, access: AdminAccess) {
        let page = ByteBuffer(bytes: PackageResources.dashboard_html)
        let headers = headers("text/html; charset=utf-8")
        router.only(.get, "/metrics/dashboard") { request, _ in
            guard let token = request.uri.queryParameters["token"].map(String.init) else {
                return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: page))
            }
            guard access.isToken(token) else {
                return Problems.response(.unauthorized, "authentication_failed", "the admin token is wrong")
            }
            // The token leaves the address, and with it the browser's history, at once.
            var answer: HTTPFields = [.location: "/metrics/dashboard", .cacheControl: "no-store"]
            let name = access.cookieName(host: request.head.authority)
            answer[.setCookie] = "\(name)=\(token); Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"
            return Response(status: .seeOther, headers: answer)
        }
        add("/metrics/dashboard.js", PackageResources.dashboard_js, "text/javascript; charset=utf-8", to: router)
        add(
            "/metrics/dashboard/viability.js", PackageResources.viability_js, "text/javascript; charset=utf-8",
            to: router)
        add("/metrics/dashboard.css", PackageResources.dashboard_css, "text/css; charset=utf-8", to: router)
    }

    private static func add(_ path: String, _ bytes: [UInt8], _ type: String, to router: Router<APIContext>) {
        let body = ByteBuffer(bytes: bytes)
        let headers = headers(type)
        router.only(.get, RouterPath(path)) { _, _ in
            Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
        }
    }

    private static func headers(_ type: String) -> HTTPFields {
        var headers: HTTPFields = [
            .contentType: type, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy:
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
                + "base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        ]
        if let policy = HTTPField.Name("Referrer-Policy") { headers[policy] = "no-referrer" }
        return headers
    }
}
