import ArgumentParser
import NIOHTTP1

/// A command that asks a running gateway one question and shows the answer.
protocol AdminCommand: AsyncParsableCommand {
    var options: AdminOptions { get }
    /// What is asked.
    var question: AdminQuestion { get throws }
    /// Shows the answer to people.
    func show(_ answer: JSONValue)
}

/// A request of the admin API.
struct AdminQuestion {
    var path: String
    var method = HTTPMethod.GET
    var body: String?

    init(_ path: String, _ method: HTTPMethod = .GET, body: String? = nil) {
        self.path = path
        self.method = method
        self.body = body
    }

    /// Adds a parameter to the query, if there is a value for it.
    mutating func add(_ name: String, _ value: (some CustomStringConvertible)?) {
        guard let value else { return }
        path += (path.contains("?") ? "&" : "?") + name + "=" + AdminClient.escaped(value.description)
    }
}

extension AdminCommand {
    func run() async throws { try await ask() }

    /// Asks its question, and shows the answer.
    func ask() async throws {
        try await CommandFailure.reporting {
            let question = try question
            let answer = try await options.client().ask(
                question.path, method: question.method, body: question.body)
            if options.json { return Output.line(String(decoding: answer, as: UTF8.self)) }
            show(try JSONValue(answer))
        }
    }

    /// Shows an answer's members in one column each.
    static func list(_ answer: JSONValue, _ names: [String]) {
        var table = TextTable(["", ""])
        for name in names { if let value = answer[name] { table.add([name, value.shown]) } }
        for line in table.lines.dropFirst() { Output.line(line) }
    }
}

/// What `mcp-gateway` asks and does at a running gateway.
enum AdminCommands {
    static let all: [any ParsableCommand.Type] = [
        Stats.self, Top.self, Connections.self, Trace.self, Errors.self, Old.self, Analyze.self, Cleanup.self,
        Disconnect.self, Transports.self, Upstreams.self, Pool.self, Ring.self, Breakers.self, Viability.self,
        Completions.self,
    ]
}

/// `mcp-gateway completions`
struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints a completion script for a shell.",
        discussion: """
            bash:  mcp-gateway completions bash > /etc/bash_completion.d/mcp-gateway
            zsh:   mcp-gateway completions zsh > "${fpath[1]}/_mcp-gateway"
            fish:  mcp-gateway completions fish > ~/.config/fish/completions/mcp-gateway.fish
            """)

    /// The shells that there are scripts for.
    enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Output.line(MCPGateway.completionScript(for: kind))
    }
}
