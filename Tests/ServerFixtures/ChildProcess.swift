package import Glibc
import Synchronization

/// A server's process, which does not outlive the test process, however that ends.
///
/// A second process, the guard, holds the reading end of a pipe whose other end this process holds alone:
/// when this process is gone the read ends, and the guard kills the server by its id and removes its
/// directory. (`PR_SET_PDEATHSIG` would fire at the death of the *thread* that started the server.)
package final class ChildProcess: Sendable {
    package let pid: pid_t
    private let guardPid: pid_t
    private let guardPipe: CInt
    private let isRunning = Mutex(true)

    /// Starts a program with its output appended to a file. The directory is what the guard removes in the
    /// end.
    ///
    /// - Throws: `FixtureError` where the program cannot be started.
    package init(_ arguments: [String], directory: String, output: String) throws(FixtureError) {
        pid = try spawn(arguments, input: nil, output: output)
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw FixtureError("pipe failed: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let script = "read _; kill -9 \"$1\"; rm -rf \"$2\""
        do throws(FixtureError) {
            guardPid = try spawn(
                ["/bin/sh", "-c", script, "guard", "\(pid)", directory],
                input: ends[0],
                output: "/dev/null"
            )
        } catch {
            kill(pid, SIGKILL)
            Glibc.close(ends[0])
            Glibc.close(ends[1])
            throw error
        }
        guardPipe = ends[1]
        Glibc.close(ends[0])
    }

    /// Whether the process still runs.
    package var isAlive: Bool { isRunning.withLock { $0 && !hasChanged(to: WEXITED | WNOHANG) } }

    /// Stops the process as a debugger would, and returns when all of its threads stand.
    package func suspend() {
        isRunning.withLock { isRunning in
            guard isRunning else { return }
            kill(pid, SIGSTOP)
            _ = hasChanged(to: WSTOPPED | WEXITED)
        }
    }

    package func resume() {
        isRunning.withLock { _ = $0 && kill(pid, SIGCONT) == 0 }
    }

    /// Never reaps it: the id stays the process's own until `stop`.
    private func hasChanged(to options: CInt) -> Bool {
        var change = siginfo_t()
        return waitid(P_PID, id_t(pid), &change, options | WNOWAIT) == 0 && change.si_signo == SIGCHLD
    }

    /// Ends the process and waits until it is gone. Idempotent.
    package func stop(with number: CInt = SIGKILL) {
        isRunning.withLock { isRunning in
            guard isRunning else { return }
            isRunning = false
            kill(guardPid, SIGKILL)
            var status: CInt = 0
            waitpid(guardPid, &status, 0)
            Glibc.close(guardPipe)
            kill(pid, number)
            // Stopped processes act on nothing but KILL and CONT.
            kill(pid, SIGCONT)
            waitpid(pid, &status, 0)
        }
    }

    deinit { stop() }
}

/// What a fixture could not get. Tests fail with it: they are never skipped.
package struct FixtureError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

private func spawn(
    _ arguments: [String],
    input: CInt?,
    output: String
) throws(FixtureError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
        posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // libzookeeper's sockets and the pipes of other guards must not live on in a server. Closing what is not
    // open does nothing.
    for descriptor in 3..<highestDescriptor() + 1 {
        posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Threads of a queue block signals, and a child would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    // A group of its own, so that a terminal's interrupt does not reach it: the guard ends it.
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    strings.append(nil)
    defer { for string in strings { free(string) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, strings, environ)
    guard code == 0 else { throw FixtureError("cannot start \(arguments[0]): errno \(code)") }
    return pid
}

private func highestDescriptor() -> CInt {
    max(3, ServerDirectory.names(in: "/proc/self/fd").compactMap { CInt($0) }.max() ?? 1023)
}
