import GatewayCore
import NIOCore

/// The time as calls measure it.
enum MonotonicClock {
    static var now: Instant { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }
}
