import GatewayCore

/// When something counts as pain.
public struct AlgedonicLimits: Equatable, Sendable {
    /// How long each level has to settle what hurts before the next one hears of it.
    public var deadline = Instant.Span.seconds(5)
    /// How long it must not hurt before that counts as the end of it.
    public var calm = Instant.Span.seconds(5)
    /// The share of a bound from which on something hurts, and the one below which it does not any more.
    public var onset = 0.9
    public var release = 0.8

    public init() {}
}

/// The channel past the hierarchy. Silent by default: who is hurt has a deadline to settle it alone, then S3 hears of it,
/// then S5, then a human being. Each hears it once, however often it is felt meanwhile, and each that has heard of it hears
/// when it is over.
///
/// A value without a clock.
public struct AlgedonicChannel: Sendable {
    private struct Episode: Sendable {
        let since: Instant
        /// Whoever knows of it, and since when.
        var level = AlgedonicSignal.Level.operations
        var levelSince: Instant
        /// Since when it does not hurt; `nil` while it does.
        var calmSince: Instant?
        /// The worst of it.
        var intensity: Double
    }

    private let limits: AlgedonicLimits
    private var episodes: [PainSource: Episode] = [:]
    /// What it has come to.
    public private(set) var figures = Figures()

    /// What the channel has carried, and what it has spared.
    public struct Figures: Equatable, Sendable {
        /// Signals of pain and of relief that were sent.
        public var pains = 0, pleasures = 0
        /// Beats on which something hurt that everybody concerned knew of already.
        public var suppressed = 0
        /// Times that something began to hurt.
        public var episodes = 0
        /// Those that ended before anybody above had to hear of them.
        public var settled = 0
        /// Times that it hurt again before it was over.
        public var relapses = 0

        /// The share of episodes that were settled where they arose; `nil` before the first has ended or been passed on.
        public var autonomy: Double? { decided > 0 ? Double(settled) / Double(decided) : nil }
        /// Episodes of which is known whether they were settled below.
        public var decided = 0
    }

    public init(_ limits: AlgedonicLimits = AlgedonicLimits()) { self.limits = limits }

    /// What hurts at present, and who knows of it.
    public var present: [(source: PainSource, level: AlgedonicSignal.Level, intensity: Double, since: Instant)] {
        episodes.map { ($0.key, $0.value.level, $0.value.intensity, $0.value.since) }
            .sorted {
                ($0.since, $0.source.place, $0.source.pain.rawValue) < (
                    $1.since, $1.source.place, $1.source.pain.rawValue
                )
            }
    }

    /// How bad something is at present.
    /// - Parameter intensity: the figure as a share of its bound.
    /// - Returns: whom to tell, if anyone.
    public mutating func observe(_ source: PainSource, intensity: Double, now: Instant) -> AlgedonicSignal? {
        guard var episode = episodes[source] else {
            guard intensity >= limits.onset else { return nil }
            figures.episodes += 1
            episodes[source] = Episode(since: now, levelSince: now, intensity: intensity)
            return nil
        }
        if intensity >= limits.release {
            // Between the two it goes on if it went on, and stays over if it was over.
            if episode.calmSince != nil, intensity >= limits.onset {
                episode.calmSince = nil
                figures.relapses += 1
            }
        } else if episode.calmSince == nil {
            episode.calmSince = now
        }
        episode.intensity = episode.calmSince == nil ? max(episode.intensity, intensity) : episode.intensity
        let (signal, isOver) = proceed(source, &episode, now)
        episodes[source] = isOver ? nil : episode
        return signal
    }

    /// A part of the node is gone; what hurt there does not any more.
    public mutating func forget(where isGone: (PainSource) -> Bool) {
        for source in episodes.keys where isGone(source) { episodes[source] = nil }
    }

    private mutating func proceed(
        _ source: PainSource, _ episode: inout Episode, _ now: Instant
    ) -> (AlgedonicSignal?, isOver: Bool) {
        if let calmSince = episode.calmSince {
            guard now - calmSince >= limits.calm else { return (nil, false) }
            guard episode.level > .operations else {
                figures.settled += 1
                figures.decided += 1
                return (nil, true)
            }
            figures.pleasures += 1
            return (signal(.pleasure, source, episode, until: calmSince), true)
        }
        guard now - episode.levelSince >= limits.deadline, episode.level < .operator else {
            if episode.level > .operations { figures.suppressed += 1 }
            return (nil, false)
        }
        if episode.level == .operations { figures.decided += 1 }
        episode.level = episode.level.next
        episode.levelSince = now
        figures.pains += 1
        return (signal(.pain, source, episode, until: now), false)
    }

    private func signal(
        _ kind: AlgedonicSignal.Kind, _ source: PainSource, _ episode: Episode, until end: Instant
    ) -> AlgedonicSignal {
        AlgedonicSignal(
            kind: kind, source: source, level: episode.level, intensity: episode.intensity,
            duration: end - episode.since, deadline: limits.deadline)
    }
}
