import GatewayCore
import ModelContextProtocol
import NIOCore

/// Asks the replicas of one server now and then whether they answer: those in use at the configured interval, so that a
/// dead one is known before a client meets it, and those whose breaker is open more often, so that they come back soon.
/// It keeps no session and moves no client. One event loop does it for all.
final class HealthCheck {
    fileprivate unowned let server: UpstreamServer
    private var due: [Instant]
    private var waits: [Int]
    private var underWay: [Probe?]

    private static let backoff = Backoff(initial: .milliseconds(250), limit: .seconds(10))

    init(_ server: UpstreamServer) {
        self.server = server
        due = server.origins.map { _ in .zero }
        waits = server.origins.map { _ in 0 }
        underWay = server.origins.map { _ in nil }
    }

    func tend(now: Instant) {
        guard let replicas = server.replicas else { return }
        for probe in underWay { probe?.tend(now: now) }
        for replica in due.indices where underWay[replica] == nil && due[replica] <= now {
            // Alone and in use, calls say the same.
            guard replicas.count > 1 || !replicas.isFit(replica, now: now) else {
                waits[replica] = 0
                continue
            }
            let probe = Probe(self, replica, until: now + server.hub.settings.startTimeout)
            underWay[replica] = probe
            server.origins[replica].send(request(probe))
        }
    }

    private func request(_ probe: Probe) -> HTTPOutboundRequest {
        // Any server answers this in its way; 404 and 400 are signs of life as well.
        HTTPOutboundRequest(
            method: .post, fields: server.discoverFields, body: server.discoverBody(number: server.hub.nextNumber()),
            isLong: true, receiver: probe)
    }

    fileprivate func answered(_ replica: Int, isHealthy: Bool) {
        guard underWay[replica] != nil, let replicas = server.replicas else { return }
        underWay[replica] = nil
        let now = server.hub.now
        if isHealthy {
            waits[replica] = 0
            due[replica] = now + server.hub.settings.healthCheckInterval
            replicas.recovered(replica, now: now)
        } else {
            var generator = SystemRandomNumberGenerator()
            due[replica] = now + Self.backoff.delay(attempt: waits[replica], random: generator.next())
            waits[replica] += 1
            // Three in a row open the breaker, as those of calls do.
            if replicas.isFit(replica, now: now),
                case .admitted(let permit) = replicas.admit(replica, isFirst: false, now: now)
            {
                replicas.failed(replica, permit, now: now)
            }
        }
    }

    /// One question.
    private final class Probe: HTTPReceiver {
        private weak var check: HealthCheck?
        private let replica: Int
        private let deadline: Instant
        private var isOver = false

        init(_ check: HealthCheck, _ replica: Int, until deadline: Instant) {
            self.check = check
            self.replica = replica
            self.deadline = deadline
        }

        func tend(now: Instant) {
            guard now > deadline else { return }
            cut()
            over(isHealthy: false)
        }

        override func responseBegan(_ head: HTTPResponseReader.Head, on connection: HTTPConnection) {
            // Its first line says enough.
            check?.server.hub.readClock()
            over(isHealthy: head.status < 500)
            connection.close()
        }

        override func responseFailed(_ reason: String, wasSent: Bool) { over(isHealthy: false) }

        private func over(isHealthy: Bool) {
            guard !isOver else { return }
            isOver = true
            check?.answered(replica, isHealthy: isHealthy)
        }
    }
}
