import Cron
import JobFile
import Scheduling

let parser = JobFileParser(zones: TimeZoneDatabase())

/// The diagnostics of a text, empty where it is right.
func diagnostics(_ text: String, fileName: String = "job.yaml") -> [Diagnostic] {
    do throws(JobFileError) {
        _ = try parser.parse(text, fileName: fileName)
        return []
    } catch {
        return error.diagnostics
    }
}

/// The text without its `«`, and the place that it marked.
func unmarked(_ text: String) -> (text: String, line: Int, column: Int) {
    guard let mark = text.firstIndex(of: "«") else { return (text, 0, 0) }
    let before = text[..<mark]
    let line = before.count { $0 == "\n" } + 1
    let lastLine = before.lastIndex(of: "\n").map { before[before.index(after: $0)...] } ?? before
    return (text.replacing("«", with: ""), line, lastLine.unicodeScalars.count + 1)
}

/// A job around one more key at its top.
func job(_ extra: String) -> String {
    "version: 1\nname: hello\ntasks: [{id: hi, run: echo hello}]\n\(extra)\n"
}

/// A job around the inside of one task.
func task(_ inside: String) -> String {
    "version: 1\nname: hello\nparams: {day: {type: date, default: '2026-01-01'}}\ntasks:\n  - id: hi\n"
        + inside.split(separator: "\n").map { "    \($0)\n" }.joined()
}

let fullYAML = """
    # yaml-language-server: $schema=https://example.invalid/schemas/job-v1.json
    version: 1
    name: o2o.daily_summary
    title: {en: Daily summary, zh: 每日汇总}
    description: 每天一次
    owner: pu@example.com                # 任务负责人
    labels: {team: data, tier: 1}
    schedule:
      - cron: "10 0 * * *"
        zone: Asia/Shanghai
        dst: {gap: next_valid, overlap: first}
      - cron: "*/10 10 0 * * *"
        zone: UTC
        seconds: true
      - {every: 30s, from: 2026-01-01T00:00:00Z}
      - at: "2026-11-20T21:00:00+08:00"
    after: [o2o.hourly_stats, {job: default.other}]
    overlap: allow_all
    misfire: {policy: run_all, window: 2h}
    priority: 60
    timeout: 3h
    pool: etl
    params:
      day:  {type: date, default: "${logical.date - 1d}", description: {en: Business day, zh: 业务日期}}
      mode: {type: string, enum: [full, delta], default: delta}
      size: {type: integer, default: 010}
    defaults:
      retry: {max: 2, backoff: {kind: exponential, initial: 30s, max: 10m, jitter: 0.2}, on: [exit, timeout]}
      resources: {cpu: 1, memory: 512MiB}
    tasks:
      - id: get_files
        run: |
          # ${params.nothing} stands in a comment
          ./fetch.sh --day "${params.day}" ${HOME} ${X:-y}
        outputs: [count, manifest]
      - id: clean
        needs: [get_files]
        partitions: {count: 16, max_parallel: 8, on_failure: continue, min_success: 0.95}
        run: [python3, clean.py, 5, "--shard", "${partition.index}/${partition.count}", "${partition.value}"]
        resources: {cpu: 2.5, memory: 1.5GB, labels: {zone: cn-north}}
        timeout: 40m
        kill: {signal: INT, grace: 30s}
      - id: load
        needs: [clean]
        when: all_success
        type: command
        run: psql -f load.sql
        env: {COUNT: "${tasks.get_files.outputs.count}", PORT: 0644, FLAG: true}
        cwd: /tmp/${job.name}
        exclusive: false
        on_lost: fail
      - id: report
        needs: [load]
        type: http
        retry: {max: 0}
        http:
          method: POST
          url: "https://bi.example.com/refresh?d=${params.day}"
          headers: {X-Run: "${run.id}"}
          body: '{"n": 1}'
          expect: [200, 202]
          timeout: 20s
      - {id: wide, type: noop, partitions: {range: [5, 9]}}
      - {id: items, type: noop, partitions: {list: [a, 2, 3.0]}}
    """
