import GatewayCore

/// What most Phoenix connections never have, kept beside them so that they do not pay for its size.
final class PhoenixExtras {
    fileprivate var waitingFrames: WaitingFrames?
    fileprivate var isRetrying = false
    fileprivate var messageChannel: PhoenixMessageChannel?
    fileprivate var permission: Permission?
    /// Who the messages of the event `mcp` are from.
    var caller: Caller?
    /// Why the token of the address was not good.
    var tokenFailure: AuthenticationFailure?
    /// When a connection is closed whose client has not said who it is.
    var strangerDeadline: Instant?
}

extension PhoenixEngine {
    /// What waits until the storage has been read, or somebody has said whether a join is permitted.
    var waitingFrames: WaitingFrames? {
        get { extras?.waitingFrames }
        set { if newValue != nil || extras != nil { extended.waitingFrames = newValue } }
    }

    /// Whether the frame that is being read has waited already.
    var isRetrying: Bool {
        get { extras?.isRetrying ?? false }
        set { if newValue || extras != nil { extended.isRetrying = newValue } }
    }

    /// What carries the messages of the event `mcp`, once there has been one.
    var messageChannel: PhoenixMessageChannel? {
        get { extras?.messageChannel }
        set { if newValue != nil || extras != nil { extended.messageChannel = newValue } }
    }

    /// What has been said of the join that is taken up again.
    var permission: Permission? {
        get { extras?.permission }
        set { if newValue != nil || extras != nil { extended.permission = newValue } }
    }

    /// Who the messages of the event `mcp` are from.
    var caller: Caller {
        guard gateway.gatekeeper.isOn, let principal = identity?.principal else {
            return extras?.caller ?? Caller(owner: nil, capabilities: nil)
        }
        return Caller(.principal(principal), authorization: nil)
    }

    var extended: PhoenixExtras {
        if let extras { return extras }
        let fresh = PhoenixExtras()
        extras = fresh
        return fresh
    }
}
