import Testing

@testable import ZnodeStore

struct InsertionOrderedSetTests {
    @Test func elementsComeInOrderOfInsertion() {
        var set = InsertionOrderedSet<String>()
        for element in ["c", "a", "b", "a"] { set.insert(element) }
        #expect(set.elements == ["c", "a", "b"])
        set.remove("a")
        set.remove("missing")
        set.insert("a")
        #expect(set.elements == ["c", "b", "a"])
        #expect(set.count == 3)
        #expect(set.contains("a"))
        #expect(!set.contains("missing"))
    }

    @Test func holesAreClosedWithoutChangingTheOrder() {
        var set = InsertionOrderedSet<Int>()
        for element in 0..<1000 { set.insert(element) }
        for element in 0..<1000 where element % 10 != 0 { set.remove(element) }
        #expect(set.elements == Array(stride(from: 0, to: 1000, by: 10)))
        set.remove(500)
        set.insert(7)
        #expect(set.count == 100)
        #expect(set.elements.last == 7)
        #expect(!set.contains(500))
    }
}
