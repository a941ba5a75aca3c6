/* SPDX-License-Identifier: MIT
 * kv.h - the paged key/value cache. A page holds SF_KV_PAGE positions of every layer and KV head;
 * sequences are tables of page numbers. Forking shares pages; the first write to a shared page
 * copies it. One thread at a time, except that inside a forward pass different threads may write
 * different (position, head) pairs and read anything.
 *
 *   K storage  (layer, page, kv_head, head_dim, SF_KV_PAGE)      transposed, see kernels.h
 *   V storage  (layer, page, kv_head, SF_KV_PAGE, head_dim)
 */
#ifndef SF_KV_H
#define SF_KV_H

#include "arena.h"
#include "kernels.h"

struct sf_kv_seq {
    uint32_t len;    /* tokens held                                 */
    uint32_t n_page; /* pages in the table: at least ceil(len / 16) */
    uint32_t *page;  /* (max_pages) page numbers                    */
};

struct sf_cache {
    uint32_t n_layers, n_heads, head_dim; /* KV heads */
    uint32_t n_pages, max_pages;          /* in all; of one sequence */
    uint32_t n_seq;
    enum sf_kv type_k, type_v;
    size_t head_k, head_v;   /* bytes of one (layer, page, kv_head) */
    size_t layer_k, layer_v; /* bytes of a layer */
    unsigned char *k, *v;
    uint32_t *refs;          /* (n_pages) sequences that hold it */
    uint32_t *free;          /* (n_pages) stack of free page numbers */
    uint32_t n_free;
    struct sf_kv_seq *seq;   /* (n_seq) */
};

/* What sizes a cache; every value at least 1. */
struct sf_kv_shape {
    uint32_t n_layers, n_heads, head_dim, n_ctx, n_seq, n_pages;
    enum sf_kv type_k, type_v;
};
/* Takes the cache's memory from a (twice: measuring, then placing). */
void sf_kv_plan(struct sf_cache *kv, struct sf_arena *a, const struct sf_kv_shape *s);
/* Empties every sequence. */
void sf_kv_clear(struct sf_cache *kv);

/* Makes positions [len, len + n) of seq writable: pages added, shared ones copied. False: no free
 * page is left (nothing is lost). len itself is advanced by sf_kv_advance after a good pass. */
bool sf_kv_reserve(struct sf_cache *kv, uint32_t seq, uint32_t n);
void sf_kv_advance(struct sf_cache *kv, uint32_t seq, uint32_t n);
/* dst becomes src: pages shared. dst's old pages are released. */
void sf_kv_fork(struct sf_cache *kv, uint32_t dst, uint32_t src);
/* Keeps the first len tokens of seq. */
void sf_kv_truncate(struct sf_cache *kv, uint32_t seq, uint32_t len);

/* Start of the page of (layer, page, head). */
static inline unsigned char *sf_kv_k(const struct sf_cache *kv, uint32_t layer, uint32_t page,
                                     uint32_t head) {
    return kv->k + layer * kv->layer_k + ((size_t)page * kv->n_heads + head) * kv->head_k;
}
static inline unsigned char *sf_kv_v(const struct sf_cache *kv, uint32_t layer, uint32_t page,
                                     uint32_t head) {
    return kv->v + layer * kv->layer_v + ((size_t)page * kv->n_heads + head) * kv->head_v;
}

#endif
