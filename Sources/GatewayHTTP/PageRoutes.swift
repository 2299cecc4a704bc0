import HTTPTypes
import Hummingbird
import NIOCore

/// The try-it page at `/`, the JavaScript client and the description of the API. They are part of the program: nothing has to be installed beside it.
enum PageRoutes {
    static func add(to router: Router<APIContext>) {
        add("/", PackageResources.index_html, "text/html; charset=utf-8", to: router)
        add("/app.js", PackageResources.app_js, "text/javascript; charset=utf-8", to: router)
        add("/style.css", PackageResources.style_css, "text/css; charset=utf-8", to: router)
        add("/client.js", PackageResources.client_js, "text/javascript; charset=utf-8", to: router)
        add("/openapi.json", PackageResources.openapi_json, "application/json", to: router)
        router.only(.get, "/favicon.ico") { _, _ in Response(status: .noContent) }
    }

    private static func add(_ path: String, _ bytes: [UInt8], _ type: String, to router: Router<APIContext>) {
        let body = ByteBuffer(bytes: bytes)
        var headers: HTTPFields = [
            .contentType: type, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        ]
        if let policy = HTTPField.Name("Referrer-Policy") { headers[policy] = "no-referrer" }
        if path == "/client.js" || path == "/openapi.json", let any = HTTPField.Name("Access-Control-Allow-Origin") {
            headers[any] = "*"
        }
        let fixed = headers
        router.only(.get, RouterPath(path)) { _, _ in
            Response(status: .ok, headers: fixed, body: ResponseBody(byteBuffer: body))
        }
    }
}
