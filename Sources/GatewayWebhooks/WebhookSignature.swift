import Crypto
import WireJSON

/// Signs calls as Standard Webhooks does: the header `webhook-signature` has `v1,` and the base64 form of the HMAC-SHA256
/// of `<webhook-id>.<webhook-timestamp>.<body>`.
struct WebhookSignature: Sendable {
    private let key: SymmetricKey

    /// - Parameter secret: any text, or `whsec_` and the base64 form of the key.
    init(secret: String) {
        let prefix = "whsec_"
        let encoded = secret.hasPrefix(prefix) ? Base64.decode(Array(secret.dropFirst(prefix.count).utf8)) : nil
        key = SymmetricKey(data: encoded ?? Array(secret.utf8))
    }

    /// The value of `webhook-signature`.
    func sign(id: String, timestamp: Int64, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Array("\(id).\(timestamp).".utf8))
        code.update(data: body)
        var text: [UInt8] = []
        Array(code.finalize()).withUnsafeBytes { Base64.append($0, to: &text) }
        return "v1," + String(decoding: text, as: UTF8.self)
    }
}
