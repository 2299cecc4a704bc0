import GatewayCore
import GatewayServer
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The blocklist and the allowlist in a file, one line of JSON for each entry. The file is replaced as a whole: it is either
/// the old one or the new one, whatever happens meanwhile.
struct AccessListFile: Sendable {
    let path: String

    func read() throws -> [AccessList.Entry] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            let entry = Array(line).withUnsafeBytes {
                AccessList.Entry($0, kind: nil, now: Timestamp(milliseconds: 0))
            }
            guard let entry else { throw CommandFailure("\(path) is damaged: mend or remove it", code: 1) }
            return entry
        }
    }

    func write(_ entries: [AccessList.Entry]) {
        var text: [UInt8] = []
        for entry in entries { text += entry.line + [UInt8(ascii: "\n")] }
        do {
            let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data(text).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            Logger(label: "gateway").error(
                "blocklist and allowlist not written; their changes end with this process",
                metadata: ["path": "\(path)", "reason": "\(error)"])
        }
    }
}
