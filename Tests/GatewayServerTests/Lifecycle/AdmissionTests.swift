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
        let admission = Self.admission([.http: 1, .eventStream: 2, .webSocket: 3])
        for (service, limit) in [(Service.http, 1), (.eventStream, 2), (.webSocket, 3)] {
            for number in 0..<limit { #expect(admission.enter(service, address: try Self.address(number)) == nil) }
            let refusal = try #require(admission.enter(service, address: try Self.address(9)))
            #expect(refusal.status == 503)
            #expect(refusal.error == "overloaded")
            #expect(refusal.reason.contains("transports.\(service.rawValue).max_connections"))
            #expect(refusal.retryAfter.map { (1...10).contains($0) } == true)
            #expect(admission.count(service) == limit)
        }
        #expect(admission.openConnections == 6)
        admission.left(.eventStream, address: try Self.address(0))
        #expect(admission.enter(.eventStream, address: try Self.address(0)) == nil)
        #expect(admission.enter(.eventStream, address: try Self.address(0)) != nil)
    }

    @Test func `a service without a limit takes everyone`() throws {
        let admission = Self.admission([:])
        for number in 0..<100 { #expect(admission.enter(.webSocket, address: try Self.address(number)) == nil) }
    }

    @Test func `streams of one address count together, whatever their transport`() throws {
        let admission = Self.admission([:], perAddress: 3)
        let address = try Self.address(1)
        #expect(admission.enter(.eventStream, address: address) == nil)
        #expect(admission.enter(.webSocket, address: address) == nil)
        #expect(admission.enter(.webSocket, address: try SocketAddress(ipAddress: "10.0.0.1", port: 7)) == nil)
        let refusal = try #require(admission.enter(.eventStream, address: address))
        #expect(refusal.status == 429)
        #expect(refusal.error == "too_many_connections_from_ip")
        #expect(refusal.retryAfter == 10)
        #expect(admission.count(.eventStream) == 1, "a refused connection is not counted")
        #expect(admission.enter(.eventStream, address: try Self.address(2)) == nil)
        admission.left(.webSocket, address: address)
        #expect(admission.enter(.eventStream, address: address) == nil)
        #expect(admission.enter(.eventStream, address: address) != nil)
    }

    @Test func `plain requests, loopback and unknown addresses are not bound to the limit of an address`() throws {
        let admission = Self.admission([:], perAddress: 1)
        let loopback = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        for _ in 0..<5 {
            #expect(admission.enter(.http, address: try Self.address(1)) == nil)
            #expect(admission.enter(.webSocket, address: loopback) == nil)
            #expect(admission.enter(.eventStream, address: nil) == nil)
        }
        #expect(admission.enter(.webSocket, address: try Self.address(1)) == nil)
        #expect(admission.enter(.webSocket, address: try Self.address(1)) != nil)
    }

    @Test(arguments: 0..<10)
    func `any order of coming and going is counted as a model counts it`(seed: Int) throws {
        var random = SeededGenerator(seed)
        let limits: [Service: Int] = [.http: 4, .eventStream: 6, .webSocket: 5]
        let admission = Self.admission(limits, perAddress: 3)
        var open: [(service: Service, address: Int)] = []
        for _ in 0..<2000 {
            if random.oneIn(2), !open.isEmpty {
                let gone = open.remove(at: random.below(open.count))
                admission.left(gone.service, address: try Self.address(gone.address))
            } else {
                let service = random.pick(Service.allCases)
                let number = random.below(4)
                let ofService = open.count { $0.service == service }
                let ofAddress = open.count { $0.service != .http && $0.address == number }
                let expected = ofService >= limits[service]! ? 503 : service != .http && ofAddress >= 3 ? 429 : nil
                #expect(admission.enter(service, address: try Self.address(number))?.status == expected)
                if expected == nil { open.append((service, number)) }
            }
            #expect(admission.openConnections == open.count)
        }
        for connection in open { admission.left(connection.service, address: try Self.address(connection.address)) }
        #expect(admission.openConnections == 0)
    }

    @Test func `threads together never get in more than the limits, and leave nothing behind`() throws {
        let limits: [Service: Int] = [.http: 20, .eventStream: 7, .webSocket: 9]
        let admission = Self.admission(limits, perAddress: 4)
        let addresses = try (0..<4).map(Self.address)
        let inside = Mutex((services: [Service: Int](), addresses: [Int](repeating: 0, count: 4)))
        let findings = Findings()
        onThreads(4) { thread in
            var random = SeededGenerator(thread)
            var open: [(service: Service, address: Int)] = []
            for _ in 0..<3000 {
                if random.oneIn(2), !open.isEmpty {
                    let gone = open.remove(at: random.below(open.count))
                    inside.withLock {
                        $0.services[gone.service]! -= 1
                        if gone.service != .http { $0.addresses[gone.address] -= 1 }
                    }
                    admission.left(gone.service, address: addresses[gone.address])
                } else {
                    let service = random.pick(Service.allCases)
                    let number = random.below(4)
                    guard admission.enter(service, address: addresses[number]) == nil else { continue }
                    open.append((service, number))
                    inside.withLock {
                        $0.services[service, default: 0] += 1
                        if service != .http { $0.addresses[number] += 1 }
                        findings.expect($0.services[service]! <= limits[service]!, "\($0.services[service]!) \(service)")
                        findings.expect($0.addresses[number] <= 4, "\($0.addresses[number]) of one address")
                    }
                }
            }
            for connection in open {
                inside.withLock {
                    $0.services[connection.service]! -= 1
                    if connection.service != .http { $0.addresses[connection.address] -= 1 }
                }
                admission.left(connection.service, address: addresses[connection.address])
            }
        }
        #expect(findings.all == [])
        #expect(admission.openConnections == 0)
        // Every address has all of its places again.
        for address in addresses {
            for _ in 0..<4 { #expect(admission.enter(.webSocket, address: address) == nil) }
            #expect(admission.enter(.webSocket, address: address)?.status == 429)
            for _ in 0..<4 { admission.left(.webSocket, address: address) }
        }
    }
}
