import Coordination
import Testing
import ZnodeStore

@Suite(.timeLimit(.minutes(1))) struct TransactionLaneTests {
    @Test func oneMoreThanMayWaitIsRefusedAndTheOthersAreApplied() async throws {
        let session = try await EmbeddedStore().openSession()
        let lane = TransactionLane(session: session)
        let top = try ZnodePath("/top")
        _ = try await session.create(top)
        await withTaskGroup(of: StoreError.Code?.self) { group in
            for number in 0...TransactionLane.maximumPending {
                group.addTask {
                    do throws(StoreError) {
                        _ = try await lane.commit([.create(top.child("\(number)"), data: [])])
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            // Nothing is sent yet: the only one that can end is the one that found no room.
            #expect(await group.next() == .throttled)
            group.addTask {
                await lane.run()
                return .closing
            }
            for _ in 0..<TransactionLane.maximumPending { #expect(await group.next() == .some(nil)) }
            group.cancelAll()
            #expect(await group.next() == .closing)
        }
        #expect(try await session.children(top).count == TransactionLane.maximumPending)
        await session.close()
    }
}
