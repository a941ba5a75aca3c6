/* SPDX-License-Identifier: MIT
 * threads.c - OpenMP team with a spinning barrier; serial when OpenMP is absent. See threads.h.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

struct sf_team {
    _Alignas(SF_ALIGN) atomic_uint arrived;
    _Alignas(SF_ALIGN) atomic_uint phase;
    _Alignas(SF_ALIGN) atomic_size_t taken; /* steps handed out since the last barrier */
    int n;
};

/* Rule 2 of the arithmetic: nearest-even, no flush to zero, whatever the caller's thread had. */
static uint64_t fp_enter(void) {
#if defined(__x86_64__)
    unsigned old = _mm_getcsr();
    _mm_setcsr(0x1F80); /* all exceptions masked, round to nearest, FTZ and DAZ off */
    return old;
#elif defined(__aarch64__)
    uint64_t old, now = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" ::"r"(now));
    return old;
#else
    return 0;
#endif
}

static void fp_leave(uint64_t old) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)old);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" ::"r"(old));
#else
    SF_UNUSED(old);
#endif
}

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void sf_barrier(struct sf_member *me) {
    struct sf_team *t = me->team;
    if (me->n == 1) {
        atomic_store_explicit(&t->taken, 0, memory_order_relaxed);
        return;
    }
    unsigned next = me->phase + 1;
    if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == (unsigned)t->n) {
        atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&t->taken, 0, memory_order_relaxed);
        atomic_store_explicit(&t->phase, next, memory_order_release);
    } else {
        /* Spin briefly, then give the core away: with more threads than cores a pure spin would
         * stall for a scheduler slice at every barrier. */
        for (int spin = 0; atomic_load_explicit(&t->phase, memory_order_acquire) != next; spin++) {
            if (spin < 400)
                relax();
            else
                sched_yield();
        }
    }
    me->phase = next;
}

bool sf_take(struct sf_member *me, size_t n, size_t step, size_t *begin, size_t *end) {
    atomic_size_t *taken = &me->team->taken;
    const size_t units = (n + step - 1) / step;
    size_t from = atomic_load_explicit(taken, memory_order_relaxed), part;
    do {
        if (from >= units) return false;
        /* half of an even share of what is left */
        part = me->n == 1 ? units : sf_max((units - from) / (2 * (size_t)me->n), 1);
    } while (!atomic_compare_exchange_weak_explicit(taken, &from, from + part, memory_order_relaxed,
                                                    memory_order_relaxed));
    *begin = from * step;
    *end = sf_min((from + part) * step, n);
    return true;
}

void sf_team_run(int n, sf_body_fn body, void *arg) {
    struct sf_team team = {.n = 1};
#ifdef _OPENMP
    if (n > 1) {
#pragma omp parallel num_threads(n)
        {
            uint64_t old = fp_enter();
#pragma omp single
            team.n = omp_get_num_threads(); /* implicit barrier: all see it before they start */
            struct sf_member me = {omp_get_thread_num(), team.n, &team, 0};
            body(arg, &me);
            fp_leave(old);
        }
        return;
    }
#endif
    SF_UNUSED(n);
    uint64_t old = fp_enter();
    struct sf_member me = {0, 1, &team, 0};
    body(arg, &me);
    fp_leave(old);
}

int sf_default_threads(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        return n > 0 && n < SF_MAX_THREADS ? (int)n : 1;
    }
    /* Count only the fastest cores where the kernel publishes capacities (big.LITTLE), and one
     * thread per physical core where it publishes siblings. */
    long best = 0;
    int count = 0;
    for (int c = 0; c < CPU_SETSIZE; c++) {
        if (!CPU_ISSET(c, &set)) continue;
        char path[96];
        long cap = 1024;
        int first = c;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpu_capacity", c);
        FILE *f = fopen(path, "r");
        if (f) {
            if (fscanf(f, "%ld", &cap) != 1) cap = 1024;
            fclose(f);
        }
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 c);
        f = fopen(path, "r");
        if (f) {
            if (fscanf(f, "%d", &first) != 1) first = c;
            fclose(f);
        }
        if (first != c && first >= 0 && first < CPU_SETSIZE && CPU_ISSET(first, &set)) continue;
        if (cap > best) {
            best = cap;
            count = 0;
        }
        if (cap == best) count++;
    }
    return count > 0 && count <= SF_MAX_THREADS ? count : 1;
}
