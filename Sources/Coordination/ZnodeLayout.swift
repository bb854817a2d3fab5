package import Scheduling
package import ZnodeStore

/// Every path of the cluster's tree. The only file with path literals; `zk-layout.md` describes each of them.
package struct ZnodeLayout: Hashable, Sendable {
    /// The number of `status` buckets.
    package static let bucketCount = 16
    /// The form of the tree that this version reads and writes, kept in the root's data.
    package static let version = 1

    package let root: ZnodePath

    package init(root: ZnodePath) {
        self.root = root
    }

    package var workers: ZnodePath { root.child("workers") }
    package var resources: ZnodePath { root.child("resources") }
    package var jobNames: ZnodePath { root.child("jobname") }
    package var jobs: ZnodePath { root.child("jobs") }
    package var pinned: ZnodePath { root.child("pinned") }
    package var fired: ZnodePath { root.child("fired") }
    package var outcomes: ZnodePath { root.child("outcomes") }
    package var queue: ZnodePath { root.child("queue") }
    package var jobQueue: ZnodePath { queue.child("job") }
    package var commandQueue: ZnodePath { queue.child("command") }
    package var runs: ZnodePath { root.child("runs") }
    package var assign: ZnodePath { root.child("assign") }
    package var status: ZnodePath { root.child("status") }
    package var outbox: ZnodePath { root.child("outbox") }
    package var master: ZnodePath { root.child("master") }
    package var term: ZnodePath { root.child("term") }
    package var clusterStatus: ZnodePath { root.child("cluster_status") }
    package var configs: ZnodePath { root.child("configs") }
    package var ids: ZnodePath { root.child("ids") }

    package func worker(_ id: WorkerID) -> ZnodePath { workers.child(id.description) }
    package func resources(_ id: WorkerID) -> ZnodePath { resources.child(id.description) }
    package func jobName(_ name: JobName) -> ZnodePath { jobNames.child(name.description) }
    package func jobs(of id: WorkerID) -> ZnodePath { jobs.child(id.description) }
    package func job(_ name: JobName, version: Int, owner: WorkerID) -> ZnodePath {
        jobs(of: owner).child(Self.versionedName(name, version))
    }
    package func pinned(_ name: JobName, version: Int) -> ZnodePath {
        pinned.child(Self.versionedName(name, version))
    }
    package func fired(_ name: JobName) -> ZnodePath { fired.child(name.description) }
    package func outcomes(_ name: JobName) -> ZnodePath { outcomes.child(name.description) }
    package func queueEntry(_ run: RunID) -> ZnodePath { jobQueue.child(run.description) }
    package func command(_ request: String) -> ZnodePath { commandQueue.child(request) }
    package func run(_ id: RunID) -> ZnodePath { runs.child(id.description) }
    package func chunk(_ id: RunID, _ chunk: Int) -> ZnodePath { run(id).child(String(chunk)) }
    package func output(_ id: RunID, _ task: TaskID) -> ZnodePath { run(id).child("out.\(task)") }
    package func assign(_ id: WorkerID) -> ZnodePath { assign.child(id.description) }
    package func assignment(_ attempt: AttemptID, _ worker: WorkerID) -> ZnodePath {
        assign(worker).child(attempt.znodeName)
    }
    package func kill(_ attempt: AttemptID, _ worker: WorkerID) -> ZnodePath {
        assign(worker).child("\(attempt.znodeName).kill")
    }
    package func status(bucket: Int) -> ZnodePath { status.child(String(bucket)) }
    package func outboxEntry(_ version: MirrorVersion) -> ZnodePath { outbox.child(version.description) }

    /// The bucket that a worker's reports go to.
    package static func bucket(of worker: WorkerID) -> Int { worker.number % bucketCount }

    private static func versionedName(_ name: JobName, _ version: Int) -> String { "\(name)@\(version)" }

    /// Reads `<job>@<version>`.
    package static func parseVersionedName(_ text: String) -> (JobName, Int)? {
        guard let at = text.lastIndex(of: "@"), let version = Int(text[text.index(after: at)...]) else {
            return nil
        }
        do {
            return (try JobName(String(text[..<at])), version)
        } catch {
            return nil
        }
    }

    /// The directories that a new cluster begins with, parents first.
    package var directories: [ZnodePath] {
        [
            workers, resources, jobNames, jobs, pinned, fired, outcomes, queue, jobQueue, commandQueue, runs,
            assign,
            status,
        ] + (0..<Self.bucketCount).map { status(bucket: $0) } + [outbox]
    }
}
