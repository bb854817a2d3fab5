/// **I11, lease.** An exclusive task does not outlive its worker's contact.
///
/// Each line of a probe of an exclusive attempt, of any of its processes, is at most T − T/5 and the
/// tolerance later than the latest write that a session of its worker got into the log by then (a refused
/// one counts: it was answered). T is the timeout that the server gave. The promise counts from the sending
/// of the last write that was *answered*: that is never later than the last one in the log, so what is red
/// here broke the promise, and what broke it by less than a write's way may be green. The tolerance is for
/// the signal's way and for a line that was being written; what a machine writes that wakes (`lived`) is not looked at. Pings prove nothing and are not in the log.
///
/// And the leader waits for it: no commit deletes the assignment of an exclusive attempt that has started while its
/// worker is registered, nor less than T/5 + 1 s after it was, but for a hundredth by which clocks may differ.
func judgeLease(_ evidence: Evidence, _ judgement: inout Judgement) {
    let timeouts = Dictionary(evidence.history.sessions.map { ($0.id, $0.timeoutMilliseconds) }) { $1 }
    func timeout(of attempt: AttemptLife) -> Int64 {
        evidence.registrations[attempt.worker]?.last { $0.begin < attempt.begin }
            .flatMap { timeouts[$0.session] } ?? evidence.history.sessionTimeout
    }
    for attempt in evidence.history.attempts where !attempt.starts.isEmpty && attempt.reportedOutcome == nil {
        guard let end = attempt.end, evidence.isExclusive(attempt.key.unit) else { continue }
        judgement.look()
        let registration = evidence.registrations[attempt.worker]?.last { $0.begin < end }
        let wait = timeout(of: attempt) / 5 + 1000
        if let gone = registration?.end, gone < end, end.time - gone.time >= wait - wait / 100 { continue }
        judgement.violated(
            "\(attempt.key) is exclusive and was taken over less than \(wait) ms after its worker went",
            registration.map { "registered \($0.begin.shown), gone \($0.end?.shown ?? "never")" }
                ?? "never registered",
            "\(end.shown) deletes assign/\(attempt.worker)/\(attempt.key)"
        )
    }
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    for (key, lines) in probes.sorted(by: { $0.key < $1.key }) where evidence.isExclusive(key.unit) {
        guard let attempt = evidence.attempts[key.unit]?.first(where: { $0.key == key }) else { continue }
        let writes = evidence.history.workerWrites[attempt.worker] ?? []
        let timeout = timeout(of: attempt)
        judgement.look()
        for line in lines.lived(evidence.faults?.freezes ?? []) {
            var (low, high) = (0, writes.count)
            while low < high {
                let middle = (low + high) / 2
                if writes[middle] <= line.milliseconds { low = middle + 1 } else { high = middle }
            }
            let last = low > 0 ? writes[low - 1] : attempt.begin.time
            if line.milliseconds > last + timeout - timeout / 5 + evidence.settings.tolerance {
                judgement.violated(
                    "\(key) is exclusive and lived \(line.milliseconds - last) ms after its worker's last write",
                    "\(Instants.text(last)) last write of \(attempt.worker), session timeout \(timeout) ms",
                    line.shown
                )
                break
            }
        }
    }
}
