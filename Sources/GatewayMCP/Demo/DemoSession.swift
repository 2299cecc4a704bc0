import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// The demonstration server: it is reached like any other, only that nothing lies between.
final class DemoSession: UpstreamSession {
    /// Calls in the middle of something, by number; what cancels them.
    private var running: [Int: Scheduled<Void>] = [:]
    /// Questions to the client, by the id that they have here: which call they belong to.
    private var questions: [Int: Int] = [:]
    private var isOpen = false

    override func open() {
        isOpen = true
        // Not at once: whoever begins a session is not done with it yet.
        hub.eventLoop.assumeIsolated().execute { [self] in
            guard isOpen else { return }
            began()
        }
    }

    override func shut() {
        isOpen = false
        for task in running.values { task.cancel() }
        running = [:]
        questions = [:]
    }

    override func transmit(_ call: Call) {
        let number = call.number
        let message = call.message
        // An answer comes later, as from any server.
        hub.eventLoop.assumeIsolated().execute { [self] in
            guard isOpen else { return }
            hub.readClock()
            message.withUnsafeReadableBytes { bytes in
                guard let request = try? RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth) else { return }
                handle(request, bytes, number)
            }
        }
    }

    override func transmit(_ message: ByteBuffer) {
        message.withUnsafeReadableBytes { bytes in
            guard let answer = try? RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth), answer.kind == .response,
                let place = answer.id, let question = RPCMessage.integer(place, bytes),
                let number = questions.removeValue(forKey: question)
            else { return }
            let said = (answer.result ?? answer.error).map { [UInt8](bytes[$0.offset..<$0.end]) } ?? []
            hub.eventLoop.assumeIsolated().execute { [self] in
                guard isOpen else { return }
                hub.readClock()
                answered(String(decoding: said, as: UTF8.self), number)
            }
        }
    }

    override func transmitCancellation(_ call: Call, notice: ByteBuffer) {
        running.removeValue(forKey: call.number)?.cancel()
        questions = questions.filter { $0.value != call.number }
    }

    // MARK: - Requests

    private func handle(_ request: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ number: Int) {
        switch request.method {
        case .listTools: answer(DemoTools.list, to: number)
        case .listPrompts: answer(Array(#"{"prompts":[]}"#.utf8), to: number)
        case .listResources: answer(Array(#"{"resources":[]}"#.utf8), to: number)
        case .listResourceTemplates: answer(Array(#"{"resourceTemplates":[]}"#.utf8), to: number)
        case .callTool: callTool(request, bytes, number)
        default: say(RPCError.methodNotFound("the demo server has tools only").response(id: Array("\(number)".utf8)))
        }
    }

    private func callTool(_ request: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ number: Int) {
        let name = request.name.map { RPCMessage.text($0, bytes) } ?? ""
        let arguments = DemoArguments(bytes, request.params)
        guard let tool = DemoTools.all.first(where: { $0.name == name }) else {
            return say(RPCError.invalidParams("Unknown tool: \(name)").response(id: Array("\(number)".utf8)))
        }
        if let problem = DemoTools.problem(arguments, of: tool) { return fail(problem, number) }
        switch name {
        case "echo":
            let said = arguments.text("text") ?? ""
            text(said, to: number) { $0.member("text", said) }
        case "add":
            let sum = (arguments.number("a") ?? 0) + (arguments.number("b") ?? 0)
            guard sum.isFinite else { return fail("the sum is larger than a number can be", number) }
            text(DemoArguments.written(sum), to: number) {
                $0.member("sum", raw: DemoArguments.written(sum).utf8)
            }
        case "slow":
            let steps = arguments.integer("steps", 1...1000) ?? 5
            let milliseconds = Int64(arguments.integer("milliseconds", 1...60_000) ?? 200)
            step(1, of: steps, every: milliseconds, number)
        case "fail": fail("this tool always fails", number)
        case "ask":
            let question = arguments.text("question") ?? "What is your name?"
            if call(number)?.isModern == true {
                askModern(question, request, bytes, number)
            } else {
                ask(question, number)
            }
        default:
            let count = arguments.integer("bytes", 0...(16 << 20)) ?? 65_536
            text(String(repeating: "x", count: count), to: number) { $0.member("bytes", count) }
        }
    }

    private func step(_ step: Int, of steps: Int, every milliseconds: Int64, _ number: Int) {
        running[number] = hub.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { [self] in
            guard isOpen else { return }
            hub.readClock()
            say(
                JSONWriter.object { writer in
                    writer.member("jsonrpc", "2.0")
                    writer.member("method", "notifications/progress")
                    writer.member("params") { params in
                        params.member("progressToken", number)
                        params.member("progress", step)
                        params.member("total", steps)
                        params.member("message", "step \(step) of \(steps)")
                    }
                })
            if step < steps {
                self.step(step + 1, of: steps, every: milliseconds, number)
            } else {
                running[number] = nil
                text("took \(steps) steps", to: number) { $0.member("steps", steps) }
            }
        }
    }

    /// Asks as revision 2026-07-28 has it: the answer is a question, and the call comes again with what was said.
    private func askModern(
        _ question: String, _ request: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ number: Int
    ) {
        let parameters = request.params.map { DemoRetry(bytes, $0) }
        if let said = parameters?.response {
            return answered(said, number)
        }
        let capabilities = request.modernCapabilities.map { String(decoding: bytes[$0.offset..<$0.end], as: UTF8.self) }
        guard capabilities?.contains("\"elicitation\"") == true else {
            let data = Array(#"{"requiredCapabilities":{"elicitation":{}}}"#.utf8)
            let error = RPCError(-32021, "Missing required client capability", data: data)
            return say(error.response(id: Array("\(number)".utf8)))
        }
        answer(
            JSONWriter.object { writer in
                writer.member("resultType", "input_required")
                writer.member("inputRequests") { requests in
                    requests.member("answer") { request in
                        request.member("method", "elicitation/create")
                        request.member("params") { Self.question(question, &$0) }
                    }
                }
            }, to: number)
    }

    /// The parameters of `elicitation/create`.
    private static func question(_ question: String, _ params: inout JSONWriter) {
        params.member("mode", "form")
        params.member("message", question)
        params.member("requestedSchema") { schema in
            schema.member("type", "object")
            schema.member("properties") { properties in
                properties.member("answer") { $0.member("type", "string") }
            }
            schema.key("required")
            schema.array { $0.value("answer") }
        }
    }

    private func ask(_ question: String, _ number: Int) {
        let id = hub.nextNumber()
        questions[id] = number
        say(
            JSONWriter.object { writer in
                writer.member("jsonrpc", "2.0")
                writer.member("id", id)
                writer.member("method", "elicitation/create")
                writer.member("params") { Self.question(question, &$0) }
            }, with: call(number))
    }

    // MARK: - Answers

    private func fail(_ reason: String, _ number: Int) {
        answer(
            JSONWriter.object { writer in
                Self.content(reason, &writer)
                writer.member("isError", true)
            }, to: number)
    }

    /// - Parameter said: JSON text of what the client answered.
    private func answered(_ said: String, _ number: Int) {
        text("the client answered: " + said, to: number) { $0.member("answer", raw: said.utf8) }
    }

    private func text(_ text: String, to number: Int, structured: (inout JSONWriter) -> Void) {
        answer(
            JSONWriter.object { writer in
                Self.content(text, &writer)
                writer.member("structuredContent") { structured(&$0) }
                writer.member("isError", false)
            }, to: number)
    }

    private static func content(_ text: String, _ writer: inout JSONWriter) {
        writer.key("content")
        writer.array { content in
            content.object { part in
                part.member("type", "text")
                part.member("text", text)
            }
        }
    }

    private func answer(_ result: [UInt8], to number: Int) {
        say(RPCAnswer.result(result, id: Array("\(number)".utf8)))
    }

    private func say(_ message: [UInt8], with call: Call? = nil) {
        message.withUnsafeBytes { received($0, with: call) }
    }
}
