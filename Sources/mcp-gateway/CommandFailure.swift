import ArgumentParser

/// A failure whose words are for the user, and the exit code that goes with it: 1 failed, 2 usage or configuration.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let code: Int32

    init(_ description: String, code: Int32) {
        self.description = description
        self.code = code
    }

    /// Runs a command's work; prints a failure's words and ends the process with its code.
    static func reporting(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let failure as CommandFailure {
            Output.error("mcp-gateway: \(failure.description)")
            throw ExitCode(failure.code)
        }
    }
}
