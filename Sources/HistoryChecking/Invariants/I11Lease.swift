/// **I11, lease.** An exclusive task does not outlive its worker's contact.
///
/// Each line of a probe of an exclusive attempt, of any of its processes, is at most T − T/5 and the
/// tolerance later than the latest write that a session of its worker got into the log by then (a refused
/// one counts: it was answered). T is the timeout that the server gave. The promise counts from the sending
/// of the last write that was *answered*: that is never later than the last one in the log, so what is red
/// here broke the promise, and what broke it by less than a write's way may be green. The tolerance is for
/// the signal's way and for a line that was being written. Pings prove nothing and are not in the log.
func judgeLease(_ evidence: Evidence, _ judgement: inout Judgement) {
    guard let probes = evidence.probes else { return judgement.needs("--probes") }
    let timeouts = Dictionary(evidence.history.sessions.map { ($0.id, $0.timeoutMilliseconds) }) { $1 }
    for (key, lines) in probes.sorted(by: { $0.key < $1.key }) where evidence.isExclusive(key.unit) {
        guard let attempt = evidence.attempts[key.unit]?.first(where: { $0.key == key }) else { continue }
        let writes = evidence.history.workerWrites[attempt.worker] ?? []
        let timeout =
            evidence.registrations[attempt.worker]?.last { $0.begin < attempt.begin }
            .flatMap { timeouts[$0.session] } ?? evidence.history.sessionTimeout
        judgement.look()
        for line in lines {
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
