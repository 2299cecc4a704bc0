import Foundation

/// JSON as Foundation reads it: the second opinion of these tests.
enum JSONOracle {
    static func object(_ bytes: some Sequence<UInt8>) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        guard let object = value as? [String: Any] else { throw NotAnObject() }
        return object
    }

    static func array(_ bytes: some Sequence<UInt8>) throws -> [Any] {
        let value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        guard let array = value as? [Any] else { throw NotAnObject() }
        return array
    }

    static func value(_ bytes: some Sequence<UInt8>) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    static func areEqual(_ a: Any?, _ b: Any?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case let (a?, b?): (a as AnyObject).isEqual(b)
        default: false
        }
    }

    struct NotAnObject: Error {}
}
