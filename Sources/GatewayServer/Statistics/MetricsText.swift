import GatewayCore

/// Writes figures in the text format of Prometheus, version 0.0.4.
public struct MetricsText {
    public private(set) var bytes: [UInt8] = []
    private var family = ""

    public init() { bytes.reserveCapacity(8192) }

    /// What a family of figures is.
    public enum Kind: String { case counter, gauge, histogram }

    /// Begins a family; its figures follow.
    /// - Parameters:
    ///   - name: letters, digits and underscores; counters end with `_total`, units stand in the name.
    ///   - help: one line.
    public mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        family = name
        bytes += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8
    }

    /// One figure of the family.
    public mutating func add(_ value: Int, _ labels: KeyValuePairs<String, String> = [:]) {
        line(family, labels, "\(value)")
    }

    public mutating func add(_ value: Double, _ labels: KeyValuePairs<String, String> = [:]) {
        line(family, labels, Self.text(value))
    }

    /// One histogram of the family, in seconds.
    /// - Parameter buckets: which of the buckets are told apart.
    public mutating func add(
        _ histogram: LatencyHistogram, _ labels: KeyValuePairs<String, String>, buckets: ClosedRange<Int>
    ) {
        for bucket in buckets {
            let bound = LatencyHistogram.bound(of: bucket)
            line(
                family + "_bucket", labels, "\(histogram.cumulative(through: bucket))", bound: Self.text(bound))
        }
        line(family + "_bucket", labels, "\(histogram.count)", bound: "+Inf")
        line(family + "_sum", labels, Self.text(Double(histogram.sum) / 1e9))
        line(family + "_count", labels, "\(histogram.count)")
    }

    private mutating func line(
        _ name: String, _ labels: KeyValuePairs<String, String>, _ value: String, bound: String? = nil
    ) {
        bytes += name.utf8
        var all = labels.map { ($0.key, $0.value) }
        if let bound { all.append(("le", bound)) }
        if !all.isEmpty {
            let texts = all.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            bytes += "{\(texts.joined(separator: ","))}".utf8
        }
        bytes += " \(value)\n".utf8
    }

    private static func text(_ value: Double) -> String {
        value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : value.isNaN ? "NaN" : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": output += "\\\\"
            case "\"": output += "\\\""
            case "\n": output += "\\n"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}
