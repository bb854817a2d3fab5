import Foundation
import Scheduling
import Testing

struct ShellTemplateTests {
    /// Runs a line as tasks run it; what it printed.
    private static func run(_ shell: String, _ line: Template.ShellLine) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: shell)
        // Bash as it behaves where it is installed as sh.
        process.arguments = (shell == "/bin/bash" ? ["--posix"] : []) + ["-c", line.line]
        process.environment = line.environment.merging(["PATH": "/usr/bin:/bin", "USERVAR": "user"]) {
            first,
            _ in first
        }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        process.currentDirectoryURL = URL(filePath: "/")
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    private static let shells = ["/bin/sh", "/bin/bash"].filter {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private static let attacks = [
        "x; echo HACKED", "$(echo HACKED)", "`echo HACKED`", "\"; echo HACKED; \"", "'; echo HACKED; '",
        "x\necho HACKED",
        "${USERVAR}", "$USERVAR", "\\", "*", "-n", "a  b", "a[$(echo HACKED >&2)]", "}; echo HACKED", "))",
        "E\necho HACKED\n", "",
        "每日 🚀", "%s\\n", "#", "& echo HACKED &", "| echo HACKED", "> /HACKED", "\t", "\"", "'",
        "EOF\necho HACKED",
    ]

    /// Lines in which `${params.x}` must come out as it is, between angle brackets.
    private static let lines = [
        "printf '<%s>' ${params.x}",
        "printf '<%s>' \"${params.x}\"",
        "printf '<%s>' ${params.x} # ${params.y} it's a comment",
        "# don't\nprintf '<%s>' ${params.x}",
        "v=${params.x}; printf '<%s>' \"$v\"",
        "printf '<%s>' \"$(printf %s ${params.x}; printf .)\" | sed '$ s/\\.>$/>/'",
        "printf '<%s>' \"$(printf '%s' \"${params.x}\"; printf .)\" | sed '$ s/\\.>$/>/'",
        "printf '<%s>' ${NOTSET:-${params.x}}",
        "printf '<%s>' \"${NOTSET:-${params.x}}\"",
        "printf '<%s>' \"${NOTSET:-it's}\" >/dev/null; printf '<%s>' ${params.x}",
        "printf '<%s>' \"${USERVAR#'}'}\" >/dev/null; printf '<%s>' ${params.x}",
        "echo $((1 << 2)) $(( (1) )) >/dev/null; printf '<%s>' ${params.x}",
        "echo \\' \\\" $# $? $$ >/dev/null; printf '<%s>' ${params.x}",
        "case ${params.x} in ${params.x}) printf '<%s>' ${params.x};; esac",
        "test ${params.x} = \"${params.x}\" && printf '<%s>' ${params.x}",
        "for i in ${params.x}; do printf '<%s>' \"$i\"; done",
        "( printf '<%s>' ${params.x} )",
        "f() { printf '<%s>' \"$1\"; }; f ${params.x}",
        "cat >/dev/null <<'E'\n'quoted \" `\nE\nprintf '<%s>' ${params.x}",
        "cat >/dev/null <<E\n'plain \"\nE\nprintf '<%s>' ${params.x}",
        "cat >/dev/null <<-\"E F\"; cat >/dev/null <<B\nit's\n\tE F\nit's\nB\nprintf '<%s>' ${params.x}",
        "echo `echo \"it's\" \\`echo x\\`` >/dev/null; printf '<%s>' ${params.x}",
        "echo a#'b' >/dev/null; printf '<%s>' ${params.x}",
        "echo \"$(echo \"in $(echo ')')\" '(' )\" > /dev/null; printf '<%s>' \"${params.x}\"",
    ]

    @Test(arguments: shells, lines)
    func valuesNeverBecomeShellText(_ shell: String, _ line: String) throws {
        let template = try Template.parse(line, mode: .shell)
        for value in Self.attacks {
            var context = try TemplateTests.context()
            context.params["x"] = value
            let resolved = try template.resolveShell(context)
            #expect(!resolved.line.contains("HACKED"))
            #expect(try Self.run(shell, resolved) == "<\(value)>", "\(shell) \(line) with \(value)")
        }
    }

    @Test(arguments: shells)
    func hereDocumentsAreFilledIn(_ shell: String) throws {
        let text =
            "cat <<E\na ${params.x} $(printf %s ${params.x}) \\${params.x} $USERVAR\nE\necho ${params.x}"
        var context = try TemplateTests.context()
        for value in Self.attacks
        where !value.isEmpty && !value.hasSuffix("\n") && value != "-n" && !value.contains("\\") {
            context.params["x"] = value
            let line = try Template.parse(text, mode: .shell).resolveShell(context)
            #expect(try Self.run(shell, line) == "a \(value) \(value) ${params.x} user\n\(value)\n")
        }
    }

    @Test(arguments: [
        ("echo ${params.x}", "echo \"${SKYFIRE_V1}\""),
        ("a=\"b ${params.x} ${ params.x }\"", "a=\"b ${SKYFIRE_V1} ${SKYFIRE_V1}\""),
        ("${params.x} ${params.y}${params.x}", "\"${SKYFIRE_V1}\" \"${SKYFIRE_V2}\"\"${SKYFIRE_V1}\""),
        ("echo $HOME ${HOME} ${VAR:-x} $(id) ${params:-x} ${run[0]} ${job%x} ${#run} ${paramsx.y}", nil),
        ("echo '${HOME} ${other.x}' \\${params.x} # ${params.x", nil),
        ("echo $${run} '$${params.x}'", "echo ${run} '${params.x}'"),
        ("echo $((${partition.index} + 1))", "echo $((${SKYFIRE_V1} + 1))"),
        ("cat <<E\n${params.x}\nE", "cat <<E\n${SKYFIRE_V1}\nE"),
        ("echo \"${A:-${params.x}}\"", "echo \"${A:-${SKYFIRE_V1}}\""),
        ("echo 'open", nil), ("echo \"open", nil), ("echo $(open", nil), ("cat <<E", nil), ("$", nil),
        ("\\", nil),
    ])
    func linesAreRewritten(_ text: String, _ expected: String?) throws {
        var context = try TemplateTests.context()
        context.params = ["x": "1", "y": "2"]
        #expect(try Template.parse(text, mode: .shell).resolveShell(context).line == expected ?? text)
    }

    @Test(arguments: [
        ("echo '${params.x}'", 6), ("echo \"`a ${params.x}`\"", 9), ("echo $((${params.x}))", 8),
        ("echo $(( $(echo ${params.x}) ))", 16), ("((a = ${params.x}))", 6), ("echo $[${params.x}]", 7),
        ("echo ${a[${params.x}]}", 9), ("echo ${a:${params.x}:1}", 9), ("cat <<'E'\n${params.x}\nE", 10),
        ("cat <<\\E\n${params.x}\nE", 9), ("echo $'\\' ${params.x}", 5), ("echo $'\\'' ${params.x}", 11),
        ("x=$(echo '${params.x}')", 10),
        ("echo \"$(echo '${params.x}')\"", 14), ("echo $(( \"${params.x}\" ))", 10),
    ])
    func unsafePlacesAreRefused(_ text: String, _ offset: Int) {
        do throws(TemplateError) {
            _ = try Template.parse(text, mode: .shell)
            Issue.record("\(text) was accepted")
        } catch {
            #expect(error.kind == .unsafePlace)
            #expect(error.offset == offset, "\(text): \(error)")
        }
    }

    @Test func valuesStandInTheEnvironmentOnly() throws {
        let line = try Template.parse("echo ${params.day} ${logical.date - 1d}", mode: .shell)
            .resolveShell(TemplateTests.context())
        #expect(line.environment == ["SKYFIRE_V1": "2026-01-01", "SKYFIRE_V2": "2026-03-01"])
    }
}
