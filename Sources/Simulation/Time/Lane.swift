internal import Glibc

/// Where the tasks of one process of the world run: they can be paused together, as a stopped process is.
///
/// `@unchecked`: see `VirtualLoop`.
final class Lane: TaskExecutor, @unchecked Sendable {
    let name: String
    private(set) var isPaused = false
    var held: [VirtualLoop.Work] = []
    private unowned let loop: VirtualLoop
    private let thread = pthread_self()

    init(loop: VirtualLoop, name: String) {
        self.loop = loop
        self.name = name
    }

    func enqueue(_ job: consuming ExecutorJob) {
        precondition(pthread_equal(pthread_self(), thread) != 0, "\(name) was woken by another thread")
        loop.add(.job(UnownedJob(job)), self)
    }

    func pause() {
        isPaused = true
        loop.hold(self)
    }

    func resume() {
        isPaused = false
        let held = held
        self.held = []
        for work in held { loop.add(work, self) }
    }

    /// Waits for virtual nanoseconds.
    ///
    /// - Throws: `CancellationError`, and only when the task is cancelled.
    func sleep(_ nanoseconds: Int64) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                guard !Task.isCancelled else {
                    continuation.resume(throwing: CancellationError())
                    return
                }
                sleeper.continuation = continuation
                sleeper.timer = loop.after(nanoseconds, in: self) { sleeper.wake(nil) }
            }
        } onCancel: {
            if let timer = sleeper.timer { loop.cancel(timer) }
            sleeper.wake(CancellationError())
        }
    }

    /// `@unchecked`: see `VirtualLoop`.
    private final class Sleeper: @unchecked Sendable {
        var continuation: CheckedContinuation<Void, any Error>?
        var timer: VirtualLoop.TimerID?

        func wake(_ error: (any Error)?) {
            guard let continuation else { return }
            self.continuation = nil
            if let error { continuation.resume(throwing: error) } else { continuation.resume() }
        }
    }
}
