/* SPDX-License-Identifier: MIT
 * roofline.c - what the machine can do, for the shares that bench/race prints: sustained read
 * bandwidth (each thread reads its part of 1 GiB in four streams, as four rows of weights are read)
 * and int8 multiply-accumulates (the widest dot instruction this CPU has, operands in registers).
 *
 *     roofline THREADS [MIB]   ->   {"threads": 2, "read_gb_s": 55.1, "int8_gmac_s": 761.0, ...}
 *
 * The best of several passes counts: noise only ever slows a pass down.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

enum { STREAMS = 4, PASSES = 7, MAX_THREADS = 256, SPINS = 2000000 };

typedef uint64_t words __attribute__((vector_size(64)));
typedef uint64_t (*read_fn)(const unsigned char *p, size_t n);
typedef double (*mac_fn)(size_t spins); /* multiply-accumulates done */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---------------------------------------------------------------- reading */

/* n is a multiple of 64 * STREAMS; compiled once per register width. */
#define READER(name, attribute)                                                                    \
    attribute static uint64_t name(const unsigned char *p, size_t n) {                             \
        words a = {0}, b = a, c = a, d = a;                                                        \
        const size_t q = n / STREAMS;                                                              \
        for (size_t i = 0; i < q; i += sizeof(words)) {                                            \
            a += *(const words *)(const void *)(p + i);                                            \
            b += *(const words *)(const void *)(p + q + i);                                        \
            c += *(const words *)(const void *)(p + 2 * q + i);                                    \
            d += *(const words *)(const void *)(p + 3 * q + i);                                    \
        }                                                                                          \
        a += b + c + d;                                                                            \
        uint64_t sum = 0;                                                                          \
        for (int k = 0; k < 8; k++) sum += a[k];                                                   \
        return sum;                                                                                \
    }
READER(read_plain, )
#if defined(__x86_64__)
READER(read_avx2, __attribute__((target("avx2"))))
READER(read_avx512, __attribute__((target("avx512f"))))
#endif

/* ---------------------------------------------------------------- multiplying */

/* Twelve independent accumulators hide the latency. They have names and no array, or they would live
 * in memory; the empty asm keeps each step. */
#define EACH(step)                                                                                 \
    step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10)       \
        step(11)

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) static double mac_avx512vnni(size_t spins) {
    const __m512i u = _mm512_set1_epi8(3), s = _mm512_set1_epi8(-2);
#define START(k) __m512i a##k = _mm512_setzero_si512();
#define STEP(k)                                                                                    \
    a##k = _mm512_dpbusd_epi32(a##k, u, s);                                                        \
    __asm__ volatile("" : "+v"(a##k));
    EACH(START)
    for (size_t i = 0; i < spins; i++) {
        EACH(STEP)
    }
#undef START
#undef STEP
    return (double)spins * 12 * 64;
}
__attribute__((target("avx2"))) static double mac_avx2(size_t spins) {
    __m256i u = _mm256_set1_epi8(3);
    const __m256i s = _mm256_set1_epi8(-2), one = _mm256_set1_epi16(1);
#define START(k) __m256i a##k = _mm256_setzero_si256();
#define STEP(k)                                                                                    \
    __asm__ volatile("" : "+x"(u));                                                                \
    a##k = _mm256_add_epi32(a##k, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), one));             \
    __asm__ volatile("" : "+x"(a##k));
    EACH(START)
    for (size_t i = 0; i < spins; i++) {
        EACH(STEP)
    }
#undef START
#undef STEP
    return (double)spins * 12 * 32;
}
#elif defined(__aarch64__)
static double mac_dotprod(size_t spins) {
    const int8x16_t u = vdupq_n_s8(3), s = vdupq_n_s8(-2);
#define START(k) int32x4_t a##k = vdupq_n_s32(0);
#define STEP(k)                                                                                    \
    __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b"                       \
                     : "+w"(a##k)                                                                  \
                     : "w"(u), "w"(s));
    EACH(START)
    for (size_t i = 0; i < spins; i++) {
        EACH(STEP)
    }
#undef START
#undef STEP
    return (double)spins * 12 * 16;
}
static double mac_neon(size_t spins) {
    int8x8_t u = vdup_n_s8(3);
    const int8x8_t s = vdup_n_s8(-2);
#define START(k) int32x4_t a##k = vdupq_n_s32(0);
#define STEP(k)                                                                                    \
    __asm__ volatile("" : "+w"(u));                                                                \
    a##k = vpadalq_s16(a##k, vmull_s8(u, s));                                                      \
    __asm__ volatile("" : "+w"(a##k));
    EACH(START)
    for (size_t i = 0; i < spins; i++) {
        EACH(STEP)
    }
#undef START
#undef STEP
    return (double)spins * 12 * 8;
}
#endif
static double mac_plain(size_t spins) {
    int32_t a = 3, b = -2, acc = 0;
    for (size_t i = 0; i < spins; i++) {
        acc += a * b;
        __asm__ volatile("" : "+r"(acc), "+r"(a));
    }
    return (double)spins;
}

struct cpu {
    const char *level;
    read_fn read;
    mac_fn mac;
};

static struct cpu choose(void) {
    struct cpu c = {"generic", read_plain, mac_plain};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) c = (struct cpu){"avx2", read_avx2, mac_avx2};
    if (__builtin_cpu_supports("avx512f")) c.read = read_avx512;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
        c = (struct cpu){"avx512vnni", read_avx512, mac_avx512vnni};
#elif defined(__aarch64__)
    c = (struct cpu){"neon", read_plain, mac_neon};
    if (getauxval(AT_HWCAP) & 1 << 20) c = (struct cpu){"dotprod", read_plain, mac_dotprod};
#endif
    return c;
}

/* ---------------------------------------------------------------- threads */

struct part {
    struct cpu cpu;
    const unsigned char *p;
    size_t n;
    pthread_barrier_t *gate;
    double *read_s, *mac_s, macs; /* read_s, mac_s: (PASSES) of thread 0, NULL elsewhere */
    uint64_t sum;
};

static void *work(void *arg) {
    struct part *a = arg;
    for (int pass = 0; pass < 2 * PASSES; pass++) {
        pthread_barrier_wait(a->gate);
        double began = now();
        if (pass < PASSES)
            a->sum += a->cpu.read(a->p, a->n);
        else
            a->macs = a->cpu.mac(SPINS);
        pthread_barrier_wait(a->gate);
        if (a->read_s)
            *(pass < PASSES ? a->read_s + pass : a->mac_s + pass - PASSES) = now() - began;
    }
    return NULL;
}

static double least(const double *v) {
    double best = v[0];
    for (int i = 1; i < PASSES; i++) best = v[i] < best ? v[i] : best;
    return best > 0 ? best : 1e-9;
}

int main(int argc, char **argv) {
    static struct part part[MAX_THREADS];
    pthread_t thread[MAX_THREADS];
    pthread_barrier_t gate;
    double read_s[PASSES], mac_s[PASSES];
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1,
         mib = argc > 2 ? strtol(argv[2], NULL, 10) : 1024;
    if (n < 1 || n > MAX_THREADS || mib * 16 < n || mib > 1 << 20) {
        fprintf(stderr, "usage: roofline THREADS (1..%d) [MIB to read, default 1024]\n",
                MAX_THREADS);
        return 2;
    }
    /* An odd number of lines between streams: at a power of two they would share cache sets. */
    const size_t line = 64 * STREAMS;
    size_t each = ((((size_t)mib << 20) / (size_t)n / line - 130) | 1) * line;
    unsigned char *buffer = NULL;
    if (each == 0 || posix_memalign((void **)&buffer, 2 << 20, each * (size_t)n)) {
        fprintf(stderr, "roofline: no memory for %ld MiB\n", mib);
        return 1;
    }
    madvise(buffer, each * (size_t)n, MADV_HUGEPAGE);
    memset(buffer, 1, each * (size_t)n);
    pthread_barrier_init(&gate, NULL, (unsigned)n);
    struct cpu cpu = choose();
    for (long i = 0; i < n; i++) {
        part[i] =
            (struct part){.cpu = cpu, .p = buffer + each * (size_t)i, .n = each, .gate = &gate};
        if (i && pthread_create(&thread[i], NULL, work, &part[i])) {
            fprintf(stderr, "roofline: could not start %ld threads\n", n);
            return 1;
        }
    }
    part[0].read_s = read_s;
    part[0].mac_s = mac_s;
    work(&part[0]);
    double macs = part[0].macs;
    for (long i = 1; i < n; i++) {
        pthread_join(thread[i], NULL);
        macs += part[i].macs;
    }
    uint64_t sum = 0, expect = each / 8 * UINT64_C(0x0101010101010101) * PASSES * (uint64_t)n;
    for (long i = 0; i < n; i++) sum += part[i].sum;
    if (sum != expect) {
        fprintf(stderr, "roofline: the bytes read add up wrongly\n");
        return 1;
    }
    printf("{\"threads\": %ld, \"level\": \"%s\", \"mib\": %ld, \"read_gb_s\": %.2f, "
           "\"int8_gmac_s\": %.1f}\n",
           n, cpu.level, mib, (double)each * (double)n / least(read_s) * 1e-9,
           macs / least(mac_s) * 1e-9);
    free(buffer);
    return 0;
}
