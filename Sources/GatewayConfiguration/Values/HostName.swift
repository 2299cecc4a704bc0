#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The name of this machine, as a node's name.
public enum HostName {
    /// The operating system's host name, `node` when it has none.
    public static let current: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nodeID(from: "") }
        return nodeID(from: String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }()

    /// A host name turned into a permitted node name: other characters become `-`, at most 64 stay.
    static func nodeID(from hostName: String) -> String {
        let name = String(
            String.UnicodeScalarView(hostName.unicodeScalars.map { isPermitted($0) ? $0 : "-" }.prefix(64)))
        return name.isEmpty ? "node" : name
    }

    /// Whether a character may stand in a node's name.
    static func isPermitted(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
        default: false
        }
    }
}
