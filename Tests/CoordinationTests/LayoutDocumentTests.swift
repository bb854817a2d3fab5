import Coordination
import Cron
import FoundationEssentials
import Scheduling
import Testing
import ZnodeStore

/// `zk-layout.md` against `ZnodeLayout`: neither has a path that the other lacks.
struct LayoutDocumentTests {
    /// The paths that the layout produces, with the sample ids replaced by the document's placeholders, by the name of
    /// the declaration that makes them.
    private static func produced() throws -> [(declaration: String, paths: [String])] {
        let layout = ZnodeLayout(root: try ZnodePath("/here"))
        let worker = WorkerID(number: 7)
        let job = try JobName("demo.census")
        let task = try TaskID("merge")
        let run = RunID(job: job, logicalTime: try UnixTime(compact: "20260101T000000Z"), suffix: "m3")
        let attempt = AttemptID(run: run, task: task, partition: 2, number: 1)
        let report = ReportCoding.started(attempt, at: WallTime(milliseconds: 1_000_000)).name
        // Longer names first: a run's name is part of an attempt's, an attempt's of a report's.
        let placeholders = [
            (report, "<report>"), (attempt.znodeName, "<attempt>"), (run.description, "<run>"),
            ("\(job)@5", "<job>@<v>"), (job.description, "<job>"), ("worker-7", "worker-N"),
        ]
        func normal(_ path: ZnodePath, _ more: (String, String)...) -> String {
            var text = path.description
            for (sample, placeholder) in placeholders { text = text.replacing(sample, with: placeholder) }
            for (sample, placeholder) in more { text = text.replacing(sample, with: placeholder) }
            return text == "/here" ? "." : String(text.dropFirst("/here/".count))
        }
        let bucket = layout.status(bucket: 11)
        return [
            ("root", [normal(layout.root)]),
            ("workers", [normal(layout.workers)]),
            ("resources", [normal(layout.resources)]),
            ("jobNames", [normal(layout.jobNames)]),
            ("jobs", [normal(layout.jobs)]),
            ("pinned", [normal(layout.pinned)]),
            ("fired", [normal(layout.fired)]),
            ("outcomes", [normal(layout.outcomes)]),
            ("queue", [normal(layout.queue)]),
            ("jobQueue", [normal(layout.jobQueue)]),
            ("commandQueue", [normal(layout.commandQueue)]),
            ("runs", [normal(layout.runs)]),
            ("assign", [normal(layout.assign)]),
            ("status", [normal(layout.status)]),
            ("outbox", [normal(layout.outbox)]),
            ("master", [normal(layout.master)]),
            ("term", [normal(layout.term)]),
            ("clusterStatus", [normal(layout.clusterStatus)]),
            ("configs", [normal(layout.configs)]),
            ("ids", [normal(layout.ids)]),
            ("worker(", [normal(layout.worker(worker))]),
            ("resources(", [normal(layout.resources(worker))]),
            ("jobName(", [normal(layout.jobName(job))]),
            ("jobs(", [normal(layout.jobs(of: worker))]),
            ("job(", [normal(layout.job(job, version: 5, owner: worker))]),
            ("pinned(", [normal(layout.pinned(job, version: 5))]),
            ("fired(", [normal(layout.fired(job))]),
            ("outcomes(", [normal(layout.outcomes(job))]),
            ("queueEntry(", [normal(layout.queueEntry(run))]),
            ("command(", [normal(layout.command("abc-1"), ("abc-1", "<request>"))]),
            ("run(", [normal(layout.run(run))]),
            ("chunk(", [normal(layout.chunk(run, 9), ("/9", "/<chunk>"))]),
            ("output(", [normal(layout.output(run, task), ("out.merge", "out.<task>"))]),
            ("assign(", [normal(layout.assign(worker))]),
            ("assignment(", [normal(layout.assignment(attempt, worker))]),
            ("kill(", [normal(layout.kill(attempt, worker))]),
            (
                "status(",
                [normal(bucket, ("/11", "/<bucket>")), normal(bucket.child(report), ("/11", "/<bucket>"))]
            ),
            (
                "outboxEntry(",
                [normal(layout.outboxEntry(MirrorVersion(term: 4, commit: 12)), ("4-12", "<term>-<commit>"))]
            ),
        ]
    }

    @Test func theDocumentAndTheLayoutHaveTheSamePaths() throws {
        let produced = Set(try Self.produced().flatMap(\.paths))
        let documented = try Self.documentedPaths()
        #expect(Set(documented).count == documented.count, "a path has two rows")
        #expect(produced.subtracting(documented).sorted() == [], "paths without a row in zk-layout.md")
        #expect(Set(documented).subtracting(produced).sorted() == [], "rows of zk-layout.md without a path")
    }

    /// A path that is added to the layout must be added to this test, and so to the document.
    @Test func everyDeclarationOfTheLayoutIsCompared() throws {
        let source = try Self.text(of: "Sources/Coordination/ZnodeLayout.swift")
        var declared: [String] = []
        for line in source.split(separator: "\n") where line.contains("package") {
            if let match = line.firstMatch(of: /(?:var|let) (\w+): ZnodePath\b/) {
                declared.append(String(match.1))
            } else if let match = line.firstMatch(of: /func (\w+\()/), !line.contains("static") {
                declared.append(String(match.1))
            }
        }
        #expect(try Self.produced().map(\.declaration).sorted() == declared.sorted())
    }

    @Test func directoriesOfANewClusterAreDocumented() throws {
        let layout = ZnodeLayout(root: try ZnodePath("/here"))
        let documented = try Set(Self.documentedPaths())
        for directory in layout.directories {
            let path = String(directory.description.dropFirst("/here/".count))
                .replacing(/^status\/\d+$/, with: "status/<bucket>")
            #expect(documented.contains(path), "\(directory)")
        }
    }

    @Test func theLayoutVersionIsTheDocuments() throws {
        let document = try Self.text(of: "zk-layout.md")
        #expect(document.contains("layout version \(ZnodeLayout.version)."))
    }

    /// The first column of the table below "## Paths".
    private static func documentedPaths() throws -> [String] {
        let document = try text(of: "zk-layout.md")
        let section = try #require(document.split(separator: "\n## ").first { $0.hasPrefix("Paths\n") })
        return section.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| `([^`]+)` \|/).map { String($0.1) }
        }
    }

    private static func text(of path: String, from file: String = #filePath) throws -> String {
        let repository = file.split(separator: "/").dropLast(3).joined(separator: "/")
        return try String(contentsOfFile: "/\(repository)/\(path)", encoding: .utf8)
    }
}
