import Crypto
import GatewayCore
import NIOCore
import WireJSON

/// Messages as nobody between a client and the gateway can read or change them: AES-256-GCM with a key of the client's own.
/// In the requirements' form: `encrypted`, `iv` and `tag` in base64. What they are bound to (docs/security.md) makes a
/// message good in one direction, for one client, in one place.
public struct MessageEncryption: Sendable {
    /// A key that clients' keys are derived from.
    public struct Key: Sendable {
        public let id: String
        let secret: SymmetricKey

        /// - Parameters:
        ///   - id: its name, which messages carry.
        ///   - secret: 32 bytes.
        public init(id: String, secret: [UInt8]) {
            precondition(secret.count == 32, "A key of AES-256 has 32 bytes")
            self.id = id
            self.secret = SymmetricKey(data: secret)
        }

        /// The key of one client (HKDF with SHA-256, RFC 5869).
        func derived(for client: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: secret, salt: Array(MessageEncryption.name.utf8), info: Array(client.utf8),
                outputByteCount: 32)
        }
    }

    enum Direction: String {
        case toClient = "down"
        case toGateway = "up"
    }

    /// The salt of derived keys, and the first line of what messages are bound to.
    static let name = "mcp-gateway message encryption"

    /// The first one encrypts; all of them decrypt, so that keys can be changed while clients still have the old one.
    public let keys: [Key]

    /// - Parameter keys: one or more.
    public init(keys: [Key]) {
        precondition(!keys.isEmpty, "Encryption has a key")
        self.keys = keys
    }

    /// What a message is bound to: texts without line breaks, one a line.
    static func binding(
        _ direction: Direction, client: String, epoch: String, sequence: Int, key: String
    ) -> [UInt8] {
        Array("\(name)\n\(direction.rawValue)\n\(client)\n\(epoch)\n\(sequence)\n\(key)".utf8)
    }
}

/// Encrypts what one connection is sent.
final class MessageSealer {
    private let keyID: String
    private let key: SymmetricKey
    private let client: String

    init(_ encryption: MessageEncryption, client: String) {
        self.client = client
        keyID = encryption.keys[0].id
        key = encryption.keys[0].derived(for: client)
    }

    /// The same message, of which only its place, its topic and its event can be read.
    func seal(_ message: Message, epoch: String, sequence: Int) -> Message {
        let binding = MessageEncryption.binding(
            .toClient, client: client, epoch: epoch, sequence: sequence, key: keyID)
        let text = [UInt8(ascii: "{")] + Array(message.tail.readableBytesView)
        guard let box = try? AES.GCM.seal(text, using: key, authenticating: binding) else {
            preconditionFailure("Fails only for texts of 64 GiB")
        }
        var tail: [UInt8] = Array("\"key_id\":\"\(keyID)\",\"encrypted\":\"".utf8)
        box.ciphertext.withUnsafeBytes { Base64.append($0, to: &tail) }
        tail += Array("\",\"iv\":\"".utf8)
        box.nonce.withUnsafeBytes { Base64.append($0, to: &tail) }
        tail += Array("\",\"tag\":\"".utf8)
        box.tag.withUnsafeBytes { Base64.append($0, to: &tail) }
        tail += Array("\"}".utf8)
        return Message(
            tail: ByteBuffer(bytes: tail), idOffset: 0, idLength: 0, topic: message.topic, event: message.event,
            priority: message.priority, isDurable: message.isDurable, transport: message.transport, key: message.key,
            trace: message.trace, acceptedAt: message.acceptedAt, expiresAt: message.expiresAt)
    }
}

/// An encrypted message of a client, as it came.
struct SealedMessage {
    /// The number that the client has given it, in the present epoch.
    let sequence: Int
    /// Whose it is, where the message itself has to say so.
    let clientID: String?
    private let keyID: String
    private let ciphertext: [UInt8]
    private let nonce: [UInt8]
    private let tag: [UInt8]

    private static let members: [StaticString] = ["encrypted", "iv", "tag", "key_id", "sequence", "client_id"]

    /// Reads one.
    /// - Returns: `nil` if it is not encrypted.
    /// - Throws: if it wants to be and is not whole.
    init?(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        var texts: [String: UnsafeRawBufferPointer] = [:]
        var scanner = JSONScanner(bytes, maxDepth: 2)
        do throws(JSONError) {
            guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return nil }
            repeat {
                let name = try scanner.key()
                let value = try scanner.value()
                for known in Self.members where bytes.isString(name, known) { texts["\(known)"] = bytes[value] }
            } while try scanner.nextMember()
        } catch {
            // Whoever reads it as a message says what is wrong.
            return nil
        }
        guard texts["encrypted"] != nil else { return nil }
        func string(_ name: String) -> String? {
            texts[name].flatMap { $0.first == UInt8(ascii: "\"") ? JSONText.decode($0) : nil }
        }
        func data(_ name: String) -> [UInt8]? { string(name).flatMap { Base64.decode(Array($0.utf8)) } }
        guard let ciphertext = data("encrypted"), let nonce = data("iv"), let tag = data("tag"), tag.count == 16,
            nonce.count == 12 || nonce.count == 16, let keyID = string("key_id"),
            let sequence = texts["sequence"].flatMap({ Int(String(decoding: $0, as: UTF8.self)) }), sequence >= 0
        else { throw .decryptionFailed }
        self.ciphertext = ciphertext
        self.nonce = nonce
        self.tag = tag
        self.keyID = keyID
        self.sequence = sequence
        clientID = string("client_id")
    }

    /// What it says.
    /// - Throws: one and the same for everything that is wrong with it.
    func open(_ encryption: MessageEncryption?, client: String, epoch: String) throws(Problem) -> [UInt8] {
        guard let key = encryption?.keys.first(where: { $0.id == keyID }) else { throw .decryptionFailed }
        let binding = MessageEncryption.binding(
            .toGateway, client: client, epoch: epoch, sequence: sequence, key: keyID)
        guard let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: ciphertext, tag: tag),
            let text = try? AES.GCM.open(box, using: key.derived(for: client), authenticating: binding)
        else { throw .decryptionFailed }
        return Array(text)
    }
}

extension Problem {
    static let decryptionFailed = Problem(422, "decryption_failed", "the message cannot be decrypted")
}

extension Gateway {
    /// An encrypted message of a client; `nil` if it is none.
    func sealedMessage(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> SealedMessage? {
        guard settings.encryption != nil else { return nil }
        do {
            return try SealedMessage(bytes)
        } catch {
            accessGuard.refusals.count(.decryption)
            throw error
        }
    }

    /// What an encrypted message of a client says.
    /// - Parameter isRepeated: whether it has been let in before, and only waited.
    func open(_ sealed: SealedMessage, of handle: SessionHandle, isRepeated: Bool) throws(Problem) -> [UInt8] {
        do throws(Problem) {
            let epoch = handle.session.withLock(\.epoch)
            let text = try sealed.open(
                settings.encryption, client: handle.clientID.text, epoch: epoch.description)
            // Only what is genuine may move the window.
            let isNew = handle.session.withLock { session in
                session.epoch == epoch && (isRepeated || session.sealedMessages.take(sealed.sequence))
            }
            guard isNew else { throw .decryptionFailed }
            return text
        } catch {
            accessGuard.refusals.count(.decryption)
            throw error
        }
    }
}
