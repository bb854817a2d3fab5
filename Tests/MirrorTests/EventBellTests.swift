import Testing

@testable import Mirror

@Suite struct EventBellTests {
    @Test func returnsAtOnceWhereThereIsSomethingNew() async {
        let bell = EventBell(newest: 3)
        await bell.wait(after: 2)
        #expect(bell.newest == 3)
    }

    @Test func wakesEveryoneWhoWaits() async {
        let bell = EventBell(newest: 0)
        await withTaskGroup { group in
            for _ in 0..<100 { group.addTask { await bell.wait(after: 0) } }
            group.addTask { bell.ring(1) }
        }
        #expect(bell.newest == 1)
    }

    @Test func endsTheWaitWhenCancelledOrClosed() async {
        let bell = EventBell(newest: 0)
        await withTaskGroup { group in
            for _ in 0..<100 { group.addTask { await bell.wait(after: 0) } }
            group.cancelAll()
        }
        await withTaskGroup { group in
            for _ in 0..<100 { group.addTask { await bell.wait(after: .max) } }
            group.addTask { bell.close() }
        }
        await bell.wait(after: 0)
        #expect(bell.isClosed)
    }
}
