import Foundation
import Testing

/// No report holds a constant: each field of it is moved by something that has happened to the node.
struct ReportFieldTests {
    /// Fields that name what stands beside them. They are words; a figure cannot be among them.
    private static let names: Set = [
        "system.level", "system.unit", "system.variety.distinction", "s1.units[].unit", "s5.limits[].subject",
        "s1.variety.distinction", "s1.units[].variety.distinction",
        "s3.connections[].service",
        "s3.budgets[].resource", "s3.budgets[].units[].unit",
        "s3_star.checks[].kind", "s4.metric_type", "s4.forecasts[].metric", "s4.anomalies[].pattern",
        "s4.proposals[].resource", "s4.proposals[].unit",
        "s4.capacity[].resource", "algedonic.recent[].source",
    ]

    @Test(arguments: ReportMover.all.indices)
    func whatIsSaidToMoveAFieldDoes(_ index: Int) throws {
        let mover = ReportMover.all[index]
        let (calm, moved) = try mover.reports()
        let before = Self.values(of: calm)
        let after = Self.values(of: moved)
        for field in mover.fields {
            let (one, other) = (before[field], after[field])
            #expect(one != nil && other != nil, "\(mover.name): \(field) is missing")
            #expect(one != other, "\(mover.name): \(field) stays \(one ?? [])")
        }
    }

    @Test func eachFieldHasSomethingThatMovesIt() throws {
        var fields: [String: Set<String>] = [:]
        for mover in ReportMover.all {
            let (calm, moved) = try mover.reports()
            for report in [calm, moved] { fields.merge(Self.values(of: report)) { $0.union($1) } }
        }
        let movable = Set(ReportMover.all.flatMap(\.fields))
        let unmoved = Set(fields.keys).subtracting(movable).subtracting(Self.names)
        #expect(unmoved.isEmpty, "nothing moves \(unmoved.sorted())")
        let unknown = movable.union(Self.names).subtracting(fields.keys)
        #expect(unknown.isEmpty, "not in any report: \(unknown.sorted())")
        for name in Self.names {
            let figures = (fields[name] ?? []).filter { !$0.hasPrefix("\"") }
            #expect(figures.isEmpty, "\(name) is not a name")
        }
    }

    /// The values of each field; all elements of a list count as one field.
    private static func values(of report: Any, at path: String = "") -> [String: Set<String>] {
        switch report {
        case let object as [String: Any]:
            object.reduce(into: [:]) { fields, member in
                let name = path.isEmpty ? member.key : "\(path).\(member.key)"
                fields.merge(values(of: member.value, at: name)) { $0.union($1) }
            }
        case let list as [Any]:
            list.reduce(into: [:]) { fields, element in
                fields.merge(values(of: element, at: path + "[]")) { $0.union($1) }
            }
        case let text as String: [path: ["\"\(text)\""]]
        case is NSNull: [path: ["null"]]
        default: [path: ["\(report)"]]
        }
    }
}
