/// Where values come from, in rising order of precedence.
public struct ConfigurationSources: Sendable {
    /// The YAML file. `path` is only repeated in messages; nothing is read from disk here.
    public var file: (path: String, text: String)?
    /// The process environment.
    public var environment: [String: String]
    /// Command line flags, each with the key it sets; of several for one key the last wins.
    public var flags: [(key: String, value: String, flag: String)]
    /// The default of `cluster.node_id`; the operating system's host name unless given.
    public var hostName: String?

    /// Sources; each is optional.
    public init(
        file: (path: String, text: String)? = nil,
        environment: [String: String] = [:],
        flags: [(key: String, value: String, flag: String)] = [],
        hostName: String? = nil
    ) {
        self.file = file
        self.environment = environment
        self.flags = flags
        self.hostName = hostName
    }
}
