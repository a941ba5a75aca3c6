/* SPDX-License-Identifier: MIT
 * quantize.c - recipes, and rows from one type to another; see quantize.h.
 *
 * What a recipe knows: errors in the output matrix reach every token, those in attn_v and ffn_down
 * pass straight into the residual stream, and the layers at both ends of a model bear them worst. So
 * these get more bits: the output always, the others in a share of the layers.
 */
#include "quantize.h"

#include <math.h>
#include <string.h>

#include "threads.h"

#define PURE(name, file_type, T)                                                                   \
    { name, file_type, SF_T_##T, SF_T_##T, SF_T_##T, SF_T_##T, SF_T_##T, SF_T_##T, SF_T_##T, 0 }
/* clang-format off */
static const struct sf_recipe recipes[] = {
    PURE("f32", 0, F32),   PURE("f16", 1, F16),   PURE("bf16", 32, BF16), PURE("q8_0", 7, Q8_0),
    PURE("q4_0", 2, Q4_0), PURE("q4_1", 3, Q4_1), PURE("q5_0", 8, Q5_0),  PURE("q5_1", 9, Q5_1),
    PURE("iq4_nl", 25, IQ4_NL), PURE("q2_k", 10, Q2_K), PURE("q3_k", 11, Q3_K), PURE("q4_k", 14, Q4_K),
    PURE("q5_k", 16, Q5_K), PURE("q6_k", 18, Q6_K),
    /*  name  general.file_type  most  output  attn_v: some, others  ffn_down: some, others  attn_output  some */
    {"q3_k_s", 11, SF_T_Q3_K, SF_T_Q6_K, SF_T_Q3_K, SF_T_Q3_K, SF_T_Q3_K, SF_T_Q3_K, SF_T_Q3_K, 0},
    {"q3_k_m", 12, SF_T_Q3_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q4_K, SF_T_Q5_K, SF_T_Q4_K, SF_T_Q4_K, 8},
    {"q3_k_l", 13, SF_T_Q3_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, 0},
    {"q4_k_s", 14, SF_T_Q4_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q4_K, SF_T_Q5_K, SF_T_Q4_K, SF_T_Q4_K, 8},
    {"q4_k_m", 15, SF_T_Q4_K, SF_T_Q6_K, SF_T_Q6_K, SF_T_Q4_K, SF_T_Q6_K, SF_T_Q4_K, SF_T_Q4_K, 2},
    {"q5_k_s", 16, SF_T_Q5_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, SF_T_Q5_K, 0},
    {"q5_k_m", 17, SF_T_Q5_K, SF_T_Q6_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q6_K, SF_T_Q5_K, SF_T_Q5_K, 2},
};
/* clang-format on */

const struct sf_recipe *sf_recipe_at(size_t i) {
    return i < SF_COUNT(recipes) ? &recipes[i] : NULL;
}

const struct sf_recipe *sf_recipe_by_name(const char *name) {
    char low[16];
    size_t n = strlen(name);
    if (n >= sizeof low) return NULL;
    for (size_t i = 0; i <= n; i++)
        low[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    for (size_t i = 0; i < SF_COUNT(recipes); i++)
        if (!strcmp(low, recipes[i].name)) return &recipes[i];
    return NULL;
}

/* ---------------------------------------------------------------------------------- the choice */

static bool is(const char *name, size_t n, const char *what) {
    return n == strlen(what) && !memcmp(name, what, n);
}

/* "blk.12.attn_v.weight" -> 12 and "attn_v"; false: no tensor of a layer. */
static bool of_layer(const char *name, size_t n, uint32_t *layer, const char **what, size_t *len) {
    static const char end[] = ".weight";
    size_t at = 4;
    *layer = 0;
    if (n < 5 + sizeof end || memcmp(name, "blk.", 4) != 0) return false;
    for (; at < n && at < 12 && name[at] >= '0' && name[at] <= '9'; at++)
        *layer = *layer * 10 + (uint32_t)(name[at] - '0');
    if (at == 4 || at >= n || name[at] != '.') return false;
    *what = name + at + 1;
    if (n - at - 1 <= sizeof end - 1) return false;
    *len = n - at - 1 - (sizeof end - 1);
    return !memcmp(name + n - (sizeof end - 1), end, sizeof end - 1);
}

static bool among(const struct sf_recipe *r, uint32_t layer, uint32_t n_layers) {
    if (r->some == 8) return layer < (n_layers + 7) / 8;
    if (r->some == 2) return layer < n_layers / 4 || layer >= n_layers - (n_layers + 3) / 4;
    return false;
}

static enum sf_type with_blocks(enum sf_type t, uint64_t cols) {
    if (cols % sf_qtypes[t].block == 0) return t;
    switch (t) {
    case SF_T_Q2_K:
    case SF_T_Q3_K:
        t = SF_T_IQ4_NL;
        break;
    case SF_T_Q4_K:
        t = SF_T_Q5_0;
        break;
    case SF_T_Q5_K:
        t = SF_T_Q5_1;
        break;
    case SF_T_Q6_K:
        t = SF_T_Q8_0;
        break;
    default:
        return SF_T_F16;
    }
    return cols % sf_qtypes[t].block == 0 ? t : SF_T_F16;
}

enum sf_type sf_recipe_type(const struct sf_recipe *r, const char *name, size_t n, uint32_t n_dims,
                            uint64_t cols, uint32_t n_layers, bool tied) {
    static const char end[] = ".weight";
    uint32_t layer;
    const char *what = "";
    size_t len = 0;
    if (n_dims < 2 || n < sizeof end || memcmp(name + n - (sizeof end - 1), end, sizeof end - 1))
        return SF_T_COUNT;
    enum sf_type t = r->most;
    if (of_layer(name, n, &layer, &what, &len)) {
        bool some = among(r, layer, n_layers);
        if (is(what, len, "ffn_gate_inp") || (len > 5 && !memcmp(what + len - 5, "_norm", 5)))
            return SF_T_COUNT; /* few numbers on which much depends */
        if (is(what, len, "attn_v") || is(what, len, "attn_qkv"))
            t = some ? r->value_some : r->value;
        else if (is(what, len, "ffn_down") || is(what, len, "ffn_down_exps"))
            t = some ? r->down_some : r->down;
        else if (is(what, len, "attn_output"))
            t = r->attn_output;
    } else if (is(name, n, "output.weight") || (tied && is(name, n, "token_embd.weight"))) {
        t = r->output;
    } else if (is(name, n, "position_embd.weight") || is(name, n, "token_types.weight")) {
        return SF_T_COUNT;
    }
    return with_blocks(t, cols);
}

/* ------------------------------------------------------------------------------------ the rows */

struct work {
    unsigned char *dst;
    const unsigned char *src;
    const struct sf_qtype *to, *from;
    size_t rows, cols, dst_row, src_row;
    float *line; /* (threads, 2, cols) */
    struct row { /* (rows) */
        double square, norm;
        float largest;
        bool finite;
    } * row;
};

size_t sf_quantize_scratch(size_t cols, size_t rows, int n_threads) {
    size_t a, b, all;
    if (!sf_size_mul(&a, cols, 2 * sizeof(float) * (size_t)n_threads) ||
        !sf_size_mul(&b, rows, sizeof(struct row)) || !sf_size_add(&all, a, b) ||
        !sf_size_add(&all, all, SF_ALIGN))
        return SIZE_MAX;
    return all;
}

static bool all_finite(const float *x, size_t n) {
    float odd = 0; /* x - x is 0 for every number, and NaN for what is none */
    for (size_t k = 0; k < n; k++) odd += x[k] - x[k];
    return odd == 0;
}

/* Sums in eight lanes, added in a fixed order: quick, and the same everywhere. */
static void measure(struct row *e, const float *x, const float *y, size_t n) {
    enum { LANES = 8 };
    double square[LANES] = {0}, norm[LANES] = {0};
    float largest[LANES] = {0};
    size_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) {
            float d = x[k + l] - y[k + l], a = fabsf(d);
            square[l] += (double)d * (double)d;
            norm[l] += (double)x[k + l] * (double)x[k + l];
            largest[l] = a > largest[l] ? a : largest[l];
        }
    for (; k < n; k++) {
        float d = x[k] - y[k], a = fabsf(d);
        square[0] += (double)d * (double)d;
        norm[0] += (double)x[k] * (double)x[k];
        largest[0] = a > largest[0] ? a : largest[0];
    }
    for (int l = 0; l < LANES; l++) {
        e->square += square[l];
        e->norm += norm[l];
        if (largest[l] > e->largest) e->largest = largest[l];
    }
}

static void one_row(const struct work *w, size_t i, float *x, float *y) {
    struct row *e = &w->row[i];
    const unsigned char *src = w->src + i * w->src_row;
    unsigned char *dst = w->dst + i * w->dst_row;
    *e = (struct row){.finite = w->from->finite(src, w->cols / w->from->block)};
    if (!e->finite) return;
    w->from->decode(x, src, w->cols / w->from->block);
    e->finite = all_finite(x, w->cols);
    if (!e->finite) return;
    w->to->encode(dst, x, w->cols / w->to->block);
    w->to->decode(y, dst, w->cols / w->to->block);
    measure(e, x, y, w->cols);
}

static void body(void *arg, struct sf_member *me) {
    const struct work *w = arg;
    float *x = w->line + (size_t)me->id * 2 * w->cols;
    size_t from, to;
    while (sf_take(me, w->rows, 1, &from, &to))
        for (size_t i = from; i < to; i++) one_row(w, i, x, x + w->cols);
}

void sf_quantize_rows(void *dst, enum sf_type to, const void *src, enum sf_type from, size_t rows,
                      size_t cols, int n_threads, void *scratch, struct sf_quantize_error *e) {
    struct work w = {.dst = dst,
                     .src = src,
                     .to = &sf_qtypes[to],
                     .from = &sf_qtypes[from],
                     .rows = rows,
                     .cols = cols,
                     .row = scratch};
    size_t at = sf_round_up(rows * sizeof *w.row, sizeof(double));
    w.line = (float *)((unsigned char *)scratch + at);
    w.dst_row = cols / w.to->block * w.to->bytes;
    w.src_row = cols / w.from->block * w.from->bytes;
    sf_team_run(n_threads, body, &w);
    for (size_t i = 0; i < rows; i++) { /* in order, whoever did them */
        e->square += w.row[i].square;
        e->norm += w.row[i].norm;
        if (w.row[i].largest > e->largest) e->largest = w.row[i].largest;
        e->finite = e->finite && w.row[i].finite;
    }
}
