import Scheduling

/// The shapes that the description of the API names.
enum OpenAPISchemas {
    static let all: [String: JSONValue] = [
        "Apply": object(
            [
                "name": text, "result": choice(["created", "updated", "unchanged", "failed"]),
                "version": integer,
                "error": reference("ProblemDetail"),
            ],
            required: ["name", "result"]
        ),
        "ApplyList": list("Apply"),
        "Attempt": object(
            [
                "task": text, "n": integer, "partition": integer, "worker": text,
                "state": choice(["assigned", "running"] + AttemptOutcome.allCases.map(\.rawValue)),
                "exit_code": integer, "signal": integer, "reason": text, "fencing_token": text,
                "assigned_at": time,
                "started_at": time, "ended_at": time,
            ],
            required: ["task", "n", "partition", "worker", "state"]
        ),
        "Cluster": object(
            [
                "id": text, "mode": choice(["solo", "cluster"]), "is_paused": boolean,
                "pause_reason": text, "leader": text,
                "leader_address": text, "term": integer, "workers": integer, "queued": integer,
                "oldest_queued_at": time, "is_safe_mode": boolean, "incidents": integer, "mirror": text,
                "version": text,
            ],
            required: [
                "id", "mode", "is_paused", "workers", "queued", "is_safe_mode", "incidents", "mirror",
                "version",
            ]
        ),
        "CronExplanation": object(
            [
                "expr": text, "zone": text, "seconds": boolean, "words": reference("Words"),
                "next": array(reference("Firing")), "notes": array(text),
            ],
            required: ["expr", "zone", "seconds", "words", "next", "notes"]
        ),
        "Explanation": object(
            [
                "run": text, "state": text,
                "blockers": array(
                    object(["kind": text, "message": text, "task": text], required: ["kind", "message"])
                ),
            ],
            required: ["run", "state", "blockers"]
        ),
        "Firing": object(
            ["at": time, "local": text, "zone": text, "note": text],
            required: ["at", "local"]
        ),
        "Job": object(
            [
                "name": text, "version": integer, "worker": text, "created_at": time,
                "definition": reference("JobDefinition"),
            ],
            required: ["name", "version", "worker", "created_at", "definition"]
        ),
        "JobDefinition": [
            "type": "object", "description": "A job file.", "required": ["version", "name", "tasks"],
            "properties": ["version": ["const": 1], "name": text, "tasks": ["type": "array"]],
        ],
        "JobList": list("Job"),
        "NextList": list("Firing"),
        "Problem": object(
            [
                "type": text, "title": text, "status": integer, "code": text, "detail": text,
                "errors": array(reference("ProblemDetail")),
            ],
            required: ["type", "title", "status", "code", "detail", "errors"]
        ),
        "ProblemDetail": object(
            [
                "code": text, "message": text, "pointer": text, "line": integer, "column": integer,
                "hint": text,
            ],
            required: ["code", "message"]
        ),
        "Readiness": object(["ready": boolean, "missing": array(text)], required: ["ready", "missing"]),
        "ClusterSettings": object(["maximum_queue_length": integer], required: ["maximum_queue_length"]),
        "Reason": object(["reason": text], required: []),
        "RepeatRequest": object(["request_id": text], required: []),
        "Run": object(
            [
                "id": text, "job": text, "job_version": integer, "logical_time": time,
                "cause": choice(RunCause.allCases.map(\.rawValue)),
                "state": choice(RunState.allCases.map(\.rawValue)),
                "reason": text, "priority": integer, "params": texts, "queued_at": time, "started_at": time,
                "ended_at": time,
                "tasks": object(
                    ["total": integer, "by_state": ["type": "object", "additionalProperties": integer]],
                    required: ["total", "by_state"]
                ),
                "trace_id": text,
            ],
            required: [
                "id", "job", "job_version", "logical_time", "cause", "state", "priority", "queued_at",
                "tasks", "trace_id",
            ]
        ),
        "RunList": list("Run"),
        "RunRequest": object(
            [
                "job": text, "params": texts, "at": time, "request_id": text, "triggers_downstream": boolean,
                "waits_for_upstreams": boolean,
            ],
            required: ["job"]
        ),
        "Schedule": object(
            [
                "job": text, "worker": text, "next": time, "problem": text,
                "triggers": array(
                    object(
                        ["trigger": ["type": "object"], "words": reference("Words"), "next": time],
                        required: ["trigger"]
                    )
                ),
            ],
            required: ["job", "worker", "triggers"]
        ),
        "ScheduleList": list("Schedule"),
        "Task": object(
            [
                "id": text, "state": choice(TaskState.allCases.map(\.rawValue)), "needs": array(text),
                "partitions": array(
                    object(
                        ["index": integer, "state": text, "value": text],
                        required: ["index", "state", "value"]
                    )
                ),
                "attempts": array(reference("Attempt")),
            ],
            required: ["id", "state", "needs", "partitions", "attempts"]
        ),
        "TaskList": list("Task"),
        "Upcoming": object(["job": text, "at": time, "worker": text], required: ["job", "at"]),
        "UpcomingList": list("Upcoming"),
        "Validation": object(["valid": boolean, "jobs": array(text)], required: ["valid", "jobs"]),
        "Words": object(["en": text, "zh": text], required: ["en", "zh"]),
        "Worker": object(
            [
                "id": text, "state": choice(["ready", "draining"]), "address": text, "version": text,
                "tzdata": text,
                "pool": text, "labels": texts, "started_at": time, "slots": integer, "running": integer,
                "jobs": integer, "cpu_count": integer, "cpu_load": number, "load_average": number,
                "memory_total_bytes": integer, "memory_free_bytes": integer, "disk_total_bytes": integer,
                "disk_free_bytes": integer, "is_leader": boolean,
            ],
            required: [
                "id", "state", "address", "version", "tzdata", "pool", "labels", "started_at", "slots",
                "running",
                "jobs", "cpu_count", "is_leader",
            ]
        ),
        "WorkerList": list("Worker"),
    ]

    private static let text: JSONValue = ["type": "string"]
    private static let integer: JSONValue = ["type": "integer"]
    private static let number: JSONValue = ["type": "number"]
    private static let boolean: JSONValue = ["type": "boolean"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    private static let texts: JSONValue = ["type": "object", "additionalProperties": ["type": "string"]]

    private static func choice(_ values: [String]) -> JSONValue {
        ["type": "string", "enum": .array(values.map(JSONValue.string))]
    }

    private static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(name)")]
    }

    private static func array(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

    private static func object(_ properties: [String: JSONValue], required: [String]) -> JSONValue {
        [
            "type": "object", "properties": .object(properties),
            "required": .array(required.map(JSONValue.string)),
        ]
    }

    private static func list(_ item: String) -> JSONValue {
        object(
            ["items": array(reference(item)), "next_cursor": ["type": ["string", "null"]]],
            required: ["items", "next_cursor"]
        )
    }
}
