/// A session with the ensemble.
package struct SessionLife: Hashable, Sendable {
    package var id: Int64
    package var timeoutMilliseconds: Int64
    package var begin: Moment
    package var end: Moment?
    /// Whether the server ended it because nothing was heard; else the client said goodbye.
    package var isExpired = false
}

/// One registration of a worker: `workers/worker-N` from its creation to its deletion.
package struct RegistrationLife: Hashable, Sendable {
    /// How it ended.
    package enum Ending: Hashable, Sendable {
        /// The session ended, by expiry or by goodbye.
        case session(isExpired: Bool)
        /// A successor of the same worker replaced it in the same transaction, or it was deleted.
        case replaced
    }

    package var worker: String
    package var incarnation: String
    package var session: Int64
    package var slots: Int?
    package var begin: Moment
    package var end: Moment?
    package var ending: Ending?
}

/// One commit of a leader: a set of `term`.
package struct CommitFact: Hashable, Sendable {
    package var moment: Moment
    package var session: Int64
    package var term: Int64
    package var commit: Int64
    package var worker: String?
    /// Whether the same transaction created `master`.
    package var isElection: Bool
}

/// A name of a job from its claim to its release.
package struct JobLife: Hashable, Sendable {
    package var job: String
    package var begin: Moment
    package var end: Moment?
}

/// A version of a definition with one owner.
package struct DefinitionLife: Hashable, Sendable {
    package var job: String
    package var version: Int
    package var owner: String
    package var begin: Moment
    package var end: Moment?
    package var definition: Definition?
}

/// An entry of the queue.
package struct EntryLife: Hashable, Sendable {
    package var run: String
    package var cause: String
    package var jobVersion: Int
    package var suppression: String?
    package var waitsForUpstreams: Bool
    /// Tasks of a repeated run that count as succeeded.
    package var carried: [String]
    package var session: Int64
    package var begin: Moment
    package var end: Moment?
}

/// A request for a run under a key of the client, as `fired/<job>` remembers it.
package struct RequestFact: Hashable, Sendable {
    package var job: String
    package var key: String
    package var run: String
    package var moment: Moment
}

/// A live run: `runs/<run>` from its creation to its deletion.
package struct RunLife: Hashable, Sendable {
    package var run: String
    package var cause: String
    package var jobVersion: Int
    package var triggersDownstream: Bool
    package var begin: Moment
    package var end: Moment?
    /// Versions that a later header named instead.
    package var otherVersions: [(moment: Moment, version: Int)] = []
    /// Its states, in order, each from that moment on.
    package var states: [(moment: Moment, state: String)]

    package static func == (left: RunLife, right: RunLife) -> Bool {
        left.run == right.run && left.begin == right.begin
    }
    package func hash(into hasher: inout Hasher) { hasher.combine(begin) }
}

/// An assignment, from its creation to its deletion.
package struct AttemptLife: Hashable, Sendable {
    package var key: AttemptKey
    package var worker: String
    package var command: [String]?
    package var begin: Moment
    /// The commits of its start.
    package var starts: [Moment] = []
    package var end: Moment?
    /// The report that the worker created in the same transaction that deleted the assignment.
    package var reportedOutcome: String?
    /// Its fencing token.
    package var token: Int64 { begin.zxid }
    /// Whether its command is a task of the test that writes down its own life.
    package var isProbe: Bool { command?.first?.split(separator: "/").last == "probe" }
}

/// A report in `status`.
package struct ReportLife: Hashable, Sendable {
    package var key: AttemptKey
    /// `started` or an outcome.
    package var outcome: String
    package var session: Int64
    package var begin: Moment
    package var end: Moment?
}

/// A run's final record in the outbox.
package struct FinalRun: Hashable, Sendable {
    package var run: String
    package var state: String
    package var reason: String?
    package var cause: String
    package var jobVersion: Int
    package var term: Int64
    package var commit: Int64
    package var moment: Moment
}

/// An attempt's final record in the outbox.
package struct FinalAttempt: Hashable, Sendable {
    package var key: AttemptKey
    package var state: String
    package var worker: String
    package var exitCode: Int64?
    package var token: Int64?
    /// All that it says.
    package var record: JSON
    package var term: Int64
    package var commit: Int64
    package var moment: Moment
}

/// Final records on their way to the mirror.
package struct OutboxLife: Hashable, Sendable {
    package var name: String
    package var begin: Moment
    package var end: Moment?
    package var bytes: Int
    package var records: Int
    /// What the record says of the commit it is from.
    package var version: (term: Int64?, commit: Int64?)
    /// What `term` said in the same transaction.
    package var commit: (term: Int64, commit: Int64)?

    package static func == (left: OutboxLife, right: OutboxLife) -> Bool {
        left.name == right.name && left.begin == right.begin
    }
    package func hash(into hasher: inout Hasher) { hasher.combine(begin) }
}

/// A command of a person, with its verdict.
package struct CommandLife: Hashable, Sendable {
    package var id: String
    /// `cancel`, `kill`, `pause`, `resume`, `deleteJob`, `replaceJob`, `learnJob`.
    package var kind: String?
    /// The run or the job.
    package var target: String?
    package var at: String?
    package var begin: Moment
    package var verdict: Moment?
    package var isAccepted: Bool?
}

/// A change of something that only the leader may change.
package struct LeaderWrite: Hashable, Sendable {
    package var moment: Moment
    package var session: Int64
    package var path: String
    /// Whether the transaction begins with a set of `term`.
    package var isInLane: Bool
}

/// The highest value of something that must stay bounded.
package struct Peak: Hashable, Sendable {
    package var value: Int64 = 0
    package var moment: Moment?
    package var place = ""

    mutating func raise(to value: Int64, at moment: Moment, _ place: @autoclosure () -> String) {
        guard value > self.value else { return }
        self = Peak(value: value, moment: moment, place: place())
    }
}
