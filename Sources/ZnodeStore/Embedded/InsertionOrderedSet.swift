/// A set that lists its elements in the order of insertion, with constant-time insert and remove.
///
/// The order does not depend on the process's hash seed, so that a simulation replays the same way from its seed.
/// Removed elements leave holes, which are closed when they outnumber the elements.
struct InsertionOrderedSet<Element: Hashable & Sendable>: Sendable {
    private var slots: [Element?] = []
    private var positions: [Element: Int] = [:]

    var count: Int { positions.count }
    var isEmpty: Bool { positions.isEmpty }

    /// The elements, oldest first.
    var elements: [Element] {
        slots.compactMap { $0 }
    }

    func contains(_ element: Element) -> Bool {
        positions[element] != nil
    }

    /// Adds an element at the end unless it is there already.
    mutating func insert(_ element: Element) {
        guard positions[element] == nil else { return }
        positions[element] = slots.count
        slots.append(element)
    }

    /// Removes an element if it is there.
    mutating func remove(_ element: Element) {
        guard let position = positions.removeValue(forKey: element) else { return }
        slots[position] = nil
        if slots.count > 16, slots.count > 2 * positions.count { compact() }
    }

    private mutating func compact() {
        let remaining = elements
        slots = remaining
        for (position, element) in remaining.enumerated() {
            positions[element] = position
        }
    }
}
