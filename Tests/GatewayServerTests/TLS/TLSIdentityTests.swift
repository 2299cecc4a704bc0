import Foundation
import Testing

@testable import GatewayServer

struct TLSIdentityTests {
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    private var settings: TLSSettings {
        TLSSettings(
            certificate: directory.appendingPathComponent("certificate.pem").path,
            key: directory.appendingPathComponent("key.pem").path)
    }

    private func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(name), options: .atomic)
    }

    private func write(_ pair: (certificate: String, key: String)) throws {
        try write(pair.certificate, "certificate.pem")
        try write(pair.key, "key.pem")
    }

    private func cause(_ settings: TLSSettings) -> String? {
        do {
            _ = try TLSIdentity(.http, settings)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `files are read again only when they have changed, or when told to`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(Self.first)
        let identity = try TLSIdentity(.http, settings)
        let before = identity.context
        #expect(identity.reload(isForced: false) == .unchanged)
        #expect(identity.context === before)
        #expect(identity.reload(isForced: true) == .renewed)
        #expect(identity.context !== before)
        try write(Self.second)
        #expect(identity.reload(isForced: false) == .renewed)
        #expect(identity.reload(isForced: false) == .unchanged)
    }

    @Test func `a certificate without its key is refused, and what was there stays`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(Self.first)
        let identity = try TLSIdentity(.http, settings)
        let before = identity.context
        try write(Self.second.certificate, "certificate.pem")
        guard case .refused(let cause) = identity.reload(isForced: false) else {
            Issue.record("a certificate went with another one's key")
            return
        }
        #expect(cause.contains("do not belong together"))
        #expect(identity.context === before)
        // It is said once, until something changes again.
        #expect(identity.reload(isForced: false) == .unchanged)
        try write(Self.second.key, "key.pem")
        #expect(identity.reload(isForced: false) == .renewed)
        #expect(identity.context !== before)
    }

    @Test func `what is wrong with a file is said with its name`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        #expect(cause(settings)?.contains("certificate.pem: No such file") == true)
        try write(Self.first.certificate, "certificate.pem")
        #expect(cause(settings)?.contains("key.pem: No such file") == true)
        try write("nonsense", "key.pem")
        #expect(cause(settings)?.contains("key.pem: expected a private key in PEM form") == true)
        try write(Self.first.key, "key.pem")
        #expect(cause(settings) == nil)
        try write("", "certificate.pem")
        #expect(cause(settings)?.contains("certificate.pem: ") == true)
        try write(Self.first.certificate, "certificate.pem")
        var demanding = settings
        demanding.clientCertificate = .require
        #expect(cause(demanding)?.contains("client_ca is not set") == true)
        demanding.clientCA = directory.appendingPathComponent("nowhere.pem").path
        #expect(cause(demanding)?.contains("nowhere.pem: No such file") == true)
        demanding.clientCA = demanding.certificate
        #expect(cause(demanding) == nil)
    }

    // Certificates of a hundred years, made for these tests; they guard nothing.
    private static let first = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIBdzCCAR2gAwIBAgIUaITe4LFJf4N8V02GbNP3MVgyi/swCgYIKoZIzj0EAwIw
        EDEOMAwGA1UEAwwFZmlyc3QwIBcNMjYxMTIyMjMwOTM5WhgPMjEyNjEwMjkyMzA5
        MzlaMBAxDjAMBgNVBAMMBWZpcnN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
        T7nGLkVTW+Bu2OYns56IWvDwJqKvexwQC75FYiv6rlqT4Zzj0Io7ab3yQjVlGihQ
        zcT5ARNgMkrvVLxcnV7DFKNTMFEwHQYDVR0OBBYEFLsJavdgqMnxrOqSAg83Tq1s
        5GkSMB8GA1UdIwQYMBaAFLsJavdgqMnxrOqSAg83Tq1s5GkSMA8GA1UdEwEB/wQF
        MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAO+5Yg+HBipRk3gn/Rxg+UIujZszcyst
        by6xxqgtfQ8TAiBKb9iHMMHJRLxszGjDgZv3BILDLmJqDTLuEIy4UfmHbw==
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgakdE4i3pjtpXXPQf
        Wdi15bNeBBO2DGjQtnxf03TOAFyhRANCAARPucYuRVNb4G7Y5ieznoha8PAmoq97
        HBALvkViK/quWpPhnOPQijtpvfJCNWUaKFDNxPkBE2AySu9UvFydXsMU
        -----END PRIVATE KEY-----
        """
    )
    private static let second = (
        certificate: """
        -----BEGIN CERTIFICATE-----
        MIIBeTCCAR+gAwIBAgIUccRHb9QmpIqXKpz5MZjrP9iaNIswCgYIKoZIzj0EAwIw
        ETEPMA0GA1UEAwwGc2Vjb25kMCAXDTI2MTEyMjIzMDkzOVoYDzIxMjYxMDI5MjMw
        OTM5WjARMQ8wDQYDVQQDDAZzZWNvbmQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
        AATYsAOEAz/0YvaqBqGkSgxjrG2Km1C1VkzVsg4IIfodw4kkVFQjhhg+0SoFyqpE
        wa79x99HBjYEqN2RWK0mn07Po1MwUTAdBgNVHQ4EFgQU5Au4uzvkS+cxp/c+OfPF
        F+bAYJMwHwYDVR0jBBgwFoAU5Au4uzvkS+cxp/c+OfPFF+bAYJMwDwYDVR0TAQH/
        BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB2qa1eWtrcyH9wWHCxLrX72TIypfTY
        +poC41hrDMEIegIhANINYotCE/1/A4w4jURNil4mlYLn8LnDuFyiV/yd+HrX
        -----END CERTIFICATE-----
        """,
        key: """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnIqUXdmwM88uTzOZ
        a5lMUSrN6BaJpebkX21Rtu5MOG2hRANCAATYsAOEAz/0YvaqBqGkSgxjrG2Km1C1
        VkzVsg4IIfodw4kkVFQjhhg+0SoFyqpEwa79x99HBjYEqN2RWK0mn07P
        -----END PRIVATE KEY-----
        """
    )
}
