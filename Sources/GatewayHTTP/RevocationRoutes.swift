import GatewayCore
import GatewayServer
import HTTPTypes
import Hummingbird
import NIOCore
import WireJSON

/// `/mcp/admin/revocations`: tokens that are to be good no more.
enum RevocationRoutes {
    private static let maxBody = 4096

    static func add(to router: Router<APIContext>, gateway: Gateway, access: AdminAccess) {
        router.on("/mcp/admin/revocations", method: .get) { request, context in
            access.refusal(of: request, context) ?? Response.json(.ok, list(gateway.revocations))
        }
        router.on("/mcp/admin/revocations", method: .post) { request, context in
            if let refusal = access.refusal(of: request, context) { return refusal }
            guard let body = try? await request.body.collect(upTo: maxBody) else {
                return Problems.response(
                    .contentTooLarge, "message_too_large", "a revocation may have \(maxBody) bytes")
            }
            guard let wanted = body.withUnsafeReadableBytes({ Wanted($0) }) else {
                return Problems.response(
                    .unprocessableContent, "invalid_message",
                    "give one of jti, sub and everyone: true, and perhaps issued_before in seconds since 1970")
            }
            return answer(gateway.revoke(wanted.target, issuedBefore: wanted.issuedBefore))
        }
        router.refuseOthers(than: [.get, .post], at: "/mcp/admin/revocations", allow: "GET, HEAD, POST")
    }

    private static func answer(_ outcome: Gateway.RevocationOutcome) -> Response {
        switch outcome {
        case .revoked: Response.json(.ok, JSONWriter.object { $0.member("revoked", true) })
        case .pointless:
            Problems.response(.conflict, "authentication_off", "authentication is off: there are no tokens to revoke")
        case .full:
            Problems.response(
                .serviceUnavailable, "overloaded",
                "as many revocations as security.authentication.max_revocations allows")
        }
    }

    /// What is to be revoked.
    private struct Wanted {
        let target: RevocationList.Target
        var issuedBefore: Timestamp?

        init?(_ bytes: UnsafeRawBufferPointer) {
            var targets: [RevocationList.Target] = []
            var scanner = JSONScanner(bytes, maxDepth: 2)
            do {
                guard try scanner.beginObject() else { return nil }
                repeat {
                    let name = JSONText.decode(UnsafeRawBufferPointer(rebasing: Self.slice(bytes, try scanner.key())))
                    let value = UnsafeRawBufferPointer(rebasing: Self.slice(bytes, try scanner.value()))
                    let isText = value.first == UInt8(ascii: "\"")
                    switch name {
                    case "jti" where isText: targets.append(.token(JSONText.decode(value)))
                    case "sub" where isText: targets.append(.subject(JSONText.decode(value)))
                    case "everyone" where value.elementsEqual("true".utf8): targets.append(.everyone)
                    case "issued_before":
                        guard let seconds = Double(String(decoding: value, as: UTF8.self)), seconds >= 0, seconds < 1e11
                        else { return nil }
                        issuedBefore = Timestamp(milliseconds: Int64(seconds * 1000))
                    default: return nil
                    }
                } while try scanner.nextMember()
                try scanner.finish()
            } catch {
                return nil
            }
            guard targets.count == 1 else { return nil }
            switch targets[0] {
            case .token(let text), .subject(let text): guard (1...256).contains(text.utf8.count) else { return nil }
            case .everyone: break
            }
            target = targets[0]
        }

        private static func slice(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan) -> Slice<UnsafeRawBufferPointer> {
            bytes[span.offset..<span.end]
        }
    }

    private static func list(_ entries: [RevocationList.Entry]) -> [UInt8] {
        JSONWriter.object { writer in
            writer.key("revocations")
            writer.array { list in
                for entry in entries {
                    list.object { item in
                        switch entry.target {
                        case .token(let id): item.member("jti", id)
                        case .subject(let subject): item.member("sub", subject)
                        case .everyone: item.member("everyone", true)
                        }
                        item.member("issued_before", entry.issuedBefore.text)
                        item.member("remembered_until", entry.until.text)
                    }
                }
            }
        }
    }
}
