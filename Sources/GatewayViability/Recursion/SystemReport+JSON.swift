import GatewayCore
public import WireJSON

/// The form in which systems report to each other: `system` of `GET /mcp/admin/vsm`.
extension SystemReport {
    /// Writes the members; what nothing is known of is `null`.
    public func write(to writer: inout JSONWriter) {
        writer.member("level", level.rawValue)
        figures.write(to: &writer)
        writer.member("mode", mode.name)
        writer.member("pressure", pressure)
        writer.member("memory") { writer in
            writer.member("used", memory.used)
            writer.member("budget", memory.budget)
        }
        writer.member("sessions", sessions)
        writer.member("herd", herd)
        writer.member("variety") { writer in
            let entropy = entropy
            writer.member("distinction", VarietyCounts.distinction)
            func side(_ name: String, _ counts: [Int], _ estimate: VarietyEstimate?) {
                writer.member(name) { writer in
                    writer.member("bits", optional: estimate?.bits)
                    writer.key("counts")
                    writer.array { list in for count in counts { list.value(count) } }
                }
            }
            side("incoming", variety.incoming, entropy.incoming)
            side("outgoing", variety.outgoing, entropy.outgoing)
        }
        writer.key("pains")
        writer.array { list in
            for pain in pains {
                list.object { item in
                    item.member("pain_type", pain.type)
                    item.member("place", pain.place)
                    item.member("level", pain.level)
                    item.member("intensity", pain.intensity)
                }
            }
        }
    }
}

/// Reads what another node has written.
extension SystemReport: Decodable {
    private enum Key: String, CodingKey {
        case level, unit, connections, mode, pressure, memory, sessions, herd, variety, pains, capability, potentiality
        case arrivals = "arrivals_per_second"
        case accepted = "accepted_per_second"
        case received = "received_per_second"
        case delivered = "delivered_per_second"
        case errors = "errors_per_second"
        case deliveredBytes = "delivered_bytes_per_second"
        case latency = "latency_p99_ms"
    }

    private struct Memory: Decodable {
        let used, budget: Int
    }

    private struct Variety: Decodable {
        struct Side: Decodable {
            let counts: [Int]
        }

        let distinction: String
        let incoming, outgoing: Side
    }

    /// - Throws: what is missing, or that another version of the gateway tells messages apart in another way.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func number(_ key: Key) throws -> Double { try values.decode(Double.self, forKey: key) }
        let latency = try values.decodeIfPresent(Double.self, forKey: .latency)
        let figures = UnitReport(
            unit: .system(try values.decode(String.self, forKey: .unit)),
            connections: try values.decode(Int.self, forKey: .connections), arrivals: try number(.arrivals),
            accepted: try number(.accepted), received: try number(.received),
            delivered: try number(.delivered), errors: try number(.errors), deliveredBytes: try number(.deliveredBytes),
            latency: latency.map { Instant.Span(nanoseconds: Int64($0 * 1e6)) },
            capability: try values.decodeIfPresent(Double.self, forKey: .capability),
            potentiality: try values.decodeIfPresent(Double.self, forKey: .potentiality), limit: nil)
        let name = try values.decode(String.self, forKey: .mode)
        guard let mode = OperatingMode.allCases.first(where: { $0.name == name }) else {
            throw DecodingError.dataCorruptedError(forKey: .mode, in: values, debugDescription: "no mode: \(name)")
        }
        let memory = try values.decode(Memory.self, forKey: .memory)
        let variety = try values.decode(Variety.self, forKey: .variety)
        guard variety.distinction == VarietyCounts.distinction,
            variety.incoming.counts.count == VarietyCounts.classes,
            variety.outgoing.counts.count == VarietyCounts.classes
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .variety, in: values, debugDescription: "another set of distinctions: \(variety.distinction)")
        }
        self.init(
            level: try values.decode(Level.self, forKey: .level), figures: figures, mode: mode,
            pressure: try number(.pressure), memory: (memory.used, memory.budget),
            sessions: try values.decode(Int.self, forKey: .sessions), herd: try values.decode(Int.self, forKey: .herd),
            variety: (variety.incoming.counts, variety.outgoing.counts),
            pains: try values.decode([Pain].self, forKey: .pains))
    }
}
