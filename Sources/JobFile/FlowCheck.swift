internal import Scheduling

/// Checks what tasks say about each other: ids, `needs` and the names in templates.
struct FlowCheck {
    let findings: Findings
    let tasks: [ReadTask]
    let params: [String: Parameter]

    func run(parameterTemplates: [TemplateUse]) {
        let indices = indexTasks()
        let edges = tasks.indices.map { self.edges(of: $0, indices) }
        reportCycle(edges)
        for use in parameterTemplates { checkParameterDefault(use) }
        for (index, task) in tasks.enumerated() where !task.templates.isEmpty {
            let ancestors = self.ancestors(of: index, edges)
            for use in task.templates { check(use, of: index, ancestors, indices) }
        }
    }

    private func indexTasks() -> [TaskID: Int] {
        var indices: [TaskID: Int] = [:]
        for (index, task) in tasks.enumerated() {
            guard let id = task.definition?.id, let field = task.id else { continue }
            if let first = indices[id] {
                let place = tasks[first].id?.node.position ?? tasks[first].field.node.position
                findings.add(
                    "E1303",
                    "two tasks have the id \"\(id)\"",
                    in: field,
                    hint: "the first is at \(place.line):\(place.column)"
                )
            } else {
                indices[id] = index
            }
        }
        return indices
    }

    private func edges(of index: Int, _ indices: [TaskID: Int]) -> [Int] {
        guard let definition = tasks[index].definition, let needs = definition.needs else { return [] }
        var edges: [Int] = []
        for (need, field) in zip(needs, tasks[index].needs) where !findings.isFull || indices[need] != nil {
            if need == definition.id {
                findings.add("E1305", "task \"\(need)\" needs itself", in: field)
            } else if let target = indices[need] {
                edges.append(target)
            } else {
                findings.add(
                    "E1304",
                    "there is no task \"\(need)\"",
                    in: field,
                    hint: Suggestion.hint(for: need.description, among: indices.keys.map(\.description))
                )
            }
        }
        return edges
    }

    /// Reports one cycle, if there is one, at the first task of it in the file. Iterative: chains may be long.
    private func reportCycle(_ edges: [[Int]]) {
        var state = [UInt8](repeating: 0, count: tasks.count)
        for root in tasks.indices where state[root] == 0 {
            var path = [(task: root, next: 0)]
            state[root] = 1
            while let top = path.last {
                guard top.next < edges[top.task].count else {
                    state[top.task] = 2
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = edges[top.task][top.next]
                if state[target] == 0 {
                    state[target] = 1
                    path.append((target, 0))
                } else if state[target] == 1, let start = path.firstIndex(where: { $0.task == target }) {
                    report(cycle: path[start...].map(\.task))
                    return
                }
            }
        }
    }

    private func report(cycle: [Int]) {
        guard let least = cycle.min(), let start = cycle.firstIndex(of: least) else { return }
        let ordered = cycle[start...] + cycle[..<start] + [least]
        let names = ordered.compactMap { tasks[$0].definition?.id.description }
        let shown = names.count > 12 ? names.prefix(6) + ["…"] + names.suffix(5) : names[...]
        let needs = zip(tasks[least].definition?.needs ?? [], tasks[least].needs)
        let field = needs.first { $0.0.description == names[1] }?.1 ?? tasks[least].field
        findings.add(
            "E1306",
            "tasks need each other in a cycle: \(shown.joined(separator: " → "))",
            in: field,
            hint: "take one of these needs away"
        )
    }

    private func ancestors(of index: Int, _ edges: [[Int]]) -> Set<Int> {
        var found: Set<Int> = []
        var open = edges[index]
        while let next = open.popLast() {
            if found.insert(next).inserted { open += edges[next] }
        }
        return found
    }

    private func checkParameterDefault(_ use: TemplateUse) {
        for reference in use.template.references {
            switch reference.expression {
            case .logical, .jobName, .run(.id): continue
            case .parameter, .output, .partition, .run(.attempt):
                findings.add(
                    "E1507",
                    "the default of a parameter can use logical, job and run.id only",
                    use,
                    reference,
                    hint: "it is filled in when the run is made"
                )
            }
        }
    }

    private func check(_ use: TemplateUse, of index: Int, _ ancestors: Set<Int>, _ indices: [TaskID: Int]) {
        for reference in use.template.references where !findings.isFull {
            switch reference.expression {
            case .logical, .jobName, .run, .partition: continue
            case .parameter(let name):
                guard params[name] == nil else { continue }
                findings.add(
                    "E1503",
                    "there is no parameter \"\(SourceScalar.shortened(name))\"",
                    use,
                    reference,
                    hint: Suggestion.hint(for: name, among: params.keys) ?? "declare it under params"
                )
            case .output(let task, let name):
                checkOutput(name, of: task, use, reference, ancestors, indices)
            }
        }
    }

    private func checkOutput(
        _ name: String,
        of task: TaskID,
        _ use: TemplateUse,
        _ reference: Template.Reference,
        _ ancestors: Set<Int>,
        _ indices: [TaskID: Int]
    ) {
        guard let target = indices[task] else {
            let near = Suggestion.hint(for: task.description, among: indices.keys.map(\.description))
            findings.add("E1504", "there is no task \"\(task)\"", use, reference, hint: near)
            return
        }
        guard ancestors.contains(target) else {
            findings.add(
                "E1504",
                "task \"\(task)\" need not be over when this template is filled in",
                use,
                reference,
                hint: "add \"\(task)\" to needs"
            )
            return
        }
        guard let outputs = tasks[target].definition?.outputs, !outputs.contains(name) else { return }
        findings.add(
            "E1505",
            "task \"\(task)\" does not declare the output \"\(SourceScalar.shortened(name))\"",
            use,
            reference,
            hint: Suggestion.hint(for: name, among: outputs) ?? "add it to the outputs of \"\(task)\""
        )
    }
}
