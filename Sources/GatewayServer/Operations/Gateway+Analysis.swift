import GatewayCore
import GatewayViability
import WireJSON

/// What connections look like together: how old they are, who behaves oddly, and whether all counts agree.
extension Gateway {
    /// Names that one list has at the most.
    private static let maximumNames = 50

    /// What one event loop's connections are.
    private struct Census: Sendable {
        /// Younger than 1, 6 and 24 hours, and older.
        var ages = InlineArray<4, Int>(repeating: 0)
        var unjoined = 0
        var members = 0
        var streams = 0
        var byClient: [String: Int] = [:]
        var rapid: Set<String> = []

        mutating func add(_ other: Census) {
            for index in ages.indices { ages[index] += other.ages[index] }
            unjoined += other.unjoined
            members += other.members
            streams += other.streams
            byClient.merge(other.byClient, uniquingKeysWith: +)
            rapid.formUnion(other.rapid)
        }
    }

    /// `GET /mcp/admin/analysis`
    public func analysis() async -> [UInt8] {
        let minuteAgo = Instant(nanoseconds: Clock.now.nanoseconds - 60_000_000_000)
        var census = Census()
        let parts = await walk(Census()) { Self.count($0, since: minuteAgo, &$1) }
        for part in parts { census.add(part) }
        // Clients that have just gone again have no connection to be met at.
        directory.forEach { handle in
            if handle.session.withLock({ $0.hasReconnected(Anomaly.Pattern.rapidReconnect.least, since: minuteAgo) }) {
                census.rapid.insert(handle.clientID.text)
            }
        }
        let ports = Set(addresses.values.joined().compactMap(\.port))
        let sockets = KernelSockets(ports: ports)
        let many = Anomaly.Pattern.connectionHoarding.least
        let hoarders = census.byClient.filter { $0.value >= many }.sorted { $0.value > $1.value }
        let found = census
        return JSONWriter.object { writer in
            writer.member("connection_distribution") { ages in
                for (index, name) in ["0-1h", "1-6h", "6-24h", "24h+"].enumerated() {
                    ages.member(name, found.ages[index])
                }
            }
            writer.member("not_joined", found.unjoined)
            writer.key("suspicious_patterns")
            writer.array { list in
                Self.write(Anomaly.Pattern.rapidReconnect, found.rapid.sorted(), to: &list)
                Self.write(Anomaly.Pattern.connectionHoarding, hoarders.map(\.key), to: &list)
            }
            writer.member("counts") { counts in
                counts.member("event_loops", found.members)
                counts.member("streams", found.streams)
                counts.member("admission", admission.openConnections)
                counts.key("kernel")
                if let sockets { counts.value(sockets.established) } else { counts.null() }
                counts.key("kernel_close_wait")
                if let sockets { counts.value(sockets.closeWait) } else { counts.null() }
                counts.key("kernel_send_queue_bytes")
                if let sockets { counts.value(sockets.sendQueueBytes) } else { counts.null() }
            }
            writer.key("leaks")
            writer.array { list in
                for leak in leaks(found.members, sockets) {
                    list.object { item in
                        item.member("leak", leak.name)
                        item.member("count", leak.count)
                        item.member("meaning", leak.meaning)
                    }
                }
            }
        }
    }

    private static func write(_ pattern: Anomaly.Pattern, _ names: [String], to list: inout JSONWriter) {
        guard !names.isEmpty else { return }
        list.object { item in
            item.member("pattern", pattern.rawValue)
            item.member("count", names.count)
            item.key("client_ids")
            item.array { ids in for name in names.prefix(maximumNames) { ids.value(name) } }
        }
    }

    private static func count(_ member: LoopMember, since minuteAgo: Instant, _ census: inout Census) {
        if member.hasChannel { census.members += 1 }
        guard let engine = member.connection else { return }
        census.streams += 1
        guard let handle = engine.handle else {
            census.unjoined += 1
            return
        }
        let hours = (engine.loop.now - engine.attachedAt).seconds / 3600
        census.ages[hours < 1 ? 0 : hours < 6 ? 1 : hours < 24 ? 2 : 3] += 1
        guard handle !== engine.gateway.operations.handle else { return }
        // Most clients have one connection; only the others can hoard.
        guard handle.session.withLock(\.connectionCount) >= Anomaly.Pattern.connectionHoarding.least else { return }
        census.byClient[handle.clientID.text, default: 0] += 1
    }

    /// Counts that should agree and do not. They are taken one after the other while connections come and go, so that a
    /// small difference says nothing.
    private func leaks(_ members: Int, _ sockets: KernelSockets?) -> [(name: String, count: Int, meaning: String)] {
        var leaks: [(String, Int, String)] = []
        let open = admission.openConnections
        let tolerance = max(20, members / 50)
        if let sockets {
            let difference = sockets.established + sockets.closeWait - members
            if difference > tolerance {
                leaks.append(
                    ("sockets_without_connection", difference, "the kernel has more connections than the event loops"))
            }
            if sockets.closeWait > tolerance {
                leaks.append(
                    (
                        "close_wait", sockets.closeWait,
                        "the peers have closed; listen.close_timeout ends these, unless nothing is read from them"
                    ))
            }
        }
        if abs(open - members) > tolerance {
            leaks.append(
                ("admission_count", open - members, "more or fewer connections are counted than there are"))
        }
        return leaks
    }
}
