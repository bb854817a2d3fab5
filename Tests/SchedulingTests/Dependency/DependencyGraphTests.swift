import Testing

@testable import Scheduling

@Suite struct DependencyGraphTests {
    private func graph(_ edges: KeyValuePairs<String, [String]>) -> DependencyGraph {
        var graph = DependencyGraph()
        for (job, after) in edges { graph.set(Jobs.name(job), after: after.map { Jobs.name($0) }) }
        return graph
    }

    @Test(arguments: [
        ("a", ["a"], "a a"), ("a", ["b"], "a b a"), ("a", ["c"], "a c b a"), ("a", ["x", "c"], "a c b a"),
        ("a", ["x"], ""), ("x", ["c"], ""), ("b", ["a"], ""), ("a", [], ""),
    ])
    func cycle(_ job: String, _ after: [String], _ path: String) {
        let graph = graph(["b": ["a"], "c": ["b", "a"], "d": ["c", "b"]])
        let found = graph.cycle(ifSet: Jobs.name(job), after: after.map { Jobs.name($0) }) ?? []
        #expect(found.map(\.description).joined(separator: " ") == path)
    }

    @Test func edgesAreReplaced() {
        var graph = graph(["c": ["a", "b", "a"], "d": ["a"]])
        #expect(graph.dependents(of: Jobs.name("a")).map(\.description) == ["c", "d"])
        graph.set(Jobs.name("c"), after: [Jobs.name("b")])
        #expect(graph.dependents(of: Jobs.name("a")).map(\.description) == ["d"])
        graph.set(Jobs.name("d"), after: [])
        #expect(!graph.hasDependents(Jobs.name("a")) && graph.hasDependents(Jobs.name("b")))
        #expect(graph.upstreams(of: Jobs.name("c")).map(\.description) == ["b"])
    }

    @Test func longChainIsWalkedWithoutRecursion() {
        var graph = DependencyGraph()
        for index in 1..<50_000 { graph.set(Jobs.name("j\(index)"), after: [Jobs.name("j\(index - 1)")]) }
        #expect(graph.cycle(ifSet: Jobs.name("j0"), after: [Jobs.name("j49999")])?.count == 50_001)
    }
}
