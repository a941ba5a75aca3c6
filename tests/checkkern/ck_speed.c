/* SPDX-License-Identifier: MIT
 * ck_speed.c - checkkern --speed: matrix products at the sizes of a model, beside what the machine
 * can do, measured in the same run.
 *
 * Every type has so many matrices of 8192 x 2048 that a pass over them reads more than caches keep.
 * Decoding is judged by the bytes of weights a second against a plain read of the same memory by
 * four streams a thread; prefill by multiplications a second against vpdpbusd on registers alone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "checkkern.h"
#include "cpu.h"
#include "pack.h"

enum { ROWS = 8192, COLS = 2048, MAX_TOKENS = 512, MAX_THREADS = 64, PASSES = 7 };
static const size_t TOTAL = (size_t)600 << 20; /* bytes of weights */

struct work {
    const struct sf_kernels *k;
    const uint8_t *weights;
    size_t matrix, count, bytes; /* bytes of a matrix, how many of them, bytes of all */
    enum sf_type type;
    struct sf_acts x;
    float *y;
    int threads;
    void (*part)(struct work *w, int thread);
    pthread_barrier_t bar;
    double seconds[PASSES];
    uint64_t sink;
};
struct thread {
    struct work *w;
    int id;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *loop(void *p) {
    struct thread *t = p;
    struct work *w = t->w;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(t->id, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    for (int i = 0; i < PASSES; i++) {
        pthread_barrier_wait(&w->bar);
        double start = now();
        w->part(w, t->id);
        pthread_barrier_wait(&w->bar);
        if (t->id == 0) w->seconds[i] = now() - start;
    }
    return NULL;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of one pass on all threads: the median. */
static double timed(struct work *w, void (*part)(struct work *w, int thread)) {
    pthread_t id[MAX_THREADS];
    struct thread t[MAX_THREADS];
    w->part = part;
    pthread_barrier_init(&w->bar, NULL, (unsigned)w->threads);
    for (int i = 0; i < w->threads; i++) {
        t[i] = (struct thread){w, i};
        if (pthread_create(&id[i], NULL, loop, &t[i])) abort();
    }
    for (int i = 0; i < w->threads; i++) pthread_join(id[i], NULL);
    pthread_barrier_destroy(&w->bar);
    qsort(w->seconds, PASSES, sizeof(double), by_size);
    return w->seconds[PASSES / 2];
}

static void multiply(struct work *w, int thread) {
    const size_t groups = ROWS / SF_PACK_ROWS, me = (size_t)thread, all = (size_t)w->threads;
    const size_t r0 = groups * me / all * SF_PACK_ROWS, r1 = groups * (me + 1) / all * SF_PACK_ROWS;
    const struct sf_matmul *m = &w->k->mm[w->type];
    for (size_t i = 0; i < w->count; i++)
        (w->x.n == 1 ? m->gemv : m->gemm)(w->y, ROWS, w->weights + i * w->matrix, &w->x, w->x.n, r0,
                                          r1, COLS);
}

/* Four streams: what several rows of weights are. */
static void read4(struct work *w, int thread) {
    typedef uint64_t line __attribute__((vector_size(64), aligned(64)));
    const size_t each = w->bytes / (size_t)w->threads / 4096 * 4096, quarter = each / 4;
    const uint8_t *p = w->weights + (size_t)thread * each;
    line s[4] = {{0}};
    for (size_t i = 0; i < quarter; i += 64)
        for (size_t j = 0; j < 4; j++) s[j] += *(const line *)(const void *)(p + j * quarter + i);
    s[0] += s[1] + s[2] + s[3];
    __atomic_fetch_add(&w->sink, s[0][0] + s[0][7], __ATOMIC_RELAXED);
}

enum { DOT_LOOPS = 1000000, DOTS = 12 };
#if defined(__x86_64__)
#define DOT(i) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #i "\n\t"
static void dots(struct work *w, int thread) {
    SF_UNUSED(w);
    SF_UNUSED(thread);
    for (int i = 0; i < DOT_LOOPS; i++)
        __asm__ volatile(DOT(0) DOT(1) DOT(2) DOT(3) DOT(4) DOT(5) DOT(6) DOT(7) DOT(8) DOT(9)
                             DOT(10) DOT(11)::
                                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                                   "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15");
}
#endif

/* Multiplications a second of the widest integer dot product; 0: not known here. */
static double peak(struct work *w) {
#if defined(__x86_64__)
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    if (sf_cpu_flags(&id) & SF_CPU_AVX512VNNI)
        return 64.0 * DOTS * DOT_LOOPS * w->threads / timed(w, dots);
#endif
    SF_UNUSED(w);
    return 0;
}

static void *memory(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

/* One matrix of ordinary numbers, packed, then copies of it. */
static void fill(struct work *w, enum sf_type t) {
    const struct sf_qtype *q = &sf_qtypes[t];
    struct ck c = {.rng = 1, .quiet = true};
    const size_t blocks = (size_t)ROWS * COLS / q->block;
    if (!sf_pack_size(&w->matrix, t, ROWS, COLS)) abort();
    w->type = t;
    w->count = TOTAL / w->matrix;
    w->bytes = w->count * w->matrix;
    uint8_t *all = (uint8_t *)(uintptr_t)w->weights, *file = memory(w->matrix);
    for (size_t i = 0; i < w->matrix; i++) file[i] = (uint8_t)ck_rand(&c);
    for (size_t b = 0; b < blocks; b++) {
        const float v = ck_unit(&c) / 16;
        const uint16_t h = t == SF_T_BF16 ? sf_f32_to_bf16(v) : sf_f32_to_f16(v);
        uint8_t *p = file + b * q->bytes;
        if (t == SF_T_F32)
            memcpy(p, &v, 4);
        else if (q->block == 1)
            memcpy(p, &h, 2);
        for (size_t i = 0; i < q->n_half; i++) memcpy(p + q->half[i], &h, 2);
    }
    if (w->k->mm[t].rows == 1)
        memcpy(all, file, w->matrix);
    else
        sf_pack_groups(all, file, t, ROWS, COLS, 0, ROWS / SF_PACK_ROWS);
    munmap(file, w->matrix);
    for (size_t i = 1; i < w->count; i++) memcpy(all + i * w->matrix, all, w->matrix);
}

static void acts(struct work *w, enum sf_act form, float *f, int8_t *q, float *d, int16_t *sum) {
    const size_t n = MAX_TOKENS;
    struct ck c = {.rng = 7};
    for (size_t i = 0; i < n * COLS; i++) f[i] = ck_unit(&c);
    w->x = (struct sf_acts){.form = form, .k = COLS, .f = f, .q = q, .d = d, .sum = sum};
    if (form == SF_ACT_F32) return;
    const size_t block = form == SF_ACT_Q8_32 ? 32 : 256;
    for (size_t i = 0; i < n; i++)
        w->k->quant[form](q + i * COLS, d + i * (COLS / block), sum + i * (COLS / 16), f + i * COLS,
                          COLS);
}

int ck_speed(const struct sf_kernels *k, const char *isa, const char *only, int max_threads,
             bool json) {
    static const size_t tokens[] = {1, 2, 4, 8, 16, 512};
    struct work w = {.k = k, .weights = memory(TOTAL)};
    float *f = memory(sizeof *f * MAX_TOKENS * COLS), *d = memory(sizeof *d * MAX_TOKENS * COLS);
    int8_t *q = memory(MAX_TOKENS * COLS);
    int16_t *sum = memory(sizeof *sum * MAX_TOKENS * COLS);
    w.y = memory(sizeof *w.y * MAX_TOKENS * ROWS);
    memset((uint8_t *)(uintptr_t)w.weights, 1, TOTAL);
    for (int t = 0; t < SF_T_COUNT; t++) {
        struct ck_slot slots[CK_MAX_SLOTS];
        ck_slots_matmul(slots);
        if (only && strcmp(slots[t].what, only) != 0) continue;
        fill(&w, (enum sf_type)t);
        acts(&w, sf_qtypes[t].act, f, q, d, sum);
        for (w.threads = 1; w.threads <= max_threads && w.threads <= MAX_THREADS; w.threads *= 2) {
            const double macs = peak(&w) / 1e9;
            double one = 0;
            for (size_t i = 0; i < SF_COUNT(tokens); i++) {
                const double read = (double)w.bytes / timed(&w, read4) / 1e9;
                const size_t count = w.count;
                w.x.n = tokens[i];
                if (w.x.n > 16) w.count = 2;
                const double s = timed(&w, multiply) / (double)w.count;
                w.count = count;
                if (i == 0) one = s;
                const double gb = (double)w.matrix / s / 1e9;
                const double gm = (double)w.x.n * ROWS * COLS / s / 1e9;
                printf(
                    json
                        ? "{\"level\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"tokens\": %zu, "
                          "\"ms\": %.4f, \"gb_per_s\": %.2f, \"read_gb_per_s\": %.2f, "
                          "\"share_of_read\": %.3f, \"gmac_per_s\": %.1f, "
                          "\"peak_gmac_per_s\": %.1f, \"share_of_peak\": %.3f, "
                          "\"times_one\": %.2f}\n"
                        : "%-10s %-6s %d thr n %3zu %8.3f ms %6.2f GB/s of %6.2f (%.2f) %7.1f "
                          "GMAC/s of %6.1f (%.2f) %6.2f x one\n",
                    isa, slots[t].what, w.threads, w.x.n, 1e3 * s, gb, read, gb / read, gm, macs,
                    macs > 0 ? gm / macs : 0, s / one);
                fflush(stdout);
            }
        }
    }
    return 0;
}
