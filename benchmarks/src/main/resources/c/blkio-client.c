/*
 * The peer of `bench:virtio-blk`: libblkio's virtio-blk-vhost-user driver under the same load as
 * Helix's. Connects once; then each line "DEPTH MILLIS" on stdin is one run of 4 KiB random reads,
 * answered by one line "OPERATIONS NANOS CPU_NANOS ERRORS".
 *
 * blkio-client SOCKET
 */
#include <blkio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BLOCK 4096
#define MAX_DEPTH 256

static uint64_t clock_nanos(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, blkio_get_error_msg());
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct blkio *b;
    struct blkio_mem_region region;
    struct blkio_completion done[MAX_DEPTH];
    uint64_t capacity, random = 0x9E3779B97F4A7C15u;
    unsigned depth, millis;

    if (argc != 2) {
        fprintf(stderr, "usage: blkio-client SOCKET\n");
        return 2;
    }
    check(blkio_create("virtio-blk-vhost-user", &b), "create");
    check(blkio_set_str(b, "path", argv[1]), "path");
    check(blkio_connect(b), "connect");
    /* A poll queue asks for no interrupts; where the driver has none, its descriptor is turned off. */
    bool polls = blkio_set_int(b, "num-queues", 0) == 0 && blkio_set_int(b, "num-poll-queues", 1) == 0;
    if (!polls) {
        check(blkio_set_int(b, "num-queues", 1), "num-queues");
    }
    check(blkio_start(b), "start");
    check(blkio_get_uint64(b, "capacity", &capacity), "capacity");
    struct blkioq *q = polls ? blkio_get_poll_queue(b, 0) : blkio_get_queue(b, 0);
    if (!polls) {
        blkioq_set_completion_fd_enabled(q, false);
    }
    check(blkio_alloc_mem_region(b, &region, MAX_DEPTH * BLOCK), "memory");
    check(blkio_map_mem_region(b, &region), "map");
    fprintf(stderr, "%s\n", polls ? "poll queue" : "queue without completion descriptor");

    while (scanf("%u %u", &depth, &millis) == 2) {
        uint64_t operations = 0, errors = 0;
        if (depth < 1 || depth > MAX_DEPTH) {
            fprintf(stderr, "depth %u is not in 1..%d\n", depth, MAX_DEPTH);
            return 2;
        }
        uint64_t begin = clock_nanos(CLOCK_MONOTONIC);
        uint64_t cpu = clock_nanos(CLOCK_THREAD_CPUTIME_ID);
        uint64_t end = begin + (uint64_t)millis * 1000000;
        uint64_t now = begin;
        unsigned in_flight = 0, looks = 0;
        uintptr_t slots[MAX_DEPTH];
        unsigned free_slots = depth;
        for (unsigned i = 0; i < depth; i++) {
            slots[i] = i;
        }
        do {
            while (free_slots > 0 && now < end) {
                uintptr_t slot = slots[--free_slots];
                random = random * 6364136223846793005u + 1442695040888963407u;
                uint64_t block = (random >> 33) % (capacity / BLOCK);
                blkioq_read(q, block * BLOCK, (char *)region.addr + slot * BLOCK, BLOCK, (void *)slot, 0);
                in_flight++;
            }
            int n = blkioq_do_io(q, done, 0, (int)depth, NULL);
            check(n, "do_io");
            for (int i = 0; i < n; i++) {
                slots[free_slots++] = (uintptr_t)done[i].user_data;
                errors += done[i].ret != 0;
            }
            in_flight -= (unsigned)n;
            operations += (unsigned)n;
            if (++looks % 16 == 0) {
                now = clock_nanos(CLOCK_MONOTONIC);
            }
        } while (now < end || in_flight > 0);
        printf("%lu %lu %lu %lu\n", (unsigned long)operations,
               (unsigned long)(clock_nanos(CLOCK_MONOTONIC) - begin),
               (unsigned long)(clock_nanos(CLOCK_THREAD_CPUTIME_ID) - cpu), (unsigned long)errors);
        fflush(stdout);
    }
    blkio_destroy(&b);
    return 0;
}
