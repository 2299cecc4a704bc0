import Testing

@testable import GatewayCore

/// Plays a transcript against a session and compares what happens with what stands there.
///
/// A line is a command, or `command -> outcome`; without an outcome nothing is compared. Commands:
///
///     limits log=3 bytes=1000 offline=2 offlineBytes=… unsent=… topics=… keepsUndelivered=1
///     wait 60s                       time passes
///     publish a b! c!#room d*500 e~5s f>sse g=k h^   names; ! durable, #topic, *bytes, ~time to live, >wished
///                                    transport, =key, ^ priority high (last)
///     connect W ws [after 3 | after other-3 | seq 3 | auto | foreign] [independent] [partial] [acks] [batch] [drop_oldest …]
///     promote W ws …                 the same, for a connection that is there
///     take W [max 2] [bytes 100]     all that was taken before counts as flushed, unless `flush W` was told less
///     flush W 3                      everything before 3 has reached the kernel
///     drop W
///     ack [W] seq 3 | ack [W] id a
///     claim t | release t [leaving] | unsubscribe t | orphans
///     hurry                          somebody looks whether a switch takes too long
///     expire
///     trim                           frees what was accepted before now
///     shorten                        brings the log back within its bytes
///     state
///
/// An outcome ends with `wakes …` when connections are to be woken.
struct Transcript {
    static let epoch = Epoch(0xABC)
    var session = Session(epoch: epoch, now: .zero)
    var limits = SessionLimits()
    var now = Instant.zero
    var wakes = WakeSet(loops: 1)
    /// Names of connections, in the order of their slots.
    var names: [String] = []
    /// How far the kernel has taken a connection's bytes; absent: as far as they were handed out.
    var flushed: [String: Int] = [:]
    var handedOut: [String: Int] = [:]

    /// Plays `text` from the beginning.
    static func play(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        var transcript = Transcript()
        transcript.play(text, sourceLocation: sourceLocation)
    }

    mutating func play(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        var expected: [String] = []
        var actual: [String] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "->", maxSplits: 1).map { $0.trimmed }
            guard let command = parts.first, !command.isEmpty else { continue }
            let outcome = run(command.split(separator: " ").map(String.init))
            expected.append(parts.count > 1 ? "\(command) -> \(parts[1])" : command)
            actual.append(parts.count > 1 ? "\(command) -> \(outcome)" : command)
        }
        guard expected != actual else { return }
        let both = zip(expected, actual).map { $0 == $1 ? "  \($0)" : "- \($0)\n+ \($1)" }
        Issue.record("It went otherwise.\n\(both.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }

    private mutating func run(_ words: [String]) -> String {
        let outcome = perform(words[0], Array(words.dropFirst()))
        let woken = wakes.takeAll().map { names[$0.slot] }
        return woken.isEmpty
            ? outcome : outcome + (outcome.isEmpty ? "" : "; ") + "wakes " + woken.joined(separator: " ")
    }

    private mutating func perform(_ command: String, _ words: [String]) -> String {
        switch command {
        case "limits": return setLimits(words)
        case "wait":
            now = now + span(words[0])
            return ""
        case "publish": return words.map { publish($0) }.joined(separator: ", ")
        case "connect", "promote": return connect(words, promoting: command == "promote")
        case "take": return take(words)
        case "flush":
            let id = connection(words[0])
            flushed[words[0]] = Int(words[1])
            session.flushed(id, before: Int(words[1])!, now: now, wakes: &wakes)
            return ""
        case "drop":
            let name = words[0]
            session.detach(connection(name), flushed: reportedFlush(name), now: now, wakes: &wakes)
            return ""
        case "ack":
            let by = words.count > 2 ? connection(words[0]) : nil
            let value = words[words.count - 1]
            if words[words.count - 2] == "seq" {
                session.acknowledge(through: Int(value)!, on: by, wakes: &wakes)
            } else {
                session.acknowledge(id: value, on: by, wakes: &wakes)
            }
            return "acknowledged \(session.acknowledged)"
        case "claim": return "\(session.claim(words[0], limits: limits))"
        case "release":
            return session.release(words[0], leaving: words.contains("leaving"), now: now) ? "ended" : "stays"
        case "orphans":
            let ended = session.endOrphans(now: now, limits: limits)
            return ended.isEmpty ? "none" : ended.joined(separator: " ")
        case "unsubscribe": return session.unsubscribe(words[0]) ? "ended" : "was not subscribed"
        case "hurry":
            session.hurryHandover(now: now, wakes: &wakes)
            return ""
        case "trim":
            session.trim(acceptedBefore: now)
            return ""
        case "shorten":
            session.shorten(limits: limits, wakes: &wakes)
            return "\(session.log.oldest)..<\(session.log.next)"
        case "expire": return session.expire(now: now, limits: limits) ? "forget" : "keep"
        case "state":
            return "log \(session.log.oldest)..<\(session.log.next), delivered \(session.delivered), "
                + "acknowledged \(session.acknowledged), active \(session.activeTransport?.name ?? "none")"
        default: preconditionFailure("Unknown command \(command)")
        }
    }

    private mutating func setLimits(_ words: [String]) -> String {
        for word in words {
            let parts = word.split(separator: "=")
            let value = Int(parts[1])!
            switch parts[0] {
            case "log": limits.logMessages = value
            case "bytes": limits.logBytes = value
            case "offline": limits.offlineMessages = value
            case "offlineBytes": limits.offlineBytes = value
            case "unsent": limits.maxUnsentBytes = value
            case "half": limits.backpressure.halfRatePending = value
            case "critical": limits.backpressure.criticalPending = value
            case "rate": limits.backpressure.minimumRate = value
            case "topics": limits.maxTopics = value
            case "keepsUndelivered": limits.keepsUndelivered = value == 1
            default: preconditionFailure("Unknown limit \(word)")
            }
        }
        return ""
    }

    private mutating func publish(_ word: String) -> String {
        var name = word[...]
        var expiresAt = Instant.distantFuture
        var size = 0
        var topic: String?
        var transport: Transport?
        let priority = name.last == "^" ? Priority.high : .normal
        if name.last == "^" { name = name.dropLast() }
        var key: String?
        if let mark = name.firstIndex(of: "=") {
            key = String(name[name.index(after: mark)...])
            name = name[..<mark]
        }
        if let mark = name.firstIndex(of: ">") {
            transport = name.hasSuffix("ws") ? .webSocket : .eventStream
            name = name[..<mark]
        }
        if let mark = name.firstIndex(of: "~") {
            expiresAt = now + span(String(name[name.index(after: mark)...]))
            name = name[..<mark]
        }
        if let mark = name.firstIndex(of: "*") {
            size = Int(name[name.index(after: mark)...])!
            name = name[..<mark]
        }
        if let mark = name.firstIndex(of: "#") {
            topic = String(name[name.index(after: mark)...])
            name = name[..<mark]
        }
        let isDurable = name.hasSuffix("!")
        let message = Message.sample(
            String(isDurable ? name.dropLast() : name), isDurable: isDurable, topic: topic, size: size,
            priority: priority, key: key, transport: transport, acceptedAt: now, expiresAt: expiresAt)
        switch session.append(message, limits: limits, now: now, wakes: &wakes) {
        case .delivered(let sequence, let by): return "\(sequence) by \(by.name)"
        case .queued(let sequence): return "\(sequence) queued"
        case .full: return "full"
        }
    }
}

extension Transcript {
    fileprivate mutating func connect(_ words: [String], promoting: Bool) -> String {
        let name = words[0]
        if !names.contains(name) { names.append(name) }
        var request = Session.AttachRequest(
            connection: connection(name), transport: words[1] == "ws" ? .webSocket : .eventStream)
        request.resume = resumePoint(words)
        request.isIndependent = words.contains("independent") || words.contains("partial")
        request.carriesAll = !words.contains("partial")
        request.acknowledges = words.contains("acks")
        request.takesBundles = words.contains("batch")
        request.slowConsumerPolicy = words.compactMap { SlowConsumerPolicy(rawValue: $0) }.first
        flushed[name] = nil
        handedOut[name] = 0
        var outcome = ""
        let attachment: Session.Attachment
        if promoting {
            let result = session.promote(request, limits: limits, now: now, wakes: &wakes)
            attachment = result.attachment
            outcome = "had \(result.alreadyHad), "
        } else {
            attachment = session.attach(request, limits: limits, now: now, wakes: &wakes)
        }
        outcome += attachment.reason?.rawValue ?? "recovered"
        outcome += ", replays \(attachment.replayed), next \(attachment.nextSequence)"
        if !attachment.isActive { outcome += ", standby" }
        if !attachment.inheritedTopics.isEmpty {
            outcome += ", inherits \(attachment.inheritedTopics.joined(separator: " "))"
        }
        if !attachment.abandonedTopics.isEmpty {
            outcome += ", abandons \(attachment.abandonedTopics.joined(separator: " "))"
        }
        return outcome
    }

    private func resumePoint(_ words: [String]) -> ResumePoint {
        if words.contains("auto") { return .automatic }
        if words.contains("foreign") { return .foreign }
        if let index = words.firstIndex(of: "seq") { return .afterSequence(Int(words[index + 1])!) }
        guard let index = words.firstIndex(of: "after") else { return .none }
        let parts = words[index + 1].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, parts[0] == "other" {
            return .after(EventID(epoch: Epoch(0xDEF), sequence: Int(parts[1])!))
        }
        return .after(EventID(epoch: Self.epoch, sequence: Int(words[index + 1])!))
    }

    fileprivate mutating func take(_ words: [String]) -> String {
        let name = words[0]
        var batch: [Session.Delivery] = []
        var notices = Session.Notices()
        let result = session.take(
            connection(name), flushed: reportedFlush(name), maxMessages: option("max", words) ?? 256,
            maxBytes: option("bytes", words) ?? 65_536, limits: limits, now: now, into: &batch, notices: &notices,
            wakes: &wakes)
        var parts: [String] = []
        if notices.isBundle { parts.append("bundle") }
        if let notice = notices.transportSwitch {
            parts.append("[\(notice.from.name) > \(notice.to.name), \(notice.reason.rawValue)]")
        }
        for delivery in batch {
            switch delivery.content {
            case .message(let message): parts.append("\(delivery.sequence)\(message.id)")
            case .gap(let from, let reason): parts.append("(\(from)...\(delivery.sequence) \(reason.rawValue))")
            }
            handedOut[name] = delivery.sequence + 1
        }
        switch result {
        case .held(let until):
            parts.append(until == .distantFuture ? "held" : "held \((until - now).milliseconds)ms")
        case .drained: parts.append("drained")
        case .more: parts.append("more")
        case .fellBehind(let from, let to): parts.append("fell behind \(from)...\(to)")
        case .standby: parts.append("standby")
        case .unknown: parts.append("unknown")
        }
        return parts.joined(separator: " ")
    }

    fileprivate func connection(_ name: String) -> ConnectionID {
        guard let slot = names.firstIndex(of: name) else { preconditionFailure("No connection \(name)") }
        return ConnectionID(slot: slot)
    }

    fileprivate func reportedFlush(_ name: String) -> Int { flushed[name] ?? handedOut[name] ?? 0 }

    private func option(_ name: String, _ words: [String]) -> Int? {
        words.firstIndex(of: name).flatMap { Int(words[$0 + 1]) }
    }

    fileprivate func span(_ text: String) -> Instant.Span {
        let number = Int64(text.prefix { $0.isNumber })!
        switch text.drop(while: \.isNumber) {
        case "ms": return .milliseconds(number)
        case "s": return .seconds(number)
        case "m": return .seconds(number * 60)
        case "h": return .seconds(number * 3600)
        default: preconditionFailure("No span: \(text)")
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
