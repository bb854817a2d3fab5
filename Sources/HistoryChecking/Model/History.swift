/// All that the transaction log says, sorted by what it is about. Everything is in the order of its
/// beginning.
package struct History: Sendable {
    package var root: String
    package var sessions: [SessionLife] = []
    package var registrations: [RegistrationLife] = []
    /// `master`: who led, by session.
    package var masters: [RegistrationLife] = []
    package var commits: [CommitFact] = []
    package var jobs: [JobLife] = []
    package var definitions: [DefinitionLife] = []
    /// Definitions that were replaced and are kept for live runs.
    package var pinned: [DefinitionLife] = []
    package var entries: [EntryLife] = []
    package var requests: [RequestFact] = []
    package var runs: [RunLife] = []
    package var attempts: [AttemptLife] = []
    package var reports: [ReportLife] = []
    package var outbox: [OutboxLife] = []
    package var finalRuns: [FinalRun] = []
    package var finalAttempts: [FinalAttempt] = []
    package var commands: [CommandLife] = []
    package var leaderWrites: [LeaderWrite] = []
    /// A unit that was over and then was not, or ended otherwise: run, index, moment, letters before and
    /// after.
    package var revivals: [(run: String, unit: Int, moment: Moment, from: Character, to: Character)] = []
    /// What a worker's session wrote, refused requests too: times in milliseconds, ascending.
    package var workerWrites: [String: [Int64]] = [:]
    /// What was read and makes no sense to this reader, with its place: shown, never dropped in silence.
    package var oddities: [String] = []
    /// Every transaction.
    package var moments: [Moment] = []
    /// When the cluster was paused and resumed.
    package var pauses: [(moment: Moment, isPaused: Bool)] = []
    package var transactionCount: Int { moments.count }
    package var first: Moment { moments.first ?? Moment(zxid: 0, time: 0) }
    package var last: Moment { moments.last ?? Moment(zxid: 0, time: 0) }

    package var queuePeak = Peak()
    package var znodePeak = Peak()
    package var sizePeak = Peak()
    package var outboxPeak = Peak()
    package var attemptPeak = Peak()

    /// Replays a log.
    package init(_ transactions: [Transaction], root: String = "/root") throws(UnreadableInput) {
        self.root = root
        var replay = Replay(history: History(root: root))
        for transaction in transactions { try replay.apply(transaction) }
        guard replay.hasRoot else {
            throw UnreadableInput(
                transactions.first?.source ?? "--txn",
                "nothing in the log is below \(root)"
            )
        }
        self = replay.history
    }

    private init(root: String) { self.root = root }

    /// The longest session timeout that the servers gave, in milliseconds.
    package var sessionTimeout: Int64 {
        sessions.map(\.timeoutMilliseconds).filter { $0 > 0 }.max() ?? 0
    }
}

/// The tree as the log builds it up, and what is drawn from it.
private struct Replay {
    struct Znode {
        var bytes: Int
        var owner: Int64?
    }

    var history: History
    var hasRoot = false
    private var tree: [String: Znode] = [:]
    private var ephemerals: [Int64: Set<String>] = [:]
    private var sessionIndex: [Int64: Int] = [:]
    private var openByPath: [String: Int] = [:]
    private var workerOfSession: [Int64: String] = [:]
    private var letters: [String: [UInt8]] = [:]
    /// Run by key of what `fired/<job>` said last, by job.
    private var requestsOfJob: [String: [String: JSON]] = [:]
    private var queueLength: Int64 = 0
    private var outboxBytes: Int64 = 0
    private let prefix: String

    init(history: History) {
        self.history = history
        prefix = history.root + "/"
    }

    mutating func apply(_ transaction: Transaction) throws(UnreadableInput) {
        let moment = Moment(zxid: transaction.zxid, time: transaction.time)
        history.moments.append(moment)
        // What the server did in a session's name (its expiry) says nothing of the client.
        if transaction.cxid != 0, let worker = workerOfSession[transaction.session] {
            history.workerWrites[worker, default: []].append(transaction.time)
        }
        guard transaction.isApplied else { return }
        var context = Context(transaction: transaction, moment: moment)
        context.look(prefix)
        for operation in transaction.operations {
            switch operation {
            case .create(let path, let data, let isEphemeral):
                guard path == history.root || path.hasPrefix(prefix) else { continue }
                guard tree[path] == nil else {
                    throw UnreadableInput(
                        transaction.source,
                        "\(path) is created where the log has it already"
                    )
                }
                let owner = isEphemeral ? transaction.session : nil
                tree[path] = Znode(bytes: data.count, owner: owner)
                if let owner { ephemerals[owner, default: []].insert(path) }
                if path == history.root {
                    hasRoot = true
                } else {
                    created(path.dropFirst(prefix.count), path, data, context)
                }
                history.sizePeak.raise(to: Int64(data.count), at: moment, path)
            case .set(let path, let data, _):
                guard path == history.root || path.hasPrefix(prefix) else { continue }
                guard tree[path] != nil else {
                    throw UnreadableInput(transaction.source, "\(path) is set and was never created")
                }
                tree[path]?.bytes = data.count
                changed(path.dropFirst(prefix.count), path, data, context)
                history.sizePeak.raise(to: Int64(data.count), at: moment, path)
            case .delete(let path):
                guard path.hasPrefix(prefix) else { continue }
                guard tree[path] != nil else {
                    throw UnreadableInput(transaction.source, "\(path) is deleted and was never created")
                }
                remove(path, context, ending: .replaced)
            case .createSession(let timeout):
                sessionIndex[transaction.session] = history.sessions.count
                history.sessions.append(
                    SessionLife(
                        id: transaction.session,
                        timeoutMilliseconds: Int64(timeout),
                        begin: moment
                    )
                )
            case .closeSession(let paths):
                close(transaction, paths, context)
            case .check, .setACL, .failed, .other: break
            }
        }
        history.znodePeak.raise(to: Int64(tree.count), at: moment, "all znodes below \(history.root)")
    }

    private mutating func close(_ transaction: Transaction, _ paths: [String], _ context: Context) {
        let isExpired = transaction.cxid == 0
        if let index = sessionIndex[transaction.session] {
            history.sessions[index].end = context.moment
            history.sessions[index].isExpired = isExpired
        }
        let own = (ephemerals[transaction.session] ?? []).union(paths.filter { tree[$0] != nil })
        for path in own.sorted() { remove(path, context, ending: .session(isExpired: isExpired)) }
        ephemerals[transaction.session] = nil
        workerOfSession[transaction.session] = nil
    }

    private mutating func remove(_ path: String, _ context: Context, ending: RegistrationLife.Ending) {
        guard let znode = tree.removeValue(forKey: path) else { return }
        if let owner = znode.owner { ephemerals[owner]?.remove(path) }
        guard path.hasPrefix(prefix) else { return }
        deleted(path.dropFirst(prefix.count), path, znode, context, ending)
    }

    /// What one transaction as a whole says.
    struct Context {
        let transaction: Transaction
        let moment: Moment
        /// The commit that the transaction is, where it begins with a set of `term`.
        var commit: (term: Int64, commit: Int64)?
        var setsTermFirst = false
        var createsMaster = false
        /// Reports that it creates, with their outcome.
        var outcomes: [AttemptKey: String] = [:]

        init(transaction: Transaction, moment: Moment) {
            self.transaction = transaction
            self.moment = moment
        }

        mutating func look(_ prefix: String) {
            for (index, operation) in transaction.operations.enumerated() {
                switch operation {
                case .create(let path, _, _):
                    if path == prefix + "master" { createsMaster = true }
                    if path.hasPrefix(prefix + "status/"), let slash = path.lastIndex(of: "/"),
                        let (key, outcome) = Replay.report(path[path.index(after: slash)...])
                    {
                        outcomes[key] = outcome
                    }
                case .set(let path, let data, _) where path == prefix + "term":
                    if index == 0 { setsTermFirst = true }
                    if let json = JSON(data), let term = json["term"]?.int, let number = json["commit"]?.int {
                        commit = (term, number)
                    }
                default: break
                }
            }
        }
    }

    /// `<attempt>.<outcome>` with what may follow.
    static func report(_ name: Substring) -> (AttemptKey, String)? {
        guard let tilde = name.lastIndex(of: "~"), let dot = name[tilde...].firstIndex(of: "."),
            let key = AttemptKey(name[..<dot])
        else { return nil }
        let outcome = name[name.index(after: dot)...].prefix { $0 != "." }
        return (key, String(outcome))
    }

    // MARK: What is created

    private mutating func created(_ place: Substring, _ path: String, _ data: [UInt8], _ context: Context) {
        let parts = place.split(separator: "/")
        let moment = context.moment
        let session = context.transaction.session
        switch (parts[0], parts.count) {
        case ("workers", 2):
            let json = JSON(data)
            let worker = String(parts[1])
            openByPath[path] = history.registrations.count
            history.registrations.append(
                RegistrationLife(
                    worker: worker,
                    incarnation: json?["incarnation"]?.string ?? "",
                    session: session,
                    slots: json?["slots"]?.int.map { Int($0) },
                    begin: moment
                )
            )
            workerOfSession[session] = worker
            history.workerWrites[worker, default: []].append(moment.time)
        case ("master", 1):
            openByPath[path] = history.masters.count
            history.masters.append(
                RegistrationLife(
                    worker: JSON(data)?["worker"]?.string ?? "",
                    incarnation: "",
                    session: session,
                    slots: nil,
                    begin: moment
                )
            )
        case ("jobname", 2):
            openByPath[path] = history.jobs.count
            history.jobs.append(JobLife(job: String(parts[1]), begin: moment))
        case ("jobs", 3):
            guard let (job, version) = Self.versioned(parts[2]) else { return odd(path, context) }
            openByPath[path] = history.definitions.count
            history.definitions.append(
                DefinitionLife(
                    job: job,
                    version: version,
                    owner: String(parts[1]),
                    begin: moment,
                    definition: Content.json(data).flatMap { Definition($0) }
                )
            )
        case ("pinned", 2):
            guard let (job, version) = Self.versioned(parts[1]) else { return odd(path, context) }
            openByPath[path] = history.pinned.count
            history.pinned.append(DefinitionLife(job: job, version: version, owner: "", begin: moment))
        case ("fired", 2): requests(of: String(parts[1]), JSON(data), context)
        case ("queue", 3) where parts[1] == "job":
            entry(String(parts[2]), path, JSON(data), context)
        case ("queue", 3) where parts[1] == "command":
            command(String(parts[2]), path, JSON(data), context)
        case ("runs", 2):
            leaderWrite(path, context)
            let json = JSON(data)
            openByPath[path] = history.runs.count
            let run = String(parts[1])
            history.runs.append(
                RunLife(
                    run: run,
                    cause: json?["cause"]?.string ?? "",
                    jobVersion: Int(json?["job_version"]?.int ?? 0),
                    triggersDownstream: json?["triggers_downstream"]?.bool ?? true,
                    begin: moment,
                    states: [(moment, json?["state"]?.string ?? "")]
                )
            )
            if let units = json?["units"]?.string { note(units.utf8, of: run, chunk: 0, path, context) }
        case ("runs", 3):
            leaderWrite(path, context)
            if let chunk = Int(parts[2]) { note(data, of: String(parts[1]), chunk: chunk, path, context) }
        case ("assign", 3):
            leaderWrite(path, context)
            guard !parts[2].hasSuffix(".kill") else { return }
            guard let key = AttemptKey(parts[2]) else { return odd(path, context) }
            openByPath[path] = history.attempts.count
            let action = JSON(data)?["action"]?["command"]?["argv"]?.array
            history.attempts.append(
                AttemptLife(
                    key: key,
                    worker: String(parts[1]),
                    command: action?.compactMap(\.string),
                    begin: moment
                )
            )
            history.attemptPeak.raise(to: Int64(key.number), at: moment, path)
        case ("status", 3):
            guard let (key, outcome) = Self.report(parts[2]) else { return odd(path, context) }
            openByPath[path] = history.reports.count
            history.reports.append(ReportLife(key: key, outcome: outcome, session: session, begin: moment))
        case ("outcomes", 2): leaderWrite(path, context)
        case ("outbox", 2): outbox(String(parts[1]), path, data, context)
        default: break
        }
    }

    private mutating func entry(_ run: String, _ path: String, _ json: JSON?, _ context: Context) {
        openByPath[path] = history.entries.count
        history.entries.append(
            EntryLife(
                run: run,
                cause: json?["cause"]?.string ?? "",
                jobVersion: Int(json?["job_version"]?.int ?? 0),
                suppression: json?["suppression"]?.string,
                waitsForUpstreams: json?["waits_for_upstreams"]?.bool ?? false,
                carried: json?["carried"]?.object.map { $0.keys.sorted() } ?? [],
                session: context.transaction.session,
                begin: context.moment
            )
        )
        queueLength += 1
        history.queuePeak.raise(to: queueLength, at: context.moment, path)
    }

    private mutating func command(_ id: String, _ path: String, _ json: JSON?, _ context: Context) {
        let request = json?["request"]
        let kind = request?["kind"]?.object?.first
        var target = kind?.value["_0"]?.string
        if target == nil { target = kind?.value["_0"]?["name"]?.string }
        openByPath[path] = history.commands.count
        history.commands.append(
            CommandLife(
                id: id,
                kind: kind?.key,
                target: target,
                at: request?["at"]?.string,
                begin: context.moment
            )
        )
    }

    private mutating func outbox(_ name: String, _ path: String, _ data: [UInt8], _ context: Context) {
        leaderWrite(path, context)
        outboxBytes += Int64(data.count)
        history.outboxPeak.raise(to: outboxBytes, at: context.moment, path)
        let json = JSON(data)
        let version = (term: json?["version"]?["term"]?.int, commit: json?["version"]?["commit"]?.int)
        let records = json?["records"]?.array ?? []
        openByPath[path] = history.outbox.count
        history.outbox.append(
            OutboxLife(
                name: name,
                begin: context.moment,
                bytes: data.count,
                records: records.count,
                version: version,
                commit: context.commit
            )
        )
        if json == nil { odd(path, context) }
        for record in records {
            if let run = record["run"]?["_0"], let id = run["id"]?.string, let state = run["state"]?.string {
                history.finalRuns.append(
                    FinalRun(
                        run: id,
                        state: state,
                        reason: run["reason"]?.string,
                        cause: run["cause"]?.string ?? "",
                        jobVersion: Int(run["job_version"]?.int ?? 0),
                        term: version.term ?? 0,
                        commit: version.commit ?? 0,
                        moment: context.moment
                    )
                )
            } else if let attempt = record["attempt"]?["_1"], let run = record["attempt"]?["run"]?.string,
                let task = attempt["task"]?.string, let number = attempt["n"]?.int,
                let state = attempt["state"]?.string
            {
                let unit = UnitKey(run: run, task: task, partition: Int(attempt["partition"]?.int ?? 0))
                history.finalAttempts.append(
                    FinalAttempt(
                        key: AttemptKey(unit: unit, number: Int(number)),
                        state: state,
                        worker: attempt["worker"]?.string ?? "",
                        exitCode: attempt["exit_code"]?.int,
                        token: attempt["fencing_token"]?.string.flatMap { Int64($0) },
                        record: attempt,
                        term: version.term ?? 0,
                        commit: version.commit ?? 0,
                        moment: context.moment
                    )
                )
            } else if record["job"] == nil, record["jobDeleted"] == nil {
                odd(path, context)
            }
        }
    }

    // MARK: What is changed

    private mutating func changed(_ place: Substring, _ path: String, _ data: [UInt8], _ context: Context) {
        let parts = place.split(separator: "/")
        switch (parts[0], parts.count) {
        case ("term", 1):
            let json = JSON(data)
            history.commits.append(
                CommitFact(
                    moment: context.moment,
                    session: context.transaction.session,
                    term: json?["term"]?.int ?? -1,
                    commit: json?["commit"]?.int ?? -1,
                    worker: json?["worker"]?.string,
                    isElection: context.createsMaster
                )
            )
        case ("configs", 1):
            history.pauses.append((context.moment, JSON(data)?["is_paused"]?.bool ?? false))
        case ("fired", 2): requests(of: String(parts[1]), JSON(data), context)
        case ("workers", 2):
            guard let index = openByPath[path] else { return }
            history.registrations[index].slots =
                JSON(data)?["slots"]?.int.map { max(Int($0), history.registrations[index].slots ?? 0) }
        case ("runs", 2):
            leaderWrite(path, context)
            let json = JSON(data)
            let run = String(parts[1])
            guard let index = openByPath[path] else { return }
            let state = json?["state"]?.string ?? ""
            if history.runs[index].states.last?.state != state {
                history.runs[index].states.append((context.moment, state))
            }
            let version = Int(json?["job_version"]?.int ?? 0)
            if version != history.runs[index].jobVersion {
                history.runs[index].otherVersions.append((context.moment, version))
            }
            if let units = json?["units"]?.string { note(units.utf8, of: run, chunk: 0, path, context) }
        case ("runs", 3):
            leaderWrite(path, context)
            if let chunk = Int(parts[2]) { note(data, of: String(parts[1]), chunk: chunk, path, context) }
        case ("assign", 3):
            guard let index = openByPath[path] else { return }
            history.attempts[index].starts.append(context.moment)
        case ("queue", 3) where parts[1] == "command":
            leaderWrite(path, context)
            guard let index = openByPath[path] else { return }
            history.commands[index].verdict = context.moment
            history.commands[index].isAccepted = JSON(data)?["verdict"]?["is_accepted"]?.bool
        case ("outcomes", 2): leaderWrite(path, context)
        default: break
        }
    }

    /// Notes which requests are remembered now and were not before.
    private mutating func requests(of job: String, _ json: JSON?, _ context: Context) {
        let now = json?["requests"]?.object ?? [:]
        let before = requestsOfJob[job] ?? [:]
        for (key, run) in now.sorted(by: { $0.key < $1.key }) where before[key] != run {
            guard let run = run.string else { continue }
            history.requests.append(RequestFact(job: job, key: key, run: run, moment: context.moment))
        }
        requestsOfJob[job] = now
    }

    /// Compares the letters of a run's units with those before: what is over stays as it is.
    private mutating func note(
        _ text: some Collection<UInt8>,
        of run: String,
        chunk: Int,
        _ path: String,
        _ context: Context
    ) {
        var now: [UInt8] = []
        var isFirst = true
        for byte in text {
            if byte == UInt8(ascii: ";") {
                isFirst = true
            } else if isFirst {
                now.append(byte)
                isFirst = false
            }
        }
        let key = "\(run)/\(chunk)"
        if let before = letters[key] {
            for index in 0..<min(before.count, now.count)
            where before[index] != now[index] && Self.over.contains(before[index]) {
                history.revivals.append(
                    (
                        run, chunk * 256 + index, context.moment,
                        Character(UnicodeScalar(before[index])), Character(UnicodeScalar(now[index]))
                    )
                )
            }
        }
        letters[key] = now
    }

    /// Letters of states that are final.
    private static let over = Set("sfkcx".utf8)

    // MARK: What is deleted

    private mutating func deleted(
        _ place: Substring,
        _ path: String,
        _ znode: Znode,
        _ context: Context,
        _ ending: RegistrationLife.Ending
    ) {
        let parts = place.split(separator: "/")
        let index = openByPath.removeValue(forKey: path)
        let moment = context.moment
        switch (parts[0], parts.count) {
        case ("workers", 2):
            guard let index else { return }
            history.registrations[index].end = moment
            history.registrations[index].ending = ending
        case ("master", 1):
            guard let index else { return }
            history.masters[index].end = moment
            history.masters[index].ending = ending
        case ("jobname", 2): if let index { history.jobs[index].end = moment }
        case ("fired", 2): requestsOfJob[String(parts[1])] = nil
        case ("jobs", 3): if let index { history.definitions[index].end = moment }
        case ("pinned", 2):
            leaderWrite(path, context)
            if let index { history.pinned[index].end = moment }
        case ("queue", 3) where parts[1] == "job":
            leaderWrite(path, context)
            queueLength -= 1
            if let index { history.entries[index].end = moment }
        case ("runs", 2):
            leaderWrite(path, context)
            if let index { history.runs[index].end = moment }
            letters["\(parts[1])/0"] = nil
        case ("runs", 3):
            leaderWrite(path, context)
            letters["\(parts[1])/\(parts[2])"] = nil
        case ("assign", 3):
            guard let index else { return }
            history.attempts[index].end = moment
            history.attempts[index].reportedOutcome = context.outcomes[history.attempts[index].key]
            if history.attempts[index].reportedOutcome == nil { leaderWrite(path, context) }
        case ("status", 3):
            leaderWrite(path, context)
            if let index { history.reports[index].end = moment }
        case ("outbox", 2):
            leaderWrite(path, context)
            outboxBytes -= Int64(znode.bytes)
            if let index { history.outbox[index].end = moment }
        default: break
        }
    }

    private mutating func leaderWrite(_ path: String, _ context: Context) {
        history.leaderWrites.append(
            LeaderWrite(
                moment: context.moment,
                session: context.transaction.session,
                path: path,
                isInLane: context.setsTermFirst
            )
        )
    }

    private mutating func odd(_ path: String, _ context: Context) {
        history.oddities.append("\(context.moment.zxid.hexadecimal) \(path): not as the layout says")
    }

    private static func versioned(_ name: Substring) -> (String, Int)? {
        guard let at = name.lastIndex(of: "@"), let version = Int(name[name.index(after: at)...]) else {
            return nil
        }
        return (String(name[..<at]), version)
    }
}
