// zkset HOST:PORT PATH COUNT
//
// The round trip of one write: sets a znode of 100 bytes COUNT times, each after the answer to the one before, and
// prints the time of each in nanoseconds, one a line. The znode is made before and removed at the end.
#define THREADED
#define _GNU_SOURCE
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

static sem_t connected;

static void watch(zhandle_t *handle, int type, int state, const char *path, void *context) {
    (void)handle, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) sem_post(&connected);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    const char *path = arguments[2];
    int total = atoi(arguments[3]), code = 0;
    char data[100];
    memset(data, 'x', sizeof data);
    sem_init(&connected, 0, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *handle = zookeeper_init(arguments[1], watch, 10000, NULL, NULL, 0);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    if (handle == NULL || sem_timedwait(&connected, &limit) != 0) {
        fprintf(stderr, "no connection to %s\n", arguments[1]);
        return 1;
    }
    code = zoo_create(handle, path, data, sizeof data, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    for (int i = 0; i < total && (code == ZOK || code == ZNODEEXISTS); i++) {
        long long start = nanoseconds();
        code = zoo_set(handle, path, data, sizeof data, -1);
        printf("%lld\n", nanoseconds() - start);
    }
    if (code != ZOK) fprintf(stderr, "%s\n", zerror(code));
    zoo_delete(handle, path, -1);
    zookeeper_close(handle);
    return code == ZOK ? 0 : 1;
}
