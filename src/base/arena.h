/* SPDX-License-Identifier: MIT
 * arena.h - the one door to memory. A handle computes its size first, takes one aligned block,
 * bumps through it, and frees it once. After open nothing is allocated.
 *
 * Two passes over the same plan:
 *     struct sf_arena a = {0};                         // measuring: base is NULL, take() only counts
 *     plan(&a, handle);  sf_arena_reserve(&a, err);  plan(&a, handle);
 * A take that overflows, or exceeds the block, poisons the arena: a.failed, and NULL from then on.
 */
#ifndef SF_ARENA_H
#define SF_ARENA_H

#include "base.h"

/* The allocator of last resort. Tests replace it (sf_alloc_hook) to make the k-th call fail. */
void *sf_alloc(size_t bytes); /* zeroed, SF_ALIGN aligned, NULL when it cannot */
void sf_free(void *p);
typedef bool (*sf_alloc_hook_fn)(size_t bytes); /* true: let this allocation fail */
/* For tests only; not thread-safe; NULL restores normal life. The one mutable static of base. */
void sf_alloc_hook(sf_alloc_hook_fn hook);

struct sf_arena {
    unsigned char *base; /* NULL while measuring                                  */
    size_t used;         /* bytes taken so far, always a multiple of SF_ALIGN     */
    size_t size;         /* bytes of the block; meaningless while measuring       */
    bool failed;         /* a size overflowed or the block was too small          */
    bool mapped;         /* the block came from the system in pages (large ones)  */
};

/* count items of size bytes each, SF_ALIGN aligned, zeroed. While measuring: NULL, only counted. */
void *sf_arena_take(struct sf_arena *a, size_t count, size_t size);
/* Ends measuring: allocates what was counted and rewinds. E_MEMORY with sizes in the text. */
surefoot_status sf_arena_reserve(struct sf_arena *a, surefoot_error *err);
void sf_arena_free(struct sf_arena *a);

#endif
