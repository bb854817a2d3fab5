import Dispatch

/// Runs an actor on a serial dispatch queue of its own, so that blocking in it blocks no task elsewhere.
///
/// The queue targets dispatch's overcommit pool: it gets a thread when it has work, apart from the threads
/// that run Swift's tasks. One job runs at a time, in the order of arrival. `DispatchSerialQueue`, which is
/// an executor by itself, does not exist on Linux.
final class DispatchQueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// Makes an executor; the label names the queue in a debugger.
    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    /// Runs the job on the queue after all jobs that came before it.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
