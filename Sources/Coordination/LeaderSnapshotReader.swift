package import Scheduling
package import ZnodeStore

/// Reads what a new term begins with: runs, **then** assignments. Status comes after, with its watches: a finish moves
/// its message from assign to status, so in this order nothing falls between.
package struct LeaderSnapshotReader: Sendable {
    private let session: any ZnodeSession
    private let layout: ZnodeLayout
    private let jobs: JobReader

    package init(session: any ZnodeSession, layout: ZnodeLayout, jobs: JobReader) {
        self.session = session
        self.layout = layout
        self.jobs = jobs
    }

    /// Returns the snapshot, and in words which runs have lost their definition: nobody can lead those.
    ///
    /// - Throws: `RecordError` where a record is damaged. What a leader does not know it would run twice, or delete what is
    ///   needed to mend it, so there is no leader until somebody has mended it or taken it away.
    package func read() async throws -> (snapshot: LeaderSnapshot, unreadable: [String]) {
        var runs: [LiveRun] = []
        var unreadable: [String] = []
        var definitions: [String: CompiledJob] = [:]
        let names = try await session.children(layout.runs)
        for chunk in names.sorted().chunked(64) {
            for (id, parts) in try await readParts(chunk) {
                let version = try RunRecordCoding.jobVersion(inHeader: parts.header, path: layout.run(id))
                let key = "\(id.job)@\(version)"
                if definitions[key] == nil { definitions[key] = try await jobs.job(id.job, version: version) }
                guard let job = definitions[key] else {
                    unreadable.append(
                        "\(layout.run(id)) needs version \(version) of \(id.job), which is lost"
                    )
                    continue
                }
                runs.append(
                    try RunRecordCoding.run(
                        id,
                        job: job,
                        header: parts.header,
                        chunks: parts.chunks,
                        outputs: parts.outputs,
                        path: layout.run(id)
                    )
                )
            }
        }
        var assignments: [LeaderSnapshot.LiveAssignment] = []
        var kills: [AttemptID] = []
        let workers = try await session.children(layout.assign).compactMap { WorkerID($0) }.sorted()
        for worker in workers {
            let names = try await session.children(layout.assign(worker))
            kills += names.filter { $0.hasSuffix(".kill") }.compactMap {
                AttemptID(znodeName: $0.dropLast(5))
            }
            let attempts = names.compactMap { AttemptID(znodeName: $0) }
            for chunk in attempts.sorted().chunked(64) {
                assignments += try await readAssignments(chunk, worker)
            }
        }
        let snapshot = LeaderSnapshot(
            runs: runs,
            assignments: assignments,
            kills: kills.sorted(),
            knownWorkers: workers
        )
        return (snapshot, unreadable)
    }

    private struct Parts: Sendable {
        var header: [UInt8]
        var chunks: [[UInt8]]
        var outputs: [TaskID: [String: String]]
    }

    private func readParts(_ names: ArraySlice<String>) async throws -> [(RunID, Parts)] {
        try await withThrowingTaskGroup(of: (RunID, Parts)?.self) { group in
            for name in names {
                guard let id = RunID(name) else { throw RecordError("\(layout.runs) holds \"\(name)\"") }
                group.addTask { try await (id, readParts(id)) }
            }
            var parts: [(RunID, Parts)] = []
            for try await part in group { if let part { parts.append(part) } }
            return parts.sorted { $0.0 < $1.0 }
        }
    }

    private func readParts(_ id: RunID) async throws -> Parts {
        let header = try await session.get(layout.run(id))
        var parts = Parts(header: header.data, chunks: [], outputs: [:])
        guard header.stat.childCount > 0 else { return parts }
        var chunks: [Int: [UInt8]] = [:]
        for name in try await session.children(layout.run(id)) {
            if let chunk = Int(name) {
                chunks[chunk] = try await session.get(layout.chunk(id, chunk)).data
            } else if name.hasPrefix("out.") {
                let task = try TaskID(String(name.dropFirst(4)))
                let path = layout.output(id, task)
                parts.outputs[task] = try RecordCoding.decode(
                    [String: String].self,
                    from: try await session.get(path).data,
                    path: path
                )
            }
        }
        parts.chunks = chunks.keys.sorted().compactMap { chunks[$0] }
        return parts
    }

    private func readAssignments(
        _ attempts: ArraySlice<AttemptID>,
        _ worker: WorkerID
    ) async throws -> [LeaderSnapshot.LiveAssignment] {
        try await withThrowingTaskGroup(of: LeaderSnapshot.LiveAssignment?.self) { group in
            for attempt in attempts {
                group.addTask {
                    guard let stat = try await session.exists(layout.assignment(attempt, worker)) else {
                        return nil
                    }
                    return LeaderSnapshot.LiveAssignment(
                        attempt: attempt,
                        worker: worker,
                        isStarted: stat.version > 0,
                        assignedAt: WallTime(milliseconds: stat.createdMilliseconds),
                        // T4 is what set it, and nothing sets it again.
                        startedAt: stat.version > 0 ? WallTime(milliseconds: stat.modifiedMilliseconds) : nil,
                        token: stat.createdZxid
                    )
                }
            }
            var read: [LeaderSnapshot.LiveAssignment] = []
            for try await each in group { if let each { read.append(each) } }
            return read.sorted { $0.attempt < $1.attempt }
        }
    }
}

extension Array {
    /// Consecutive slices of at most `size` elements.
    package func chunked(_ size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
