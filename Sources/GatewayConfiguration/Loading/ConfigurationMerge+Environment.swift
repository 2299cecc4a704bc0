extension ConfigurationMerge {
    /// Reads the variables that set keys, then says what the others of the prefix are not.
    mutating func read(environment: [String: String]) {
        for setting in table.settings { read(setting, from: environment) }
        let known = table.settings.flatMap { $0.variables.map(\.name) }
        for name in environment.keys.sorted() {
            if let reason = table.foreign.idleVariables[name] {
                notices.append("\(name) is \(reason)")
            } else if name.hasPrefix("MCP_"), !known.contains(name) {
                let near = NearestName.of(name, among: known)
                let stranger = name.shortened.withoutControlCharacters
                notices.append(
                    "\(stranger) is not a variable of this gateway\(near.map { "; did you mean \($0)?" } ?? "")")
            }
        }
    }

    /// Weakest first, so that the strongest has the last word and a bad value is found in any of them.
    private mutating func read(_ setting: Setting, from environment: [String: String]) {
        var overridden: String?
        for variable in setting.variables.reversed() {
            guard let text = environment[variable.name] else { continue }
            guard !text.isEmpty else {
                notices.append("\(variable.name) is empty and not used")
                continue
            }
            guard let value = variable.value(of: text) else { continue }
            if let overridden { notices.append("\(overridden) is overridden by \(variable.name)") }
            set(setting, toArgument: value, from: .variable(variable.name))
            overridden = variable.name
        }
    }

    /// Reads the flags in their order; the last of several for one key wins.
    mutating func read(flags: [(key: String, value: String, flag: String)]) {
        for (written, value, flag) in flags {
            let key = table.foreign.resolve(written).key
            if let setting = table[key] {
                set(setting, toArgument: value, from: .flag(flag))
            } else {
                report(.flag(flag), key: nil, unknown(key))
            }
        }
    }
}
