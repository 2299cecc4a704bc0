import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

extension InProcess {
    struct PipeliningTests {
        /// Answers late, by as many turns as the path says.
        private struct Hesitant: APIResponder {
            func respond(to request: APIRequest) async -> APIResponse {
                let turns = request.head.uri.split(separator: "/").last.flatMap { Int($0) } ?? 0
                for _ in 0..<turns { await Task.yield() }
                return APIResponse(status: .ok, body: ByteBuffer(string: "<\(request.head.uri)>"))
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: 0..<6)
        func `requests that come in one go, cut anywhere, are answered in their order`(seed: Int) async throws {
            try await withGateway(api: Hesitant()) { gateway in
                let port = try gateway.port(.http)
                var random = SeededGenerator(seed)
                var wanted: [String] = []
                var text = ""
                for number in 0..<40 {
                    if random.oneIn(3) {
                        text += "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
                        wanted.append("{\"status\":\"ok\"}")
                    } else {
                        let body = String(repeating: "b", count: random.below(300))
                        let path = "/api/\(number)/\(random.below(200))"
                        text += "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        wanted.append("<\(path)>")
                    }
                }
                text += "GET /api/last/0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                wanted.append("</api/last/0>")
                let bytes = Array(text.utf8)
                let cuts = (0..<5).map { _ in random.below(bytes.count) }.sorted() + [bytes.count]
                let answers = await onThread { Self.exchange(port, bytes, cuts) }
                #expect(answers == wanted)
            }
        }

        /// Sends `bytes` in pieces and reads answers to the end.
        private static func exchange(_ port: Int, _ bytes: [UInt8], _ cuts: [Int]) -> [String] {
            let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var limit = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            var start = 0
            for cut in cuts {
                _ = bytes[start..<cut].withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                start = cut
                sched_yield()
            }
            var answer: [UInt8] = []
            var room = [UInt8](repeating: 0, count: 16_384)
            while true {
                let count = recv(descriptor, &room, room.count, 0)
                guard count > 0 else { break }
                answer += room[..<count]
            }
            return bodies(String(decoding: answer, as: UTF8.self))
        }

        /// The bodies of answers that follow each other; all of them are ASCII.
        private static func bodies(_ text: String) -> [String] {
            var rest = Substring(text.replacingOccurrences(of: "\r\n", with: "\n"))
            var bodies: [String] = []
            while let end = rest.range(of: "\n\n") {
                let head = rest[..<end.lowerBound].lowercased()
                guard head.hasPrefix("http/1.1 200"), let mark = head.range(of: "content-length: "),
                    let count = Int(head[mark.upperBound...].prefix { $0.isNumber })
                else { return bodies + ["not an answer: \(head)"] }
                bodies.append(String(rest[end.upperBound...].prefix(count)))
                rest = rest[end.upperBound...].dropFirst(count)
            }
            return rest.isEmpty ? bodies : bodies + ["left over: \(rest)"]
        }
    }
}
