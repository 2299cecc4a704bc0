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
        case let (a as [String: Any], b as [String: Any]):
            a.count == b.count && a.allSatisfy { areEqual($0.value, b[$0.key]) }
        case let (a as [Any], b as [Any]): a.count == b.count && zip(a, b).allSatisfy { areEqual($0, $1) }
        // By scalars: Swift's strings are equal in more ways than JSON's.
        case let (a as String, b as String): a.unicodeScalars.elementsEqual(b.unicodeScalars)
        case let (a as NSNumber, b as NSNumber): a == b
        case (is NSNull, is NSNull): true
        default: false
        }
    }

    struct NotAnObject: Error {}
}
