import NIOCore
import NIOHTTP1

/// The head of a whole answer of HTTP/1.1 as bytes. It states the body's length itself.
enum AnswerText {
    static func writeHead(of response: APIResponse, closing: Bool, to output: inout ByteBuffer) {
        output.writeStaticString("HTTP/1.1 ")
        output.writeString(String(response.status.code))
        output.writeStaticString(" ")
        output.writeString(response.status.reasonPhrase)
        output.writeStaticString("\r\n")
        let hasLength = response.status != .noContent && response.status != .notModified
        for (name, value) in response.headers {
            // What is said below is not said twice.
            if hasLength && isSame(name, "content-length") || closing && isSame(name, "connection") { continue }
            output.writeString(name)
            output.writeStaticString(": ")
            output.writeString(value)
            output.writeStaticString("\r\n")
        }
        if hasLength {
            output.writeStaticString("content-length: ")
            output.writeString(String(response.body.readableBytes))
            output.writeStaticString("\r\n")
        }
        if closing { output.writeStaticString("connection: close\r\n") }
        output.writeStaticString("\r\n")
    }

    private static func isSame(_ name: String, _ known: String) -> Bool {
        name.utf8.count == known.utf8.count && name.lowercased() == known
    }
}
