import Coordination
import Scheduling
import ZnodeStore

/// Reads whether a worker is there, for the leader's core.
struct WorkerReader: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout

    /// The directory of its assignments first: a registration sets it, so one that comes after the second look is found
    /// out by the version of the first.
    func read(_ id: WorkerID) async throws -> LeaderFact {
        let assignments = try await session.exists(layout.assign(id))
        let path = layout.worker(id)
        let znode: Znode
        do throws(StoreError) {
            znode = try await session.get(path)
        } catch {
            guard error.code == .noNode else { throw error }
            // Taken over since the first look, it is not to be known again.
            let isLeft = try await session.exists(layout.assign(id)) != nil
            return .workerGone(id, assignVersion: isLeft ? assignments?.version : nil)
        }
        // One that cannot be read is there all the same: nothing is taken from it.
        let registration = try RecordCoding.decode(WorkerRegistration.self, from: znode.data, path: path)
        return .workerPresent(
            id,
            registration,
            version: znode.stat.version,
            assignVersion: assignments?.version
        )
    }
}
