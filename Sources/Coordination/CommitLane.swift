package import Scheduling
package import ZnodeStore

/// Why the leader's reign is over.
package enum TermOver: Error, Hashable, Sendable {
    /// Another term has begun.
    case deposed(TermRecord)
    /// The session that the term was won in can never be used again.
    case sessionOver
    /// The store holds something that this leader's decisions do not explain.
    case inconsistent(String)
}

/// What became of a batch.
package enum CommitResult: Sendable {
    case committed(version: MirrorVersion, zxid: Int64)
    /// Nothing was applied: this operation of this transaction failed.
    case rejected(transaction: Int, operation: Int, StoreError)
}

/// The leader's way to write. Each `multi` begins with a set of `term` at the version that the lane's last commit left.
///
/// That fences (a deposed leader's write fails), orders, and settles ambiguity: after a lost reply the same `multi` is
/// sent again; on a wrong version the term is read, and my term with this commit number means that it was applied.
/// One commit is in flight at a time: the lane is owned by one task.
package struct CommitLane: ~Copyable {
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let worker: WorkerID
    private let sleep: @Sendable (Duration) async throws -> Void
    private var record: TermRecord
    private var version: Int32

    package init(
        session: any ZnodeSession,
        layout: ZnodeLayout,
        record: TermRecord,
        version: Int32,
        worker: WorkerID,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.session = session
        self.layout = layout
        self.record = record
        self.version = version
        self.worker = worker
        self.sleep = sleep
    }

    package var term: Int { record.term }

    /// The version that the next commit will have.
    package var nextVersion: MirrorVersion { MirrorVersion(term: record.term, commit: record.commit + 1) }

    /// Commits transactions together, and counts the incidents that they take in.
    ///
    /// - Throws: `TermOver`.
    package mutating func commit(
        _ transactions: [[StoreOperation]],
        incidents: Int
    ) async throws(TermOver) -> CommitResult {
        let next = TermRecord(
            term: record.term,
            worker: worker,
            commit: record.commit + 1,
            incidents: record.incidents + incidents
        )
        var operations: [StoreOperation] = [
            .set(layout.term, data: RecordCoding.encode(next), version: version)
        ]
        for transaction in transactions { operations += transaction }
        while true {
            do throws(StoreError) {
                let results = try await session.multi(operations)
                guard case .set(let stat) = results.first else {
                    throw StoreError(
                        .other(0),
                        operation: "multi",
                        message: "the answer does not fit the request"
                    )
                }
                return applied(next, stat)
            } catch {
                if error.isSessionOver { throw .sessionOver }
                if error.isOutcomeUnknown || error.isRetriable {
                    guard await session.mayTryAgain(after: error, sleep: sleep) else { throw .sessionOver }
                    continue
                }
                guard let failed = error.failedIndex else {
                    throw .inconsistent("the commit failed as a whole: \(error)")
                }
                if failed == 0 { return try await settle(next) }
                return rejection(failed, transactions, error)
            }
        }
    }

    private mutating func applied(_ next: TermRecord, _ stat: ZnodeStat) -> CommitResult {
        record = next
        version = stat.version
        return .committed(
            version: MirrorVersion(term: next.term, commit: next.commit),
            zxid: stat.modifiedZxid
        )
    }

    /// The term has another version than the last commit left: mine, by a commit whose reply was lost, or another's.
    private mutating func settle(_ next: TermRecord) async throws(TermOver) -> CommitResult {
        while true {
            let znode: Znode
            do throws(StoreError) {
                znode = try await session.get(layout.term)
            } catch {
                if error.isSessionOver { throw .sessionOver }
                guard error.isOutcomeUnknown || error.isRetriable else { throw .inconsistent("\(error)") }
                guard await session.mayTryAgain(after: error, sleep: sleep) else { throw .sessionOver }
                continue
            }
            let found: TermRecord
            do throws(RecordError) {
                found = try RecordCoding.decode(TermRecord.self, from: znode.data, path: layout.term)
            } catch {
                throw .inconsistent(error.description)
            }
            guard found == next else { throw .deposed(found) }
            return applied(next, znode.stat)
        }
    }

    private func rejection(
        _ failed: Int,
        _ transactions: [[StoreOperation]],
        _ error: StoreError
    ) -> CommitResult {
        var index = failed - 1
        for (number, transaction) in transactions.enumerated() {
            if index < transaction.count { return .rejected(transaction: number, operation: index, error) }
            index -= transaction.count
        }
        return .rejected(transaction: transactions.count - 1, operation: 0, error)
    }
}

extension ZnodeSession {
    /// Waits until the session is connected. Returns false when it is over, or the task is cancelled.
    package func waitUntilConnected() async -> Bool {
        for await state in transitions() {
            if state == .connected { return true }
            if state.isOver { return false }
        }
        return false
    }

    /// Waits until a request that failed with a passing or an unknown outcome may be sent again. Returns false when the
    /// session is over, or the task is cancelled.
    package func mayTryAgain(
        after error: StoreError,
        sleep: @Sendable (Duration) async throws -> Void
    ) async -> Bool {
        if error.code == .throttled {
            // What is too busy at this moment is asked again a little later.
            do {
                try await sleep(.milliseconds(50))
            } catch {
                return false  // only cancellation ends a sleep early
            }
        }
        return await waitUntilConnected()
    }
}
