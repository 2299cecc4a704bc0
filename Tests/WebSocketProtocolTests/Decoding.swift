@testable import WebSocketProtocol

/// What a decoder handed out, with bytes of its own.
enum Seen: Equatable {
    case text(String)
    case binary([UInt8])
    case compressed([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?)
    case violation(UInt16)
}

/// Gives `pieces` to a decoder, one after the other.
/// - Parameter scratch: how much room there is for unmasking.
func decode(
    _ pieces: [[UInt8]], limits: WebSocketLimits = WebSocketLimits(), allowsCompression: Bool = false,
    scratch: Int = 1 << 20
) -> (seen: [Seen], isBetweenMessages: Bool) {
    var decoder = MessageDecoder(limits: limits, allowsCompression: allowsCompression)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch, alignment: 8)
    defer { room.deallocate() }
    var seen: [Seen] = []
    for piece in pieces {
        piece.withUnsafeBytes { input in
            var offset = 0
            while let event = decoder.next(input, &offset, scratch: room) {
                switch event {
                case .text(let bytes): seen.append(.text(String(decoding: bytes, as: UTF8.self)))
                case .binary(let bytes): seen.append(.binary(Array(bytes)))
                case .compressedText(let bytes), .compressedBinary(let bytes): seen.append(.compressed(Array(bytes)))
                case .ping(let bytes): seen.append(.ping(Array(bytes)))
                case .pong(let bytes): seen.append(.pong(Array(bytes)))
                case .close(let code): seen.append(.close(code?.rawValue))
                case .violation(let violation): seen.append(.violation(violation.code.rawValue))
                }
            }
            precondition(offset == input.count, "What is not taken would be lost")
        }
    }
    return (seen, decoder.isBetweenMessages)
}

/// `bytes` cut before each of `cuts`, which are in order.
func cut(_ bytes: [UInt8], at cuts: [Int]) -> [[UInt8]] {
    let edges = [0] + cuts + [bytes.count]
    return zip(edges, edges.dropFirst()).map { Array(bytes[$0..<$1]) }
}

/// `bytes` in pieces of `size`.
func chop(_ bytes: [UInt8], into size: Int) -> [[UInt8]] {
    cut(bytes, at: Array(stride(from: size, to: max(size, bytes.count), by: size)))
}
