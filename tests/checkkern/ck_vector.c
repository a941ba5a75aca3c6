/* SPDX-License-Identifier: MIT
 * ck_vector.c - checks every slot that is not a matrix product against the reference.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "checkkern.h"

enum { A_IN, A_IN2, A_IN3, A_REF, A_GOT, A_REF2, A_GOT2, A_REF3, A_GOT3 };

/* Arguments of any slot here; which fields count is the slot's affair. */
struct args {
    int kind;
    float *y;
    const float *x, *w;
    size_t n, m, heads, ld;
    float scale;
    float *top, *len, corr;
    int8_t *q;
    int16_t *sum;
    void *page;
};

/* Two copies of the same content, for slots that work in place. */
static void twins(struct ck *c, float **a, float **b, size_t n, int pattern) {
    *a = ck_area(c, A_REF, n * sizeof(float), sizeof(float), 0);
    *b = ck_area(c, A_GOT, n * sizeof(float), sizeof(float), 0);
    ck_fill_f32(c, *a, n, pattern);
    memcpy(*b, *a, n * sizeof(float));
}

static float *input(struct ck *c, int area, size_t n, int pattern) {
    float *x = ck_area(c, area, n * sizeof *x, sizeof *x, 0);
    ck_fill_f32(c, x, n, pattern);
    ck_seal(area);
    return x;
}

static int any_pattern(struct ck *c) {
    return (int)ck_below(c, CK_F_PATTERNS);
}

/* Every length to 70, then some that occur: head sizes, ff and model widths. */
static size_t length(size_t i) {
    static const size_t more[] = {80, 96, 127, 128, 172, 255, 256, 288, 576, 768, 896, 1536, 2048};
    return i < 70 ? i + 1 : more[i - 70];
}
enum { LENGTHS = 83 };

static int rounds(const struct ck *c) {
    return c->quick ? 2 : 12;
}

/* ------------------------------------------------------------------ element-wise slots */

static void call_rmsnorm(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->rmsnorm(a->y, a->x, a->w, a->n, a->scale);
}
static void call_silu(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->silu_mul(a->y, a->x, a->n);
}
static void call_gelu(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->gelu_mul(a->y, a->x, a->n);
}
static void call_softcap(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->softcap(a->y, a->scale, a->n);
}
static void call_add(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->add(a->y, a->x, a->n);
}
static void call_div(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->div(a->y, a->scale, a->n);
}
static void call_exp(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->exp_sub(a->y, a->x, a->scale, a->n);
}

enum {
    E_RMSNORM,
    E_RMSNORM_INPLACE,
    E_SILU,
    E_GELU,
    E_SOFTCAP,
    E_ADD,
    E_DIV,
    E_EXP,
    E_EXP_INPLACE
};
static const ck_fn elementwise[] = {call_rmsnorm, call_rmsnorm, call_silu, call_gelu, call_softcap,
                                    call_add,     call_div,     call_exp,  call_exp};

static void element_case(struct ck *c, int op, size_t n, int pattern) {
    ck_begin(c);
    float *ref, *got;
    twins(c, &ref, &got, n, pattern);
    const bool in_place = op == E_RMSNORM_INPLACE || op == E_EXP_INPLACE;
    struct args a = {.n = n};
    a.x = input(c, A_IN, n, ck_below(c, 2) ? pattern : any_pattern(c));
    a.w = input(c, A_IN2, n, ck_below(c, 2) ? CK_F_NORMAL : any_pattern(c));
    const float scales[] = {1.0f, 3.0f, -2.5f, 0x1p-140f, 1e30f, 0.1f};
    a.scale = op <= E_RMSNORM_INPLACE ? (ck_below(c, 4) ? 1e-5f : 1e-12f) : scales[ck_below(c, 6)];
    if (op >= E_EXP && ck_below(c, 2)) a.scale = ck_unit(c) * 90;
    struct args b = a;
    a.y = ref;
    b.y = got;
    if (in_place) a.x = ref, b.x = got;
    elementwise[op](c->ref, &a);
    if (!ck_call(c, elementwise[op], c->got, &b)) return;
    char what[64];
    snprintf(what, sizeof what, "%zu values, pattern %d", n, pattern);
    ck_same(c, ref, got, n, what);
    ck_intact(c);
}

static void check_elementwise(struct ck *c, int op) {
    for (int v = 0; v < (op == E_RMSNORM || op == E_EXP ? 2 : 1); v++)
        for (int r = 0; r < rounds(c); r++)
            for (size_t i = 0; i < LENGTHS; i++)
                element_case(c, op + v, length(i), (int)((i + (size_t)r * 5) % CK_F_PATTERNS));
    for (int i = 0; i < rounds(c); i++) { /* must neither crash nor write elsewhere */
        ck_begin(c);
        float *ref, *got;
        twins(c, &ref, &got, 100, CK_F_NONFINITE);
        struct args a = {.n = 100, .y = got, .scale = ck_below(c, 2) ? NAN : INFINITY};
        a.x = input(c, A_IN, 100, CK_F_NONFINITE);
        a.w = input(c, A_IN2, 100, CK_F_NONFINITE);
        if (ck_call(c, elementwise[op], c->got, &a)) ck_intact(c);
    }
}

/* softcap, and by it tanh, over values that step through all of it that is not +-1. */
static void check_softcap(struct ck *c, int op) {
    check_elementwise(c, op);
    size_t steps = c->quick ? 1u << 14 : 1u << 19;
    for (size_t base = 0; base < steps; base += 1024) {
        ck_begin(c);
        float *ref = ck_area(c, A_REF, 1024 * sizeof *ref, sizeof *ref, 0);
        float *got = ck_area(c, A_GOT, 1024 * sizeof *got, sizeof *got, 0);
        for (size_t i = 0; i < 1024; i++)
            ref[i] = got[i] = -12.0f + 24.0f * (float)(base + i) / (float)steps;
        struct args a = {.n = 1024, .scale = 1, .y = ref}, b = a;
        b.y = got;
        call_softcap(c->ref, &a);
        if (!ck_call(c, call_softcap, c->got, &b)) return;
        if (!ck_same(c, ref, got, 1024, "tanh over its range")) return;
    }
}

/* exp_sub over values that step through the whole useful range of exp, overflow and subnormal
 * results included. */
static void check_exp(struct ck *c, int op) {
    check_elementwise(c, op);
    size_t steps = c->quick ? 1u << 14 : 1u << 19;
    for (size_t base = 0; base < steps; base += 1024) {
        ck_begin(c);
        float *ref = ck_area(c, A_REF, 1024 * sizeof *ref, sizeof *ref, 0);
        float *got = ck_area(c, A_GOT, 1024 * sizeof *got, sizeof *got, 0);
        float *x = ck_area(c, A_IN, 1024 * sizeof *x, sizeof *x, 0);
        for (size_t i = 0; i < 1024; i++)
            x[i] = -110.0f + 205.0f * (float)(base + i) / (float)steps;
        struct args a = {.n = 1024, .x = x, .y = ref}, b = a;
        b.y = got;
        call_exp(c->ref, &a);
        if (!ck_call(c, call_exp, c->got, &b)) return;
        if (!ck_same(c, ref, got, 1024, "exp over its range")) return;
    }
}

/* ------------------------------------------------------------------ activations to int8 */

static void call_quant(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->quant[a->kind](a->q, a->y, a->sum, a->x, a->n);
}

static void quant_case(struct ck *c, int form, size_t blocks, int pattern) {
    ck_begin(c);
    size_t per = form == SF_ACT_Q8_32 ? 32 : 256, n = blocks * per;
    struct args a = {.kind = form, .n = n};
    float *x = ck_area(c, A_IN, n * sizeof *x, sizeof *x, 0);
    ck_fill_f32(c, x, n, pattern);
    float unit = 1.0f;
    /* Values halfway between two integers after scaling, or a few steps beside: there rounding
     * modes part, and so do x * (127/amax) and x / (amax/127). */
    if (pattern == CK_F_NORMAL)
        for (size_t i = 0; i < n; i++) {
            if (i % per == 0) unit = ck_below(c, 2) ? 1.0f : fabsf(ck_unit(c)) + 0x1p-20f;
            x[i] = ((float)ck_below(c, 254) - 127.0f + 0.5f) * unit;
            for (size_t j = ck_below(c, 4); unit != 1.0f && j > 0; j--)
                x[i] = nextafterf(x[i], ck_below(c, 2) ? 1e6f : -1e6f);
            if (i % per == 7) x[i] = 127.0f * unit;
        }
    ck_seal(A_IN);
    a.x = x;
    struct args b = a;
    a.q = ck_area(c, A_REF, n, 1, SF_ALIGN);
    b.q = ck_area(c, A_GOT, n, 1, SF_ALIGN);
    a.y = ck_area(c, A_REF2, blocks * 4, 4, 0);
    b.y = ck_area(c, A_GOT2, blocks * 4, 4, 0);
    a.sum = ck_area(c, A_REF3, n / 16 * 2, 2, 0);
    b.sum = ck_area(c, A_GOT3, n / 16 * 2, 2, 0);
    call_quant(c->ref, &a);
    if (!ck_call(c, call_quant, c->got, &b)) return;
    char what[64];
    snprintf(what, sizeof what, "scales of %zu blocks, pattern %d", blocks, pattern);
    ck_same(c, a.y, b.y, blocks, what);
    for (size_t i = 0; i < n; i++) {
        if (a.q[i] != b.q[i] || b.q[i] == -128) {
            ck_fail(c, "pattern %d, q[%zu]: x %a, reference %d, kernel %d", pattern, i,
                    (double)x[i], a.q[i], b.q[i]);
            return;
        }
        uint32_t h = ((uint32_t)(uint8_t)a.q[i] + 256 * (uint32_t)i) * 0x9E3779B1u >> 20;
        c->spread.outputs[h / 64] |= (uint64_t)1 << h % 64;
    }
    ck_hash(c, b.q, n);
    if (memcmp(a.sum, b.sum, n / 16 * 2) != 0) ck_fail(c, "pattern %d: sums differ", pattern);
    ck_intact(c);
}

static void check_quant(struct ck *c, int form) {
    for (int r = 0; r < rounds(c) * 4; r++)
        for (int pattern = 0; pattern <= CK_F_NONFINITE; pattern++)
            quant_case(c, form, 1 + ck_below(c, 9), pattern);
    for (int r = 0; r < rounds(c) * 8; r++) quant_case(c, form, 4, CK_F_NORMAL);
    quant_case(c, form, 32, CK_F_NORMAL);
    c->spread.zeros = 0; /* whole patterns give scale 0 by contract */
}

/* ------------------------------------------------------------------ rotary embedding */

static void call_rope(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    (a->kind ? k->rope_neox : k->rope_norm)(a->y, a->x, a->m, a->n, a->heads);
}

static void check_rope(struct ck *c, int neox) {
    static const size_t head[] = {2, 4, 6, 8, 16, 18, 30, 48, 64, 80, 96, 128, 256};
    for (int r = 0; r < rounds(c) * 4; r++)
        for (size_t i = 0; i < SF_COUNT(head); i++) {
            ck_begin(c);
            struct args a = {.kind = neox, .n = head[i], .heads = 1 + ck_below(c, 9)};
            a.m = ck_below(c, 3) ? head[i] / 2 : 1 + ck_below(c, head[i] / 2); /* partial, too */
            float *ref, *got;
            twins(c, &ref, &got, a.n * a.heads, any_pattern(c));
            a.x = input(c, A_IN, 2 * a.m, ck_below(c, 3) ? CK_F_NORMAL : any_pattern(c));
            struct args b = a;
            a.y = ref;
            b.y = got;
            call_rope(c->ref, &a);
            if (!ck_call(c, call_rope, c->got, &b)) return;
            char what[64];
            snprintf(what, sizeof what, "%zu heads of %zu, %zu pairs", a.heads, a.n, a.m);
            ck_same(c, ref, got, a.n * a.heads, what);
            ck_intact(c);
        }
}

/* ------------------------------------------------------------------ attention */

static const size_t heads_of[] = {1, 2, 4, 6, 8, 16, 20, 48, 64, 80, 96, 128, 192, 256};

/* A page of n elements of a kind. */
static void *page(struct ck *c, int area, int kind, size_t n, int pattern) {
    if (kind == SF_KV_F32) return input(c, area, n, pattern);
    if (kind == SF_KV_Q8_0) { /* any bytes, and scales that are finite */
        size_t head = n / SF_KV_PAGE, bytes = sf_kv_page_bytes(SF_KV_Q8_0, head);
        uint8_t *p = ck_area(c, area, bytes, 2, 0);
        for (size_t i = 0; i < bytes; i++) p[i] = (uint8_t)ck_below(c, 256);
        uint16_t *d = (uint16_t *)(void *)(p + n);
        for (size_t i = 0; i < (bytes - n) / 2; i++)
            if ((d[i] & 0x7C00) == 0x7C00) d[i] &= pattern % 2 ? 0x83FF : 0xBFFF;
        ck_seal(area);
        return p;
    }
    uint16_t *h = ck_area(c, area, n * sizeof *h, sizeof *h, 0);
    float *x = malloc(n * sizeof *x);
    if (!x) abort();
    ck_fill_f32(c, x, n, pattern);
    for (size_t i = 0; i < n; i++) h[i] = sf_f32_to_f16(x[i]);
    free(x);
    ck_seal(area);
    return h;
}

static void call_score(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->attn_score[a->kind](a->y, a->ld, a->x, a->m, a->heads, a->page, a->n, a->scale);
}

static void check_score(struct ck *c, int kind) {
    for (int r = 0; r < rounds(c) * 3; r++)
        for (size_t i = 0; i < SF_COUNT(heads_of); i++) {
            ck_begin(c);
            struct args a = {.kind = kind, .n = heads_of[i], .heads = 1 + ck_below(c, 9)};
            a.scale = ck_below(c, 3) ? 0.125f : 1.0f / sqrtf((float)a.n);
            a.m = a.n + ck_below(c, 5);
            a.ld = SF_KV_PAGE + ck_below(c, 49);
            int pattern = any_pattern(c);
            a.page = page(c, A_IN, kind, a.n * SF_KV_PAGE, pattern);
            a.x = input(c, A_IN2, a.m * (a.heads - 1) + a.n,
                        kind != SF_KV_Q8_0 && ck_below(c, 2) ? CK_F_NORMAL : any_pattern(c));
            struct args b = a;
            size_t out = a.ld * (a.heads - 1) + SF_KV_PAGE;
            a.y = ck_area(c, A_REF, out * sizeof(float), sizeof(float), 0);
            b.y = ck_area(c, A_GOT, out * sizeof(float), sizeof(float), 0);
            call_score(c->ref, &a);
            if (!ck_call(c, call_score, c->got, &b)) return;
            char what[80];
            snprintf(what, sizeof what, "%zu heads of %zu, pattern %d", a.heads, a.n, pattern);
            ck_same(c, a.y, b.y, out, what);
            ck_intact(c);
        }
}

static void call_softmax(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    a->corr = k->attn_softmax(a->y, a->n, a->top, a->len);
}

static void softmax_case(struct ck *c, size_t n, int pattern) {
    ck_begin(c);
    struct args a = {.n = n}, b = a;
    twins(c, &a.y, &b.y, n, pattern);
    if (pattern == CK_F_ALTERNATING) /* a hundred apart: weights from 1 down to nothing */
        for (size_t i = 0; i < n; i++) a.y[i] = b.y[i] = ck_unit(c) * 104;
    float top, len;
    bool first = ck_below(c, 3) == 0;
    top = first ? -INFINITY : ck_below(c, 2) ? ck_unit(c) * 20 : a.y[ck_below(c, n)];
    if (ck_below(c, 8) == 0) top = ck_below(c, 2) ? 0.0f : -0.0f;
    len = first ? 0.0f : 1.0f + fabsf(ck_unit(c)) * 500;
    a.top = ck_area(c, A_REF2, 4, 4, 0);
    b.top = ck_area(c, A_GOT2, 4, 4, 0);
    a.len = ck_area(c, A_REF3, 4, 4, 0);
    b.len = ck_area(c, A_GOT3, 4, 4, 0);
    *a.top = *b.top = top;
    *a.len = *b.len = len;
    call_softmax(c->ref, &a);
    if (!ck_call(c, call_softmax, c->got, &b)) return;
    char what[80];
    snprintf(what, sizeof what, "%zu scores, pattern %d, maximum %a", n, pattern, (double)top);
    ck_same(c, a.y, b.y, n, what);
    ck_same(c, a.top, b.top, 1, "the maximum");
    ck_same(c, a.len, b.len, 1, "the sum");
    ck_same(c, &a.corr, &b.corr, 1, "the correction");
    ck_intact(c);
}

static void check_softmax(struct ck *c, int unused) {
    SF_UNUSED(unused);
    for (int r = 0; r < rounds(c) * 2; r++)
        for (size_t n = 1; n <= SF_TILE; n++)
            softmax_case(c, n, r % 3 ? CK_F_NORMAL : (int)((n + (size_t)r) % CK_F_PATTERNS));
    for (size_t n = 1; n <= SF_TILE; n++) softmax_case(c, n, CK_F_ALTERNATING);
    for (int p = 0; p < CK_F_PATTERNS; p++) softmax_case(c, 61, p);
}

static void call_mix(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->attn_mix[a->kind](a->y, a->ld, a->w, a->x, a->m, a->heads, a->page, (size_t)a->scale, a->n);
}

static void mix_case(struct ck *c, int kind, size_t head, int pattern) {
    ck_begin(c);
    struct args a = {.kind = kind, .n = head, .heads = 1 + ck_below(c, 9)};
    size_t n = ck_below(c, 8) ? 1 + ck_below(c, SF_KV_PAGE) : 0;
    a.scale = (float)n; /* positions */
    a.ld = a.n + ck_below(c, 5);
    a.m = SF_KV_PAGE + ck_below(c, 49);
    a.page = page(c, A_IN, kind, a.n * SF_KV_PAGE, pattern);
    a.x = input(c, A_IN2, a.m * (a.heads - 1) + n,
                kind != SF_KV_Q8_0 && ck_below(c, 2) ? CK_F_NORMAL : any_pattern(c));
    if (ck_below(c, 3)) a.w = input(c, A_IN3, a.heads, CK_F_NORMAL); /* corr */
    struct args b = a;
    size_t out = a.ld * (a.heads - 1) + a.n;
    twins(c, &a.y, &b.y, out, any_pattern(c));
    call_mix(c->ref, &a);
    if (!ck_call(c, call_mix, c->got, &b)) return;
    char what[96];
    snprintf(what, sizeof what, "%zu heads of %zu, %zu positions, pattern %d", a.heads, a.n, n,
             pattern);
    ck_same(c, a.y, b.y, out, what);
    ck_intact(c);
}

static void check_mix(struct ck *c, int kind) {
    for (int r = 0; r < rounds(c) * 3; r++)
        for (size_t i = 0; i < SF_COUNT(heads_of); i++)
            mix_case(c, kind, heads_of[i], any_pattern(c));
    /* Every finite half, read exactly: 0 + 1 * v. */
    for (size_t base = 0; kind == SF_KV_F16 && base < 65536; base += 256) {
        ck_begin(c);
        uint16_t *h = ck_area(c, A_IN, 512, 2, 0);
        for (size_t i = 0; i < 256; i++)
            h[i] = (uint16_t)(((base + i) & 0x7C00) == 0x7C00 ? 0 : base + i);
        float one = 1.0f;
        struct args a = {.kind = kind,
                         .n = 256,
                         .heads = 1,
                         .scale = 1,
                         .ld = 256,
                         .m = 1,
                         .x = &one,
                         .page = h},
                    b = a;
        twins(c, &a.y, &b.y, 256, CK_F_ZERO);
        call_mix(c->ref, &a);
        if (!ck_call(c, call_mix, c->got, &b)) return;
        ck_same(c, a.y, b.y, 256, "all halves");
    }
}

/* ------------------------------------------------------------------ KV writes */

static void call_put_k(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->kv_put_k[a->kind](a->page, a->m, a->x, a->n);
}
static void call_put_v(const struct sf_kernels *k, void *p) {
    struct args *a = p;
    k->kv_put_v[a->kind](a->page, a->m, a->x, a->n);
}

static void put_case(struct ck *c, ck_fn call, int kind, size_t head, const float *x) {
    size_t elem = kind == SF_KV_F32 ? 4 : 2, bytes = sf_kv_page_bytes((enum sf_kv)kind, head);
    struct args a = {.kind = kind, .n = head, .x = x}, b;
    a.m = ck_below(c, SF_KV_PAGE);
    b = a;
    a.page = ck_area(c, A_REF, bytes, elem, 0);
    b.page = ck_area(c, A_GOT, bytes, elem, 0);
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)a.page)[i] = (uint8_t)(i % 120);
    memcpy(b.page, a.page, bytes);
    call(c->ref, &a);
    if (!ck_call(c, call, c->got, &b)) return;
    const uint8_t *r = a.page, *g = b.page;
    ck_hash(c, g, bytes);
    for (size_t i = 0; i < bytes; i++) {
        uint32_t h = ((uint32_t)r[i] * 31 + (uint32_t)i) * 0x9E3779B1u >> 20;
        c->spread.outputs[h / 64] |= (uint64_t)1 << h % 64;
        if (r[i] == g[i]) continue;
        ck_fail(c, "head of %zu, position %zu: byte %zu is %02x, reference %02x", head, a.m, i,
                g[i], r[i]);
        return;
    }
    ck_intact(c);
}

static void check_put(struct ck *c, int arg) {
    int kind = arg % SF_KV_COUNT;
    ck_fn call = arg < SF_KV_COUNT ? call_put_k : call_put_v;
    for (int r = 0; r < rounds(c) * 2; r++)
        for (size_t i = 0; i < SF_COUNT(heads_of); i++)
            for (int p = 0; p < CK_F_PATTERNS; p++) {
                ck_begin(c);
                put_case(c, call, kind, heads_of[i], input(c, A_IN, heads_of[i], p));
            }
    /* Every half, every midpoint between neighbours, and one step of binary32 to either side. */
    for (uint32_t h = 0; kind == SF_KV_F16 && h < 0x7BFF; h += 64) {
        ck_begin(c);
        float *x = ck_area(c, A_IN, 256 * sizeof *x, sizeof *x, 0);
        for (uint32_t i = 0; i < 64; i++) {
            float v = sf_f16_to_f32((uint16_t)(h + i));
            float next = h + i < 0x7BFF ? sf_f16_to_f32((uint16_t)(h + i + 1)) : 65536.0f;
            float mid = (v + next) / 2, sign = ck_below(c, 2) ? -1.0f : 1.0f;
            x[4 * i] = sign * v;
            x[4 * i + 1] = sign * mid;
            x[4 * i + 2] = sign * nextafterf(mid, 0);
            x[4 * i + 3] = sign * nextafterf(mid, 1e6f);
        }
        put_case(c, call, kind, 256, x);
    }
    ck_begin(c);
    put_case(c, call, kind, 64, input(c, A_IN, 64, CK_F_NORMAL));
}

/* ------------------------------------------------------------------ the list */

static void bench(const struct sf_kernels *k, int arg, int unused, double *ns, double *bytes) {
    SF_UNUSED(unused);
    struct ck c = {.rng = 1, .quiet = true};
    const size_t n = 2048, head = 64;
    ck_begin(&c);
    struct args a = {.n = n, .scale = 1e-5f, .heads = 8, .ld = n, .m = n};
    a.y = ck_area(&c, A_REF, n * 8 * sizeof(float), 4, 0);
    ck_fill_f32(&c, a.y, n, CK_F_SMALL);
    a.x = input(&c, A_IN, n, CK_F_SMALL);
    a.w = input(&c, A_IN2, n, CK_F_SMALL);
    *bytes = (double)n * 8;
    int op = arg / 16;
    a.kind = arg % 16;
    static const ck_fn calls[] = {call_rmsnorm, call_silu,  call_add,   call_div,     call_exp,
                                  call_quant,   call_rope,  call_score, call_softmax, call_mix,
                                  call_put_k,   call_put_v, call_gelu,  call_softcap};
    float top = 0, len = 0;
    a.top = &top;
    a.len = &len;
    if (op >= 6 && op != 8 && op < 12) a.n = head;
    if (op == 6) a.m = head / 2, a.heads = n / head, *bytes = (double)n * 8;
    if (op == 7 || (op >= 9 && op < 12)) {
        a.page = page(&c, A_IN3, a.kind, head * SF_KV_PAGE, CK_F_SMALL);
        a.m = op == 7 ? head : op == 9 ? SF_KV_PAGE : 3;
        a.ld = op == 7 ? SF_KV_PAGE : head;
        a.scale = op == 9 ? 16 : 0.125f;
        *bytes = (double)sf_kv_page_bytes((enum sf_kv)a.kind, head);
    }
    if (op == 8) a.n = SF_TILE, *bytes = SF_TILE * 4;
    if (op == 5) {
        a.q = ck_area(&c, A_GOT, n, 1, SF_ALIGN);
        a.sum = ck_area(&c, A_GOT3, n / 8, 2, 0);
    }
    *ns = ck_time(calls[op], k, &a);
}

#define AT(field) offsetof(struct sf_kernels, field)
int ck_slots_vector(struct ck_slot *slots) {
    /* bench: 16 * index of the call, plus the kind */
    const struct {
        const char *op, *what;
        size_t at;
        void (*check)(struct ck *, int);
        int arg, bench;
    } list[] = {
        {"quant", "q8_32", AT(quant[SF_ACT_Q8_32]), check_quant, SF_ACT_Q8_32, 80 + SF_ACT_Q8_32},
        {"quant", "q8_256", AT(quant[SF_ACT_Q8_256]), check_quant, SF_ACT_Q8_256,
         80 + SF_ACT_Q8_256},
        {"rmsnorm", "f32", AT(rmsnorm), check_elementwise, E_RMSNORM, 0},
        {"rope_norm", "f32", AT(rope_norm), check_rope, 0, 96},
        {"rope_neox", "f32", AT(rope_neox), check_rope, 1, 97},
        {"attn_score", "f16", AT(attn_score[SF_KV_F16]), check_score, SF_KV_F16, 112 + SF_KV_F16},
        {"attn_score", "f32", AT(attn_score[SF_KV_F32]), check_score, SF_KV_F32, 112 + SF_KV_F32},
        {"attn_softmax", "f32", AT(attn_softmax), check_softmax, 0, 128},
        {"attn_mix", "f16", AT(attn_mix[SF_KV_F16]), check_mix, SF_KV_F16, 144 + SF_KV_F16},
        {"attn_mix", "f32", AT(attn_mix[SF_KV_F32]), check_mix, SF_KV_F32, 144 + SF_KV_F32},
        {"kv_put_k", "f16", AT(kv_put_k[SF_KV_F16]), check_put, SF_KV_F16, 160 + SF_KV_F16},
        {"kv_put_k", "f32", AT(kv_put_k[SF_KV_F32]), check_put, SF_KV_F32, 160 + SF_KV_F32},
        {"kv_put_v", "f16", AT(kv_put_v[SF_KV_F16]), check_put, SF_KV_COUNT + SF_KV_F16,
         176 + SF_KV_F16},
        {"kv_put_v", "f32", AT(kv_put_v[SF_KV_F32]), check_put, SF_KV_COUNT + SF_KV_F32,
         176 + SF_KV_F32},
        {"attn_score", "q8_0", AT(attn_score[SF_KV_Q8_0]), check_score, SF_KV_Q8_0,
         112 + SF_KV_Q8_0},
        {"attn_mix", "q8_0", AT(attn_mix[SF_KV_Q8_0]), check_mix, SF_KV_Q8_0, 144 + SF_KV_Q8_0},
        {"kv_put_k", "q8_0", AT(kv_put_k[SF_KV_Q8_0]), check_put, SF_KV_Q8_0, 160 + SF_KV_Q8_0},
        {"kv_put_v", "q8_0", AT(kv_put_v[SF_KV_Q8_0]), check_put, SF_KV_COUNT + SF_KV_Q8_0,
         176 + SF_KV_Q8_0},
        {"silu_mul", "f32", AT(silu_mul), check_elementwise, E_SILU, 16},
        {"gelu_mul", "f32", AT(gelu_mul), check_elementwise, E_GELU, 192},
        {"softcap", "f32", AT(softcap), check_softcap, E_SOFTCAP, 208},
        {"add", "f32", AT(add), check_elementwise, E_ADD, 32},
        {"div", "f32", AT(div), check_elementwise, E_DIV, 48},
        {"exp_sub", "f32", AT(exp_sub), check_exp, E_EXP, 64},
    };
    for (size_t i = 0; i < SF_COUNT(list); i++) {
        struct ck_slot *s = &slots[i];
        snprintf(s->op, sizeof s->op, "%s", list[i].op);
        snprintf(s->what, sizeof s->what, "%s", list[i].what);
        s->at = list[i].at;
        s->pointers = 1;
        s->arg = list[i].arg;
        s->bench_arg = list[i].bench;
        s->check = list[i].check;
        s->bench = bench;
    }
    return (int)SF_COUNT(list);
}
