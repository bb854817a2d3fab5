extension ErrorCatalogue {
    /// Requests (E20xx).
    static let apiEntries: [Entry] = [
        Entry(
            "E2001",
            "invalid request body",
            cause:
                "The body does not parse, or lacks what the request needs.",
            mend:
                "See the errors of the answer, each with its place.",
            example: "POST /v1/runs with an empty body"
        ),
        Entry(
            "E2002",
            "bad query parameter",
            cause:
                "A query parameter is unknown or its value cannot be read.",
            mend:
                "Mend the parameter that is named.",
            example: "GET /v1/runs?state=runing"
        ),
        Entry(
            "E2003",
            "not found",
            cause:
                "The job, run, task, attempt or worker does not exist (any more).",
            mend:
                "Check the name; list what there is.",
            example: "GET /v1/jobs/nightly"
        ),
        Entry(
            "E2004",
            "name taken",
            cause:
                "A job of this name exists already.",
            mend:
                "Use another name, or PUT with If-Match to change the job.",
            example: "POST /v1/jobs twice"
        ),
        Entry(
            "E2005",
            "stale version",
            cause:
                "The job was changed after the version that the request names.",
            mend:
                "Read it again, apply the change to what is there now, send it again.",
            example: "PUT with If-Match: \"3\" where version 4 exists"
        ),
        Entry(
            "E2006",
            "request too large",
            cause:
                "The body has more than 1 MiB, or the definition more than 256 KiB in canonical form or 64 KiB as it is "
                + "stored (compressed).",
            mend:
                "Send less at a time, or split the job.",
            example: "a body of 2 MiB"
        ),
        Entry(
            "E2007",
            "saturated",
            cause:
                "The node has as many requests to the store under way as it takes. Nothing was stored.",
            mend:
                "Try again after Retry-After, or ask another node.",
            example: "a burst of requests"
        ),
        Entry(
            "E2008",
            "no leader",
            cause:
                "No leader is known at the moment; an election may be under way.",
            mend:
                "Try again in a few seconds; skyfire cluster status shows more.",
            example: "a request during a takeover"
        ),
        Entry(
            "E2009",
            "store unreachable",
            cause:
                "The node cannot reach ZooKeeper, so nothing can be changed.",
            mend:
                "Try another node; check the ensemble and the network.",
            example: "ZooKeeper has lost its quorum"
        ),
        Entry(
            "E2010",
            "mirror down",
            cause:
                "Redis cannot be reached, and lists and history are read from it.",
            mend:
                "Single live runs can still be read. Check Redis.",
            example: "GET /v1/runs while Redis restarts"
        ),
        Entry(
            "E2011",
            "outcome unknown",
            cause:
                "The connection broke while the change was under way; it may have happened or not.",
            mend:
                "Read the object before trying again; runs with an Idempotency-Key can be sent again "
                + "safely.",
            example: "connection loss during POST /v1/jobs"
        ),
        Entry(
            "E2012",
            "state does not allow it",
            cause:
                "The run or task is in a state in which this action has no meaning.",
            mend:
                "Look at the state; a run that is over can be rerun, not cancelled.",
            example: "cancel of a run that succeeded"
        ),
        Entry(
            "E2013",
            "has dependents",
            cause:
                "Other jobs wait for this one by after, so it cannot be deleted.",
            mend:
                "Change or delete those jobs first.",
            example: "DELETE of a job that others name in after"
        ),
        Entry(
            "E2014",
            "unknown upstream",
            cause:
                "after names a job that does not exist.",
            mend:
                "Create that job first, or mend the name.",
            example: "after: [hourly_stat]"
        ),
        Entry(
            "E2015",
            "cycle between jobs",
            cause:
                "Following after leads from this job back to it.",
            mend:
                "Take one of the dependencies away.",
            example: "a after b, b after a"
        ),
        Entry(
            "E2016",
            "unsupported media type",
            cause:
                "The Content-Type of the body is none that this request takes.",
            mend:
                "Send application/json or application/yaml.",
            example: "Content-Type: text/plain"
        ),
        Entry(
            "E2017",
            "names differ",
            cause:
                "The job in the path and the name in the body are not the same.",
            mend:
                "Make them the same; a job cannot be renamed.",
            example: "PUT /v1/jobs/a with name: b"
        ),
        Entry(
            "E2018",
            "no such path",
            cause:
                "The path of the request is none of the API's.",
            mend:
                "See /openapi.json for what there is.",
            example: "GET /v1/job"
        ),
        Entry(
            "E2019",
            "method not allowed",
            cause:
                "The path exists, but not for this method.",
            mend:
                "Use one of the methods in the Allow header.",
            example: "PATCH /v1/jobs"
        ),
        Entry(
            "E2020",
            "bad value in the path or a header",
            cause:
                "A name, id or number in the path, or a header, has a form that cannot be.",
            mend:
                "Mend the part that is named; percent-encode names in paths.",
            example: "GET /v1/runs/hello"
        ),
        Entry(
            "E2021",
            "node with the log unreachable",
            cause:
                "The log lies on another node, which does not answer.",
            mend:
                "Try again when that node is back.",
            example: "GET …/log while its worker is down"
        ),
        Entry(
            "E2022",
            "log not here",
            cause:
                "A node was asked for a log by another one and does not have it either.",
            mend:
                "Try again in a moment; the nodes do not agree yet.",
            example: "GET …/log during a move"
        ),
        Entry(
            "E2023",
            "node not ready",
            cause:
                "The node is starting, has lost its session, or is shutting down.",
            mend:
                "Ask another node, or wait; /readyz tells what is missing.",
            example: "GET /readyz before a leader is known"
        ),
        Entry(
            "E2024",
            "internal error",
            cause:
                "A mistake of the server's.",
            mend:
                "The node's log has the cause under the trace id of the answer.",
            example: "the disk refuses to read a log"
        ),
        Entry(
            "E2025",
            "too many connections",
            cause:
                "The node, or the address that the request comes from, has as many connections open as it may.",
            mend:
                "Use a connection for many requests; close those that are not needed; ask another node.",
            example: "257 connections from one machine"
        ),
        Entry(
            "E2026",
            "request too slow",
            cause:
                "The head of a request was not complete in time.",
            mend:
                "Send the request in one piece.",
            example: "a connection that sends one byte a second"
        ),
        Entry(
            "E2027",
            "too many streams",
            cause:
                "The node follows as many logs and event streams for its clients as it takes.",
            mend:
                "Close streams that nobody looks at, or ask another node.",
            example: "1,025 browsers with an open page on one node"
        ),
        Entry(
            "E2028",
            "queue full",
            cause:
                "The queue holds as many runs as the cluster's configuration allows (maximum_queue_length). "
                + "Nothing was stored.",
            mend:
                "Try again after Retry-After, with the same Idempotency-Key; more workers or slots empty it faster.",
            example: "POST /v1/runs while 100,000 runs wait"
        ),
        Entry(
            "E2029",
            "too many commands",
            cause:
                "As many commands wait for the leader's verdict as may. Nothing was stored.",
            mend:
                "Try again after Retry-After; skyfire cluster status shows whether there is a leader.",
            example: "a thousand cancels at once"
        ),
        Entry(
            "E2030",
            "too many kept definitions",
            cause:
                "As many replaced definitions are kept for live runs, or wait to be swept, as may. Nothing was "
                + "stored.",
            mend:
                "Try again after Retry-After; edit a job less often than its runs end.",
            example: "a job that is edited ten thousand times in a minute"
        ),
        Entry(
            "E2031",
            "log removed",
            cause:
                "The logs on the attempt's node took more room than they may, and this one was among the oldest.",
            mend:
                "Give the node more room with --log-space, or keep what matters elsewhere.",
            example: "GET …/log of a run of last year"
        ),
    ]
}
