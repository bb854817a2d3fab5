import Coordination
import Scheduling
import Testing
import ZnodeStore

/// The directories of a worker that is gone are removed, and those of one that has registered meanwhile are not.
struct ForgetWorkerTests {
    @Test(arguments: [false, true]) func registeredWorkerKeepsItsDirectories(_ returns: Bool) async throws {
        let store = EmbeddedStore()
        let session = try await store.openSession()
        let layout = ZnodeLayout(root: try ZnodePath("/root"))
        _ = try await ClusterSetup(session: session, layout: layout).prepare(newID: "test")
        let worker = WorkerID(number: 7)
        for path in [layout.jobs(of: worker), layout.assign(worker)] { _ = try await session.create(path) }
        let seen = try #require(try await session.exists(layout.assign(worker))).version
        // What a registration does.
        if returns { _ = try await session.set(layout.assign(worker), data: []) }
        let operations = LeaderOperation.forgetWorker(worker, assignVersion: seen)
            .encoded(layout, now: WallTime(milliseconds: 0))
        do throws(StoreError) {
            _ = try await session.multi(operations)
            #expect(!returns)
        } catch {
            #expect(returns && error.code == .badVersion)
        }
        for path in [layout.jobs(of: worker), layout.assign(worker)] {
            #expect((try await session.exists(path) != nil) == returns)
        }
        await session.close()
    }
}
