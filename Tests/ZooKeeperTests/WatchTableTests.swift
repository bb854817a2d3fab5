import Testing
import ZnodeStore
@testable import ZooKeeper

@Suite struct WatchTableTests {
    @Test func tokensAreNeverReused() {
        var first = WatchTable(chrootLength: 0)
        var second = WatchTable(chrootLength: 0)
        var seen: Set<WatchToken> = []
        for _ in 0..<100 {
            #expect(seen.insert(first.makeToken()).inserted)
            #expect(seen.insert(second.makeToken()).inserted)
        }
    }

    @Test func eventWaitsForWhoeverAsks() async {
        var table = WatchTable(chrootLength: 0)
        let token = table.makeToken()
        table.arm(token, kind: .data, path: "/a")
        #expect(table.fire(.children, path: "/a", .childrenChanged).isEmpty)
        #expect(table.fire(.data, path: "/a", .dataChanged).isEmpty)
        // A late or repeated call finds nothing.
        #expect(table.fire(.data, path: "/a", .deleted).isEmpty)
        #expect(await answer(&table, token) == .some(.dataChanged))
        #expect(await answer(&table, token) == .some(nil))
    }

    @Test func registeredPathCountsOnceUntilItsEvent() {
        var table = WatchTable(chrootLength: 6)
        for _ in 0..<3 {
            let token = table.makeToken()
            table.arm(token, kind: .data, path: "/ab")
            #expect(table.disarm(token) == nil)
        }
        #expect(table.bytes == 13)
        table.arm(table.makeToken(), kind: .children, path: "/ab")
        #expect(table.bytes == 26)
        _ = table.fire(.data, path: "/ab", .dataChanged)
        #expect(table.bytes == 13)
        #expect(table.end().isEmpty)
        #expect(table.bytes == 0)
        let late = table.makeToken()
        table.arm(late, kind: .data, path: "/ab")
        #expect(table.bytes == 0)
    }

    /// What waiting for the token gives at once; the outer `nil` if it does not.
    private func answer(_ table: inout WatchTable, _ token: WatchToken) async -> WatchEvent?? {
        var copy = table
        let event = await withCheckedContinuation { (waiter: WatchTable.Waiter) in
            switch copy.wait(for: token, waiter) {
            case .some(let event): waiter.resume(returning: event)
            case nil: Issue.record("the token has no event")
            }
        }
        table = copy
        return .some(event)
    }
}
