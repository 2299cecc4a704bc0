import GatewayConfiguration

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What admin paths want to see: the configured token, or one that is made once and kept beside the database.
struct AdminToken: Sendable {
    let text: String
    private let origin: Origin

    private enum Origin: Equatable {
        case configured
        case file(String)
        /// It ends with the process: nothing is kept.
        case process
    }

    init(_ configuration: GatewayConfiguration) throws(CommandFailure) {
        if let token = configuration.security.adminToken {
            text = token
            origin = .configured
            return
        }
        guard configuration.storage.engine != .memory else {
            text = Self.random()
            origin = .process
            return
        }
        let path = Self.path(configuration)
        if let kept = Self.read(path) {
            text = kept
        } else {
            text = Self.random()
            try Self.keep(text, at: path)
        }
        origin = .file(path)
    }

    /// The token that a gateway with this configuration wants, as far as that can be known from here.
    static func known(_ configuration: GatewayConfiguration) -> String? {
        configuration.security.adminToken ?? read(path(configuration))
    }

    /// What the address of the dashboard ends with, so that it opens for its operator. The token is shown on terminals
    /// only: logs are read by others.
    var link: String {
        if Terminal.isStandardError, origin != .configured { return "?token=\(text)" }
        switch origin {
        case .configured: return "   (?token=… with security.admin_token)"
        case .file(let path): return "   (?token=… with what \(path) has)"
        case .process: return ""
        }
    }

    private static func path(_ configuration: GatewayConfiguration) -> String {
        let database = configuration.storage.path
        guard let slash = database.lastIndex(of: "/") else { return "admin-token" }
        return database[...slash] + "admin-token"
    }

    private static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }
        return text.utf8.count >= 16 ? text : nil
    }

    private static func keep(_ token: String, at path: String) throws(CommandFailure) {
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try? FileManager.default.createDirectory(
                atPath: String(path[..<slash]), withIntermediateDirectories: true)
        }
        // Nobody else may read it, from the first moment on.
        let isKept = FileManager.default.createFile(
            atPath: path, contents: Data((token + "\n").utf8), attributes: [.posixPermissions: 0o600])
        guard isKept else {
            throw CommandFailure("\(path): the admin token cannot be kept there; set security.admin_token", code: 1)
        }
    }

    private static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz")
        return String((0..<32).map { _ in digits[Int.random(in: 0..<digits.count, using: &generator)] })
    }
}
