import GatewayCore
import NIOCore
import Synchronization
import Testing

@testable import GatewayServer

struct AdmissionTests {
    private typealias Service = GatewaySettings.Service

    private static func admission(_ limits: [Service: Int], perAddress: Int = 1000) -> Admission {
        var settings = GatewaySettings()
        settings.maxConnections = limits
        settings.maxConnectionsPerAddress = perAddress
        return Admission(settings)
    }

    private static func address(_ number: Int) throws -> SocketAddress {
        try SocketAddress(ipAddress: "10.0.\(number / 256).\(number % 256)", port: 1000 + number)
    }

    @Test func `each service has a limit of its own, and a refusal says which key`() throws {
        let admission = Self.admission([.http: 1, .eventStream: 2])
        for number in 0..<2 {
            #expect(admission.enter(address: try Self.address(number)) == nil)
            #expect(admission.turn(.http, into: .eventStream) == nil)
        }
        #expect(admission.enter(address: try Self.address(3)) == nil)
        let stream = try #require(admission.turn(.http, into: .eventStream))
        #expect(stream.status == 503 && stream.error == "overloaded")
        #expect(stream.reason.contains("transports.http_sse.max_connections"))
        #expect(stream.retryAfter.map { (1...10).contains($0) } == true)
        let plain = try #require(admission.enter(address: try Self.address(4)))
        #expect(plain.reason.contains("transports.http.max_connections"))
        #expect(admission.openConnections == 3)
        admission.left(.eventStream, address: try Self.address(0))
        #expect(admission.turn(.http, into: .eventStream) == nil)
    }

    @Test func `what is no connection of the network counts like one`() throws {
        let admission = Self.admission([.webSocket: 3], perAddress: 2)
        let address = try Self.address(1)
        #expect(admission.enter(.webSocket, address: address) == nil)
        #expect(admission.enter(.webSocket, address: address) == nil)
        #expect(admission.enter(.webSocket, address: address)?.error == "too_many_connections_from_ip")
        #expect(admission.openConnections == 2, "a refusal takes no place")
        #expect(admission.enter(.webSocket, address: try Self.address(2)) == nil)
        #expect(admission.enter(.webSocket, address: try Self.address(3))?.error == "overloaded")
        admission.left(.webSocket, address: address)
        #expect(admission.enter(.webSocket, address: address) == nil)
    }

    @Test func `an address counts from its first byte on, whatever becomes of the connection`() throws {
        let admission = Self.admission([:], perAddress: 2)
        let address = try Self.address(1)
        #expect(admission.enter(address: address) == nil)
        #expect(admission.enter(address: try SocketAddress(ipAddress: "10.0.0.1", port: 7)) == nil)
        #expect(admission.turn(.http, into: .webSocket) == nil)
        let refusal = try #require(admission.enter(address: address))
        #expect(refusal.status == 429)
        #expect(refusal.error == "too_many_connections_from_ip")
        #expect(admission.openConnections == 2, "a refused connection is not counted")
        #expect(admission.enter(address: try Self.address(2)) == nil)
        admission.left(.webSocket, address: address)
        #expect(admission.enter(address: address) == nil)
        #expect(admission.enter(address: address) != nil)
    }

    @Test func `an address that a proxy names is counted apart from the connection`() throws {
        let admission = Self.admission([:], perAddress: 1)
        let address = try Self.address(1)
        #expect(admission.enter(address: nil) == nil)
        #expect(admission.claim(address: address) == nil)
        #expect(admission.claim(address: address)?.status == 429)
        #expect(admission.enter(address: address)?.status == 429)
        #expect(admission.openConnections == 1)
        admission.release(address: address)
        #expect(admission.claim(address: address) == nil)
    }

    @Test func `without a handshake rate everybody may begin at once`() throws {
        let admission = Self.admission([:])
        for chance in 0..<1000 { #expect(admission.pace(now: .zero, chance: UInt64(chance)) == .now) }
        var settings = GatewaySettings()
        settings.handshakeRate = 1
        settings.handshakeBurst = 1
        settings.handshakeDelay = .seconds(1)
        let paced = Admission(settings)
        let now = Clock.now
        #expect(paced.pace(now: now, chance: 0) == .now)
        #expect(paced.pace(now: now, chance: 0) == .at(now + .seconds(1)))
        #expect(
            paced.pace(now: now, chance: 0)
                == .refused(at: now + .milliseconds(500), retryAfter: .milliseconds(1500)))
    }

    @Test func `each client that is refused is told a time of its own to come back at`() throws {
        var settings = GatewaySettings()
        settings.maxConnections = [.webSocket: 0]
        let admission = Admission(settings)
        admission.returns(at: 0.5)
        let waits = (0..<20).map { _ in admission.enter(.webSocket, address: nil)?.retryAfter ?? 0 }
        #expect(zip(waits, waits.dropFirst()).allSatisfy { (1...2).contains($1 - $0) }, "\(waits)")
        #expect(admission.returnFigures.given == 20 && admission.returnFigures.spread > .seconds(39))
        let drained = admission.later(.draining)
        #expect(drained.status == 503 && drained.error == "overloaded")
        #expect((40...43).contains(drained.retryAfter ?? 0))
    }

    @Test func `without coordination chance says when refused clients come back`() throws {
        var settings = GatewaySettings()
        settings.maxConnections = [.webSocket: 0]
        settings.viability.coordination.isOn = false
        let admission = Admission(settings)
        admission.returns(at: 0.5)
        let waits = (0..<500).map { _ in admission.enter(.webSocket, address: nil)?.retryAfter ?? 0 }
        #expect(Set(waits) == Set(1...10))
        #expect(admission.returnFigures.given == 0)
    }

    @Test func `loopback and unknown addresses are not bound to the limit of an address`() throws {
        let admission = Self.admission([:], perAddress: 1)
        let loopback = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        for _ in 0..<5 {
            #expect(admission.enter(address: loopback) == nil)
            #expect(admission.enter(address: nil) == nil)
        }
    }

    @Test(arguments: 0..<10)
    func `any order of coming and going is counted as a model counts it`(seed: Int) throws {
        var random = SeededGenerator(seed)
        let limits: [Service: Int] = [.http: 4, .eventStream: 6, .webSocket: 5]
        let admission = Self.admission(limits, perAddress: 5)
        var open: [(service: Service, address: Int)] = []
        for _ in 0..<2000 {
            switch random.below(3) {
            case 0 where !open.isEmpty:
                let gone = open.remove(at: random.below(open.count))
                admission.left(gone.service, address: try Self.address(gone.address))
            case 1:
                guard let index = open.firstIndex(where: { $0.service == .http }) else { continue }
                let service: Service = random.oneIn(2) ? .eventStream : .webSocket
                let isFull = open.count { $0.service == service } >= limits[service]!
                #expect((admission.turn(.http, into: service) != nil) == isFull)
                if !isFull { open[index].service = service }
            default:
                let number = random.below(4)
                let isFull = open.count { $0.service == .http } >= limits[.http]!
                let expected = isFull ? 503 : open.count { $0.address == number } >= 5 ? 429 : nil
                #expect(admission.enter(address: try Self.address(number))?.status == expected)
                if expected == nil { open.append((.http, number)) }
            }
            #expect(admission.openConnections == open.count)
        }
        for connection in open { admission.left(connection.service, address: try Self.address(connection.address)) }
        #expect(admission.openConnections == 0)
    }

    @Test func `threads together never get in more than the limits, and leave nothing behind`() throws {
        let limits: [Service: Int] = [.http: 12, .eventStream: 7, .webSocket: 9]
        let admission = Self.admission(limits, perAddress: 4)
        let addresses = try (0..<10).map(Self.address)
        /// Those who are in for certain: counted after they were let in, and not any more before they leave.
        let inside = Mutex((services: [Service: Int](), addresses: [Int](repeating: 0, count: 10)))
        let findings = Findings()
        let refusals = Atomic(0)
        onThreads(4) { thread in
            var random = SeededGenerator(thread)
            var open: [(service: Service, address: Int)] = []
            func note(_ service: Service, _ change: Int) {
                inside.withLock {
                    $0.services[service, default: 0] += change
                    findings.expect($0.services[service]! <= limits[service]!, "\($0.services[service]!) of \(service)")
                }
            }
            func leave(_ connection: (service: Service, address: Int)) {
                note(connection.service, -1)
                inside.withLock { $0.addresses[connection.address] -= 1 }
                admission.left(connection.service, address: addresses[connection.address])
            }
            for _ in 0..<3000 {
                switch random.below(4) {
                case 0 where !open.isEmpty: leave(open.remove(at: random.below(open.count)))
                case 1:
                    guard let index = open.firstIndex(where: { $0.service == .http }) else { continue }
                    let service: Service = random.oneIn(2) ? .eventStream : .webSocket
                    note(.http, -1)
                    let isRefused = admission.turn(.http, into: service) != nil
                    if isRefused { refusals.add(1, ordering: .relaxed) } else { open[index].service = service }
                    note(open[index].service, 1)
                default:
                    let number = random.below(10)
                    guard admission.enter(address: addresses[number]) == nil else {
                        refusals.add(1, ordering: .relaxed)
                        continue
                    }
                    open.append((.http, number))
                    note(.http, 1)
                    inside.withLock {
                        $0.addresses[number] += 1
                        findings.expect($0.addresses[number] <= 4, "\($0.addresses[number]) of one address")
                    }
                }
            }
            open.forEach(leave)
        }
        #expect(findings.all == [])
        #expect(refusals.load(ordering: .relaxed) > 1000, "the limits were reached")
        #expect(admission.openConnections == 0)
        // Every address has all of its places again.
        for address in addresses {
            for _ in 0..<4 { #expect(admission.enter(address: address) == nil) }
            #expect(admission.enter(address: address)?.status == 429)
            for _ in 0..<4 { admission.left(.http, address: address) }
        }
    }
}
