import GatewayCore
import NIOCore
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A certificate that cannot be used, in words for the operator.
public struct CertificateError: Error, CustomStringConvertible {
    public let service: GatewaySettings.Service
    public let cause: String

    public var description: String { "TLS of \(service.rawValue) cannot start: \(cause)" }
}

/// What a listener proves itself with. The files behind it may be replaced at any time: connections that begin
/// afterwards get the new certificate, those that exist go on.
final class TLSIdentity: Sendable {
    let service: GatewaySettings.Service
    private let settings: TLSSettings
    private let state: Mutex<State>

    private struct State {
        var context: NIOSSLContext
        /// The files as they were when they were last read, whatever came of it.
        var stamps: [FileStamp]
    }

    /// What became of a reload.
    enum Reload: Equatable {
        case unchanged
        case renewed
        /// The files cannot be used; what was there before stays.
        case refused(String)
    }

    /// - Throws: `CertificateError` if the files cannot be used.
    init(_ service: GatewaySettings.Service, _ settings: TLSSettings) throws(CertificateError) {
        self.service = service
        self.settings = settings
        let stamps = Self.stamps(settings)
        do {
            state = Mutex(State(context: try Self.load(settings, for: service), stamps: stamps))
        } catch {
            throw CertificateError(service: service, cause: error.text)
        }
    }

    /// What a connection that begins now encrypts with.
    var context: NIOSSLContext { state.withLock(\.context) }

    /// Reads the files again if they have changed.
    /// - Parameter isForced: whether they are read in any case.
    func reload(isForced: Bool) -> Reload {
        // Taken before the files are read: what changes meanwhile shows the next time.
        let stamps = Self.stamps(settings)
        let isChanged = state.withLock { state in
            defer { state.stamps = stamps }
            return state.stamps != stamps
        }
        guard isChanged || isForced else { return .unchanged }
        do {
            let context = try Self.load(settings, for: service)
            state.withLock { $0.context = context }
            return .renewed
        } catch {
            return .refused(error.text)
        }
    }

    // MARK: - Files

    private struct LoadError: Error {
        let text: String
    }

    private static func load(
        _ settings: TLSSettings, for service: GatewaySettings.Service
    ) throws(LoadError) -> NIOSSLContext {
        let chain = try certificates(settings.certificate)
        let key = try read(settings.key, as: "a private key in PEM form") {
            try NIOSSLPrivateKey(file: settings.key, format: .pem)
        }
        let now = time(nil)
        if let leaf = chain.first, leaf.notValidAfter < now {
            throw LoadError(text: "\(settings.certificate): the certificate has expired")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = settings.minimumVersion == .v13 ? .tlsv13 : .tlsv12
        // A WebSocket over HTTP/2 is another protocol (RFC 8441); the port for them offers what they need.
        let offersHTTP2 = settings.http2 && service != .webSocket
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        if settings.clientCertificate != .none {
            guard let file = settings.clientCA else { throw LoadError(text: "client_ca is not set") }
            configuration.trustRoots = .certificates(try certificates(file))
            configuration.certificateVerification =
                settings.clientCertificate == .require ? .noHostnameVerification : .optionalVerification
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw LoadError(
                text: "\(settings.certificate) and \(settings.key) do not belong together, or cannot be used: \(error)")
        }
    }

    private static func certificates(_ path: String) throws(LoadError) -> [NIOSSLCertificate] {
        let list = try read(path, as: "certificates in PEM form") { try NIOSSLCertificate.fromPEMFile(path) }
        guard !list.isEmpty else { throw LoadError(text: "\(path): no certificate in it") }
        return list
    }

    private static func read<Content>(
        _ path: String, as form: String, _ body: () throws -> Content
    ) throws(LoadError) -> Content {
        guard access(path, R_OK) == 0 else {
            throw LoadError(text: "\(path): \(String(cString: strerror(errno)))")
        }
        do {
            return try body()
        } catch {
            throw LoadError(text: "\(path): expected \(form)")
        }
    }

    /// What tells one content of a file from the next, without reading it.
    private struct FileStamp: Equatable {
        var inode: UInt64 = 0
        var size: Int64 = 0
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0

        init(_ path: String) {
            var information = stat()
            guard stat(path, &information) == 0 else { return }
            inode = UInt64(information.st_ino)
            size = Int64(information.st_size)
            #if canImport(Darwin)
                seconds = Int64(information.st_mtimespec.tv_sec)
                nanoseconds = Int64(information.st_mtimespec.tv_nsec)
            #else
                seconds = Int64(information.st_mtim.tv_sec)
                nanoseconds = Int64(information.st_mtim.tv_nsec)
            #endif
        }
    }

    private static func stamps(_ settings: TLSSettings) -> [FileStamp] {
        [settings.certificate, settings.key, settings.clientCA].compactMap { $0.map(FileStamp.init) }
    }
}
