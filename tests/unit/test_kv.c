/* SPDX-License-Identifier: MIT
 * test_kv.c - the paged cache against a model of it: random forks, writes, truncations. Every
 * position of every sequence must read back what that sequence wrote, and no page is lost.
 */
#include "harness.h"

#include "kv.h"

enum { LAYERS = 2, HEADS = 3, DIM = 4, SEQS = 6, CTX = 100, PAGES = 12 };

static struct sf_cache kv;
static struct sf_arena arena;
static uint32_t want[SEQS][CTX], len[SEQS];

static void open_cache(uint32_t pages) {
    struct sf_kv_shape s = {.n_layers = LAYERS,
                            .n_heads = HEADS,
                            .head_dim = DIM,
                            .n_ctx = CTX,
                            .n_seq = SEQS,
                            .n_pages = pages,
                            .type_k = SF_KV_F32,
                            .type_v = SF_KV_F32};
    sf_kv_plan(&kv, &arena, &s);
    assert_ok(sf_arena_reserve(&arena, err));
    sf_kv_plan(&kv, &arena, &s);
    memset(len, 0, sizeof len);
}

/* The cell (layer, pos, head) of seq, in K (transposed) and V. */
static float *cell(bool is_k, uint32_t seq, uint32_t l, uint32_t pos, uint32_t h, uint32_t d) {
    uint32_t page = kv.seq[seq].page[pos / SF_KV_PAGE], at = pos % SF_KV_PAGE;
    if (is_k) return (float *)(void *)sf_kv_k(&kv, l, page, h) + d * SF_KV_PAGE + at;
    return (float *)(void *)sf_kv_v(&kv, l, page, h) + at * DIM + d;
}

static void write_one(uint32_t seq, uint32_t value) {
    uint32_t pos = kv.seq[seq].len;
    for (uint32_t l = 0; l < LAYERS; l++)
        for (uint32_t h = 0; h < HEADS; h++)
            for (uint32_t d = 0; d < DIM; d++) {
                float v = (float)(value * 64 + l * 16 + h * 4 + d);
                *cell(true, seq, l, pos, h, d) = v;
                *cell(false, seq, l, pos, h, d) = -v;
            }
    sf_kv_advance(&kv, seq, 1);
    want[seq][len[seq]++] = value;
}

static void check_all(void) {
    for (uint32_t q = 0; q < SEQS; q++) {
        assert_int_equal(kv.seq[q].len, len[q]);
        for (uint32_t p = 0; p < len[q]; p++)
            for (uint32_t l = 0; l < LAYERS; l++)
                for (uint32_t h = 0; h < HEADS; h++)
                    for (uint32_t d = 0; d < DIM; d++) {
                        float v = (float)(want[q][p] * 64 + l * 16 + h * 4 + d);
                        if (*cell(true, q, l, p, h, d) != v || *cell(false, q, l, p, h, d) != -v)
                            fail_msg("sequence %u, position %u", q, p);
                    }
    }
    uint32_t held = 0, refs[PAGES] = {0};
    for (uint32_t q = 0; q < SEQS; q++)
        for (uint32_t i = 0; i < kv.seq[q].n_page; i++) refs[kv.seq[q].page[i]]++;
    for (uint32_t p = 0; p < kv.n_pages; p++) {
        assert_int_equal(refs[p], kv.refs[p]);
        held += refs[p] > 0;
    }
    assert_int_equal(held + kv.n_free, kv.n_pages);
}

static void against_model(void **state) {
    SF_UNUSED(state);
    open_cache(PAGES);
    uint64_t rng = 1;
    uint32_t full = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t q = (uint32_t)(sf_rand(&rng) % SEQS), r = (uint32_t)(sf_rand(&rng) % SEQS);
        switch (sf_rand(&rng) % 8) {
        case 0:
            sf_kv_fork(&kv, q, r);
            memcpy(want[q], want[r], sizeof want[q]);
            len[q] = len[r];
            break;
        case 1: {
            uint32_t keep = len[q] ? (uint32_t)(sf_rand(&rng) % (len[q] + 1)) : 0;
            sf_kv_truncate(&kv, q, keep);
            len[q] = keep;
            break;
        }
        default:
            for (uint32_t n = (uint32_t)(sf_rand(&rng) % 9); n > 0 && len[q] < CTX; n--) {
                if (!sf_kv_reserve(&kv, q, 1)) {
                    full++;
                    break;
                }
                write_one(q, i);
            }
        }
        if (i % 50 == 0) check_all();
    }
    check_all();
    assert_true(full > 0); /* the case "no page left" was met, and lost nothing */
    for (uint32_t q = 0; q < SEQS; q++) sf_kv_truncate(&kv, q, 0);
    assert_int_equal(kv.n_free, kv.n_pages);
    sf_arena_free(&arena);
}

static void bounds(void **state) {
    SF_UNUSED(state);
    open_cache(3);
    assert_true(sf_kv_reserve(&kv, 0, 48));
    assert_false(sf_kv_reserve(&kv, 1, 1));
    sf_kv_truncate(&kv, 0, 0); /* reserved but never filled: given back */
    assert_int_equal(kv.n_free, 3);
    assert_false(sf_kv_reserve(&kv, 0, UINT32_MAX));
    sf_arena_free(&arena);
    struct sf_arena a = {0};
    struct sf_kv_shape s = {UINT32_MAX, UINT32_MAX, 1024, CTX, 1, UINT32_MAX, SF_KV_F32, SF_KV_F32};
    struct sf_cache big;
    sf_kv_plan(&big, &a, &s);
    assert_true(a.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_model), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
