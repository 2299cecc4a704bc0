public import GatewayCore
import NIOCore
import NIOHTTP1

extension Gateway {
    /// Looks at a request before anything else does: who sends it, and whether its path means what it says.
    /// - Returns: why it is not answered; `nil` if it is.
    func screen(_ request: FrontRequest, _ loop: LoopState) -> Problem? {
        let path = request.target.path
        // Whoever watches over the gateway is no client.
        guard path != "/health", path != "/ready", !request.hasWaited else { return nil }
        if let problem = accessGuard.refusal(address: request.remoteAddress) { return problem }
        if let client = request.clientIDText.flatMap({ ClientID($0) }),
            let problem = accessGuard.refusal(client: client)
        {
            return problem
        }
        if Self.leadsOut(path) {
            accessGuard.refusals.count(.pathTraversal)
            accessGuard.note(.protocolError, request.remoteAddress)
            return .badRequest("a path has no `..` (RFC 3986 5.2.4)")
        }
        let isMessage = path == "/mcp/messages" || path == "/mcp/push"
        let decision = accessGuard.admit(
            request.body.readableBytes, from: request.remoteAddress, isMessage: isMessage, now: loop.now)
        if case .refused(let wait) = decision { return .rateLimited(retryAfter: wait.roundedUpSeconds) }
        return nil
    }

    /// Whether a path has a segment `..`, however it is written. Nothing here is read from files by its path; whoever
    /// stands behind may.
    static func leadsOut(_ path: String) -> Bool {
        // Nearly every path: it has neither a dot nor an escape.
        let isPlain = path.utf8.withContiguousStorageIfAvailable {
            !$0.contains(UInt8(ascii: ".")) && !$0.contains(UInt8(ascii: "%"))
        }
        if isPlain == true { return false }
        var dots = 0
        var isOnlyDots = true
        var bytes = Array(path.utf8)[...]
        func ends() -> Bool { isOnlyDots && dots == 2 }
        while let byte = bytes.popFirst() {
            var byte = byte
            if byte == UInt8(ascii: "%"), bytes.count >= 2,
                let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
            {
                byte = value
                bytes.removeFirst(2)
            }
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "\\"):
                if ends() { return true }
                (dots, isOnlyDots) = (0, true)
            case UInt8(ascii: "."): dots += 1
            default: isOnlyDots = false
            }
        }
        return ends()
    }

    // MARK: - Lists, for administrators

    /// Whom the blocklist and the allowlist name.
    public var accessList: [AccessList.Entry] { accessGuard.entries }

    /// Adds to a list. Whoever is blocked and connected is sent away.
    /// - Returns: `false` if there is no place for one more (`security.max_list_entries`).
    public func list(_ entry: AccessList.Entry) -> Bool {
        guard accessGuard.add(entry) else { return false }
        if entry.kind == .block {
            for index in 0..<loopCount {
                onLoop(index) { loop in
                    loop.begin()
                    loop.forEachMember { $0.checkAccess() }
                    loop.dispatchWakes(except: nil)
                }
            }
        }
        return true
    }

    /// Takes from a list.
    /// - Returns: whether it was there.
    public func unlist(_ kind: AccessList.Kind, _ subject: AccessList.Subject) -> Bool {
        accessGuard.remove(kind, subject)
    }

    /// The addresses that most is held against, with their points.
    public var suspects: [(address: String, points: Double)] { accessGuard.suspects }

    /// What administrators did, newest last, each as one line of JSON.
    public var auditEntries: [[UInt8]] { audit.entries }

    /// Notes what an administrator did.
    public func note(adminRequest request: APIRequest, status: Int) { audit.note(request, status: status) }
}

extension ConnectionEngine {
    /// Charges a join or a subscription.
    /// - Throws: what the client is told if it has to wait.
    final func chargeJoin(of client: ClientID?) throws(Problem) {
        let now = loop.now
        if case .refused(let wait) = gateway.accessGuard.admitJoin(from: peerAddress, now: now) {
            throw .rateLimited(retryAfter: wait.roundedUpSeconds)
        }
        guard let limit = gateway.settings.protection.clientJoins,
            let handle = handle ?? client.flatMap({ gateway.directory.find($0) }),
            case .refused(let wait) = handle.session.withLock({ limit.admit(&$0.joinUsage, now: now) })
        else { return }
        gateway.accessGuard.refusals.count(.joinRate)
        gateway.accessGuard.note(.rateHit, peerAddress)
        throw .rateLimited(retryAfter: wait.roundedUpSeconds)
    }

    /// Who is at the other end, whoever knows it.
    final var peerAddress: SocketAddress? { address ?? loop.member(id)?.peer }

    /// The peer broke a rule.
    final func noteProtocolError(_ refusal: Refusal) {
        gateway.accessGuard.refusals.count(refusal)
        gateway.accessGuard.note(.protocolError, peerAddress)
    }
}
