import GatewayCore

/// The written form of an epoch, kept by connections because every message carries it.
struct EpochText {
    private var bytes: InlineArray<13, UInt8>
    let count: Int

    init(_ epoch: Epoch) {
        var text: InlineArray<13, UInt8> = .init(repeating: 0)
        var span = text.mutableSpan
        count = span.withUnsafeMutableBufferPointer { epoch.write(to: $0.baseAddress!) }
        bytes = text
    }

    var text: String {
        var output = ""
        for i in 0..<count { output.unicodeScalars.append(Unicode.Scalar(bytes[i])) }
        return output
    }

    @inline(__always)
    func put(to out: inout RawWriter) {
        bytes.span.withUnsafeBytes { out.put(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
