extension ErrorCatalogue {
    /// Reading a file (E10xx).
    static let readingEntries: [Entry] = [
        Entry(
            "E1001",
            "file too large",
            cause:
                "A job file or request body holds more than 1 MiB.",
            mend:
                "Split it into several files, or move scripts and data out of it.",
            example: "a file of 2 MiB"
        ),
        Entry(
            "E1002",
            "not UTF-8",
            cause:
                "The bytes of the file are not UTF-8 text.",
            mend:
                "Save the file as UTF-8, without a BOM.",
            example: "a file saved as GBK"
        ),
        Entry(
            "E1003",
            "not YAML",
            cause:
                "The text breaks the syntax of YAML, at or before the place that is named.",
            mend:
                "Check indentation (spaces, never tabs) and quote texts that begin with * & ! { [ or "
                + "hold \": \".",
            example: "cron: */5 * * * *"
        ),
        Entry(
            "E1004",
            "not JSON",
            cause:
                "The text breaks the syntax of JSON (RFC 8259): a missing comma or quote, a comment, "
                + "a comma before a closing bracket.",
            mend:
                "Mend the text at the place that is named, or write YAML, which allows comments.",
            example: "{\"name\": \"hello\",}"
        ),
        Entry(
            "E1005",
            "nested too deeply",
            cause:
                "Lists and mappings are nested more than 64 deep.",
            mend:
                "No job needs such nesting; look for a bracket that is never closed.",
            example: "[[[[[[…]]]]]]"
        ),
        Entry(
            "E1006",
            "aliases add too much",
            cause:
                "The anchors and aliases of the file stand for more than 10,000 values together.",
            mend:
                "Put what tasks have in common under defaults instead of aliases.",
            example: "b: [*a, *a, *a, *a, *a, *a, *a, *a, *a]"
        ),
        Entry(
            "E1007",
            "no job in the file",
            cause:
                "The file is empty or holds comments only, or it has more than 1,000 documents.",
            mend:
                "Write one job in each document.",
            example: "an empty file"
        ),
        Entry(
            "E1008",
            "YAML feature that job files do not have",
            cause:
                "The file uses a tag of its own, or a list, mapping or alias as a key.",
            mend:
                "Write plain texts as keys, and leave tags out.",
            example: "run: !include script.sh"
        ),
    ]
}
