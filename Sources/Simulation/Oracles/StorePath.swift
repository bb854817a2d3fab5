import Scheduling
import ZnodeStore

/// A path of the tree, read without the code that makes it.
enum StorePath {
    case term
    case master
    case worker(WorkerID)
    case name(String)
    case definition(job: String, version: Int, owner: WorkerID)
    case pinned
    case fired(String)
    case outcome
    case entry(String)
    case command(String)
    case run(String)
    /// Something below a run.
    case partOfRun(String)
    case assignment(WorkerID, AttemptID)
    case kill(WorkerID, AttemptID)
    case report(String)
    case outbox(String)
    case other

    init(_ path: ZnodePath) {
        let parts = path.description.split(separator: "/").dropFirst().map(String.init)
        self = .other
        switch (parts.first, parts.count) {
        case ("term", 1): self = .term
        case ("master", 1): self = .master
        case ("workers", 2): if let id = WorkerID(parts[1]) { self = .worker(id) }
        case ("jobname", 2): self = .name(parts[1])
        case ("jobs", 3):
            guard let id = WorkerID(parts[1]), let at = parts[2].lastIndex(of: "@"),
                let version = Int(parts[2][parts[2].index(after: at)...])
            else { return }
            self = .definition(job: String(parts[2][..<at]), version: version, owner: id)
        case ("pinned", 2): self = .pinned
        case ("fired", 2): self = .fired(parts[1])
        case ("outcomes", 2): self = .outcome
        case ("queue", 3): self = parts[1] == "job" ? .entry(parts[2]) : .command(parts[2])
        case ("runs", 2): self = .run(parts[1])
        case ("runs", 3): self = .partOfRun(parts[1])
        case ("assign", 3):
            guard let id = WorkerID(parts[1]) else { return }
            if parts[2].hasSuffix(".kill") {
                if let attempt = AttemptID(znodeName: parts[2].dropLast(5)) { self = .kill(id, attempt) }
            } else if let attempt = AttemptID(znodeName: parts[2]) {
                self = .assignment(id, attempt)
            }
        case ("status", 3): self = .report(parts[2])
        case ("outbox", 2): self = .outbox(parts[1])
        default: break
        }
    }
}

/// A report's name, read without the code that makes it: `<attempt>.<outcome>…`.
struct ReportName {
    let attempt: AttemptID
    let outcome: String

    init?(_ name: String) {
        guard let tilde = name.lastIndex(of: "~"), let dot = name[tilde...].firstIndex(of: "."),
            let attempt = AttemptID(znodeName: name[..<dot])
        else { return nil }
        self.attempt = attempt
        outcome = String(name[name.index(after: dot)...].split(separator: ".").first ?? "")
    }

    /// Whether it ends the attempt: neither its start nor a word about a result that counts no more.
    var isEnd: Bool { outcome != "started" && outcome != "late" }
}
