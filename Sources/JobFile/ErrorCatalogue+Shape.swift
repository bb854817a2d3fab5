extension ErrorCatalogue {
    /// Shapes and types (E12xx).
    static let shapeEntries: [Entry] = [
        Entry(
            "E1201",
            "wrong type",
            cause:
                "A value is of another type than the key takes. Types are never converted silently: "
                + "the text \"3\" is not the number 3, and yes is not true.",
            mend:
                "Write the type that the message asks for; quotes make a text of a number.",
            example: "priority: high"
        ),
        Entry(
            "E1202",
            "key stands twice",
            cause:
                "One mapping has the same key twice, so that one of the values would be lost.",
            mend:
                "Take one of them away, or merge them.",
            example: "{id: a, run: x, run: y}"
        ),
        Entry(
            "E1203",
            "unknown key",
            cause:
                "The key does not exist at this place.",
            mend:
                "Mend the spelling, or move the key where it belongs.",
            example: "retires: {max: 2}"
        ),
        Entry(
            "E1204",
            "key is missing",
            cause:
                "A key that must be there is not.",
            mend:
                "Add the key.",
            example: "tasks: [{run: echo hello}]"
        ),
        Entry(
            "E1205",
            "not supported yet",
            cause:
                "The key, value or name is documented, but this version does not do it. It is "
                + "refused rather than ignored.",
            mend:
                "Leave it out, or use what the hint names.",
            example: "calendar: {exclude: holidays}"
        ),
        Entry(
            "E1206",
            "not one of the choices",
            cause:
                "The value must be one of a few words, and is another.",
            mend:
                "Use one of the words that the hint names.",
            example: "overlap: skipp"
        ),
        Entry(
            "E1207",
            "out of range",
            cause:
                "A number, duration, size or length is outside its bounds.",
            mend:
                "Use a value within the bounds that the message names.",
            example: "priority: 101"
        ),
        Entry(
            "E1208",
            "not a duration",
            cause:
                "A duration is a number and a unit (d, h, m, s, ms), larger units first, without "
                + "fractions.",
            mend:
                "Write it like 30s, 10m or 1h30m.",
            example: "timeout: 1.5h"
        ),
        Entry(
            "E1209",
            "not a size",
            cause:
                "A size is a number and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB; without a "
                + "unit it is bytes.",
            mend:
                "Write it like 512MiB or 1.5GB.",
            example: "memory: 512megs"
        ),
        Entry(
            "E1210",
            "not a time",
            cause:
                "A time must be RFC 3339 with seconds and an offset from UTC.",
            mend:
                "Write it like 2026-11-20T21:00:00+08:00.",
            example: "at: 2026-11-20 21:00"
        ),
        Entry(
            "E1211",
            "exactly one of several keys",
            cause:
                "Keys that exclude each other stand together, or none of them is there.",
            mend:
                "Leave exactly one.",
            example: "{cron: \"0 3 * * *\", every: 1h}"
        ),
        Entry(
            "E1212",
            "key does not go with another",
            cause:
                "The key has a meaning only beside another key or value, which is not there.",
            mend:
                "Take it away, or set what it goes with.",
            example: "{id: a, type: noop, run: echo hi}"
        ),
        Entry(
            "E1213",
            "empty value",
            cause:
                "A text or list must not be empty.",
            mend:
                "Fill it, or leave the key out.",
            example: "tasks: []"
        ),
        Entry(
            "E1214",
            "character that cannot be passed on",
            cause:
                "The text holds a NUL or other control character, which no process or HTTP header "
                + "can be given.",
            mend:
                "Take the character away.",
            example: "run: \"echo \\0\""
        ),
    ]
}
