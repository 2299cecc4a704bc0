import GatewayConfiguration
import GatewayCore
import GatewayServer
import WireJSON

extension ProtectionSettings {
    init(_ configuration: GatewayConfiguration) {
        self.init()
        let rates = configuration.rateLimiting.more
        func limit(_ rate: Int, burst: Int? = nil) -> RateLimit? {
            rate > 0 ? RateLimit(rate: Double(rate), burst: burst ?? rate) : nil
        }
        // Charged by the KiB; one message of the largest size always fits.
        let largest = (configuration.transports.webSocket.maxMessageSize + 1023) / 1024
        func bytes(_ rate: Int) -> RateLimit? {
            rate > 0 ? RateLimit(rate: Double(rate) / 1024, burst: max(rate / 1024, largest)) : nil
        }
        tiers = ["trial": limit(rates.trial), "premium": limit(rates.premium)].compactMapValues { $0 }
        tiers["standard"] = RateLimit(
            rate: configuration.rateLimiting.refillRate, burst: configuration.rateLimiting.defaultLimit)
        clientBytes = bytes(rates.bytes)
        clientJoins = limit(rates.joins, burst: rates.joinBurst)
        connectionEvents = limit(rates.events)
        addressMessages = limit(rates.addressMessages)
        addressBytes = bytes(rates.addressBytes)
        addressJoins = limit(rates.addressJoins, burst: rates.addressJoins * 10)
        failedLogins =
            rates.failedLogins > 0 ? RateLimit(rate: Double(rates.failedLogins) / 60, burst: rates.failedLogins) : nil
        nodeMessages = limit(rates.node)
        maxAddresses = rates.maxAddresses

        let access = configuration.security.access
        behavior.threshold = access.suspiciousThreshold
        behavior.decayPerMinute = access.decayPerMinute
        behavior.failedLogin = access.failedLogin
        behavior.protocolError = access.protocolError
        behavior.rapidReconnect = access.rapidReconnect
        behavior.rateHit = access.rateHit
        unnoticedConnections = RateLimit(rate: access.reconnectRate, burst: access.reconnectBurst)
        maxListEntries = access.maxListEntries
        allowlistOnly = access.allowlistOnly
        maxAuditEntries = access.auditEntries
    }

    /// Keeps the lists and the actions of administrators in files.
    /// - Throws: if the lists cannot be understood; to forget them would let in who is not wanted.
    mutating func keep(_ configuration: GatewayConfiguration) throws {
        let access = configuration.security.access
        if let path = access.listFile ?? configuration.storage.neighbor("access-list.jsonl") {
            let file = AccessListFile(path: path)
            listEntries = try file.read()
            saveListEntries = { file.write($0) }
        }
        if let path = access.auditLog {
            let file = AuditLogFile(path: path, maxSize: access.auditLogSize)
            saveAuditEntry = { file.append($0) }
        }
    }
}

extension GatewayConfiguration.Storage {
    /// The path of a file beside the database; `nil` if there is none.
    fileprivate func neighbor(_ name: String) -> String? {
        guard engine == .sqlite else { return nil }
        guard let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }
}

extension MessageEncryption {
    /// - Parameter keys: in the form of the configuration, which has been checked.
    init?(_ keys: [String]) {
        guard !keys.isEmpty else { return nil }
        self.init(
            keys: keys.map { text in
                let parts = text.split(separator: ":")
                guard parts.count == 2, let secret = Base64.decode(Array(parts[1].utf8)) else {
                    preconditionFailure("The configuration takes only keys of this form")
                }
                return Key(id: String(parts[0]), secret: secret)
            })
    }
}

extension ValidationSettings {
    init(_ configuration: GatewayConfiguration.Validation) {
        self.init()
        maxKeys = configuration.maxKeys
        maxKeyLength = configuration.maxKeyLength
        maxStringLength = configuration.maxStringLength
        allowsDuplicateKeys = configuration.duplicateKeys == .allow
        switch configuration.threats {
        case .off: threats = .off
        case .monitor: threats = .monitor
        case .block: threats = .block
        }
    }
}
