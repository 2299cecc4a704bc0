import Foundation

/// A client of either transport by hand: a socket of its own, no library.
final class StreamClient {
    enum Kind: Equatable, Sendable {
        case eventStream
        case webSocket(version: Int)
    }

    /// A message as the client saw it.
    struct Message: Equatable, Sendable {
        let sequence: Int
        /// The `n` at the beginning of its data.
        let number: Int
    }

    let kind: Kind
    let name: String
    private(set) var messages: [Message] = []
    /// Names of the gateway's own events.
    private(set) var events: [String] = []
    /// Whether the gateway has said that the client gets messages from now on.
    private(set) var isReady = false
    /// Whether the gateway says that the client goes on without a hole.
    private(set) var isRecovered = false
    /// The code of the close frame.
    private(set) var closeCode: Int?
    private(set) var isClosed = false
    /// What should not have come.
    private(set) var complaints: [String] = []
    /// A client that is told to be lazy does not read.
    var isLazy = false
    private(set) var descriptor: CInt
    private var inbox = Data()
    private var isPastHead = false
    /// What is sent once the opening handshake is complete.
    private var join = ""

    /// Connects and asks for the stream.
    /// - Parameters:
    ///   - lastSequence: where to go on; the gateway's choice if `nil`.
    ///   - receiveBuffer: the size of the kernel's buffer; as the system likes if `nil`.
    init(
        _ kind: Kind, name: String, topic: String, port: Int, lastSequence: Int? = nil, receiveBuffer: Int? = nil
    ) throws {
        self.kind = kind
        self.name = name
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: \(errno)") }
        if var size = receiveBuffer.map(CInt.init) {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure("connect: \(errno)") }
        switch kind {
        case .eventStream:
            let resume = lastSequence.map { "Last-Event-ID: \($0)\r\n" } ?? ""
            send("GET /mcp/sse?client_id=\(name)&topics=\(topic) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(resume)\r\n")
        case .webSocket(let version):
            send(
                "GET /mcp/ws?client_id=\(name)&vsn=\(version).0.0 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                    + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            let resume = lastSequence.map { ",\"last_event_id\":\($0)" } ?? ""
            let payload = "{\"topics\":[\"\(topic)\"]\(resume)}"
            join =
                version == 1
                ? "{\"topic\":\"mcp:gateway\",\"event\":\"phx_join\",\"ref\":\"1\",\"payload\":\(payload)}"
                : "[\"1\",\"1\",\"mcp:gateway\",\"phx_join\",\(payload)]"
        }
    }

    deinit { close() }

    struct Failure: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    func close() {
        isClosed = true
        if descriptor >= 0 { Foundation.close(descriptor) }
        descriptor = -1
    }

    private func send(_ text: String) { send(Array(text.utf8)) }

    private func send(_ bytes: [UInt8]) {
        let sent = Foundation.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        if sent != bytes.count { complaints.append("sent \(sent) of \(bytes.count) bytes") }
    }

    /// Sends a frame; its mask is zero, which leaves the payload as it is.
    private func sendFrame(_ opcode: UInt8, _ text: String) {
        let payload = Array(text.utf8)
        let length =
            payload.count < 126
            ? [0x80 | UInt8(payload.count)] : [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        send([0x80 | opcode] + length + [0, 0, 0, 0] + payload)
    }

    /// Pushes a message on the joined channel.
    func push(_ payload: String) {
        sendFrame(0x1, "[\"1\",\"2\",\"mcp:gateway\",\"message\",\(payload)]")
    }

    // MARK: - Reading

    /// Takes what has arrived.
    func readable() {
        var room = [UInt8](repeating: 0, count: 65_536)
        while descriptor >= 0 {
            let count = recv(descriptor, &room, room.count, CInt(MSG_DONTWAIT))
            if count > 0 {
                inbox.append(contentsOf: room[..<count])
                continue
            }
            if count < 0, errno == EAGAIN || errno == EINTR { break }
            parse()
            return close()
        }
        parse()
    }

    private func parse() {
        if !isPastHead {
            guard let end = inbox.range(of: Data("\r\n\r\n".utf8)) else { return }
            let head = String(decoding: inbox[..<end.lowerBound], as: UTF8.self)
            let status = kind == .eventStream ? "HTTP/1.1 200" : "HTTP/1.1 101"
            if !head.hasPrefix(status) { complaints.append(head) }
            inbox.removeSubrange(..<end.upperBound)
            isPastHead = true
            if !join.isEmpty { sendFrame(0x1, join) }
        }
        if kind == .eventStream { parseBlocks() } else { parseFrames() }
    }

    private func parseBlocks() {
        var start = inbox.startIndex
        while let end = inbox.range(of: Data("\n\n".utf8), in: start..<inbox.endIndex) {
            take(inbox[start..<end.lowerBound])
            start = end.upperBound
        }
        inbox = Data(inbox[start...])
    }

    private func parseFrames() {
        var start = inbox.startIndex
        while inbox.endIndex - start >= 2 {
            let opcode = inbox[start] & 0x0F
            var count = Int(inbox[start + 1])
            var header = 2
            if count >= 126 {
                header = count == 126 ? 4 : 10
                guard inbox.endIndex - start >= header else { break }
                count = inbox[(start + 2)..<(start + header)].reduce(0) { $0 << 8 | Int($1) }
            }
            let end = start + header + count
            guard end <= inbox.endIndex else { break }
            let payload = inbox[(start + header)..<end]
            start = end
            switch opcode {
            case 0x1: take(payload)
            case 0x8:
                closeCode = payload.prefix(2).reduce(0) { $0 << 8 | Int($1) }
                sendFrame(0x8, "")
            case 0x9: sendFrame(0xA, "")
            default: complaints.append("a frame with opcode \(opcode)")
            }
        }
        inbox = Data(inbox[start...])
    }

    /// Takes one event block or one text frame: only its beginning is looked at.
    private func take(_ bytes: Data) {
        let text = String(decoding: bytes.prefix(600), as: UTF8.self)
        if let number = Self.number(after: "\"data\":{\"n\":", in: text) {
            guard let sequence = Self.number(after: "\"sequence\":", in: text) else {
                return complaints.append("no sequence: \(text)")
            }
            if kind == .eventStream, !text.hasPrefix("id: ") || !text.contains("-\(sequence)\nevent: message\n") {
                complaints.append("id and sequence differ: \(text)")
            }
            return messages.append(Message(sequence: sequence, number: number))
        }
        switch kind {
        case .eventStream:
            guard let event = text.split(separator: "\n").first(where: { $0.hasPrefix("event: ") }) else { return }
            events.append(String(event.dropFirst(7)))
            if events.last == "connected" { ready(text) }
        case .webSocket:
            let name = ["phx_reply", "gateway_close", "gap", "phx_close"].first { text.contains("\"\($0)\"") }
            events.append(name ?? text)
            if name == "phx_reply" {
                guard text.contains("\"status\":\"ok\"") else { return complaints.append(text) }
                ready(text)
            }
        }
    }

    private func ready(_ text: String) {
        isReady = true
        isRecovered = text.contains("\"recovered\":true")
    }

    private static func number(after mark: String, in text: String) -> Int? {
        guard let range = text.range(of: mark) else { return nil }
        return Int(text[range.upperBound...].prefix { $0.isNumber })
    }
}
