import CProcess
import Glibc

/// A process that can be started at once: its pipes are open, its arguments laid out, its program found.
///
/// Holds five descriptors until it is released or discarded.
struct PreparedProcess: Sendable {
    let request: ProcessRequest
    let log: AttemptLog
    let arguments: CStringBlock
    let environment: CStringBlock
    /// The file of the program; `nil` when it was not found.
    let program: String?
    let stdout: Pipe
    let stderr: Pipe
    let journalDescriptor: Int32
    let controlGroup: ControlGroup?

    /// The two ends of a pipe.
    struct Pipe: Sendable {
        let readEnd: Int32
        let writeEnd: Int32

        init() throws(ProcessError) {
            var ends: [Int32] = [-1, -1]
            let failure = skyfire_process_pipe(&ends)
            guard failure == 0 else { throw ProcessError(errno: -failure, "making a pipe for output") }
            guard ends[0] > 2, ends[1] > 2 else {
                for end in ends { Glibc.close(end) }
                throw ProcessError(.system, "descriptors 0 to 2 must be open before processes are started")
            }
            (readEnd, writeEnd) = (ends[0], ends[1])
        }

        func close() {
            Glibc.close(readEnd)
            Glibc.close(writeEnd)
        }
    }

    init(
        _ request: ProcessRequest,
        limits: LogLimits,
        journal: ProcessJournal,
        controlGroup: ControlGroup?
    ) throws(ProcessError) {
        self.controlGroup = controlGroup
        try Self.check(request)
        self.request = request
        self.log = AttemptLog(directory: request.logDirectory, limits: limits)
        self.arguments = CStringBlock(request.arguments)
        self.environment = CStringBlock(request.environment.map { "\($0)=\($1)" }.sorted())
        self.program = Self.findProgram(request)
        let stdout = try Pipe()
        let stderr: Pipe
        do {
            stderr = try Pipe()
        } catch {
            stdout.close()
            throw error
        }
        (self.stdout, self.stderr) = (stdout, stderr)
        do {
            self.journalDescriptor = try journal.noteIntent(request, controlGroup: controlGroup?.path)
        } catch {
            stdout.close()
            stderr.close()
            throw error
        }
    }

    /// Gives everything back without a start.
    func discard(_ journal: ProcessJournal) {
        stdout.close()
        stderr.close()
        close(journalDescriptor)
        journal.forget(request.id)
        if let controlGroup {
            close(controlGroup.entry)
            ControlGroup.remove(controlGroup.path)
        }
        log.end()
    }

    private static func check(_ request: ProcessRequest) throws(ProcessError) {
        guard ProcessJournal.accepts(id: request.id) else {
            throw ProcessError(.invalidRequest, "the id of an attempt must be 1 to 250 bytes long")
        }
        guard let first = request.arguments.first, !first.isEmpty else {
            throw ProcessError(.invalidRequest, "\(request.id): no program is given")
        }
        let strings =
            request.arguments + request.environment.flatMap { [$0, $1] } + [request.workingDirectory]
        guard strings.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw ProcessError(
                .invalidRequest,
                "\(request.id): a zero byte in an argument or the environment"
            )
        }
        guard request.environment.keys.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: "=")) })
        else {
            throw ProcessError(.invalidRequest, "\(request.id): an environment name is empty or holds a '='")
        }
        guard (1...64).contains(request.stopPolicy.signal) else {
            throw ProcessError(.invalidRequest, "\(request.id): no signal \(request.stopPolicy.signal)")
        }
    }

    /// Finds the program as a shell would, in the process's own `PATH` and not in ours.
    private static func findProgram(_ request: ProcessRequest) -> String? {
        let name = request.arguments[0]
        if name.utf8.contains(UInt8(ascii: "/")) { return name }
        let path = request.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let file = "\(directory)/\(name)"
            if access(file, X_OK) == 0, !isDirectory(file) { return file }
        }
        return nil
    }
}

func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Strings laid out as C wants them: one after the other, each with its zero byte.
struct CStringBlock: Sendable {
    private var bytes: [UInt8] = []
    private var starts: [Int] = []

    init(_ strings: [String]) {
        for string in strings {
            starts.append(bytes.count)
            bytes.append(contentsOf: string.utf8)
            bytes.append(0)
        }
    }

    /// Calls a function with the array of pointers, `nil` at its end.
    func withPointers<Result>(
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { block in
            // The callee takes `char *const []` for historical reasons and writes to none of them.
            let base = UnsafeMutableRawPointer(mutating: block.baseAddress)
            var pointers = starts.map { start in
                base.map { ($0 + start).assumingMemoryBound(to: CChar.self) }
            }
            pointers.append(nil)
            // Never empty: it ends with a `nil`. Block and pointers outlive the call.
            return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
        }
    }
}

/// Starts a prepared process; returns its pid or why there is none.
func spawn(_ prepared: PreparedProcess) -> Result<pid_t, SpawnFailure> {
    let request = prepared.request
    var pid: pid_t = 0
    var number = ENOENT
    if let program = prepared.program {
        number = prepared.arguments.withPointers { arguments in
            prepared.environment.withPointers { environment in
                skyfire_process_spawn(
                    program,
                    arguments,
                    environment,
                    request.workingDirectory,
                    prepared.stdout.writeEnd,
                    prepared.stderr.writeEnd,
                    prepared.controlGroup?.entry ?? -1,
                    &pid
                )
            }
        }
    }
    if number == 0 { return .success(pid) }
    return .failure(explain(number, request, program: prepared.program))
}

/// Finds out which step of a start failed; the system only gives a number.
private func explain(_ number: Int32, _ request: ProcessRequest, program: String?) -> SpawnFailure {
    func failure(_ step: SpawnFailure.Step, _ number: Int32, _ message: String) -> SpawnFailure {
        SpawnFailure(id: request.id, step: step, errno: number, message: message)
    }
    let directory = request.workingDirectory
    if access(directory, X_OK) != 0 {
        return failure(
            .workingDirectory,
            errno,
            "cannot enter working directory \(directory): \(errorText(errno))"
        )
    }
    if !isDirectory(directory) {
        return failure(.workingDirectory, ENOTDIR, "working directory \(directory) is not a directory")
    }
    guard let program else {
        return failure(
            .program,
            number,
            "cannot find program \(request.arguments[0]) in the PATH of the task"
        )
    }
    let file = program.hasPrefix("/") ? program : "\(directory)/\(program)"
    switch number {
    case EAGAIN, ENOMEM, EMFILE, ENFILE:
        return failure(.resources, number, "cannot start \(program): \(errorText(number))")
    case ENOENT where access(file, F_OK) == 0:
        return failure(
            .program,
            number,
            "cannot start \(program): the interpreter in its first line does not exist"
        )
    case ENOEXEC:
        return failure(.program, number, "cannot start \(program): it is no program and has no #! line")
    default:
        return failure(.program, number, "cannot start \(program): \(errorText(number))")
    }
}
