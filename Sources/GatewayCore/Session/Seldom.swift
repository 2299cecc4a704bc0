/// Values that most owners never need, kept beside them so that those who do not need them do not pay for their size. A
/// value like any other: copies are independent.
struct Seldom<Value: SeldomValue>: Sendable {
    /// Empty while nothing differs from the beginning.
    private var storage: [Value] = []

    init() {}

    var isUnused: Bool { storage.isEmpty }

    var value: Value {
        // Not `get`, which would copy the whole for each look at a part.
        _read {
            if storage.isEmpty { yield Value() } else { yield storage[0] }
        }
        _modify {
            if storage.isEmpty { storage.append(Value()) }
            yield &storage[0]
        }
    }
}

/// What `Seldom` can keep.
protocol SeldomValue: Sendable {
    /// As it is for those who never needed it.
    init()
}
