#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int skyfire_process_spawn(const char *path, char *const argv[], char *const envp[], const char *working_directory,
                          int standard_output, int standard_error, pid_t *pid) {
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
        (failure = posix_spawn_file_actions_adddup2(&actions, standard_output, 1)) ||
        (failure = posix_spawn_file_actions_adddup2(&actions, standard_error, 2)) ||
        (failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) ||
        (failure = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) ||
        (failure = posix_spawn_file_actions_addchdir_np(&actions, working_directory))) {
        // Fall through: the errno of the failed step is the answer.
    } else {
        failure = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
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
