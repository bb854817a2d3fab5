/* Another wall clock for a program: preload this library, and name a file of eight bytes in FAULT_CLOCK.
 *
 * The file holds an offset in nanoseconds, a signed number of this machine's order of bytes. It is mapped, so a step
 * is seen by the next look at the clock and costs no system call. Only wall clocks are shifted; monotonic clocks, and
 * waiting, stay what they are. (libfaketime also intercepts waits on condition variables, which kept servers of
 * ZooKeeper from electing a leader in time, and reads its file at every call.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void open_clock(void) {
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("FAULT_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED) offset = map;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!real_clock_gettime) open_clock();
    int result = real_clock_gettime(clock, time);
    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t shift = *offset;
        int64_t nanoseconds = time->tv_nsec + shift % 1000000000;
        time->tv_sec += shift / 1000000000;
        if (nanoseconds < 0) nanoseconds += 1000000000, time->tv_sec -= 1;
        if (nanoseconds >= 1000000000) nanoseconds -= 1000000000, time->tv_sec += 1;
        time->tv_nsec = nanoseconds;
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0) time->tv_sec = now.tv_sec, time->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *time, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}
