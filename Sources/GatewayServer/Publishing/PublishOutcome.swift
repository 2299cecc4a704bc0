import GatewayCore
import WireJSON

/// Who received a message.
struct PublishOutcome: Equatable, Sendable {
    struct Recipient: Equatable, Sendable {
        enum Fate: Equatable, Sendable {
            case delivered(sequence: Int, by: Transport)
            case queued(sequence: Int)
            case refused(String)
        }

        let clientID: ClientID
        let fate: Fate
    }

    let id: String
    var delivered = 0
    var queued = 0
    /// The first recipients, at most `maxResults`.
    var results: [Recipient] = []

    static let maxResults = 100

    init(_ message: Message) { id = message.id }

    mutating func add(_ clientID: ClientID, _ result: Session.AppendResult) {
        let fate: Recipient.Fate
        switch result {
        case .delivered(let sequence, let transport):
            delivered += 1
            fate = .delivered(sequence: sequence, by: transport)
        case .queued(let sequence):
            queued += 1
            fate = .queued(sequence: sequence)
        case .full:
            fate = .refused("queue_full")
        }
        if results.count < Self.maxResults { results.append(Recipient(clientID: clientID, fate: fate)) }
    }

    mutating func refuse(_ clientID: ClientID, _ reason: String) {
        if results.count < Self.maxResults { results.append(Recipient(clientID: clientID, fate: .refused(reason))) }
    }

    /// The answer of `POST /mcp/messages` (contract §7).
    var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("id", id)
            writer.member("delivered", delivered)
            writer.member("queued", queued)
            writer.key("results")
            writer.array { writer in
                for recipient in results {
                    writer.object { writer in
                        writer.member("client_id", recipient.clientID.text)
                        switch recipient.fate {
                        case .delivered(let sequence, let transport):
                            writer.member("sequence", sequence)
                            writer.member("transport", transport.name)
                        case .queued(let sequence):
                            writer.member("sequence", sequence)
                            writer.member("transport", "queued")
                        case .refused(let reason):
                            writer.member("error", reason)
                        }
                    }
                }
            }
        }
    }
}
