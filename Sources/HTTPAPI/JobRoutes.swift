import Cron
import HTTPTypes
import Hummingbird
import Node
import Scheduling

/// Jobs: list, make, read, change, delete, check.
let jobRoutes: [Route] = [
    Route(
        .get,
        "/v1/jobs",
        "listJobs",
        "List jobs by name.",
        query: [
            QueryParameter("prefix", .text, "Only names that begin with this."),
            QueryParameter("cursor", .text, "The `next_cursor` of the page before."),
            QueryParameter("limit", .integer(1...1000), "How many. Default 100."),
        ],
        answer: "JobList"
    ) { request, environment in
        var query = request.query
        let limit = query.integer("limit") ?? 100
        try query.check()
        let page = try await environment.operations.jobs(
            prefix: query.text("prefix"),
            cursor: query.text("cursor"),
            limit: limit
        )
        return JSONBody.response(ListBody(items: page.items, nextCursor: page.nextCursor))
    },
    Route(
        .post,
        "/v1/jobs",
        "createJob",
        "Create a job; 409 where the name is taken.",
        body: .required("JobDefinition"),
        status: 201,
        answer: "Job"
    ) { request, environment in
        let definition = try await JobDocuments.one(in: request, zones: environment.zones)
        return JobAnswer.written(try await environment.operations.createJob(definition), isNew: true)
    },
    Route(
        .post,
        "/v1/jobs:validate",
        "validateJobs",
        "Check job files without storing anything.",
        query: [QueryParameter("file", .text, "The name to use in messages.")],
        body: .required("JobDefinition"),
        answer: "Validation"
    ) { request, environment in
        let definitions = try await JobDocuments.all(
            in: request,
            zones: environment.zones,
            file: request.query.text("file")
        )
        try request.query.check()
        return JSONBody.response(Validation(jobs: definitions.map(\.name)))
    },
    Route(
        .post,
        "/v1/jobs:apply",
        "applyJobs",
        "Create or update each job of a file; nothing is stored unless all are valid. 207 where one was refused.",
        query: [
            QueryParameter("dry_run", .flag, "Say what would happen."),
            QueryParameter("file", .text, "The name to use in messages."),
        ],
        body: .required("JobDefinition"),
        answer: "ApplyList",
        handler: JobApplying.answer
    ),
    Route(.get, "/v1/jobs/{name}", "getJob", "Read a job; its ETag is the version.", answer: "Job") {
        request,
        environment in
        let job = try await environment.operations.job(try request.job())
        return JSONBody.response(body: JSONBody.buffer(job), tag: JobAnswer.tag(job.version), to: request)
    },
    Route(
        .put,
        "/v1/jobs/{name}",
        "replaceJob",
        "Replace a job, at the version of If-Match where given; create it where it is missing (201).",
        body: .required("JobDefinition"),
        answer: "Job",
        handler: JobReplacing.answer
    ),
    Route(
        .delete,
        "/v1/jobs/{name}",
        "deleteJob",
        "Delete a job, at the version of If-Match where given.",
        status: 204
    ) { request, environment in
        let name = try request.job()
        let version = try JobAnswer.version(of: request.headers)
        try await environment.operations.deleteJob(name, ifVersion: version)
        return Response(status: .noContent)
    },
    Route(
        .get,
        "/v1/jobs/{name}/next",
        "nextRuns",
        "Say when a job's triggers fire next.",
        query: [QueryParameter("count", .integer(1...1000), "How many. Default 10.")],
        answer: "NextList"
    ) { request, environment in
        let name = try request.job()
        var query = request.query
        let count = query.integer("count") ?? 10
        try query.check()
        let job = try await environment.operations.job(name)
        let firings = try JobTriggers(job, zones: environment.zones).firings(
            after: request.now.second,
            count: count
        )
        return JSONBody.response(ListBody(items: firings, nextCursor: nil))
    },
]

/// What `/jobs:validate` says of files without a mistake.
private struct Validation: Encodable {
    var valid = true
    var jobs: [JobName]
}

/// Answers that carry a job's version.
private enum JobAnswer {
    static func tag(_ version: Int) -> String { "\"\(version)\"" }

    static func written(_ job: JobView, isNew: Bool) -> Response {
        var headers: HTTPFields = [.eTag: tag(job.version)]
        if isNew { headers[.location] = "/v1/jobs/" + PercentEncoding.encode(job.name.description) }
        return JSONBody.response(job, status: isNew ? .created : .ok, headers: headers)
    }

    /// The version that `If-Match` names; nil where there is no such header, or for `*`.
    static func version(of headers: HTTPFields) throws(Problem) -> Int? {
        let tags = EntityTags(headers[values: .ifMatch])
        guard !tags.isEmpty, !tags.isAny else { return nil }
        let text = tags.tags[0]
        guard tags.tags.count == 1, text.utf8.count > 2, text.first == "\"", text.last == "\"",
            let version = Int(text.dropFirst().dropLast())
        else {
            throw Problem(
                .badRequest,
                .badValue,
                "If-Match names one version in quotes",
                pointer: "header/if-match",
                hint: "send the ETag of the job, for example \"3\""
            )
        }
        return version
    }
}

/// `PUT /jobs/{name}` with its preconditions.
private enum JobReplacing {
    @Sendable static func answer(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> Response {
        let operations = environment.operations
        let name = try request.job()
        var version = try JobAnswer.version(of: request.headers)
        let mustBeNew = try demandsAbsence(request.headers)
        let definition = try await JobDocuments.one(in: request, zones: environment.zones)
        guard definition.name == name else {
            throw Problem(
                .unprocessableContent,
                .nameMismatch,
                "the path names \(name), the definition \(definition.name)",
                pointer: "/name"
            )
        }
        if mustBeNew {
            do throws(OperationError) {
                return JobAnswer.written(try await operations.createJob(definition), isNew: true)
            } catch {
                guard error.kind == .conflict else { throw error }
                throw Problem(
                    .preconditionFailed,
                    .nameTaken,
                    "\(name) exists",
                    pointer: "header/if-none-match"
                )
            }
        }
        if EntityTags(request.headers[values: .ifMatch]).isAny {
            do throws(OperationError) {
                version = try await operations.job(name).version
            } catch {
                guard error.kind == .notFound else { throw error }
                throw Problem(
                    .preconditionFailed,
                    .notFound,
                    "\(name) does not exist",
                    pointer: "header/if-match"
                )
            }
        }
        let (job, isNew) = try await operations.replaceJob(definition, ifVersion: version)
        return JobAnswer.written(job, isNew: isNew)
    }

    private static func demandsAbsence(_ headers: HTTPFields) throws(Problem) -> Bool {
        let tags = EntityTags(headers[values: .ifNoneMatch])
        guard !tags.isEmpty else { return false }
        guard tags.isAny, EntityTags(headers[values: .ifMatch]).isEmpty else {
            throw Problem(
                .badRequest,
                .badValue,
                "If-None-Match is * here, and does not go with If-Match",
                pointer: "header/if-none-match"
            )
        }
        return true
    }
}

/// `POST /jobs:apply`.
private enum JobApplying {
    private struct Item: Encodable {
        var name: JobName
        /// `created`, `updated`, `unchanged` or `failed`.
        var result: String
        var version: Int?
        var error: ProblemDetail?
    }

    @Sendable static func answer(
        _ request: APIRequest,
        _ environment: APIEnvironment
    ) async throws -> Response {
        var query = request.query
        let isDryRun = query.flag("dry_run")
        try query.check()
        let definitions = try await JobDocuments.all(
            in: request,
            zones: environment.zones,
            file: query.text("file")
        )
        var items: [Item] = []
        for definition in definitions {
            do throws(OperationError) {
                items.append(try await apply(definition, isDryRun: isDryRun, environment.operations))
            } catch {
                let detail = ProblemDetail(code: error.code, message: error.message, hint: error.hint)
                items.append(Item(name: definition.name, result: "failed", error: detail))
            }
        }
        let hasFailed = items.contains { $0.error != nil }
        return JSONBody.response(
            ListBody(items: items, nextCursor: nil),
            status: hasFailed ? HTTPResponse.Status(code: 207, reasonPhrase: "Multi-Status") : .ok
        )
    }

    private static func apply(
        _ definition: JobDefinition,
        isDryRun: Bool,
        _ operations: any ClusterOperations
    ) async throws(OperationError) -> Item {
        var current: JobView?
        do throws(OperationError) {
            current = try await operations.job(definition.name)
        } catch {
            guard error.kind == .notFound else { throw error }
        }
        if let current, current.definition == definition {
            return Item(name: definition.name, result: "unchanged", version: current.version)
        }
        if isDryRun {
            return Item(
                name: definition.name,
                result: current == nil ? "created" : "updated",
                version: current?.version
            )
        }
        let (job, isNew) = try await operations.replaceJob(definition, ifVersion: current?.version)
        return Item(name: job.name, result: isNew ? "created" : "updated", version: job.version)
    }
}
