import GatewayCore
import ModelContextProtocol
import NIOCore

/// A session with a server that is a program: one process is one session.
final class ProcessSession: UpstreamSession {
    private var child: ChildProcess?
    private var handshakeNumber = -1

    override func open() {
        guard case .command(let program, let arguments, let environment, let directory) = server.settings.target else {
            return
        }
        let processes = hub.directory
        guard processes.processBegins() else {
            return lostLater("all mcp.max_processes processes are in use")
        }
        let child = ChildProcess(eventLoop: hub.eventLoop, maxLineBytes: hub.settings.maxResultBytes)
        child.onReaped = { processes.processEnded() }
        let command = ChildProcess.Command(
            program: program, arguments: arguments, environment: environment, directory: directory)
        if let problem = child.start(command) {
            processes.processEnded()
            return lostLater(problem)
        }
        self.child = child
        hub.children[ObjectIdentifier(child)] = child
        let logger = hub.logger
        let name = server.name
        child.onErrorLine = { line in
            logger.debug("stderr", metadata: ["server": "\(name)", "line": "\(String(buffer: line).prefix(1000))"])
        }
        child.onReaped = { [weak hub, weak child] in
            processes.processEnded()
            if let child { hub?.children[ObjectIdentifier(child)] = nil }
        }
        child.onLine = { [weak self, weak child] line in
            guard let self, let child, self.child === child else { return }
            hub.readClock()
            line.withUnsafeReadableBytes { self.received($0) }
        }
        child.onEnd = { [weak self, weak child] reason in
            guard let self, let child, self.child === child else { return }
            hub.readClock()
            lost(reason, mayRetry: true)
        }
        handshakeNumber = hub.nextNumber()
        let body = RPCAnswer.initializeRequest(
            id: handshakeNumber, version: client?.version ?? .latestWithHandshake,
            capabilities: client?.capabilities ?? Array("{}".utf8), clientInfo: client?.clientInfo ?? hub.ownInfo)
        child.send(ByteBuffer(bytes: body))
    }

    /// Not at once: whoever begins a session is not done with it yet.
    private func lostLater(_ reason: String) {
        hub.eventLoop.assumeIsolated().execute { [weak self] in self?.lost(reason, mayRetry: false) }
    }

    override func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard number == handshakeNumber else { return false }
        handshakeNumber = -1
        guard message.result != nil else {
            lost("it refused initialize", mayRetry: false)
            return true
        }
        server.era = .legacy
        child?.send(ByteBuffer(bytes: RPCAnswer.initialized))
        began()
        return true
    }

    override func transmit(_ call: Call) { child?.send(call.message) }

    override func transmit(_ message: ByteBuffer) { child?.send(message) }

    override func shut() {
        let child = child
        self.child = nil
        child?.stop()
    }
}
