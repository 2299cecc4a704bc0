import GatewayCore
import GatewayServer
import Logging

/// A program with a gateway inside: it answers clients' questions in Swift, greets whoever connects as `alice`, and ends
/// when she asks it to.
@main
struct EmbeddedGateway {
    static func main() async throws {
        var settings = GatewaySettings()
        settings.hosts = ["127.0.0.1"]
        settings.ports = [.http: 0, .eventStream: 0, .webSocket: 0]

        // Messages of the type `sum` are answered here: `{"numbers": [1, 2]}`. What the handler returns is the reply.
        let sums = MessageHandler("sums") { message in
            let numbers = String(decoding: message.data, as: UTF8.self).split { !"-0123456789".contains($0) }
            guard numbers.count > 0 else { throw Problem(422, "invalid_message", "give numbers") }
            return Array("{\"sum\":\(numbers.compactMap { Int($0) }.reduce(0, +))}".utf8)
        }
        // Who says goodbye ends the program.
        let (goodbyes, goodbye) = AsyncStream<Void>.makeStream()
        let farewell = MessageHandler("farewell") { _ in
            goodbye.finish()
            return nil
        }
        settings.routes = [
            Route(pattern: "sum", handler: .handler(sums)), Route(pattern: "goodbye", handler: .handler(farewell)),
            Route(pattern: "*", handler: .echo),
        ]
        // Nobody called mallory gets in.
        settings.hooks.connect = { question in
            guard question.clientID.text != "mallory" else { throw Problem(403, "policy_violation", "not you") }
            return Array(#"{"greeted":true}"#.utf8)
        }

        let gateway = Gateway(settings: settings, logger: Logger(label: "embedded"))
        try await gateway.start()
        let alice = ClientID("alice")!
        let following = Task {
            for await event in gateway.router.events(for: alice) {
                switch event {
                case .message(let message): print("alice is sent message \(message.sequence)")
                case .connectionStatus(let status):
                    print("alice is connected by \(status.transports.map(\.name))")
                    guard status.isConnected else { continue }
                    let greeting = OutgoingMessage(type: "greeting", data: #"{"text":"Hello, Alice"}"#)
                    try await gateway.router.route(to: alice, message: greeting, priority: .high)
                case .transportSwitched(let from, let to): print("alice changes from \(from.name) to \(to.name)")
                case .missed(let count): print("\(count) events came too fast")
                }
            }
        }
        for (service, addresses) in gateway.addresses {
            print("\(service.rawValue)=127.0.0.1:\(addresses.first?.port ?? 0)", terminator: " ")
        }
        print("ready")

        for await _ in goodbyes {}
        await gateway.drain(deadline: .seconds(1))
        await gateway.stop()
        try await following.value
        print("stopped")
    }
}
