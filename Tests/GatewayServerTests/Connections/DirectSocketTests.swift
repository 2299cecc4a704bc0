import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import GatewayServer

extension InProcess {
    struct DirectSocketTests {
        @Test(.timeLimit(.minutes(5)), arguments: 0..<8)
        func `what a full kernel buffer cuts off is sent on without loss, repeat or reordering`(seed: Int) async throws
        {
            // Small enough to cut off inside large pieces, and large enough to cut off behind them.
            try await Self.withSender(kernelBuffer: [4096, 16_384, 40_000, 60_000][seed % 4]) { sender, peer in
                var random = SeededGenerator(seed)
                let (segments, expected) = Self.pieces(&random)
                try await sender.fill(segments)
                var received: [UInt8] = []
                var parts = 0
                while true {
                    let before = try await sender.waiting()
                    let result = try await sender.send()
                    let after = try await sender.waiting()
                    if case .all = result { break }
                    guard case .part(let count) = result else {
                        Issue.record("sending failed")
                        return
                    }
                    parts += 1
                    #expect(count == before - after, "as many bytes are left as were not sent")
                    received += try peer.read(1 + random.below(9000))
                }
                received += try peer.read(expected.count - received.count)
                #expect(received == expected)
                #expect(parts > 1, "the kernel's buffer was full in between")
                #expect(try await sender.waiting() == 0)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a full kernel buffer takes nothing and is no failure`() async throws {
            try await Self.withSender { sender, peer in
                try await sender.fill([[UInt8](repeating: 1, count: 1 << 20)])
                guard case .part(let first) = try await sender.send() else {
                    Issue.record("a mebibyte fits into the buffer of a socket")
                    return
                }
                #expect(first > 0)
                #expect(try await sender.send() == .part(0))
                #expect(try await sender.waiting() == (1 << 20) - first)
                #expect(try peer.read(first).count == first)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a peer that has gone is a failure, not a signal`() async throws {
            try await Self.withSender { sender, peer in
                try await sender.fill([[1, 2, 3]])
                let descriptor = peer.giveAway()
                // In one step, so that the channel has not noticed yet. Not by closing alone: a process that another test
                // starts at this moment has the descriptor too until it is itself.
                let isFailed = try await sender.send {
                    shutdown(descriptor, CInt(SHUT_RDWR))
                    close(descriptor)
                }
                #expect(isFailed == .failed)
            }
        }

        /// Small and large pieces, and all their bytes.
        private static func pieces(_ random: inout SeededGenerator) -> (pieces: [[UInt8]], all: [UInt8]) {
            var pieces: [[UInt8]] = []
            for _ in 0..<40 {
                let count = random.pick([1, 10, 500, Outbound.shareFrom, 20_000])
                pieces.append((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
            // What is gathered behind the last large one is more than any of the buffers takes.
            for number in 0..<400 { pieces.append([UInt8](repeating: UInt8(number % 251), count: 300)) }
            return (pieces, pieces.flatMap { $0 })
        }

        /// Runs `body` with a channel's direct socket and the raw socket at its other end.
        private static func withSender(
            kernelBuffer: CInt = 4096, _ body: (Sender, Peer) async throws -> Void
        ) async throws {
            var ends: [CInt] = [0, 0]
            try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            var small = kernelBuffer
            setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, socklen_t(MemoryLayout<CInt>.size))
            let peer = Peer(ends[1])
            defer { peer.close() }
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            do {
                let channel = try await ClientBootstrap(group: group)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(Holder())
                        }
                    }
                    .withConnectedSocket(ends[0]).get()
                try await body(Sender(channel: channel), peer)
                try? await channel.close()
            } catch {
                try? await group.shutdownGracefully()
                throw error
            }
            try await group.shutdownGracefully()
        }

        /// Holds what a carrier holds: the direct socket of its channel, and what is to be sent.
        private final class Holder: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            var socket: DirectSocket?
            var outbound = Outbound()

            func handlerAdded(context: ChannelHandlerContext) { socket = DirectSocket(context) }
        }

        /// Uses the holder on its event loop.
        private struct Sender {
            let channel: any Channel

            func fill(_ pieces: [[UInt8]]) async throws {
                try await onHolder { holder in
                    for piece in pieces {
                        if piece.count < Outbound.shareFrom {
                            holder.outbound.append(piece)
                        } else {
                            holder.outbound.append(shared: ByteBuffer(bytes: piece))
                        }
                    }
                }
            }

            /// Sends what waits and drops what has been sent.
            func send(after first: @escaping @Sendable () -> Void = {}) async throws -> DirectSocket.Result {
                try await onHolder { holder in
                    first()
                    guard let socket = holder.socket else { return .failed }
                    let result = socket.send(holder.outbound)
                    switch result {
                    case .all: holder.outbound.reset()
                    case .part(let count): holder.outbound.skip(count)
                    case .failed: break
                    }
                    return result
                }
            }

            func waiting() async throws -> Int { try await onHolder { $0.outbound.count } }

            private func onHolder<Result: Sendable>(
                _ body: @escaping @Sendable (Holder) -> Result
            ) async throws -> Result {
                try await channel.eventLoop.submit {
                    body(try channel.pipeline.syncOperations.handler(type: Holder.self))
                }.get()
            }
        }

        /// The other end, read by hand.
        private final class Peer {
            private var descriptor: CInt

            init(_ descriptor: CInt) { self.descriptor = descriptor }

            /// Reads at most `count` bytes of those that are there.
            func read(_ count: Int) throws -> [UInt8] {
                var bytes: [UInt8] = []
                var room = [UInt8](repeating: 0, count: 4096)
                while bytes.count < count {
                    let got = recv(descriptor, &room, min(room.count, count - bytes.count), CInt(MSG_DONTWAIT))
                    guard got > 0 else { break }
                    bytes += room[..<got]
                }
                return bytes
            }

            /// The descriptor, which is the caller's to close now.
            func giveAway() -> CInt {
                defer { descriptor = -1 }
                return descriptor
            }

            func close() {
                if descriptor >= 0 { Foundation.close(descriptor) }
                descriptor = -1
            }
        }
    }
}
