import Coordination
import Scheduling
import ZnodeStore

/// Who is there, and how many jobs each owns.
struct WorkerCensus: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout

    /// Present workers with their registrations.
    func registrations() async throws -> [WorkerID: (registration: WorkerRegistration, version: Int32)] {
        let ids = try await session.children(layout.workers).compactMap { WorkerID($0) }
        return try await withThrowingTaskGroup(of: (WorkerID, WorkerRegistration, Int32)?.self) { group in
            for id in ids {
                group.addTask {
                    do {
                        let znode = try await session.get(layout.worker(id))
                        let registration = try RecordCoding.decode(
                            WorkerRegistration.self,
                            from: znode.data,
                            path: layout.worker(id)
                        )
                        return (id, registration, znode.stat.version)
                    } catch let error as StoreError where error.code == .noNode {
                        return nil
                    }
                }
            }
            var found: [WorkerID: (WorkerRegistration, Int32)] = [:]
            for try await each in group {
                if let (id, registration, version) = each { found[id] = (registration, version) }
            }
            return found
        }
    }

    /// The number of jobs of each present worker that takes work and is not draining.
    func jobCounts() async throws -> [WorkerID: Int] {
        var counts: [WorkerID: Int] = [:]
        for (id, found) in try await registrations()
        where found.registration.takesWork && !found.registration.isDraining {
            if let stat = try await session.exists(layout.jobs(of: id)) { counts[id] = Int(stat.childCount) }
        }
        return counts
    }
}
