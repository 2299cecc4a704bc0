import GatewayConfiguration
import GatewayCore
import Logging
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Writes log records to standard error: a line of text for people, a line of JSON for programs.
struct GatewayLogHandler: LogHandler {
    let label: String
    /// A level of this logger's own, in place of the process's.
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    private let isJSON: Bool

    init(label: String, isJSON: Bool) {
        self.label = label
        self.isJSON = isJSON
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? LogLevel.shared.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)).text
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        if isJSON {
            let line = JSONWriter.object { writer in
                writer.member("time", time)
                writer.member("level", event.level.rawValue)
                writer.member("logger", label)
                writer.member("message", "\(event.message)")
                for (key, value) in fields { writer.member(key, "\(value)") }
            }
            Output.error(String(decoding: line, as: UTF8.self))
        } else {
            let tail = fields.map { " \($0.key)=\($0.value)" }.joined()
            Output.error("\(time) \(event.level.rawValue) \(event.message)\(tail)")
        }
    }
}

extension Logger.Level {
    init(_ configuration: GatewayConfiguration) {
        self =
            switch configuration.log.level {
            case .trace: .trace
            case .debug: .debug
            case .info: configuration.debug ? .debug : .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
    }
}
