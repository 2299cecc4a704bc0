/// Values that most owners never need, kept beside them so that those who do not need them do not pay for their size. A
/// value like any other: copies are independent.
struct Seldom<Value: SeldomValue>: Sendable {
    /// Empty while nothing differs from the beginning.
    private var storage: [Value] = []

    init() {}

    var isUnused: Bool { storage.isEmpty }

    /// Looks at the values. A function and no accessor: a coroutine that is called keeps its frame on the heap, and this
    /// is looked at for every message.
    @inline(__always)
    func read<Part>(_ body: (borrowing Value) -> Part) -> Part {
        storage.isEmpty ? body(Value()) : body(storage[0])
    }

    /// Changes the values; from then on they take room.
    @inline(__always)
    mutating func change<Part>(_ body: (inout Value) -> Part) -> Part {
        if storage.isEmpty { storage.append(Value()) }
        return body(&storage[0])
    }
}

/// What `Seldom` can keep.
protocol SeldomValue: Sendable {
    /// As it is for those who never needed it.
    init()
}
