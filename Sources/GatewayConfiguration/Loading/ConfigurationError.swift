/// Why a configuration was refused: every problem that was found, in the order file, environment, flags, combinations.
public struct ConfigurationError: Error, Sendable, Equatable {
    /// One thing that is wrong.
    public struct Problem: Sendable, Equatable {
        /// Where: `gateway.yaml:12`, a variable, or a flag.
        public let place: String
        /// The key concerned, in its full form, if it concerns one.
        public let key: String?
        /// What was found and what was expected.
        public let message: String
    }

    /// Never empty.
    public let problems: [Problem]
}

extension ConfigurationError.Problem: CustomStringConvertible {
    /// `gateway.yaml:12: transports.http.port: expected an integer from 0 to 65535, found "abc"`
    public var description: String { "\(place): \(key.map { "\($0): " } ?? "")\(message)" }
}

extension ConfigurationError: CustomStringConvertible {
    /// One problem a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
