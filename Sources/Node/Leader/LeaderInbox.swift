import Coordination
import Scheduling
import Synchronization

/// A fact for the leader's core.
enum LeaderFact: Sendable {
    /// With the version of the directory of its assignments, read before its registration.
    case workerPresent(WorkerID, WorkerRegistration, version: Int32, assignVersion: Int32?)
    /// As above.
    case workerGone(WorkerID, assignVersion: Int32?)
    /// The kill margin of an absence is over.
    case killMarginPassed(WorkerID, absence: Int)
    case resources(WorkerID, ResourceReport?)
    case queued([QueueEntry])
    /// All names that the queue had when it was listed.
    case queueListed(Set<String>)
    /// Names were looked at again that had been consumed before, and these are there.
    case queuedAgain(names: Set<String>, [QueueEntry])
    case reported([Report])
    case commanded(CommandRequest)
    case configured(ClusterConfiguration)
    case jobRead(JobName, KnownJob?)
    case jobChanged(JobName)
    case outcomesRead(JobName, OutcomeRecord?)
    case dependencies(JobName, after: [JobName])
    /// A definition, for the mirror.
    case jobSeen(JobView)
    case jobVanished(JobName)
    case graphCompleted
    case workerForgotten(WorkerID)
    /// The mirror may have lost what it had: live state is projected again.
    case projectAgain
    /// The names of the definitions that are kept for live runs.
    case pinnedListed([String])
    case beat
}

/// A transaction that is decided outside the core: moves of jobs and deletions of the outbox.
struct ExternalTransaction: Sendable {
    var operations: [LeaderOperation]
    var completion: CheckedContinuation<Bool, Never>?
}

/// A question about the leader's reasons.
struct Question: Sendable {
    var run: RunID
    var task: TaskID?
    var completion: CheckedContinuation<Explanation?, Never>
}

/// What waits for the leader's loop.
///
/// Facts come from watches, which are read again only when they were consumed: they are bounded by what the mailboxes
/// hold. Who reads all definitions waits while the inbox is crowded. Questions are bounded by the requests that the API
/// takes, transactions by the movers of jobs, each of which has one under way.
final class LeaderInbox: Sendable {
    private struct Contents {
        var facts: [LeaderFact] = []
        var externals: [ExternalTransaction] = []
        var questions: [Question] = []
        var isClosed = false
        /// How often the loop has looked for facts.
        var looks = 0
    }

    private let contents = Mutex(Contents())
    /// How many runs the core holds.
    let liveRuns = Atomic<Int>(0)
    /// For the one loop that reads the inbox.
    let signal = Signal()

    func post(_ fact: LeaderFact) {
        contents.withLock { $0.facts.append(fact) }
        signal.notify()
    }

    /// Whether whoever can wait should.
    var isCrowded: Bool { contents.withLock { $0.facts.count > 4_096 } }

    func takeFacts() -> [LeaderFact] {
        contents.withLock { contents in
            defer { contents.facts = [] }
            contents.looks += 1
            return contents.facts
        }
    }

    /// Has operations committed by the leader. Returns false when they were rejected or the term is over.
    func commit(_ operations: [LeaderOperation]) async -> Bool {
        await withCheckedContinuation { completion in
            let isClosed = contents.withLock { contents in
                guard !contents.isClosed else { return true }
                contents.externals.append(
                    ExternalTransaction(operations: operations, completion: completion)
                )
                return false
            }
            if isClosed { completion.resume(returning: false) } else { signal.notify() }
        }
    }

    func takeExternal() -> ExternalTransaction? {
        contents.withLock { $0.externals.isEmpty ? nil : $0.externals.removeFirst() }
    }

    /// Puts a transaction back that was not to blame for a rejection.
    func putBack(_ external: ExternalTransaction) {
        contents.withLock { $0.externals.insert(external, at: 0) }
        signal.notify()
    }

    /// Grows while the loop goes on.
    var looks: Int { contents.withLock { $0.looks } }

    var hasFacts: Bool { contents.withLock { !$0.facts.isEmpty } }

    var hasExternals: Bool { contents.withLock { !$0.externals.isEmpty } }

    /// Asks the core why a run does not proceed; `nil` when it does not hold the run, or the term is over.
    func explain(_ run: RunID, task: TaskID?) async -> Explanation? {
        await withCheckedContinuation { completion in
            let isClosed = contents.withLock { contents in
                guard !contents.isClosed else { return true }
                contents.questions.append(Question(run: run, task: task, completion: completion))
                return false
            }
            if isClosed { completion.resume(returning: nil) } else { signal.notify() }
        }
    }

    func takeQuestions() -> [Question] {
        contents.withLock { contents in
            defer { contents.questions = [] }
            return contents.questions
        }
    }

    /// The term is over: whoever waits hears that nothing was committed.
    func close() {
        let (externals, questions) = contents.withLock { contents in
            contents.isClosed = true
            defer {
                contents.externals = []
                contents.questions = []
            }
            return (contents.externals, contents.questions)
        }
        for external in externals { external.completion?.resume(returning: false) }
        for question in questions { question.completion.resume(returning: nil) }
    }
}
