/// What a won election hands to the leader.
package enum Election {
    /// A term that this session now leads.
    package struct Won: Hashable, Sendable {
        /// The term znode's version after winning: the leader's first commit expects it.
        package let termVersion: Int32
        /// What the term znode holds.
        package let termData: [UInt8]

        package init(termVersion: Int32, termData: [UInt8]) {
            self.termVersion = termVersion
            self.termData = termData
        }
    }
}

/// One candidate, campaigning in one session.
///
/// To win is one `multi`: create the ephemeral *master* znode and set the persistent *term* znode at the
/// version that was read before. The term is the fence: each write of a leader expects the version that its
/// own last write left, so that a deposed leader's write fails. The master's version is none: it is 0 again
/// for each new leader.
///
/// An ephemeral master of another session is never adopted, even if an earlier session of this process made
/// it: the candidate waits until it is gone. Nothing here holds the leadership afterwards: it lasts as long
/// as the session keeps the master znode, and the owner stops leading when the session is suspended.
package struct LeaderElection: Sendable {
    private let session: any ZnodeSession
    private let master: ZnodePath
    private let term: ZnodePath
    private let masterData: [UInt8]
    private let nextTerm: @Sendable (Znode) -> [UInt8]
    private let clock: any Clock<Duration>

    /// The longest pause between two attempts that both failed although no master was seen.
    private static let maximumBackoffMilliseconds = 500

    /// Makes a candidate.
    ///
    /// - Parameters:
    ///   - session: the session that will own the master znode.
    ///   - master: the ephemeral znode of the leader.
    ///   - term: the persistent znode of the term; it must exist.
    ///   - masterData: what the master znode says of this candidate.
    ///   - clock: what the pause between attempts is measured with.
    ///   - nextTerm: makes the data of this candidate's term from the term znode before it. What it makes
    ///     must tell this term from all others: it is how a won election is known again after a lost answer.
    package init(
        session: any ZnodeSession,
        master: ZnodePath,
        term: ZnodePath,
        masterData: [UInt8],
        clock: any Clock<Duration> = ContinuousClock(),
        nextTerm: @escaping @Sendable (Znode) -> [UInt8]
    ) {
        self.session = session
        self.master = master
        self.term = term
        self.masterData = masterData
        self.clock = clock
        self.nextTerm = nextTerm
    }

    /// Campaigns until this session leads.
    ///
    /// The first attempt, and the first after a master has gone, are made at once. Attempts that keep failing
    /// while no master is seen are spread by random pauses.
    ///
    /// - Returns: `nil` when the task is cancelled before the election is won.
    /// - Throws: `StoreError`: with a code for which `isSessionOver` holds when the session ends first;
    ///   `.noNode` when there is no term znode (or no znode above the master); `.nodeExists` when this
    ///   session holds the master znode by other means than this campaign.
    package func campaign(
        using random: inout some RandomNumberGenerator
    ) async throws(StoreError) -> Election.Won? {
        var unsettled: [[UInt8]] = []
        var failures = 0
        while !Task.isCancelled {
            guard try await connected() else { return nil }
            do throws(StoreError) {
                if let won = try await attempt(recording: &unsettled) { return won }
                switch try await standing(unsettled) {
                case .won(let won): return won
                case .vacant: failures += 1
                case .gone: failures = 0
                case .cancelled: return nil
                }
            } catch {
                guard error.isRetriable else { throw error }
                failures += 1
            }
            guard await pause(after: failures, using: &random) else { return nil }
        }
        return nil
    }

    private enum Standing {
        case won(Election.Won)
        /// There was no master at all.
        case vacant
        /// There was one, and it has gone.
        case gone
        case cancelled
    }

    /// Tries once. A lost answer leaves the data that may have been written in `unsettled`.
    ///
    /// - Returns: `nil` when someone else was faster or the outcome is unknown.
    private func attempt(recording unsettled: inout [[UInt8]]) async throws(StoreError) -> Election.Won? {
        if !unsettled.isEmpty {
            // Another server may serve this session now, and lag behind the one that took the attempt.
            try await session.sync(master)
            let standing = try await session.exists(master)
            if standing?.ephemeralOwner == session.id { return nil }
        }
        let before = try await session.get(term)
        let data = nextTerm(before)
        do throws(StoreError) {
            let results = try await session.multi([
                .create(master, data: masterData, mode: .ephemeral),
                .set(term, data: data, version: before.stat.version),
            ])
            guard case .set(let stat) = results[1] else {
                preconditionFailure("the second operation is a set, and its result was \(results[1])")
            }
            return Election.Won(termVersion: stat.version, termData: data)
        } catch {
            switch error.code {
            case .nodeExists, .badVersion: return nil
            case .connectionLoss, .operationTimeout:
                if !unsettled.contains(data) { unsettled.append(data) }
                throw error
            case .closing, .notConnected, .sessionExpired, .sessionMoved, .throttled, .noNode, .notEmpty,
                .noChildrenForEphemerals, .noAuth, .authFailed, .invalidACL, .badArguments, .tooLarge,
                .runtimeInconsistency, .other:
                throw error
            }
        }
    }

    /// Looks at who leads; waits for as long as it is another session.
    private func standing(_ unsettled: [[UInt8]]) async throws(StoreError) -> Standing {
        var hasSeenMaster = false
        while true {
            let token = session.makeWatch()
            let stat: ZnodeStat?
            do throws(StoreError) {
                stat = try await session.exists(master, watch: token)
            } catch {
                session.disarm(token)
                throw error
            }
            guard let stat else {
                session.disarm(token)
                return hasSeenMaster ? .gone : .vacant
            }
            if stat.ephemeralOwner == session.id {
                session.disarm(token)
                return .won(try await recognise(unsettled))
            }
            hasSeenMaster = true
            switch await session.fired(token) {
            case .deleted: return .gone
            case .created, .dataChanged, .childrenChanged: continue
            case nil:
                if Task.isCancelled { return .cancelled }
                throw StoreError(.sessionExpired, operation: "campaign", path: master)
            }
        }
    }

    /// The master znode is this session's: then an attempt whose answer was lost has succeeded, and the term
    /// shows which.
    private func recognise(_ unsettled: [[UInt8]]) async throws(StoreError) -> Election.Won {
        let term = try await session.get(term)
        guard unsettled.contains(term.data) else {
            throw StoreError(
                .nodeExists,
                operation: "campaign",
                path: master,
                message: "this session holds the master znode already"
            )
        }
        return Election.Won(termVersion: term.stat.version, termData: term.data)
    }

    /// Waits until the session is connected.
    ///
    /// - Returns: `false` when the task is cancelled.
    private func connected() async throws(StoreError) -> Bool {
        for await state in session.transitions() {
            switch state {
            case .connected: return true
            case .connecting, .suspended: continue
            case .lost, .expired: throw StoreError(.sessionExpired, operation: "campaign", path: master)
            case .closed: throw StoreError(.closing, operation: "campaign", path: master)
            }
        }
        return false
    }

    /// - Returns: `false` when the task is cancelled.
    private func pause(
        after failures: Int,
        using random: inout some RandomNumberGenerator
    ) async -> Bool {
        guard failures > 1 else { return true }
        let bound = min(Self.maximumBackoffMilliseconds, 25 << min(failures, 5))
        let milliseconds = Int.random(in: 0...bound, using: &random)
        do {
            // The backoff between two tries, by the clock that was given.
            try await clock.sleep(for: .milliseconds(milliseconds))
            return true
        } catch {
            // Sleeping fails for one reason alone: the task is cancelled.
            return false
        }
    }
}
