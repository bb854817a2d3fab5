import Scheduling

/// A mirror record in the form that is stored: the fields that select and order it, and its JSON text.
struct EncodedRecord: Sendable {
    enum Content: Sendable {
        case run(RunView, run: String, tasks: String)
        case attempt(run: RunID, AttemptView, json: String)
        case job(JobName, json: String, summary: String)
        case jobDeleted(JobName, summary: String)
    }

    let version: MirrorVersion
    let content: Content

    /// Whether nothing more is to come for it in the ordinary way; of one commit, the final record stays.
    var isFinal: Bool {
        switch content {
        case .run(let view, _, _): view.state.isOver
        case .attempt(_, let view, _): view.state != "assigned" && view.state != "running"
        case .job, .jobDeleted: false
        }
    }

    /// The data of the event that tells of an attempt: its view, with the run's id under `run`.
    static func attemptEvent(run: RunID, json: String) -> String {
        "{\"run\":\"\(run)\"," + json.dropFirst()
    }

    /// The records of some batches, in order.
    static func encode(_ batches: [MirrorBatch]) throws(MirrorError) -> [EncodedRecord] {
        let json = MirrorJSON()
        var records: [EncodedRecord] = []
        records.reserveCapacity(batches.reduce(0) { $0 + $1.records.count })
        for batch in batches {
            for record in batch.records {
                records.append(
                    EncodedRecord(version: batch.version, content: try content(of: record, json: json))
                )
            }
        }
        return records
    }

    private static func content(of record: MirrorRecord, json: MirrorJSON) throws(MirrorError) -> Content {
        switch record {
        case .run(let view, let tasks):
            .run(view, run: try json.encode(view), tasks: try json.encode(tasks))
        case .attempt(let run, let view):
            .attempt(run: run, view, json: try json.encode(view))
        case .job(let view):
            .job(
                view.name,
                json: try json.encode(view),
                summary: try json.encode(
                    JobEvent(name: view.name, version: view.version, worker: view.worker)
                )
            )
        case .jobDeleted(let name):
            .jobDeleted(name, summary: try json.encode(JobEvent(name: name)))
        }
    }
}

/// The data of the event that tells of a job: without its definition, which may be large.
private struct JobEvent: Encodable {
    let name: JobName
    let version: Int?
    let worker: WorkerID?
    let deleted: Bool

    init(name: JobName, version: Int, worker: WorkerID) {
        self.name = name
        self.version = version
        self.worker = worker
        deleted = false
    }

    init(name: JobName) {
        self.name = name
        version = nil
        worker = nil
        deleted = true
    }
}

/// What a mirror holds already for a run, an attempt or a job.
struct HeldVersion {
    let version: MirrorVersion
    let isFinal: Bool

    /// Whether a record replaces what is held: a later commit does; of the same commit it is applied again, but
    /// nothing that goes on replaces an end. The Lua script of ``RedisMirror`` has the same rule.
    func yields(to record: EncodedRecord) -> Bool {
        if record.version != version { return record.version > version }
        return record.isFinal || !isFinal
    }
}
