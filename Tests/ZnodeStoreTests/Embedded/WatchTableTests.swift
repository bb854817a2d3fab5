import Testing

@testable import ZnodeStore

struct WatchTableTests {
    private let a = ZnodePath.root.child("a")
    private let one = WatchToken(rawValue: 1)
    private let two = WatchToken(rawValue: 2)

    @Test func watchesFireOnceInTheOrderOfArming() {
        var table = WatchTable()
        table.arm(two, session: 8, path: a, kind: .node)
        table.arm(one, session: 7, path: a, kind: .node)
        #expect(
            table.fire([ZnodeChange(.dataChanged, a), ZnodeChange(.deleted, a)]) == [
                FiredWatch(session: 8, token: two, event: .dataChanged),
                FiredWatch(session: 7, token: one, event: .dataChanged),
            ]
        )
        #expect(table.count == 0)
    }

    @Test func aTokenArmedInTwoPlacesFiresOnce() {
        var table = WatchTable()
        table.arm(one, session: 7, path: a, kind: .node)
        table.arm(one, session: 7, path: a, kind: .node)
        table.arm(one, session: 7, path: .root, kind: .children)
        #expect(
            table.fire([ZnodeChange(.deleted, a)]) == [FiredWatch(session: 7, token: one, event: .deleted)]
        )
        #expect(table.fire([ZnodeChange(.created, a)]) == [])
    }

    @Test(arguments: [
        (ZnodeChange.Kind.created, [WatchEvent.created, .childrenChanged]), (.dataChanged, [.dataChanged]),
        (.deleted, [.deleted, .childrenChanged]),
    ])
    func eachChangeReachesItsWatches(_ kind: ZnodeChange.Kind, _ events: [WatchEvent]) {
        var table = WatchTable()
        table.arm(one, session: 7, path: a, kind: .node)
        table.arm(two, session: 7, path: .root, kind: .children)
        #expect(table.fire([ZnodeChange(kind, a)]).map(\.event) == events)
    }

    @Test func disarmedTokensAndEndedSessionsAreForgotten() {
        var table = WatchTable()
        table.arm(one, session: 7, path: a, kind: .node)
        table.arm(two, session: 8, path: a, kind: .children)
        table.disarm(one)
        table.disarm(one)
        table.disarmAll(of: 8)
        #expect(table.count == 0)
        #expect(table.fire([ZnodeChange(.deleted, a)]) == [])
    }
}
