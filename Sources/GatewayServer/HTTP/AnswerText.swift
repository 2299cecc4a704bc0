import NIOCore
import NIOHTTP1

/// A whole answer of HTTP/1.1 as bytes. It states its own length.
enum AnswerText {
    static func bytes(_ head: HTTPResponseHead, body: ByteBuffer, on allocator: ByteBufferAllocator) -> ByteBuffer {
        var output = allocator.buffer(capacity: 256 + body.readableBytes)
        output.writeStaticString("HTTP/1.1 ")
        output.writeString(String(head.status.code))
        output.writeStaticString(" ")
        output.writeString(head.status.reasonPhrase)
        output.writeStaticString("\r\n")
        for (name, value) in head.headers {
            output.writeString(name)
            output.writeStaticString(": ")
            output.writeString(value)
            output.writeStaticString("\r\n")
        }
        output.writeStaticString("\r\n")
        output.writeImmutableBuffer(body)
        return output
    }
}
