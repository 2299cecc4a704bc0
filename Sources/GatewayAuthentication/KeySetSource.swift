import AsyncHTTPClient
public import GatewayCore
import JWTKit
public import Logging
import NIOCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A JSON Web Key Set (RFC 7517 §5) that is read from a file or fetched from an address, again and again.
public final class KeySetSource: Sendable {
    /// Where the set is.
    public enum Place: Sendable, Equatable {
        case file(String)
        case address(String)
    }

    private let place: Place
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var cache: KeySetCache
        var keys: [VerificationKey] = []
    }

    /// A larger set is no set of keys.
    private static let maxSize = 256 << 10
    private static let maxKeys = 64
    private static let timeout = TimeAmount.seconds(5)

    /// - Parameters:
    ///   - refresh: time between two fetches while nothing happens.
    ///   - pause: time between two fetches at the least.
    ///   - stale: how long a set is used that cannot be fetched again.
    public init(
        _ place: Place, refresh: Instant.Span, pause: Instant.Span, stale: Instant.Span, logger: Logger
    ) {
        self.place = place
        self.logger = logger
        state = Mutex(State(cache: KeySetCache(.init(refresh: refresh, pause: pause, stale: stale))))
    }

    /// The keys of the set, as long as they may be used.
    func keys(now: Instant) -> [VerificationKey] {
        state.withLock { $0.cache.isUsable(now: now) ? $0.keys : [] }
    }

    /// Fetches the set beside whatever goes on, if its time has come.
    func renew(isMissed: Bool, now: Instant, then done: @escaping @Sendable () -> Void) {
        guard state.withLock({ $0.cache.mustFetch(isMissed: isMissed, now: now) }) else { return }
        Task {
            await load { now }
            done()
        }
    }

    func fetch(now: @escaping @Sendable () -> Instant) async {
        guard state.withLock({ $0.cache.mustFetch(isMissed: true, now: now()) }) else { return }
        await load(now)
    }

    private func load(_ now: @escaping @Sendable () -> Instant) async {
        do {
            let keys = try await Self.keys(in: try await read())
            state.withLock { state in
                state.keys = keys
                state.cache.fetched(now: now())
            }
        } catch {
            state.withLock { $0.cache.failed() }
            logger.error("key set not read; the keys in use stay", metadata: ["from": "\(name)", "reason": "\(error)"])
        }
    }

    /// Without user, password and query, which may be secrets.
    private var name: String {
        switch place {
        case .file(let path): return path
        case .address(let address):
            let plain = address.prefix { $0 != "?" && $0 != "#" }
            guard let at = plain.lastIndex(of: "@") else { return String(plain) }
            return String(plain[plain.index(after: at)...])
        }
    }

    private func read() async throws -> [UInt8] {
        switch place {
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw KeyProblem.unreadable("cannot be read")
            }
            return Array(data.prefix(Self.maxSize))
        case .address(let address):
            let request = HTTPClientRequest(url: address)
            let response = try await HTTPClient.shared.execute(request, timeout: Self.timeout)
            guard response.status == .ok else { throw KeyProblem.unreadable("status \(response.status.code)") }
            return Array(buffer: try await response.body.collect(upTo: Self.maxSize))
        }
    }

    /// Every key of the set that can check signatures. Others are passed over: sets carry what they like, shared secrets
    /// (`oct`) among it, which jwt-kit does not take either.
    static func keys(in bytes: [UInt8]) async throws -> [VerificationKey] {
        guard let set = try? ClaimObject(bytes), let elements = set.elements("keys") else {
            throw KeyProblem.unreadable("not a JSON Web Key Set")
        }
        var keys: [VerificationKey] = []
        for element in elements.prefix(maxKeys) {
            guard let members = try? ClaimObject(element), members.text("use") != "enc",
                let key = try? JWK(json: String(decoding: element, as: UTF8.self)),
                let usable = try? await VerificationKey.webKey(key)
            else { continue }
            keys.append(usable)
        }
        guard !keys.isEmpty else { throw KeyProblem.noKeys }
        return keys
    }
}
