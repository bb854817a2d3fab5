// spawnfloor STAMP FILE COUNT PARALLEL
//
// The floor: starts COUNT times `/bin/sh -c 'exec STAMP FILE tN'`, PARALLEL at once, with posix_spawn and wait and
// nothing else. Prints the CLOCK_REALTIME nanoseconds at which it began; the rest is in the stamps.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int count, char **arguments) {
    if (count != 5) return 2;
    int total = atoi(arguments[3]), parallel = atoi(arguments[4]), started = 0, live = 0, ended = 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    while (ended < total) {
        while (live < parallel && started < total) {
            char line[4096];
            snprintf(line, sizeof line, "exec %s %s t%d", arguments[1], arguments[2], started);
            char *command[] = {"/bin/sh", "-c", line, NULL};
            pid_t child;
            int error = posix_spawn(&child, command[0], NULL, NULL, command, environ);
            if (error != 0) {
                fprintf(stderr, "posix_spawn: %s\n", strerror(error));
                return 1;
            }
            started++;
            live++;
        }
        int status;
        if (wait(&status) < 0) return 1;
        if (status != 0) {
            fprintf(stderr, "a stamp ended with status %d\n", status);
            return 1;
        }
        live--;
        ended++;
    }
    return 0;
}
