/// What is due when, earliest first; a binary heap.
///
/// Entries are not withdrawn: the loop drops those whose process has ended by its serial number.
struct DeadlineQueue {
    enum Kind {
        /// The process has run for as long as it may.
        case timeout
        /// The grace after the first signal is over.
        case grace
    }

    struct Entry {
        let dueNanoseconds: Int64
        let slot: Int
        let serial: UInt64
        let kind: Kind
    }

    private var heap: [Entry] = []

    var first: Entry? { heap.first }

    mutating func insert(_ entry: Entry) {
        heap.append(entry)
        var index = heap.count - 1
        while index > 0, heap[index].dueNanoseconds < heap[(index - 1) / 2].dueNanoseconds {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Takes out the earliest entry if it is due.
    mutating func popDue(at now: Int64) -> Entry? {
        guard let first = heap.first, first.dueNanoseconds <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first
    }

    /// Forgets what does not matter any more; called when most entries are of ended processes.
    mutating func keep(_ isAlive: (Entry) -> Bool) {
        let kept = heap.filter(isAlive)
        heap = []
        for entry in kept { insert(entry) }
    }

    var count: Int { heap.count }

    private mutating func siftDown() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].dueNanoseconds < heap[least].dueNanoseconds {
                least = child
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
