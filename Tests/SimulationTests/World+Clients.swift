import DeliveryHistory
import GatewayCore
import GatewayStore
import TestSupport

/// What devices do, and the network between them and the gateway.
extension World {
    // MARK: - Connections

    /// - Parameter calmly: as a device does that only wants to have everything.
    mutating func connect(_ index: Int, calmly: Bool = false) {
        let device = devices[index]
        guard calmly || wires.count(where: { $0.device == index }) < 3 else { return }
        let name = fresh("c")
        var request = Session.AttachRequest(
            connection: ConnectionID(loop: 0, slot: names, generation: 1), transport: random.pick(Transport.allCases))
        request.isIndependent = !calmly && random.oneIn(8)
        request.acknowledges = device.acknowledges
        if !calmly, random.oneIn(2) { request.slowConsumerPolicy = random.pick(SlowConsumerPolicy.allCases) }
        if device.isForgetful, random.oneIn(3) { devices[index].forget() }
        request.resume = devices[index].lastID.map { .after($0) } ?? .none
        if device.acknowledges, device.claimed != nil, random.oneIn(4) { request.resume = .automatic }
        guard let (attachment, epoch) = attach(request, to: device.name) else { return }
        let start = attachment.nextSequence - attachment.replayed
        wires.append(
            Wire(
                id: request.connection, name: name, device: index, epoch: epoch,
                isIndependent: request.isIndependent, flushedBefore: start))
        let resumed: EventID? =
            switch request.resume {
            case .after(let id): id
            // Where that is the gateway knows; the client can tell only within one log.
            case .automatic where device.epoch == epoch: device.claimed.map { EventID(epoch: epoch, sequence: $0) }
            default: nil
            }
        record(
            .connect(
                client: device.name, connection: name, epoch: epoch.description,
                resume: resumed.map(Self.position), recovered: attachment.recovered))
        // The client can tell what it lacks: what lies between its place and where the connection starts.
        if attachment.reason == .trimmed, let resumed, resumed.sequence + 1 < start {
            record(
                .gap(
                    client: device.name, connection: name, epoch: epoch.description,
                    range: (resumed.sequence + 1)...(start - 1)))
        }
        if attachment.recovered, case .after(let id) = request.resume { devices[index].claims(id.sequence) }
        devices[index].began(
            epoch, start: attachment.recovered && request.resume != .automatic ? nil : start,
            hasOthers: wires.contains { $0.device == index && $0.epoch == epoch && $0.name != name })
    }

    static func position(_ id: EventID) -> HistoryEvent.Position {
        HistoryEvent.Position(epoch: id.epoch.description, sequence: id.sequence)
    }

    /// The kernel takes some of what was written, and the gateway may hear of it.
    mutating func kernelTakes(_ index: Int, everything: Bool = false) {
        let count = wires[index].pipe.count - wires[index].inKernel
        guard count > 0 else { return }
        wires[index].inKernel += everything ? count : 1 + random.below(count)
        let last = wires[index].pipe[wires[index].inKernel - 1].sequence
        wires[index].flushedBefore = last + 1
        // There is room again.
        wires[index].mustTake = true
        guard everything || random.oneIn(2) else { return }
        let name = devices[wires[index].device].name
        sessions[name]?.session.flushed(wires[index].id, before: last + 1, now: now, wakes: &wakes)
        collectWakes()
    }

    /// The device reads what the kernel has for it.
    mutating func read(_ index: Int, atMost count: Int) {
        let wire = wires[index]
        guard !devices[wire.device].isStalled else { return }
        let count = min(count, wire.inKernel)
        for delivery in wire.pipe.prefix(count) { receive(delivery, wire) }
        wires[index].pipe.removeFirst(count)
        wires[index].inKernel -= count
    }

    private mutating func receive(_ delivery: Session.Delivery, _ wire: Wire) {
        let name = devices[wire.device].name
        let id = EventID(epoch: wire.epoch, sequence: delivery.sequence)
        switch delivery.content {
        case .message(let message):
            record(.deliver(client: name, connection: wire.name, Self.position(id), id: message.id))
            devices[wire.device].received(delivery.sequence...delivery.sequence, isMessage: true)
        case .gap(let from, _):
            record(
                .gap(
                    client: name, connection: wire.name, epoch: wire.epoch.description,
                    range: from...delivery.sequence))
            devices[wire.device].received(from...delivery.sequence, isMessage: false)
        }
    }

    enum End {
        case network, gateway, crash
    }

    /// A connection ends.
    mutating func cut(_ index: Int, because end: End = .network) {
        var wire = wires[index]
        let device = devices[wire.device]
        // Some of what was written may still get out, unknown to the gateway.
        let more = wire.pipe.count - wire.inKernel
        let late = more > 0 ? random.below(more + 1) : 0
        // What the kernel has is lost too, where the client acknowledges; but not on a connection in whose place another
        // transport was put: a switch relies on the kernel (contract §12).
        let mayLose = device.acknowledges && sessions[device.name]?.session.isStandingBy(wire.id) == false
        let arrives = mayLose ? random.below(wire.inKernel + late + 1) : wire.inKernel + late
        for delivery in wire.pipe.prefix(arrives) { receive(delivery, wire) }
        wires.remove(at: index)
        if end != .crash {
            wire.pipe.removeFirst(min(arrives, wire.inKernel))
            wire.inKernel = 0
            detach(wire)
        }
        record(.disconnect(client: device.name, connection: wire.name))
    }

    mutating func acknowledge(_ index: Int) {
        guard devices[index].acknowledges, let epoch = devices[index].epoch, let last = devices[index].lastMessage,
            let wire = wires.first(where: { $0.device == index && $0.epoch == epoch }),
            var served = sessions[devices[index].name], served.session.epoch == epoch
        else { return }
        served.session.acknowledge(through: last, on: wire.id, wakes: &wakes)
        sessions[devices[index].name] = served
        devices[index].claims(last)
        record(
            .acknowledge(
                client: devices[index].name, Self.position(EventID(epoch: epoch, sequence: last))))
        release(devices[index].name)
        collectWakes()
    }

    // MARK: - Publishers

    /// A publisher sends its next message, or once more what was not answered.
    mutating func publish(_ index: Int) {
        let publisher = publishers[index]
        guard publisher.open < (publisher.numbers ? 4 : 1) else { return }
        var message: Publisher.Sent
        if !publisher.again.isEmpty {
            message = publishers[index].again.removeFirst()
        } else {
            publishers[index].count += 1
            let timeToLive: Instant.Span? = random.oneIn(10) ? random.pick([.seconds(2), .seconds(30)]) : nil
            let isDurable = !random.oneIn(4)
            message = Publisher.Sent(
                to: random.below(devices.count), id: "\(publisher.name).\(publishers[index].count)",
                // What may grow too old, or wait for nobody, may stay away.
                mustArrive: isDurable && timeToLive == nil, isDurable: isDurable, timeToLive: timeToLive,
                priority: random.oneIn(6) ? .high : .normal, key: random.pick([nil, nil, "k"]))
        }
        message.answer = nil
        message.hasArrived = false
        message.number = publisher.nextNumber
        publishers[index].nextNumber += 1
        message.isUnderWay = true
        publishers[index].sent.append(message)
        // Requests of those who do not number come one after the other.
        if !publisher.numbers { arrive(index, publishers[index].sent.count - 1) }
    }

    /// A numbered message comes out of the network, in whatever order; some come twice.
    mutating func arrive() {
        guard let index = anyIndex(publishers, &random, where: { $0.sent.contains(where: \.isUnderWay) }),
            let place = anyIndex(publishers[index].sent, &random, where: \.isUnderWay)
        else { return }
        arrive(index, place)
    }

    private mutating func arrive(_ index: Int, _ place: Int) {
        let message = publishers[index].sent[place]
        // Some come twice.
        publishers[index].sent[place].isUnderWay = publishers[index].numbers && random.oneIn(6)
        publishers[index].sent[place].hasArrived = true
        let name = publishers[index].name
        guard publishers[index].numbers, !strikes(.ignoresNumbers) else { return process(index, message) }
        var sequencer = sequencers[name] ?? MessageSequencer()
        let arrival = sequencer.arrived(message.number, cost: 100, limits: sequencerLimits, now: now) {
            NumberedMessage(publisher: index, id: message.id)
        }
        sequencers[name] = sequencer
        switch arrival {
        case .process:
            process(index, message)
            proceed(name)
        case .buffered, .duplicateOfBuffered: break
        case .duplicate: break
        // A copy, whose number was given up while the first one waited for the store.
        case .tooOld where message.hasArrived: break
        case .tooOld, .full: answered(index, message.id, .refused)
        }
    }

    /// What has waited for the message before it.
    private mutating func proceed(_ name: String) {
        while let next = sequencers[name]?.processed(true, limits: sequencerLimits, now: now) { process(next) }
    }

    private mutating func process(_ waiting: NumberedMessage) {
        guard
            let message = publishers[waiting.publisher].sent.first(where: { $0.id == waiting.id && $0.answer == nil })
        else { return }
        process(waiting.publisher, message)
    }

    /// Numbers that do not come are given up.
    mutating func expireNumbers() {
        for name in sequencers.keys.sorted() {
            while let (_, next) = sequencers[name]?.expire(limits: sequencerLimits, now: now) {
                process(next)
                proceed(name)
            }
        }
    }

    private mutating func process(_ index: Int, _ message: Publisher.Sent) {
        switch accept(index, message) {
        case .accepted: answered(index, message.id, .accepted)
        case .refused: answered(index, message.id, .refused)
        case .storing: break
        }
    }

    /// A publisher hears what became of a message.
    mutating func answered(_ index: Int, _ id: String, _ answer: HistoryEvent.Answer) {
        guard let place = publishers[index].sent.firstIndex(where: { $0.id == id && $0.answer == nil }) else { return }
        publishers[index].sent[place].answer = answer
        publishers[index].sent[place].isUnderWay = false
        while let first = publishers[index].sent.first, let answer = first.answer {
            publishers[index].sent.removeFirst()
            record(publishers[index], first, answer)
            // What could not be stored is not sent again: a client that was connected may have had it already
            // (docs/delivery.md), and would get it twice.
        }
    }

    private mutating func record(
        _ publisher: Publisher, _ message: Publisher.Sent, _ answer: HistoryEvent.Answer
    ) {
        record(
            .publish(
                publisher: publisher.name, client: devices[message.to].name, id: message.id,
                isDurable: message.mustArrive, answer))
    }

    /// The gateway is gone: what was under way has no answer. Most of it is sent again, to the next process.
    mutating func interrupt(_ index: Int) {
        let sent = publishers[index].sent
        publishers[index].sent = []
        publishers[index].nextNumber = 0
        for message in sent {
            record(publishers[index], message, message.answer ?? .none)
            if message.answer == nil, !random.oneIn(4) { publishers[index].again.append(message) }
        }
    }
}
