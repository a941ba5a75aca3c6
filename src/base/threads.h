/* SPDX-License-Identifier: MIT
 * threads.h - one parallel region per forward pass, cheap barriers inside.
 *
 *     sf_team_run(n, body, arg);      // body(arg, &member) runs on n threads and returns
 * Inside, every thread calls the same functions; each takes its own part of whole outputs (sf_share:
 * fixed parts, sf_take: whoever is free) and meets the others at sf_barrier. Results never depend on
 * n, nor on who took what.
 */
#ifndef SF_THREADS_H
#define SF_THREADS_H

#include "base.h"

struct sf_team; /* shared by the members of one region */
struct sf_member {
    int id, n;            /* 0 <= id < n */
    struct sf_team *team;
    unsigned phase;       /* private to the barrier */
};
typedef void (*sf_body_fn)(void *arg, struct sf_member *me);

/* Runs body on n threads (1 <= n <= SF_MAX_THREADS; fewer if the system gives fewer). Rounding is
 * set to nearest-even with subnormals kept in every member for the region, and restored. */
#define SF_MAX_THREADS 256
void sf_team_run(int n, sf_body_fn body, void *arg);
void sf_barrier(struct sf_member *me);

/* [*begin, *end): member's share of n items in multiples of step, contiguous, all items covered. */
static inline void sf_share(const struct sf_member *me, size_t n, size_t step, size_t *begin,
                            size_t *end) {
    size_t units = (n + step - 1) / step, m = (size_t)me->n, id = (size_t)me->id;
    *begin = sf_min(units * id / m * step, n);
    *end = sf_min(units * (id + 1) / m * step, n);
}

/* The next part of n items, in multiples of step, for whoever asks; false: none is left. Parts shrink
 * towards the end, so that a core that others disturb holds up nobody. One such loop between two
 * barriers: a barrier starts the count again. Alone: everything at once. */
bool sf_take(struct sf_member *me, size_t n, size_t step, size_t *begin, size_t *end);

/* Threads worth using: cores allowed by the affinity mask, performance cores only where the
 * system tells (cpu_capacity). Never 0. */
int sf_default_threads(void);

#endif
