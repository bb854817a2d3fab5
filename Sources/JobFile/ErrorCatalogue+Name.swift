extension ErrorCatalogue {
    /// Names and references (E13xx).
    static let nameEntries: [Entry] = [
        Entry(
            "E1301",
            "not a job name",
            cause:
                "A job name is NAME or PROJECT.NAME; each part is a letter or digit, then letters, "
                + "digits, \"_\" or \"-\", 64 at most; 100 characters together.",
            mend:
                "Use such a name; title takes any text in any language.",
            example: "name: 每日汇总"
        ),
        Entry(
            "E1302",
            "not a task id",
            cause:
                "A task id is a letter or digit, then letters, digits, \"_\" or \"-\", 40 characters "
                + "at most.",
            mend:
                "Use such an id.",
            example: "id: load data"
        ),
        Entry(
            "E1303",
            "task id stands twice",
            cause:
                "Two tasks of the job have the same id.",
            mend:
                "Rename one of them.",
            example: "tasks: [{id: a, run: x}, {id: a, run: y}]"
        ),
        Entry(
            "E1304",
            "unknown task in needs",
            cause:
                "needs names a task that the job does not have.",
            mend:
                "Mend the spelling, or add the task. Other jobs stand under after.",
            example: "needs: [laod]"
        ),
        Entry(
            "E1305",
            "task needs itself",
            cause:
                "A task stands in its own needs and could never start.",
            mend:
                "Take it out of needs.",
            example: "{id: a, needs: [a], run: x}"
        ),
        Entry(
            "E1306",
            "tasks need each other in a cycle",
            cause:
                "Following needs leads back to where it began, so that none of these tasks could "
                + "ever start.",
            mend:
                "Take one of the needs on the cycle away.",
            example: "a needs b, b needs a"
        ),
        Entry(
            "E1307",
            "job waits for itself",
            cause:
                "after names the job itself.",
            mend:
                "Take it out of after.",
            example: "{name: a, after: [a]}"
        ),
        Entry(
            "E1308",
            "value stands twice",
            cause:
                "A list that must hold different values holds one twice, or a file holds two jobs of "
                + "one name.",
            mend:
                "Take one of them away.",
            example: "needs: [a, a]"
        ),
        Entry(
            "E1309",
            "not a name",
            cause:
                "The name of a parameter, output, label, header or pool has characters that are not "
                + "allowed, or is too long.",
            mend:
                "Use the characters that the hint names.",
            example: "params: {\"my day\": {type: date}}"
        ),
        Entry(
            "E1310",
            "not an environment variable",
            cause:
                "The name is not [A-Za-z_][A-Za-z0-9_]*, or begins with SKYFIRE_, which is the "
                + "scheduler's.",
            mend:
                "Choose another name.",
            example: "env: {SKYFIRE_RUN: x}"
        ),
        Entry(
            "E1311",
            "not an HTTP address",
            cause:
                "The URL of an http task does not begin with http:// or https://, has no host, or "
                + "holds a blank.",
            mend:
                "Write the whole address.",
            example: "url: bi.example.com/refresh"
        ),
        Entry(
            "E1312",
            "unknown version",
            cause:
                "The version of the job file's form is not the number 1.",
            mend:
                "Write version: 1.",
            example: "version: 2"
        ),
        Entry(
            "E1313",
            "too many tasks or partitions",
            cause:
                "A job has 2,000 tasks and 10,000 partitions at most.",
            mend:
                "Split the job with after, or make partitions larger.",
            example: "partitions: {range: [1, 20000]}"
        ),
        Entry(
            "E1314",
            "definition too large",
            cause:
                "The job in canonical form (JSON, defaults merged into the tasks) has more than 256 KiB.",
            mend:
                "Move long scripts into files, shorten what is repeated by each task, or split the job.",
            example: "1,000 tasks with a script of 1 kB each"
        ),
    ]
}
