import GatewayCore
import GatewayServer
import GatewayViability
import Logging
import Synchronization

/// Holds a gateway, puts faults into it, and tells when its audits (S3*) have found each: a counter that lies, and a cursor
/// of a connection that never was. The faults are put in past all interfaces, by what only this package can reach.
///
/// Arguments: `on` or `off` for the audits, their interval in milliseconds, faults of each kind, and for how many intervals
/// each is waited for. One line for each fault: its kind, and after how many milliseconds it was found, or `-`; in the end
/// `false` and the number of differences that were told before there was a fault.
@main
struct AuditFaults {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let interval = Int64(arguments[2]), let faults = Int(arguments[3]),
            let patience = Int64(arguments[4])
        else { fatalError("audit-faults on|off INTERVAL FAULTS PATIENCE") }
        var settings = GatewaySettings()
        settings.hosts = ["127.0.0.1"]
        settings.ports = [.http: 0, .eventStream: 0, .webSocket: 0]
        settings.viability.isAuditOn = arguments[1] == "on"
        settings.viability.interval = .milliseconds(interval)
        settings.viability.auditInterval = .milliseconds(interval)
        let gateway = Gateway(
            settings: settings, logger: Logger(label: "audit-faults", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await gateway.start()

        let found = Found()
        let events = gateway.viability.bus.events(of: .control)
        let following = Task {
            for await case .event(.audit(let findings)) in events { found.note(findings) }
        }
        // Nothing is wrong yet.
        try await Task.sleep(for: .milliseconds(10 * interval))
        let early = found.count
        for number in 0..<faults {
            for kind in [AuditFindings.Kind.admittedConnections, .cursors] {
                // Not in step with the audits.
                try await Task.sleep(for: .milliseconds(Int64.random(in: 0..<interval)))
                found.forget()
                let began = ContinuousClock.now
                switch kind {
                case .admittedConnections: gateway.admission.correct(.webSocket, by: 1)
                default: leak("leaked-\(number)", into: gateway)
                }
                while found.at(kind) == nil, ContinuousClock.now - began < .milliseconds(patience * interval) {
                    try await Task.sleep(for: .milliseconds(1))
                }
                let took = found.at(kind).map { "\(max(1, Int(($0 - began) / .milliseconds(1))))" }
                print(kind.rawValue, took ?? "-")
            }
        }
        print("false", early)
        following.cancel()
        await gateway.stop()
    }

    /// A session gets a cursor of a connection that there is not.
    private static func leak(_ name: String, into gateway: Gateway) {
        let now = Clock.now
        guard let client = ClientID(name), let handle = gateway.directory.findOrBegin(client, now: now) else {
            fatalError("no session for \(name)")
        }
        var wakes = WakeSet(loops: 64)
        let request = Session.AttachRequest(
            connection: ConnectionID(loop: 0, slot: 99_999, generation: 1), transport: .webSocket)
        _ = handle.session.withLock { $0.attach(request, limits: SessionLimits(), now: now, wakes: &wakes) }
    }
}

/// When audits have found what.
private final class Found: Sendable {
    private let times = Mutex<[AuditFindings.Kind: ContinuousClock.Instant]>([:])
    private let total = Mutex(0)

    var count: Int { total.withLock { $0 } }

    func at(_ kind: AuditFindings.Kind) -> ContinuousClock.Instant? { times.withLock { $0[kind] } }

    func note(_ findings: AuditFindings) {
        let now = ContinuousClock.now
        total.withLock { $0 += 1 }
        times.withLock { times in
            for kind in findings.differences.keys where times[kind] == nil { times[kind] = now }
        }
    }

    func forget() { times.withLock { $0 = [:] } }
}
