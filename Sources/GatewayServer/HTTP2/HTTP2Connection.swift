import GatewayCore
import NIOCore
import NIOHTTP1
import NIOHTTP2

/// An HTTP/2 connection: it makes a front for each stream, and ends when it is not needed, or not welcome any more. Each
/// of its streams counts as a connection wherever connections count.
final class HTTP2Connection: LoopMember, ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let arrival: Arrival
    private var context: ChannelHandlerContext?
    private var streams = 0
    /// Goodbye has been said.
    private var isLeaving = false
    /// When it is closed unless a stream is open.
    private var deadline: Instant
    /// The first stream has been let in with the TLS handshake; the others wait for turns of their own.
    private var hasTurn: Bool
    private var isCounted = true
    /// Things that the peer did wrong.
    private var failures = 0

    /// After that many wrongs nothing right is expected any more.
    private static let maxFailures = 8

    static func install(
        on channel: any Channel, service: GatewaySettings.Service, loop: LoopState, arrival: Arrival
    ) throws {
        let connection = HTTP2Connection(arrival, loop: loop)
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let limits = loop.gateway.settings.http2
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.maxConcurrentStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.maxHeaderListSize),
        ]
        configuration.controlFrameRateLimit.maximumCount = limits.maxControlFramesPerSecond
        configuration.controlFrameRateLimit.windowLength = .seconds(1)
        var streamConfiguration = NIOHTTP2Handler.StreamConfiguration()
        streamConfiguration.streamResetFrameRateLimit.maximumCount = limits.maxResetsPerSecond
        streamConfiguration.streamResetFrameRateLimit.windowLength = .seconds(1)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
            NIOHTTP2Handler(
                mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: configuration,
                streamConfiguration: streamConfiguration, streamDelegate: Streams(connection: bound),
                inboundStreamInitializer: { stream in
                    stream.eventLoop.makeCompletedFuture { try bound.value.prepare(stream, service) }
                }))
        try pipeline.addHandler(connection)
    }

    private init(_ arrival: Arrival, loop: LoopState) {
        self.arrival = arrival
        hasTurn = arrival.hasTurn
        deadline = arrival.deadline ?? .distantFuture
        super.init(loop: loop)
    }

    private var gateway: Gateway { loop.gateway }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.enter(self, visitAt: deadline)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.leave(self)
        guard isCounted else { return }
        isCounted = false
        gateway.admission.left(.http, address: arrival.countedAddress)
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.leave(self)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Frames of the connection itself; the handler before this one has acted on them.
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        gateway.logger.debug(
            "HTTP/2 failed", metadata: ["address": "\(arrival.address?.ipAddress ?? "-")", "error": "\(error)"])
        guard error is any NIOHTTP2Error else { return context.close(promise: nil) }
        // The peer has been told: of one stream by a reset, of the whole connection by GOAWAY. What was wrong with one
        // stream is not the others' business, unless it goes on.
        failures += 1
        if streams == 0 || failures > Self.maxFailures { context.close(promise: nil) }
    }

    override func visit() -> Instant? {
        guard context != nil else { return nil }
        guard streams == 0 else { return deadline == .distantFuture ? loop.now + .seconds(3600) : deadline }
        guard loop.now >= deadline else { return deadline }
        leave()
        return nil
    }

    override func drain() { leave() }

    // MARK: - Streams

    private func prepare(_ stream: any Channel, _ service: GatewaySettings.Service) throws {
        var arrival = arrival
        arrival.link = .stream
        arrival.isCounted = false
        arrival.countedAddress = nil
        arrival.deadline = nil
        arrival.hasTurn = hasTurn
        hasTurn = false
        let pipeline = stream.pipeline.syncOperations
        try pipeline.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
        try HTTPFront.install(on: stream, service: service, loop: loop, arrival: arrival)
    }

    fileprivate func streamOpened() {
        streams += 1
        deadline = .distantFuture
    }

    fileprivate func streamClosed() {
        streams -= 1
        guard streams == 0 else { return }
        if isLeaving || failures > 0 { return close() }
        deadline = Clock.now + gateway.settings.keepAliveTimeout
        loop.schedule(self, at: deadline)
    }

    /// Takes no new streams, and closes when the last one has ended.
    private func leave() {
        guard !isLeaving else { return }
        isLeaving = true
        // Behind the goodbyes of the streams: some clients hear nothing any more once the connection is to end.
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.execute { connection.value.sayGoodbye() }
    }

    private func sayGoodbye() {
        guard let context else { return }
        let goodbye = HTTP2Frame.FramePayload.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil)
        context.writeAndFlush(
            wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: goodbye)), promise: nil)
        if streams == 0 { close() }
    }

    private func close() {
        // Not in the middle of what the last stream still writes.
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.execute { connection.value.context?.close(promise: nil) }
    }

    private struct Streams: NIOHTTP2StreamDelegate, Sendable {
        let connection: NIOLoopBound<HTTP2Connection>

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) { connection.value.streamOpened() }

        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) { connection.value.streamClosed() }
    }
}
