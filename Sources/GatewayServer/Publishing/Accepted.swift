import GatewayCore
import WireJSON

/// A client's message that was taken.
enum Accepted {
    /// It went where it belongs; `operation` is its place in the log of operations, if it went there.
    case new(Message, operation: EventID?)
    /// Its sender had given the same id before.
    case repeated(id: String, operation: EventID?)
    /// Its sender had given the same id before a crash, and got this answer.
    case recalled([UInt8])

    /// The answer: `{id, operation_id}`. What went to other clients is its own operation.
    var json: [UInt8] {
        switch self {
        case .new(let message, let operation): Self.json(message.id, operation)
        case .repeated(let id, let operation): Self.json(id, operation)
        case .recalled(let body): body
        }
    }

    static func json(_ id: String, _ operation: EventID?) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("id", id)
            writer.member("operation_id", operation?.description ?? id)
        }
    }
}
