import Foundation
import GatewayCore
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import GatewayServer

extension InProcess {
    struct RepeatedRequestsTests {
        /// Says what has arrived, at once or a turn of the loop later.
        private final class Mirror: LoopEndpoint {
            let maxUnsentBytes = 1024
            let openRequests = 0

            func handle(_ request: EndpointRequest, _ exchange: Exchange) {
                let tag = request.head.headers.first(name: "x-tag") ?? "-"
                let length = request.head.headers.first(name: "content-length") ?? "-"
                let body = String(buffer: request.body)
                let answer = APIResponse(
                    status: .ok,
                    body: ByteBuffer(string: "\(request.head.method) \(request.path) \(tag) \(length) \(body)"))
                guard body.hasPrefix("later") else { return exchange.respond(answer) }
                let waiting = NIOLoopBound(exchange, eventLoop: exchange.eventLoop)
                exchange.eventLoop.execute { waiting.value.respond(answer) }
            }

            func open(_ pipe: MessagePipe, _ request: MessagePipeRequest) {}
            func drain() -> [(Instant.Span) -> Void] { [] }
            func remainingStreams() -> [(Instant.Span) -> Void] { [] }
            func stop() {}
        }

        private struct Mirrors: EndpointProvider {
            func serves(path: String, on service: GatewaySettings.Service) -> Bool { path == "/mirror" }
            func subprotocol(path: String, on service: GatewaySettings.Service) -> String? { nil }
            func makeEndpoint(on eventLoop: any EventLoop, index: Int, gateway: Gateway) -> any LoopEndpoint {
                Mirror()
            }
        }

        /// A request of random form, and the answer to it.
        private func request(_ random: inout SeededGenerator) -> (text: String, answer: String) {
            let word = random.oneIn(3) ? "later" : "body"
            let body = word + String(repeating: "b", count: random.oneIn(8) ? 70_000 : random.below(300))
            let tag = random.oneIn(6) ? "other" : "same"
            let count = body.utf8.count
            switch random.below(12) {
            case 0:
                let text = "GET /mirror HTTP/1.1\r\nHost: localhost\r\nX-Tag: \(tag)\r\n\r\n"
                return (text, "GET /mirror \(tag) - ")
            case 1:
                let text =
                    "POST /mirror HTTP/1.1\r\nHost: localhost\r\nX-Tag: \(tag)\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                return (text, "POST /mirror \(tag) - \(body)")
            case 2:
                return ("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "{\"status\":\"ok\"}")
            default:
                let text =
                    "POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(count)\r\nX-Tag: \(tag)\r\n\r\n"
                    + body
                return (text, "POST /mirror \(tag) \(count) \(body)")
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: 0..<12)
        func `whatever is recognised, each request gets its own answer, in order`(seed: Int) async throws {
            try await withGateway(endpoints: [Mirrors()]) { gateway in
                let port = try gateway.port(.http)
                var random = SeededGenerator(seed)
                var wanted: [String] = []
                // What is written in one go, and how many answers are then waited for.
                var writes: [(bytes: [UInt8], answers: Int)] = []
                for _ in 0..<80 {
                    var text = ""
                    var count = 0
                    repeat {
                        let (one, answer) = request(&random)
                        text += one
                        wanted.append(answer)
                        count += 1
                    } while random.oneIn(5)
                    let bytes = Array(text.utf8)
                    let cuts = random.oneIn(3) ? (0..<2).map { _ in random.below(bytes.count) }.sorted() : []
                    var start = 0
                    for cut in cuts {
                        writes.append((Array(bytes[start..<cut]), 0))
                        start = cut
                    }
                    writes.append((Array(bytes[start...]), random.oneIn(6) ? 0 : count))
                }
                let (script, count) = (writes, wanted.count)
                let answers = await onThread { Conversation(port).run(script, expecting: count) }
                #expect(answers == wanted)
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: [false, true])
        func `requests that begin alike do not meet the parser, in one piece or in two`(isCut: Bool) async throws {
            try await withGateway(endpoints: [Mirrors()]) { gateway in
                let port = try gateway.port(.http)
                var script: [(bytes: [UInt8], answers: Int)] = []
                for number in 0..<20 {
                    let body = "body \(number)"
                    let head =
                        "POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                    if isCut { script.append((Array(head.utf8), 0)) }
                    script.append((Array((isCut ? body : head + body).utf8), 1))
                }
                let conversation = Conversation(port)
                let sent = script
                let answers = await onThread { conversation.run(sent, expecting: 20, closing: false) }
                #expect(answers.count == 20)
                // The first is met before anybody watches, the second is what the others are compared with.
                let hits = try await onLoop(gateway) { loop in
                    var hits = 0
                    loop.forEachMember { hits += ($0 as? HTTPFront)?.repeated?.hits ?? 0 }
                    return hits
                }
                #expect(hits == 18)
                await onThread { conversation.end() }
            }
        }
    }
}

/// One connection: writes, and reads answers that state their length.
private final class Conversation: Sendable {
    private let descriptor: CInt
    private let unread = Mutex<[UInt8]>([])

    init(_ port: Int) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var one: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func end() { close(descriptor) }

    /// Carries out what is written and waited for.
    func run(_ script: [(bytes: [UInt8], answers: Int)], expecting count: Int, closing: Bool = true) -> [String] {
        defer { if closing { end() } }
        var answers: [String] = []
        for (bytes, wanted) in script {
            var start = 0
            while start < bytes.count {
                let sent = bytes[start...].withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard sent > 0 else { return answers + ["not sent"] }
                start += sent
            }
            for _ in 0..<wanted { if let answer = read() { answers.append(answer) } }
        }
        while answers.count < count, let answer = read() { answers.append(answer) }
        return answers
    }

    /// The body of the next answer; `nil` if there is none.
    private func read() -> String? {
        unread.withLock { bytes in
            var room = [UInt8](repeating: 0, count: 65_536)
            while true {
                if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
                    guard let mark = head.range(of: "content-length: "),
                        let count = Int(head[mark.upperBound...].prefix { $0.isNumber })
                    else { return nil }
                    if bytes.count - end.upperBound >= count {
                        let body = String(decoding: bytes[end.upperBound..<(end.upperBound + count)], as: UTF8.self)
                        bytes.removeFirst(end.upperBound + count)
                        return body
                    }
                }
                let count = recv(descriptor, &room, room.count, 0)
                guard count > 0 else { return nil }
                bytes += room[..<count]
            }
        }
    }
}
