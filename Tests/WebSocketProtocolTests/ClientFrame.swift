@testable import WebSocketProtocol

/// How a length is written.
enum LengthForm: CaseIterable {
    case short, medium, long
}

/// A frame as a client sends it, written straight from RFC 6455 §5.2: what the decoder is compared with.
struct ClientFrame {
    var isFinal = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []
    /// `nil`: not masked, which no client may do.
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    /// `nil`: the shortest.
    var form: LengthForm?
    /// What the header says, if that is not the payload's length.
    var claimedLength: UInt64?

    static func text(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(isFinal: isFinal, opcode: 1, payload: Array(text.utf8))
    }

    static func bytes(_ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(isFinal: isFinal, opcode: opcode, payload: payload)
    }

    static func close(_ code: Int?, _ reason: [UInt8] = []) -> ClientFrame {
        ClientFrame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 255)] } ?? []) + reason)
    }

    var encoded: [UInt8] {
        var output = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let length = claimedLength ?? UInt64(payload.count)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        switch form ?? (length < 126 ? .short : length < 65_536 ? .medium : .long) {
        case .short: output.append(maskBit | UInt8(length))
        case .medium:
            output.append(maskBit | 126)
            for shift in [8, 0] { output.append(UInt8(truncatingIfNeeded: length >> UInt64(shift))) }
        case .long:
            output.append(maskBit | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                output.append(UInt8(truncatingIfNeeded: length >> UInt64(shift)))
            }
        }
        guard let mask else { return output + payload }
        output += mask
        var masked = payload
        masked.withUnsafeMutableBufferPointer { bytes in
            var index = 0
            while index < bytes.count {
                bytes[index] ^= mask[index & 3]
                index += 1
            }
        }
        return output + masked
    }
}

extension [ClientFrame] {
    var encoded: [UInt8] { flatMap(\.encoded) }
}
