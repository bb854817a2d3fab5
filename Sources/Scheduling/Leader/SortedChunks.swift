/// Distinct elements in order, kept in chunks: a copy shares all chunks but those that it changes.
struct SortedChunks<Element: Comparable & Sendable>: Sendable {
    private static var chunkLimit: Int { 256 }

    /// None of them is empty.
    private var chunks: [[Element]] = []
    private(set) var count = 0

    var isEmpty: Bool { chunks.isEmpty }
    var first: Element? { chunks.first?.first }

    /// Returns false when the element was there already.
    @discardableResult
    mutating func insert(_ element: Element) -> Bool {
        guard !chunks.isEmpty else {
            chunks.append([element])
            count = 1
            return true
        }
        let chunk = chunkIndex(of: element)
        let position = Self.lowerBound(of: element, in: chunks[chunk])
        if position < chunks[chunk].count, chunks[chunk][position] == element { return false }
        chunks[chunk].insert(element, at: position)
        count += 1
        if chunks[chunk].count > Self.chunkLimit {
            // Appending in order leaves full chunks behind.
            let cut = position == chunks[chunk].count - 1 ? Self.chunkLimit : Self.chunkLimit / 2
            let tail = Array(chunks[chunk][cut...])
            chunks[chunk].removeSubrange(cut...)
            chunks.insert(tail, at: chunk + 1)
        }
        return true
    }

    mutating func remove(_ element: Element) {
        guard !chunks.isEmpty else { return }
        let chunk = chunkIndex(of: element)
        let position = Self.lowerBound(of: element, in: chunks[chunk])
        guard position < chunks[chunk].count, chunks[chunk][position] == element else { return }
        chunks[chunk].remove(at: position)
        count -= 1
        if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
    }

    /// The last chunk that begins at or before the element, or the first one.
    private func chunkIndex(of element: Element) -> Int {
        var low = 0
        var high = chunks.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if chunks[middle][0] <= element { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private static func lowerBound(of element: Element, in chunk: [Element]) -> Int {
        var low = 0
        var high = chunk.count
        while low < high {
            let middle = (low + high) / 2
            if chunk[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The elements after one, or all, in order.
    func elements(after element: Element? = nil) -> Elements {
        guard let element, !chunks.isEmpty else { return Elements(chunks: chunks, chunk: 0, position: 0) }
        let chunk = chunkIndex(of: element)
        var position = Self.lowerBound(of: element, in: chunks[chunk])
        if position < chunks[chunk].count, chunks[chunk][position] == element { position += 1 }
        return Elements(chunks: chunks, chunk: chunk, position: position)
    }

    struct Elements: Sequence, IteratorProtocol {
        fileprivate let chunks: [[Element]]
        fileprivate var chunk: Int
        fileprivate var position: Int

        mutating func next() -> Element? {
            while chunk < chunks.count {
                if position < chunks[chunk].count {
                    position += 1
                    return chunks[chunk][position - 1]
                }
                chunk += 1
                position = 0
            }
            return nil
        }
    }
}
