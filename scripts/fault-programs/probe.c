// probe: a task that writes down its own life, for `skyfire-history judge`.
//
//   gcc -O2 -static -Wall -Wextra -Werror -o probe probe.c
//   probe --log FILE [--for MS] [--beat MS] [--exit CODE] [--ignore-term] [--fork] [--node LABEL]
//
// Each line is one JSON object, appended with O_APPEND and O_DSYNC in a single write: what is in the file has happened,
// and lines of many processes never mix. Static, so that no preloaded library (libfaketime) reaches its clocks: the
// machines of a fault test are network namespaces of one kernel, and CLOCK_MONOTONIC is one clock for all of them.
//
//   event     start, beat, term (SIGTERM was seen), end
//   run task partition attempt token worker   from SKYFIRE_RUN, _TASK, _PARTITION_INDEX, _ATTEMPT, _FENCING_TOKEN, _WORKER
//   node      --node, else PROBE_NODE, else ""
//   role      main, or child with --fork: a second process of the same attempt in a session of its own
//   monotonic_ns boottime_ns realtime_ns pid ppid sid; with `end` also exit
//
// Without --for it runs until it is killed. SIGTERM ends it with 143 after a `term` and an `end` line, unless --ignore-term.
// With --fork the child ends together with its parent: the parent waits for it before its own `end`.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;
static const char *role = "main";
static const char *label = "";
static volatile sig_atomic_t terms;

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(70);
}

// Appends a JSON string; what does not fit is cut. Environment values are names, so nothing is lost in practice.
static size_t quote(char *to, size_t room, const char *text) {
    size_t used = 0;
    to[used++] = '"';
    for (const unsigned char *c = (const unsigned char *)text; *c && used + 8 < room; c++) {
        if (*c == '"' || *c == '\\') {
            to[used++] = '\\';
            to[used++] = (char)*c;
        } else if (*c < 0x20) {
            used += (size_t)snprintf(to + used, room - used, "\\u%04x", *c);
        } else {
            to[used++] = (char)*c;
        }
    }
    to[used++] = '"';
    return used;
}

static void record(const char *event, int exit_code) {
    static const struct { const char *key, *variable; int is_number; } fields[] = {
        {"run", "SKYFIRE_RUN", 0},           {"task", "SKYFIRE_TASK", 0},
        {"partition", "SKYFIRE_PARTITION_INDEX", 1}, {"attempt", "SKYFIRE_ATTEMPT", 1},
        {"token", "SKYFIRE_FENCING_TOKEN", 0}, {"worker", "SKYFIRE_WORKER", 0},
    };
    char line[2048];
    // The clocks are read first: a line says when the event was, not when the disk had it.
    int64_t monotonic = now(CLOCK_MONOTONIC), boottime = now(CLOCK_BOOTTIME), realtime = now(CLOCK_REALTIME);
    size_t used = (size_t)snprintf(line, sizeof line, "{\"event\":\"%s\"", event);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = getenv(fields[i].variable);
        used += (size_t)snprintf(line + used, sizeof line - used, ",\"%s\":", fields[i].key);
        if (fields[i].is_number)
            used += (size_t)snprintf(line + used, sizeof line - used, "%ld", value ? atol(value) : 0L);
        else
            used += quote(line + used, 256, value ? value : "");
    }
    used += (size_t)snprintf(line + used, sizeof line - used, ",\"node\":");
    used += quote(line + used, 128, label);
    used += (size_t)snprintf(
        line + used, sizeof line - used,
        ",\"role\":\"%s\",\"monotonic_ns\":%lld,\"boottime_ns\":%lld,\"realtime_ns\":%lld,\"pid\":%d,\"ppid\":%d,\"sid\":%d",
        role, (long long)monotonic, (long long)boottime, (long long)realtime, getpid(), getppid(), getsid(0));
    if (exit_code >= 0) used += (size_t)snprintf(line + used, sizeof line - used, ",\"exit\":%d", exit_code);
    used += (size_t)snprintf(line + used, sizeof line - used, "}\n");
    ssize_t written;
    do written = write(log_fd, line, used); while (written < 0 && errno == EINTR);
    if (written != (ssize_t)used) fail("write");
}

static void on_term(int signal) {
    (void)signal;
    terms++;
}

static void usage(FILE *to) {
    fputs("usage: probe --log FILE [--for MS] [--beat MS] [--exit CODE] [--ignore-term] [--fork] [--node LABEL]\n", to);
}

static long number(const char *text) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 0) {
        usage(stderr);
        exit(64);
    }
    return value;
}

int main(int count, char **arguments) {
    const char *path = NULL;
    long life = -1, beat = 100, exit_code = 0;
    int ignores_term = 0, forks = 0;
    label = getenv("PROBE_NODE") ? getenv("PROBE_NODE") : "";
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (!strcmp(name, "--ignore-term")) {
            ignores_term = 1;
        } else if (!strcmp(name, "--fork")) {
            forks = 1;
        } else if (!strcmp(name, "--help")) {
            usage(stdout);
            return 0;
        } else if (i + 1 < count && !strcmp(name, "--log")) {
            path = arguments[++i];
        } else if (i + 1 < count && !strcmp(name, "--node")) {
            label = arguments[++i];
        } else if (i + 1 < count && !strcmp(name, "--for")) {
            life = number(arguments[++i]);
        } else if (i + 1 < count && !strcmp(name, "--beat")) {
            beat = number(arguments[++i]);
        } else if (i + 1 < count && !strcmp(name, "--exit")) {
            exit_code = number(arguments[++i]);
        } else {
            usage(stderr);
            return 64;
        }
    }
    if (!path || exit_code > 255) {
        usage(stderr);
        return 64;
    }
    if (beat < 1) beat = 1;
    log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_DSYNC | O_CLOEXEC, 0666);
    if (log_fd < 0) fail(path);

    // SIGTERM is blocked but while waiting: none is lost between a look at the count and the wait.
    struct sigaction action = {.sa_handler = on_term};
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    sigdelset(&before, SIGTERM);
    sigaction(SIGTERM, &action, NULL);

    int64_t begin = now(CLOCK_MONOTONIC), deadline = life < 0 ? INT64_MAX : begin + life * 1000000;
    pid_t child = 0;
    if (forks) {
        child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            role = "child";
            setsid();
        }
    }
    record("start", -1);

    sig_atomic_t seen = 0;
    int64_t next = begin + beat * 1000000;
    while (!(terms && !ignores_term)) {
        int64_t time = now(CLOCK_MONOTONIC), until = next < deadline ? next : deadline;
        if (time >= deadline) break;
        if (time < until) {
            struct timespec wait = {(until - time) / 1000000000, (until - time) % 1000000000};
            sigset_t none = before;
            ppoll(NULL, 0, &wait, &none);
        }
        if (terms != seen) {
            seen = terms;
            record("term", -1);
            continue;
        }
        time = now(CLOCK_MONOTONIC);
        if (time >= next && time < deadline) {
            record("beat", -1);
            next = time + beat * 1000000;
        }
    }
    int code = terms && !ignores_term ? 143 : (int)exit_code;
    if (child > 0) {
        if (terms && !ignores_term) kill(child, SIGTERM);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    record("end", code);
    return code;
}
