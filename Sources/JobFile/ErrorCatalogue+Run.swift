extension ErrorCatalogue {
    /// Reasons of runs and tasks (E30xx).
    static let runEntries: [Entry] = [
        Entry(
            "E3001",
            "skipped: an earlier run was not over",
            cause:
                "overlap is skip, and the run before was still under way at the due time.",
            mend:
                "Make the job faster or its schedule wider, or set overlap: allow_all.",
            example: "a job of 70 minutes, every hour"
        ),
        Entry(
            "E3002",
            "skipped: missed",
            cause:
                "The due time was missed, and the misfire policy or its window says that it does not "
                + "run late.",
            mend:
                "Widen misfire.window, or start the run by hand with --at.",
            example: "the cluster was down for two hours"
        ),
        Entry(
            "E3003",
            "worker lost three times",
            cause:
                "Three workers in turn were lost while they ran this task, which may be what kills them.",
            mend:
                "Look at its memory and at the logs of the workers, then retry.",
            example: "a task that takes all memory"
        ),
        Entry(
            "E3004",
            "timed out",
            cause:
                "The task or run took longer than its timeout, and was ended.",
            mend:
                "Find out what it waited for, or raise timeout.",
            example: "timeout: 10m"
        ),
        Entry(
            "E3005",
            "upstream failed",
            cause:
                "A task that this one needs did not end as when asks for.",
            mend:
                "Mend the task that failed, and retry; or set when.",
            example: "load after clean has failed"
        ),
        Entry(
            "E3006",
            "outputs too large or malformed",
            cause:
                "What the task wrote to $SKYFIRE_OUTPUT is not lines of name=value, has an "
                + "undeclared name, or more than 8 KiB (256 KiB for the run).",
            mend:
                "Write large results to a file and put its place into the output.",
            example: "echo \"no equals sign\" >> \"$SKYFIRE_OUTPUT\""
        ),
        Entry(
            "E3007",
            "template could not be filled in",
            cause:
                "A value that a template names did not exist when the task was to start.",
            mend:
                "Make the task before write the output, or give the parameter.",
            example: "${tasks.get.outputs.count} where get wrote none"
        ),
        Entry(
            "E3009",
            "late result refused",
            cause:
                "The worker had lost contact for so long that its attempt was taken over; when it came back with a "
                + "result, that did not count any more.",
            mend:
                "Nothing, if the task may run twice. Otherwise say exclusive: true, or on_lost: fail or hold, and let what "
                + "the task writes to check SKYFIRE_FENCING_TOKEN.",
            example: "a worker that was stopped for a minute"
        ),
        Entry(
            "E3010",
            "held: the worker was lost",
            cause:
                "A task with on_lost: hold lost its worker while it ran, and nobody knows how far it came.",
            mend:
                "Find out, then resume the run to run the task again, or cancel it.",
            example: "on_lost: hold"
        ),
        Entry(
            "E3008",
            "no worker matches",
            cause:
                "No worker has the pool, labels, CPU and memory that the task asks for.",
            mend:
                "Change resources or pool, or add such a worker; skyfire why names what is missing.",
            example: "resources: {labels: {gpu: \"yes\"}}"
        ),
    ]
}
