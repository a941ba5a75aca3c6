/* SPDX-License-Identifier: MIT
 * ck_matmul.c - checks gemv and gemm of every weight type against the reference.
 */
#include <ctype.h>
#include <stdlib.h>

#include "checkkern.h"
#include "pack.h"

struct args {
    enum sf_type t;
    bool gemv;
    float *y;
    size_t ldy, n, r0, r1, k;
    const void *w;
    const struct sf_acts *x;
};

static void call(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    const struct sf_matmul *m = &k->mm[a->t];
    (a->gemv ? m->gemv : m->gemm)(a->y, a->ldy, a->w, a->x, a->n, a->r0, a->r1, a->k);
}

/* Weights in the layout of a slot: the file's own, or packed into another area. */
static const void *in_layout(struct ck *c, const struct sf_kernels *k, enum sf_type t,
                             const uint8_t *file, size_t rows, size_t cols, int area) {
    if (k->mm[t].rows == 1) return file;
    size_t bytes;
    if (!sf_pack_size(&bytes, t, rows, cols)) abort();
    void *packed = ck_area(c, area, bytes, 1, SF_ALIGN);
    sf_pack_groups(packed, file, t, rows, cols, 0, (rows + SF_PACK_ROWS - 1) / SF_PACK_ROWS);
    ck_seal(area);
    return packed;
}

enum { A_FILE, A_ACTS, A_PACKED_REF = A_ACTS + 3, A_PACKED, A_Y_REF, A_Y };

static void one_case(struct ck *c, enum sf_type t, size_t rows, size_t k, size_t n) {
    ck_begin(c);
    const struct sf_qtype *q = &sf_qtypes[t];
    size_t bytes, ldy = rows + ck_below(c, 4);
    if (!sf_type_size(&bytes, t, rows, k)) abort();
    uint8_t *file = ck_area(c, A_FILE, bytes, 1, q->block == 1 ? q->bytes : 1);
    int pattern = ck_fill_blocks(c, file, t, bytes / q->bytes);
    ck_seal(A_FILE);
    struct sf_acts x;
    ck_fill_acts(c, &x, q->act, n, k, A_ACTS);
    float *ref = ck_area(c, A_Y_REF, n * ldy * sizeof *ref, sizeof *ref, 0);
    float *got = ck_area(c, A_Y, n * ldy * sizeof *got, sizeof *got, 0);
    struct args a = {t, false, ref, ldy, n, 0, rows, k, NULL, &x};
    a.w = in_layout(c, c->ref, t, file, rows, k, A_PACKED_REF);
    call(c->ref, &a);

    char what[96];
    snprintf(what, sizeof what, "%zu rows, %zu columns, %zu tokens, pattern %d", rows, k, n,
             pattern);
    a.y = got;
    a.w = in_layout(c, c->got, t, file, rows, k, A_PACKED);
    if (!ck_call(c, call, c->got, &a)) return;
    c->hashing = true;
    bool same = ck_same(c, ref, got, n * ldy, what);
    c->hashing = false; /* what follows depends on the layout */
    if (!same || !ck_intact(c)) return;

    /* Any split over rows gives the same, and leaves other rows alone. */
    size_t step = (size_t)c->got->mm[t].rows, units = (rows + step - 1) / step;
    memset(got, 0x5A, n * ldy * sizeof *got);
    a.r0 = ck_below(c, units) * step;
    a.r1 = sf_min(rows, a.r0 + (1 + ck_below(c, units - a.r0 / step)) * step);
    if (!ck_call(c, call, c->got, &a)) return;
    for (size_t i = 0; i < n; i++) {
        ck_same(c, ref + i * ldy + a.r0, got + i * ldy + a.r0, a.r1 - a.r0, "a split over rows");
        for (size_t r = 0; r < ldy; r++) {
            uint32_t u;
            memcpy(&u, got + i * ldy + r, 4);
            if ((r < a.r0 || r >= a.r1) && u != 0x5A5A5A5A) {
                ck_fail(c, "%s: rows %zu to %zu asked, row %zu written", what, a.r0, a.r1, r);
                return;
            }
        }
    }
    /* Batch invariance: each token alone gives the same bits. */
    const size_t per = q->act == SF_ACT_Q8_256 ? 256 : 32;
    for (size_t i = 0; i < n; i++) {
        struct sf_acts one = x;
        one.n = 1;
        if (x.f) one.f = x.f + i * k;
        if (x.q) one.q = x.q + i * k, one.d = x.d + i * (k / per), one.sum = x.sum + i * (k / 16);
        struct args b = {t, true, got + i * ldy, ldy, 1, 0, rows, k, a.w, &one};
        if (!ck_call(c, call, c->got, &b)) return;
        if (!ck_same(c, ref + i * ldy, got + i * ldy, rows, "one token alone")) return;
    }
    ck_intact(c);
}

static void check(struct ck *c, int arg) {
    enum sf_type t = (enum sf_type)arg;
    const struct sf_qtype *q = &sf_qtypes[t];
    static const size_t blocks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33};
    static const size_t plain[] = {1, 4, 8, 15, 16, 17, 31, 33, 64, 172, 288, 768};
    size_t sizes = q->block == 1 ? SF_COUNT(plain) : SF_COUNT(blocks);
    size_t per_size = c->quick ? 3 : q->block == 256 ? 12 : 24;
    for (size_t i = 0; i < sizes; i++) {
        size_t k = q->block == 1 ? plain[i] : blocks[i] * q->block;
        for (size_t j = 0; j < per_size; j++) one_case(c, t, 1 + j * 7 % 33, k, 1 + (i + j) % 9);
    }
    for (size_t rows = 1; rows <= 33; rows++) /* every tail of rows */
        one_case(c, t, rows, q->block == 1 ? 20 : q->block, 1 + rows % 5);
    for (size_t n = 1; n <= (c->quick ? 9 : 33); n++) /* every tail of tokens */
        one_case(c, t, 17, q->block == 1 ? 20 : q->block, n);
    /* shapes of real models */
    c->plain = true;
    one_case(c, t, 2048, q->block == 256 ? 2048 : 896, 1);
    if (!c->quick) {
        one_case(c, t, 896, q->block == 256 ? 4864 : 896, 2);
        one_case(c, t, 64, 8192, 3);
        one_case(c, t, 151936, q->block == 1 ? 8 : q->block, 1);
        /* kernels cut long rows, many rows and many tokens into pieces */
        one_case(c, t, 33, q->block == 256 ? 6912 : 6944, 17);
        one_case(c, t, 600, 1024, 35);
    }
}

/* Ordinary numbers: hostile ones (subnormal scales) take microcode paths that no model sees. */
static void tame(struct ck *c, uint8_t *file, enum sf_type t, size_t n, struct sf_acts *x) {
    const struct sf_qtype *q = &sf_qtypes[t];
    for (size_t i = 0; i < n * q->bytes; i++) file[i] = (uint8_t)ck_rand(c);
    for (size_t b = 0; b < n; b++) {
        const float v = ck_unit(c) / 16;
        const uint16_t h = t == SF_T_BF16 ? sf_f32_to_bf16(v) : sf_f32_to_f16(v);
        uint8_t *p = file + b * q->bytes;
        if (t == SF_T_F32)
            memcpy(p, &v, 4);
        else if (q->block == 1)
            memcpy(p, &h, 2);
        for (size_t i = 0; i < q->n_half; i++) memcpy(p + q->half[i], &h, 2);
    }
    float *d = (float *)(x->f ? x->f : x->d);
    for (size_t i = 0; i < x->n * x->k / (x->f ? 1 : q->block); i++) d[i] = ck_unit(c);
}

static void bench(const struct sf_kernels *k, int arg, int tokens, double *ns, double *bytes) {
    enum sf_type t = (enum sf_type)arg;
    const size_t rows = 512, cols = 2048, n = (size_t)tokens;
    struct ck c = {.rng = 1, .quiet = true};
    size_t size;
    if (!sf_type_size(&size, t, rows, cols)) abort();
    ck_begin(&c);
    uint8_t *file = ck_area(&c, A_FILE, size, 1, 4);
    struct sf_acts x;
    ck_fill_acts(&c, &x, sf_qtypes[t].act, n, cols, A_ACTS);
    tame(&c, file, t, size / sf_qtypes[t].bytes, &x);
    float *y = ck_area(&c, A_Y, n * rows * sizeof *y, sizeof *y, 0);
    struct args a = {t, n == 1, y, rows, n, 0, rows, cols, NULL, &x};
    a.w = in_layout(&c, k, t, file, rows, cols, A_PACKED);
    *bytes = (double)size;
    *ns = ck_time(call, k, &a);
}

int ck_slots_matmul(struct ck_slot *slots) {
    int n = 0;
    for (int t = 0; t < SF_T_COUNT; t++) {
        struct ck_slot *s = &slots[n++];
        snprintf(s->op, sizeof s->op, "gemm");
        snprintf(s->what, sizeof s->what, "%s", sf_qtypes[t].name);
        for (char *p = s->what; *p; p++) *p = (char)tolower((unsigned char)*p);
        s->at = offsetof(struct sf_kernels, mm) + (size_t)t * sizeof(struct sf_matmul) +
                offsetof(struct sf_matmul, gemv);
        s->pointers = 2;
        s->arg = s->bench_arg = t;
        s->check = check;
        s->bench = bench;
    }
    return n;
}
