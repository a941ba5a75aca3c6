/* SPDX-License-Identifier: MIT
 * cli_bandwidth.c - sustained memory read bandwidth, the limit of decoding. Each thread adds up its
 * part of a buffer larger than the caches in four streams at once (as a matrix product reads four
 * rows); the best of several passes counts, since noise only ever slows a pass down.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define STREAMS 4
#define PASSES  6
#define THREADS 64

struct part {
    const uint64_t *p; /* n words, a multiple of 8 * STREAMS */
    size_t n;
    pthread_barrier_t *gate;
    double *seconds; /* (PASSES), written by thread 0 */
    uint64_t sum;
};

static uint64_t add_up(const uint64_t *p, size_t n) {
    uint64_t acc[STREAMS][8] = {{0}};
    size_t q = n / STREAMS;
    for (size_t i = 0; i < q; i += 8)
        for (size_t s = 0; s < STREAMS; s++)
            for (size_t k = 0; k < 8; k++) acc[s][k] += p[s * q + i + k];
    uint64_t sum = 0;
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t k = 0; k < 8; k++) sum += acc[s][k];
    return sum;
}

static void *reader(void *arg) {
    struct part *part = arg;
    for (int pass = 0; pass < PASSES; pass++) {
        pthread_barrier_wait(part->gate);
        double began = sf_cli_now();
        part->sum += add_up(part->p, part->n);
        pthread_barrier_wait(part->gate);
        if (part->seconds) part->seconds[pass] = sf_cli_now() - began;
    }
    return NULL;
}

/* Bytes to read: 1 GiB, less where memory is short. */
static size_t buffer_bytes(void) {
    size_t bytes = (size_t)1 << 30, available = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %zu kB", &available) == 1) break;
    if (f) fclose(f);
    while (available && bytes > ((size_t)32 << 20) && bytes / 1024 > available / 4) bytes /= 2;
    return bytes;
}

double sf_cli_bandwidth(int n_threads) {
    pthread_t thread[THREADS];
    struct part part[THREADS];
    double seconds[PASSES], best = 0;
    pthread_barrier_t gate;
    size_t bytes = buffer_bytes(), n = n_threads < 1         ? 1
                                       : n_threads > THREADS ? THREADS
                                                             : (size_t)n_threads;
    void *buffer = NULL;
    if (posix_memalign(&buffer, 4096, bytes)) return 0;
    memset(buffer, 1, bytes);
    /* Streams an odd number of lines apart: at powers of two they would share cache sets. */
    size_t lines = bytes / sizeof(uint64_t) / n / (8 * STREAMS), started = 0;
    size_t words = (lines - (lines % 2 == 0)) * 8 * STREAMS;
    if (sf_cli_interrupted() || pthread_barrier_init(&gate, NULL, (unsigned)n)) {
        free(buffer);
        return 0;
    }
    for (; started < n; started++) {
        part[started] = (struct part){.p = (const uint64_t *)buffer + words * started,
                                      .n = words,
                                      .gate = &gate,
                                      .seconds = started ? NULL : seconds};
        if (started && pthread_create(&thread[started], NULL, reader, &part[started])) break;
    }
    if (started == n) {
        reader(&part[0]);
        for (size_t i = 1; i < n; i++) pthread_join(thread[i], NULL);
        for (int i = 0; i < PASSES; i++) {
            double rate = (double)(words * n * sizeof(uint64_t)) / seconds[i];
            if (seconds[i] > 0 && rate > best) best = rate;
        }
        uint64_t expect = words * UINT64_C(0x0101010101010101) * PASSES;
        for (size_t i = 0; i < n; i++)
            if (part[i].sum != expect) best = 0; /* also keeps the reads alive */
        pthread_barrier_destroy(&gate);
        free(buffer);
        return best;
    }
    /* Not enough threads: those that wait at the gate are left there with the buffer. */
    return 0;
}
