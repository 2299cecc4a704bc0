import CZlib

/// What zlib itself makes of gzip bytes, which may break off.
public struct Gunzipped: Equatable {
    public private(set) var text: [UInt8] = []
    /// The trailer was there and was right.
    public private(set) var isComplete = false

    /// What zlib says of bytes that are no gzip.
    public struct Corruption: Error {
        public let status: CInt
    }

    public init(_ bytes: [UInt8]) throws {
        var stream = z_stream()
        guard czlib_inflate_init(&stream, 31) == Z_OK else { throw Corruption(status: Z_MEM_ERROR) }
        defer { inflateEnd(&stream) }
        var room = [UInt8](repeating: 0, count: 4096)
        var input = bytes
        try input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            var isFull = true
            while !isComplete, stream.avail_in > 0 || isFull {
                let status = room.withUnsafeMutableBufferPointer { room in
                    stream.next_out = room.baseAddress
                    stream.avail_out = UInt32(room.count)
                    return inflate(&stream, Z_SYNC_FLUSH)
                }
                text += room.prefix(room.count - Int(stream.avail_out))
                isFull = stream.avail_out == 0
                isComplete = status == Z_STREAM_END
                if status == Z_BUF_ERROR { break }
                guard status == Z_OK || isComplete else { throw Corruption(status: status) }
            }
        }
    }
}
