public import GatewayCore
public import WireJSON

/// Entries of the blocklist and the allowlist as JSON: in requests, answers and in the file that keeps them.
extension AccessList.Entry {
    /// Reads `{address | client, reason?, expires_in? (seconds), until?, since?}`.
    /// - Parameters:
    ///   - kind: what the entry is unless it says so itself.
    ///   - now: when it begins unless it says so itself.
    /// - Returns: `nil` if it is none.
    public init?(_ bytes: UnsafeRawBufferPointer, kind: AccessList.Kind?, now: Timestamp) {
        var kind = kind
        var names: [(AccessList.Subject, String)] = []
        var reason = ""
        var since = now
        var until: Timestamp?
        var scanner = JSONScanner(bytes, maxDepth: 2)
        do {
            guard try scanner.beginObject() else { return nil }
            repeat {
                let key = JSONText.decode(bytes[try scanner.key()])
                let value = bytes[try scanner.value()]
                guard let first = value.first else { return nil }
                if first == UInt8(ascii: "n") { continue }
                guard first == UInt8(ascii: "\"") else {
                    guard let number = Double(String(decoding: value, as: UTF8.self)), number >= 0, number < 1e13 else {
                        return nil
                    }
                    switch key {
                    case "expires_in": until = Timestamp(milliseconds: now.milliseconds + Int64(number * 1000))
                    case "until": until = Timestamp(milliseconds: Int64(number))
                    case "since": since = Timestamp(milliseconds: Int64(number))
                    default: return nil
                    }
                    continue
                }
                let text = JSONText.decode(value)
                switch key {
                case "address", "client":
                    guard let subject = AccessList.Subject(key, text) else { return nil }
                    names.append((subject, text))
                case "reason":
                    guard text.utf8.count <= 256 else { return nil }
                    reason = text
                case "kind":
                    guard let named = AccessList.Kind(rawValue: text), kind == nil || kind == named else { return nil }
                    kind = named
                default: return nil
                }
            } while try scanner.nextMember()
            try scanner.finish()
        } catch {
            return nil
        }
        guard names.count == 1, let kind else { return nil }
        self.init(kind, names[0].0, name: names[0].1, reason: reason, since: since, until: until)
    }

    /// The members for the file; moments are milliseconds since 1970.
    public var line: [UInt8] {
        JSONWriter.object { writer in
            writer.member("kind", kind.rawValue)
            writer.member(subject.word, name)
            writer.member("reason", reason)
            writer.member("since", since.milliseconds)
            if let until { writer.member("until", until.milliseconds) }
        }
    }

    /// The members for people.
    public func write(to writer: inout JSONWriter) {
        writer.member(subject.word, name)
        writer.member("reason", reason)
        writer.member("since", since.text)
        writer.member("until", until?.text)
    }
}

extension AccessList.Subject {
    /// - Parameters:
    ///   - word: `address` or `client`.
    ///   - text: an address, a network such as `203.0.113.0/24`, or a client's name.
    public init?(_ word: String, _ text: String) {
        switch word {
        case "address":
            guard let network = IPAddressRange(text) else { return nil }
            self = .network(network)
        case "client":
            guard let client = ClientID(text) else { return nil }
            self = .client(client)
        default: return nil
        }
    }

    fileprivate var word: String {
        switch self {
        case .network: "address"
        case .client: "client"
        }
    }
}

/// The time of day, for those who make entries.
extension Gateway {
    public var wallClock: Timestamp { Clock.wall }
}
