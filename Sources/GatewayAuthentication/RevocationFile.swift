public import GatewayCore
public import Logging
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Revocations in a file, so that they survive the process. The file is replaced as a whole: it is either the old one or the
/// new one, whatever happens meanwhile.
public struct RevocationFile: Sendable {
    private let path: String
    private let logger: Logger

    public init(path: String, logger: Logger) {
        self.path = path
        self.logger = logger
    }

    /// What has been revoked. A file that cannot be understood is no reason to forget: the start fails.
    public func read() throws -> [RevocationList.Entry] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            guard let members = try? ClaimObject(Array(line)), let issuedBefore = members.moment("issued_before"),
                let until = members.moment("until")
            else { throw KeyProblem.unreadable("\(path) is damaged: mend or remove it") }
            let target: RevocationList.Target =
                if let id = members.text("jti") {
                    .token(id)
                } else if let subject = members.text("sub") {
                    .subject(subject)
                } else {
                    .everyone
                }
            return RevocationList.Entry(target, issuedBefore: issuedBefore, until: until)
        }
    }

    /// Writes all of it.
    public func write(_ entries: [RevocationList.Entry]) {
        var text: [UInt8] = []
        for entry in entries {
            text += JSONWriter.object { writer in
                switch entry.target {
                case .token(let id): writer.member("jti", id)
                case .subject(let subject): writer.member("sub", subject)
                case .everyone: writer.member("everyone", true)
                }
                writer.member("issued_before", Double(entry.issuedBefore.milliseconds) / 1000)
                writer.member("until", Double(entry.until.milliseconds) / 1000)
            }
            text.append(UInt8(ascii: "\n"))
        }
        do {
            try Data(text).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            logger.error("revocations not written; they end with this process", metadata: ["reason": "\(error)"])
        }
    }
}
