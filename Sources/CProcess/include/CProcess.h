// What a process start needs and Swift cannot say: file actions known to GNU only, raw system calls, packed records.
#ifndef SKYFIRE_CPROCESS_H
#define SKYFIRE_CPROCESS_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>

// Starts `path` in a new session with every signal at its default, no signal blocked, standard input from /dev/null,
// the two descriptors as standard output and error, and nothing open above them. Both descriptors must be above 2.
// The process gets KILL when the calling *thread* ends (PR_SET_PDEATHSIG), so the caller must be a thread that lives
// as long as its processes may. `control_group` is an open `cgroup.procs` that the process enters first, or -1.
// Returns 0 and the process id, or the errno of the step that failed: before the program runs, so there is no process.
int skyfire_process_spawn(const char *path, char *const argv[], char *const envp[], const char *working_directory,
                          int standard_output, int standard_error, int control_group, pid_t *pid);

// Starts `path` in a session of its own that outlives this process: standard input and output from and to /dev/null,
// standard error to the descriptor, nothing open above. Returns 0 and the process id, or an errno.
int skyfire_process_detach(const char *path, char *const argv[], char *const envp[], int standard_error, pid_t *pid);

// Forks a guard that waits for the end of this process and then runs `path` instead of itself. The guard holds nothing
// but one end of a pipe whose other end this process keeps until it ends. To be called while this process has one thread.
// Returns 0 or an errno.
int skyfire_process_guard(const char *path, char *const argv[], char *const envp[]);

// Lets this process have as many descriptors as it may; the processes that it starts get the limit of before. To be
// called once, before any is started.
void skyfire_process_raise_descriptors(void);

// Accepts a connection from a process of this user: closed on exec, never blocking. Returns it, or -errno.
int skyfire_accept_own(int listener);

// The process at the other end of a connection by Unix socket: who connected, or who listens. 0 when it is of another
// namespace of processes. Returns it, or -errno.
int skyfire_socket_peer(int descriptor);

// How a child ended. `signal` is 0 when it exited by itself, `code` is 0 when a signal ended it.
struct skyfire_process_end {
    int32_t code;
    int32_t signal;
    int64_t cpu_microseconds;
    int64_t max_resident_bytes;
};

// Asks, without waiting, whether the child behind a pidfd has ended. With `reaps` false it stays a zombie, so that
// its process id and group id cannot be given to a stranger. Returns 1 (ended), 0 (still runs) or -errno.
int skyfire_process_wait(int pidfd, int reaps, struct skyfire_process_end *end);

// Reaps one ended child by its id, without waiting. Returns 1 when there was one, else 0.
int skyfire_process_reap(pid_t pid);

// pidfd_open(2) and pidfd_send_signal(2). Return the descriptor or 0, or -errno.
int skyfire_pidfd_open(pid_t pid);
int skyfire_pidfd_signal(int pidfd, int signal);

// Makes this process the parent of descendants whose own parent has ended (PR_SET_CHILD_SUBREAPER).
int skyfire_process_adopt_orphans(void);

// A pipe whose ends are closed on exec and whose read end does not block. Returns 0 or -errno.
int skyfire_process_pipe(int ends[2]);

// The number of bytes a pipe can hold, or -errno.
int skyfire_process_pipe_size(int descriptor);

#endif
