import HTTPTypes
import Hummingbird
import NIOCore
import WireJSON

/// Refusals of API routes, in the form of contract §7.
enum Problems {
    /// What a request may ask for; what a path does not have of it is 405.
    static let methods: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .options, .trace]

    static func json(_ error: String, _ reason: String) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("error", error)
            writer.member("reason", reason)
            writer.key("retry_after")
            writer.null()
        }
    }

    static func response(_ status: HTTPResponse.Status, _ error: String, _ reason: String) -> Response {
        Response.json(status, json(error, reason))
    }
}

/// Turns Hummingbird's own refusals (no such route, wrong method) into the contract's form.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            return switch error.status {
            case .notFound:
                Problems.response(.notFound, "not_found", "no such path: \(request.uri.path)")
            case .methodNotAllowed:
                Problems.response(.methodNotAllowed, "method_not_allowed", "use another method for \(request.uri.path)")
            default:
                Problems.response(error.status, "bad_request", error.status.reasonPhrase)
            }
        }
    }
}

extension Response {
    static func json(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension Router {
    /// A route that answers one method, and every other method with 405 and `Allow`.
    func only(
        _ method: HTTPRequest.Method, _ path: RouterPath,
        use handler: @Sendable @escaping (Request, Context) async throws -> Response
    ) {
        on(path, method: method, use: handler)
        refuseOthers(than: [method], at: path, allow: method == .get ? "GET, HEAD" : method.rawValue)
    }

    /// Answers methods that a path does not have.
    func refuseOthers(than methods: Set<HTTPRequest.Method>, at path: RouterPath, allow: String) {
        for method in Problems.methods where !methods.contains(method) {
            on(path, method: method) { _, _ in
                var response = Problems.response(.methodNotAllowed, "method_not_allowed", "use " + allow)
                response.headers[.allow] = allow
                return response
            }
        }
    }
}
