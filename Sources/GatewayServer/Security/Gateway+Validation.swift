import GatewayCore
import Synchronization
import WireJSON

extension Gateway {
    /// Looks at what a client wants to send, beyond what makes it a message at all.
    /// - Throws: what the client is told if it is refused.
    func validate(_ request: PublishRequest) throws(Problem) {
        guard let data = request.data, request.binary == nil else { return }
        let settings = settings.validation
        var inspector = MessageInspector(
            UnsafeRawBufferPointer(rebasing: request.bytes[data.offset..<data.end]), settings)
        if let finding = inspector.inspect(maxDepth: self.settings.maxJSONDepth) {
            accessGuard.refusals.count(.malformedMessage)
            switch finding {
            case .tooManyKeys: throw .invalidMessage("data may have \(settings.maxKeys) keys (validation.max_keys)")
            case .keyTooLong:
                throw .invalidMessage("a key may have \(settings.maxKeyLength) bytes (validation.max_key_length)")
            case .stringTooLong:
                throw .invalidMessage(
                    "a string may have \(settings.maxStringLength) bytes (validation.max_string_length)")
            case .duplicateKey: throw .invalidMessage("an object has a key twice (validation.duplicate_keys)")
            }
        }
        if !settings.schemas.isEmpty, let schema = settings.schemas[JSONText.decode(request.typeText)],
            let difference = schema.violation(
                in: UnsafeRawBufferPointer(rebasing: request.bytes[data.offset..<data.end]),
                maxDepth: self.settings.maxJSONDepth)
        {
            accessGuard.refusals.count(.schema)
            throw .invalidMessage("data\(difference.path): \(difference.reason) (validation.schemas)")
        }
        guard let threat = inspector.threat else { return }
        threats.count(threat)
        guard settings.threats == .block else { return }
        throw .invalidMessage("potential_injection")
    }
}

/// Counts what looked like an attack.
final class ThreatCounters: Sendable {
    private let counts = Mutex([Threat: Int]())

    func count(_ threat: Threat) { counts.withLock { $0[threat, default: 0] += 1 } }

    func write(to text: inout MetricsText) {
        let all = counts.withLock { $0 }
        text.begin("mcp_gateway_threats_total", .counter, "Messages with a text that looks like an attack on pages.")
        for threat in Threat.allCases { text.add(all[threat] ?? 0, ["pattern": threat.rawValue]) }
    }
}
