import HashTreeCollections

/// Which jobs come after which. Knows names and edges only.
package struct DependencyGraph: Sendable {
    private var upstreams: TreeDictionary<JobName, [JobName]> = [:]
    private var dependents: TreeDictionary<JobName, TreeSet<JobName>> = [:]

    package init() {}

    /// Sets the jobs that a job comes after; an empty list removes its edges.
    package mutating func set(_ job: JobName, after newUpstreams: [JobName]) {
        let old = upstreams[job] ?? []
        guard old != newUpstreams else { return }
        for upstream in old {
            dependents[upstream]?.remove(job)
            if dependents[upstream]?.isEmpty == true { dependents[upstream] = nil }
        }
        upstreams[job] = newUpstreams.isEmpty ? nil : newUpstreams
        for upstream in newUpstreams { dependents[upstream, default: []].insert(job) }
    }

    /// The jobs that come directly after a job, by name.
    package func dependents(of job: JobName) -> [JobName] { dependents[job]?.sorted() ?? [] }

    package func hasDependents(_ job: JobName) -> Bool { dependents[job] != nil }

    package func upstreams(of job: JobName) -> [JobName] { upstreams[job] ?? [] }

    /// The cycle that new edges of a job would close, as the path from the job back to itself.
    package func cycle(ifSet job: JobName, after newUpstreams: [JobName]) -> [JobName]? {
        // Walks upstream from each new upstream; reaching the job again closes the cycle. Without recursion: a chain
        // may be as long as there are jobs.
        var visited: Set<JobName> = []
        var path = [job]
        var open = [newUpstreams[...]]
        while !open.isEmpty {
            guard let next = open[open.count - 1].popFirst() else {
                open.removeLast()
                path.removeLast()
                continue
            }
            if next == job { return path + [job] }
            guard visited.insert(next).inserted else { continue }
            path.append(next)
            open.append((upstreams[next] ?? [])[...])
        }
        return nil
    }
}
