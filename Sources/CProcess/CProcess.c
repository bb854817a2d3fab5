#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

// Closes every descriptor from `first` on.
static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0) return;
#endif
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1048576) limit.rlim_cur = 1048576;
    for (int descriptor = first; descriptor < (int)limit.rlim_cur; descriptor++) close(descriptor);
}

static void reset_signals(void) {
    // The system call itself, because the library's sigaction keeps two signals to itself. All zeros is the default.
    unsigned char action[64] = {0};
    for (int number = 1; number < NSIG; number++) syscall(SYS_rt_sigaction, number, action, NULL, 8);
}

// The limit of descriptors that started processes get; of use where this process has raised its own.
static struct rlimit started_limit;
static int has_raised;

void skyfire_process_raise_descriptors(void) {
    struct rlimit raised;
    if (getrlimit(RLIMIT_NOFILE, &started_limit) != 0) return;
    raised = started_limit;
    raised.rlim_cur = raised.rlim_max;
    has_raised = setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

// The steps between vfork and exec; only what is async-signal-safe. Returns the errno of the step that failed.
static int become(const char *path, char *const argv[], char *const envp[], const char *working_directory,
                  int standard_output, int standard_error, int control_group, pid_t parent) {
    sigset_t none;
    reset_signals();
    if (setsid() < 0) return errno;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
    // The parent may have ended before the line above.
    if (getppid() != parent) return ESRCH;
    if (control_group >= 0 && write(control_group, "0", 1) != 1) return errno;
    if (dup2(standard_output, 1) < 0 || dup2(standard_error, 2) < 0) return errno;
    int null = open("/dev/null", O_RDONLY);
    if (null < 0) return errno;
    if (null != 0 && dup2(null, 0) < 0) return errno;
    close_from(3);
    if (has_raised && setrlimit(RLIMIT_NOFILE, &started_limit) != 0) return errno;
    if (chdir(working_directory) != 0) return errno;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0) return errno;
    execve(path, argv, envp);
    return errno;
}

int skyfire_process_spawn(const char *path, char *const argv[], char *const envp[], const char *working_directory,
                          int standard_output, int standard_error, int control_group, pid_t *pid) {
    sigset_t all, before;
    // The child shares this memory until it runs its program, so it leaves the error number here.
    volatile int failure = 0;
    pid_t parent = getpid();
    sigfillset(&all);
    // No handler of this process may run in the child.
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return errno;
    pid_t child = vfork();
    if (child == 0) {
        failure = become(path, argv, envp, working_directory, standard_output, standard_error, control_group, parent);
        _exit(127);
    }
    int error = child < 0 ? errno : failure;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child > 0 && error) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (!error) *pid = child;
    return error;
}

int skyfire_process_detach(const char *path, char *const argv[], char *const envp[], int standard_error, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }
    sigfillset(&all);
    sigemptyset(&none);
    // SETSID makes the process group too; together with SETPGROUP the kernel answers EPERM.
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
    if ((failure = posix_spawnattr_setflags(&attributes, flags)) ||
        (failure = posix_spawnattr_setsigdefault(&attributes, &all)) ||
        (failure = posix_spawnattr_setsigmask(&attributes, &none)) ||
        (failure = posix_spawn_file_actions_adddup2(&actions, standard_error, 2)) ||
        (failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) ||
        (failure = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) ||
        (failure = posix_spawn_file_actions_addclosefrom_np(&actions, 3))) {
        // Fall through: the errno of the failed step is the answer.
    } else {
        failure = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

int skyfire_process_guard(const char *path, char *const argv[], char *const envp[]) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    pid_t child = fork();
    if (child < 0) {
        int failure = errno;
        close(ends[0]);
        close(ends[1]);
        return failure;
    }
    if (child > 0) {
        // The write end stays open for as long as this process lives; nothing is ever written.
        close(ends[0]);
        return 0;
    }
    setsid();
    reset_signals();
    prctl(PR_SET_NAME, "skyfire-guard", 0, 0, 0);
    if (ends[0] != 3) dup2(ends[0], 3);
    close_from(4);
    char byte;
    ssize_t count;
    while ((count = read(3, &byte, 1)) > 0 || (count < 0 && errno == EINTR)) {
    }
    execve(path, argv, envp);
    _exit(127);
}

int skyfire_accept_own(int listener) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) return -errno;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid()) return descriptor;
    close(descriptor);
    return -EACCES;
}

int skyfire_socket_peer(int descriptor) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : -errno;
}

int skyfire_process_wait(int pidfd, int reaps, struct skyfire_process_end *end) {
    siginfo_t info;
    struct rusage usage;
    memset(&info, 0, sizeof info);
    memset(&usage, 0, sizeof usage);
    int options = WEXITED | WNOHANG | (reaps ? 0 : WNOWAIT);
    // The system call itself, because the library's waitid leaves out the resource usage.
    while (syscall(SYS_waitid, P_PIDFD, pidfd, &info, options, &usage) != 0) {
        if (errno != EINTR) return -errno;
    }
    if (info.si_pid == 0) return 0;
    end->code = info.si_code == CLD_EXITED ? info.si_status : 0;
    end->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    end->cpu_microseconds = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                            usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    end->max_resident_bytes = (int64_t)usage.ru_maxrss * 1024;
    return 1;
}

int skyfire_process_reap(pid_t pid) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid;
}

int skyfire_pidfd_open(pid_t pid) {
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int skyfire_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}

int skyfire_process_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

int skyfire_process_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) return 0;
    int failure = errno;
    close(ends[0]);
    close(ends[1]);
    return -failure;
}

int skyfire_process_pipe_size(int descriptor) {
    int size = fcntl(descriptor, F_GETPIPE_SZ);
    return size < 0 ? -errno : size;
}
