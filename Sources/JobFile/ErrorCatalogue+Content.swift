extension ErrorCatalogue {
    /// Schedules, templates and parameters (E14xx to E16xx).
    static let contentEntries: [Entry] = [
        Entry(
            "E1401",
            "not a cron expression",
            cause:
                "The expression does not parse: a wrong number of fields, a value out of range, an "
                + "unknown name.",
            mend:
                "Mend the field that is named; skyfire cron explain shows what an expression means. "
                + "Six fields need seconds: true.",
            example: "cron: \"61 * * * *\""
        ),
        Entry(
            "E1402",
            "zone is missing",
            cause:
                "A cron expression means nothing without a time zone.",
            mend:
                "Add zone: with an IANA name, or zone: UTC.",
            example: "schedule: {cron: \"0 3 * * *\"}"
        ),
        Entry(
            "E1403",
            "unknown time zone",
            cause:
                "The time zone database of this machine has no such zone.",
            mend:
                "Use an IANA name like Asia/Shanghai; install tzdata if it is missing.",
            example: "zone: Beijing"
        ),
        Entry(
            "E1404",
            "never fires",
            cause:
                "The cron expression parses, but no day ever matches it.",
            mend:
                "Mend day and month.",
            example: "cron: \"0 0 30 2 *\""
        ),
        Entry(
            "E1501",
            "template does not parse",
            cause:
                "What stands between ${ and } is not an expression.",
            mend:
                "Write an expression like ${params.day} or ${logical.date - 1d}; $${ stands for the "
                + "text ${.",
            example: "${params.}"
        ),
        Entry(
            "E1502",
            "unknown name in a template",
            cause:
                "The expression names something that does not exist.",
            mend:
                "The names are logical.time, .date, .hour, .timestamp; params.NAME; "
                + "tasks.TASK.outputs.NAME; partition.index, .count, .value; run.id, .attempt; "
                + "job.name.",
            example: "${logical.day}"
        ),
        Entry(
            "E1503",
            "unknown parameter",
            cause:
                "A template names a parameter that params does not declare.",
            mend:
                "Declare it, or mend the spelling.",
            example: "${params.dya}"
        ),
        Entry(
            "E1504",
            "output of a task that is not upstream",
            cause:
                "A template uses an output of a task that does not exist or need not be over by then.",
            mend:
                "Add the task to needs, directly or through others.",
            example: "${tasks.later.outputs.count}"
        ),
        Entry(
            "E1505",
            "undeclared output",
            cause:
                "A template uses an output that the task's outputs does not name.",
            mend:
                "Add the name to outputs of that task.",
            example: "${tasks.get.outputs.cuont}"
        ),
        Entry(
            "E1506",
            "template where the shell cannot take a value",
            cause:
                "In a shell line a value is passed as an environment variable. Inside single quotes, "
                + "backquotes, quoted here-documents and arithmetic that is impossible or unsafe.",
            mend:
                "Use double quotes, $(…), or a variable of your own; $${ leaves the text to the shell.",
            example: "run: echo '${params.day}'"
        ),
        Entry(
            "E1507",
            "template not possible here",
            cause:
                "The default of a parameter is filled in when the run is made, before any task has run.",
            mend:
                "Use logical, job and run.id only.",
            example: "default: \"${tasks.a.outputs.x}\""
        ),
        Entry(
            "E1601",
            "value does not fit the parameter",
            cause:
                "A default or enum value is not of the parameter's type, or the default is not in "
                + "its enum.",
            mend:
                "Mend the value, or the type.",
            example: "{type: integer, default: full}"
        ),
    ]
}
