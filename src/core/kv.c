/* SPDX-License-Identifier: MIT
 * kv.c - pages, reference counts, copy-on-write; see kv.h.
 */
#include "kv.h"

#include <string.h>

void sf_kv_plan(struct sf_cache *kv, struct sf_arena *a, const struct sf_kv_shape *s) {
    *kv = (struct sf_cache){.n_layers = s->n_layers,
                            .n_heads = s->n_heads,
                            .head_dim = s->head_dim,
                            .n_pages = s->n_pages,
                            .max_pages = s->n_ctx / SF_KV_PAGE + 1,
                            .n_seq = s->n_seq,
                            .type_k = s->type_k,
                            .type_v = s->type_v};
    kv->head_k = sf_kv_page_bytes(s->type_k, s->head_dim);
    kv->head_v = sf_kv_page_bytes(s->type_v, s->head_dim);
    if (!sf_size_mul(&kv->layer_k, kv->head_k * s->n_heads, s->n_pages) ||
        !sf_size_mul(&kv->layer_v, kv->head_v * s->n_heads, s->n_pages))
        a->failed = true;
    kv->k = sf_arena_take(a, s->n_layers, kv->layer_k);
    kv->v = sf_arena_take(a, s->n_layers, kv->layer_v);
    kv->refs = sf_arena_take(a, s->n_pages, sizeof *kv->refs);
    kv->free = sf_arena_take(a, s->n_pages, sizeof *kv->free);
    kv->seq = sf_arena_take(a, s->n_seq, sizeof *kv->seq);
    uint32_t *tables = sf_arena_take(a, (size_t)s->n_seq * kv->max_pages, sizeof *tables);
    if (!tables || !kv->seq) return;
    for (uint32_t i = 0; i < s->n_seq; i++) kv->seq[i].page = tables + (size_t)i * kv->max_pages;
    sf_kv_clear(kv);
}

void sf_kv_clear(struct sf_cache *kv) {
    memset(kv->refs, 0, kv->n_pages * sizeof *kv->refs);
    for (uint32_t i = 0; i < kv->n_pages; i++) kv->free[i] = kv->n_pages - 1 - i;
    kv->n_free = kv->n_pages;
    for (uint32_t i = 0; i < kv->n_seq; i++) kv->seq[i].len = kv->seq[i].n_page = 0;
}

static void release(struct sf_cache *kv, uint32_t page) {
    SF_ASSERT(kv->refs[page] > 0);
    if (--kv->refs[page] == 0) kv->free[kv->n_free++] = page;
}

static uint32_t take(struct sf_cache *kv) {
    uint32_t page = kv->free[--kv->n_free];
    kv->refs[page] = 1;
    return page;
}

static void copy_page(struct sf_cache *kv, uint32_t dst, uint32_t src) {
    for (uint32_t l = 0; l < kv->n_layers; l++) {
        memcpy(sf_kv_k(kv, l, dst, 0), sf_kv_k(kv, l, src, 0), kv->head_k * kv->n_heads);
        memcpy(sf_kv_v(kv, l, dst, 0), sf_kv_v(kv, l, src, 0), kv->head_v * kv->n_heads);
    }
}

bool sf_kv_reserve(struct sf_cache *kv, uint32_t seq, uint32_t n) {
    struct sf_kv_seq *s = &kv->seq[seq];
    uint64_t end = (uint64_t)s->len + n;
    uint32_t first = s->len / SF_KV_PAGE, last = (uint32_t)((end + SF_KV_PAGE - 1) / SF_KV_PAGE);
    if (last > kv->max_pages) return false;
    for (uint32_t i = first; i < last; i++) {
        if (i < s->n_page && kv->refs[s->page[i]] == 1) continue;
        if (kv->n_free == 0) return false;
        uint32_t page = take(kv);
        if (i < s->n_page) {
            copy_page(kv, page, s->page[i]);
            release(kv, s->page[i]);
            s->page[i] = page;
        } else {
            s->page[s->n_page++] = page;
        }
    }
    return true;
}

void sf_kv_advance(struct sf_cache *kv, uint32_t seq, uint32_t n) {
    kv->seq[seq].len += n;
    SF_ASSERT(kv->seq[seq].len <= kv->seq[seq].n_page * SF_KV_PAGE);
}

void sf_kv_fork(struct sf_cache *kv, uint32_t dst, uint32_t src) {
    if (dst == src) return;
    sf_kv_truncate(kv, dst, 0);
    struct sf_kv_seq *d = &kv->seq[dst];
    const struct sf_kv_seq *s = &kv->seq[src];
    uint32_t n = (s->len + SF_KV_PAGE - 1) / SF_KV_PAGE; /* not src's spare pages */
    for (uint32_t i = 0; i < n; i++) {
        d->page[i] = s->page[i];
        kv->refs[s->page[i]]++;
    }
    d->n_page = n;
    d->len = s->len;
}

void sf_kv_truncate(struct sf_cache *kv, uint32_t seq, uint32_t len) {
    struct sf_kv_seq *s = &kv->seq[seq];
    if (len < s->len) s->len = len;
    uint32_t keep = (s->len + SF_KV_PAGE - 1) / SF_KV_PAGE;
    while (s->n_page > keep) release(kv, s->page[--s->n_page]);
}
