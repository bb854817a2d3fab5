package import Cron

/// Fills a task's templates in and makes an assignment of it.
package enum AssignmentBuilder {
    /// The largest output of one task, in bytes of names and values.
    package static let maximumOutputBytes = 8 * 1024

    package static func build(_ run: LiveRun, unit: Int, attempt: Int) throws(TemplateError) -> Assignment {
        let task = run.job.tasks[run.job.taskIndex(ofUnit: unit)]
        let definition = task.definition
        let index = unit - task.units.lowerBound
        let value = definition.partitions?.value(at: index) ?? ""
        let context = TemplateContext(
            logicalTime: run.id.logicalTime,
            zoneOffsetSeconds: run.job.zone?.offset(at: run.id.logicalTime) ?? 0,
            params: run.params,
            outputs: run.outputs,
            partition: .init(index: index, count: task.units.count, value: value),
            run: run.id.description,
            attempt: attempt,
            job: run.id.job.description
        )
        var environment: [String: String] = [:]
        for (name, text) in definition.env ?? [:] {
            environment[name] = try Template.parse(text, mode: .text).resolve(context)
        }
        let action: Assignment.Action
        switch definition.run {
        case .shell(let line):
            let resolved = try Template.parse(line, mode: .shell).resolveShell(context)
            environment.merge(resolved.environment) { _, ours in ours }
            action = .command(argv: ["/bin/sh", "-c", resolved.line])
        case .argv(let arguments):
            var argv: [String] = []
            for argument in arguments {
                argv.append(try Template.parse(argument, mode: .text).resolve(context))
            }
            action = .command(argv: argv)
        case nil:
            guard let call = definition.http else {
                throw TemplateError(.malformed, "task \(definition.id) has nothing to run", offset: 0)
            }
            var headers: [String: String] = [:]
            for (name, text) in call.headers ?? [:] {
                headers[name] = try Template.parse(text, mode: .text).resolve(context)
            }
            let body: String?
            if let text = call.body {
                body = try Template.parse(text, mode: .text).resolve(context)
            } else {
                body = nil
            }
            action = .http(
                .init(
                    method: call.method ?? "GET",
                    url: try Template.parse(call.url, mode: .text).resolve(context),
                    headers: headers,
                    body: body,
                    expect: call.expect,
                    timeoutMilliseconds: call.timeout?.milliseconds ?? 30_000
                )
            )
        }
        let directory: String?
        if let text = definition.cwd {
            directory = try Template.parse(text, mode: .text).resolve(context)
        } else {
            directory = nil
        }
        return Assignment(
            action: action,
            environment: environment,
            workingDirectory: directory,
            partitionCount: task.units.count,
            partitionValue: value,
            isPartitioned: task.isPartitioned,
            timeoutMilliseconds: definition.timeout?.milliseconds,
            killSignal: definition.kill?.signal ?? "TERM",
            killGraceMilliseconds: definition.kill?.grace?.milliseconds ?? 10_000,
            outputs: definition.outputs,
            traceID: run.traceID,
            isExclusive: definition.exclusive ?? false
        )
    }

    /// The parameters of a run: what it was given, completed by the defaults of the definition.
    ///
    /// - Throws: `TemplateError` where a parameter without default is missing.
    package static func parameters(
        _ entry: QueueEntry,
        _ definition: JobDefinition,
        zone: TimeZoneRules? = nil
    ) throws(TemplateError) -> [String: String] {
        var params = entry.params
        let context = TemplateContext(
            logicalTime: entry.run.logicalTime,
            zoneOffsetSeconds: zone?.offset(at: entry.run.logicalTime) ?? 0,
            run: entry.run.description,
            job: entry.run.job.description
        )
        for (name, parameter) in (definition.params ?? [:]).sorted(by: { $0.key < $1.key })
        where params[name] == nil {
            guard let text = parameter.default else {
                throw TemplateError(
                    .unresolved,
                    "parameter \(name) has no default and was not given",
                    offset: 0
                )
            }
            params[name] = try Template.parse(text, mode: .text).resolve(context)
        }
        return params
    }
}
