import GatewayCore
import Logging
import Synchronization

/// What can change while the gateway serves.
extension Gateway {
    /// Takes over the settings that can change: bounds of admission, the pace of handshakes and of the drain, and what is
    /// logged. Connections that are open stay, whatever the bounds say now.
    public func apply(_ new: GatewaySettings) {
        admission.apply(new)
        drainSettings.withLock { $0 = new.drain }
        if let version = viability.reload(new.viability.policy) {
            holdRules()
            logger.notice("policy changed", metadata: ["version": "\(version)"])
        }
        watching.store(Watching(new).rawValue, ordering: .relaxed)
    }

    /// What somebody wants to see of every connection or message, in one byte that is read on the hot path.
    struct Watching: OptionSet, Sendable {
        let rawValue: UInt8

        static let connections = Watching(rawValue: 1)
        static let messages = Watching(rawValue: 2)
        static let routing = Watching(rawValue: 4)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(_ settings: GatewaySettings) {
            self = []
            if settings.logConnections { insert(.connections) }
            if settings.logMessages { insert(.messages) }
            if settings.traceRouting { insert(.routing) }
        }
    }

    var watched: Watching { Watching(rawValue: watching.load(ordering: .relaxed)) }

    // MARK: - Requests

    /// What whoever runs the gateway does when somebody asks for it by the API.
    public struct Requests: Sendable {
        /// Ends the gateway as SIGTERM does.
        public var drain: @Sendable () -> Void
        /// Reads the configuration again as SIGHUP does.
        /// - Returns: JSON text that says what has come of it.
        public var reload: @Sendable () async -> [UInt8]

        public init(drain: @escaping @Sendable () -> Void, reload: @escaping @Sendable () async -> [UInt8]) {
            self.drain = drain
            self.reload = reload
        }
    }

    /// Says what to do when the API is asked to drain or to reload.
    public func onRequests(_ requests: Requests) { self.requests.withLock { $0 = requests } }

    /// What to do then; `nil` if nobody has said it, as in a program that embeds the gateway.
    public var requestsByAPI: Requests? { requests.withLock { $0 } }
}
