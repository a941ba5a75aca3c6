/* SPDX-License-Identifier: MIT
 * arena.c - one block per handle; see arena.h.
 */
#define _GNU_SOURCE
#include "arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE = 2 << 20 }; /* bytes */

static sf_alloc_hook_fn alloc_hook; /* NULL except in tests */

void sf_alloc_hook(sf_alloc_hook_fn hook) {
    alloc_hook = hook;
}

void *sf_alloc(size_t bytes) {
    if (alloc_hook && alloc_hook(bytes)) return NULL;
    size_t n;
    if (!sf_size_add(&n, bytes, SF_ALIGN - 1)) return NULL;
    n &= ~(size_t)(SF_ALIGN - 1);
    if (n == 0) n = SF_ALIGN;
    void *p = NULL;
    if (posix_memalign(&p, SF_ALIGN, n) != 0) return NULL;
    memset(p, 0, n);
    return p;
}

void sf_free(void *p) {
    free(p);
}

void *sf_arena_take(struct sf_arena *a, size_t count, size_t size) {
    size_t bytes, end;
    if (a->failed || !sf_size_mul(&bytes, count, size) ||
        !sf_size_add(&bytes, bytes, SF_ALIGN - 1)) {
        a->failed = true;
        return NULL;
    }
    bytes &= ~(size_t)(SF_ALIGN - 1);
    if (!sf_size_add(&end, a->used, bytes) || (a->base && end > a->size)) {
        a->failed = true;
        return NULL;
    }
    void *p = a->base ? a->base + a->used : NULL;
    a->used = end;
    return p;
}

surefoot_status sf_arena_reserve(struct sf_arena *a, surefoot_error *err) {
    if (a->failed) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "a size does not fit in size_t");
    a->size = a->used;
    a->used = 0;
    /* Large blocks come straight from the system: zeroed on first touch, so what is never used
     * costs nothing, and in huge pages where the system offers them. */
    if (a->size >= LARGE && !(alloc_hook && alloc_hook(a->size))) {
        void *p = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) {
            madvise(p, a->size, MADV_HUGEPAGE); /* advice: failure changes nothing */
            a->base = p;
            a->mapped = true;
        }
    } else if (a->size < LARGE) {
        a->base = sf_alloc(a->size);
    }
    if (!a->base)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "could not get %zu bytes of memory", a->size);
    return SUREFOOT_OK;
}

void sf_arena_free(struct sf_arena *a) {
    if (a->mapped)
        munmap(a->base, a->size);
    else
        sf_free(a->base);
    *a = (struct sf_arena){0};
}
