import DequeModule
import GatewayCore
import Logging
import NIOCore
import Synchronization
import WireJSON

/// What administrators did: who from where, what, and what came of it. The last actions are remembered, all are logged.
final class AuditLog: Sendable {
    private let limit: Int
    private let save: (@Sendable ([UInt8]) -> Void)?
    private let logger: Logger
    private let lines = Mutex(Deque<[UInt8]>())

    /// Of a request's body so much is kept: enough for every request there is.
    private static let maxBody = 1024

    init(_ settings: ProtectionSettings, logger: Logger) {
        limit = settings.maxAuditEntries
        save = settings.saveAuditEntry
        self.logger = logger
    }

    var entries: [[UInt8]] { lines.withLock { Array($0) } }

    func note(_ request: APIRequest, status: Int) {
        // Whoever is not an administrator has done nothing here, and does not fill the log.
        guard status != 401, status != 403 else { return }
        // What stands behind the path may be a token.
        let path = String(request.head.uri.prefix { $0 != "?" })
        let address = request.remoteAddress?.ipAddress
        let body = String(decoding: request.body.readableBytesView.prefix(Self.maxBody), as: UTF8.self)
        let line = JSONWriter.object { writer in
            writer.member("at", Clock.wall.text)
            writer.member("address", address)
            writer.member("method", request.head.method.rawValue)
            writer.member("path", path)
            writer.member("body", body)
            writer.member("status", status)
        }
        lines.withLock { lines in
            if lines.count >= limit, !lines.isEmpty { lines.removeFirst() }
            if limit > 0 { lines.append(line) }
        }
        logger.notice(
            "administrator",
            metadata: [
                "method": "\(request.head.method)", "path": "\(path)", "address": "\(address ?? "-")",
                "status": "\(status)",
            ])
        save?(line)
    }
}
