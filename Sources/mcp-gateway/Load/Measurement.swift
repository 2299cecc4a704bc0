import GatewayLoad

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Measures what connections and messages cost on this machine.
struct Measurement {
    /// Connections of each kind, bytes of text, and seconds of messages.
    let connections: Int
    let payload: Int
    let seconds: Double
    let say: (String) -> Void

    func run() async throws -> MachineFigures {
        let (sockets, base) = try await transport(.phoenix)
        let (streams, _) = try await transport(.sse)
        say("messages that clients send")
        return MachineFigures(
            base: base, webSocket: sockets, stream: streams, message: try await message(), payload: payload,
            cores: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            memory: Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE))))
    }

    private func plan(_ dialect: LoadPlan.Dialect, _ gateway: MeasuredGateway, path: String) -> LoadPlan {
        let parts = gateway.authority.split(separator: ":")
        var place = LoadPlan.Place(
            isSecure: false, host: String(parts.first ?? ""), port: parts.last.flatMap { Int($0) } ?? 0,
            authority: gateway.authority, path: path)
        var plan = LoadPlan(dialect: dialect, place: place, run: "plan")
        plan.connections = connections
        plan.ramp = Double(connections) / 1000
        plan.duration = seconds
        plan.payload = payload
        place.path = "/mcp/messages"
        plan.publishing = place
        // About ten thousand deliveries a second, whatever the number of connections.
        plan.rate = max(1, 10_000 / Double(connections))
        return plan
    }

    /// One transport: idle connections first, then messages that all of them receive.
    private func transport(_ dialect: LoadPlan.Dialect) async throws -> (MachineFigures.Transport, base: Double) {
        let gateway = try MeasuredGateway()
        defer { gateway.stop() }
        let path = dialect == .sse ? "/mcp/sse" : "/mcp/ws/websocket"
        say("\(connections) connections by \(dialect == .sse ? "event stream" : "WebSocket")")
        // Whatever is made once is made by the first.
        var first = plan(dialect, gateway, path: path)
        first.connections = 10
        first.ramp = 0
        first.duration = 0.5
        _ = try await run(first)
        let before = try await gateway.usage()
        var opened = before
        var finished = before
        let report = try await run(plan(dialect, gateway, path: path)) {
            opened = try await gateway.usage()
        } finished: {
            finished = try await gateway.usage()
        }
        guard report.figures.opened == connections, report.figures.received > 0 else {
            throw CommandFailure("the measurement failed:\n\(report.text())", code: 1)
        }
        let (count, received) = (Double(connections), Double(report.figures.received))
        return (
            MachineFigures.Transport(
                memory: max(0, opened.memory - before.memory) / count,
                opening: (opened.processor - before.processor) * 1e6 / count,
                delivery: (finished.processor - opened.processor) * 1e6 / received,
                overhead: max(0, Double(report.figures.bytesReceived) / received - Double(payload))),
            before.memory
        )
    }

    private func message() async throws -> Double {
        let gateway = try MeasuredGateway()
        defer { gateway.stop() }
        var plan = plan(.phoenix, gateway, path: "/mcp/ws/websocket")
        plan.publishing = nil
        plan.connections = 100
        plan.ramp = 0.2
        // As many as clients may send without being slowed down.
        plan.rate = 2000
        var (opened, finished) = (try await gateway.usage(), try await gateway.usage())
        let report = try await run(plan) {
            opened = try await gateway.usage()
        } finished: {
            finished = try await gateway.usage()
        }
        guard report.figures.received > 0 else {
            throw CommandFailure("the measurement failed:\n\(report.text())", code: 1)
        }
        return (finished.processor - opened.processor) * 1e6 / Double(report.figures.received)
    }

    private func run(
        _ plan: LoadPlan, opened: () async throws -> Void = {}, finished: () async throws -> Void = {}
    ) async throws -> LoadReport {
        do {
            return try await LoadRun(plan).run(
                opened: opened, finished: finished, isInterrupted: { false }, progress: { _ in })
        } catch let failure as LoadFailure { throw CommandFailure(failure.description, code: 1) }
    }
}
