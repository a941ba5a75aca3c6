/* SPDX-License-Identifier: MIT
 * mlp.c - a small network: forward pass and file; see mlp.h. Training is in mlp_train.c.
 */
#include "mlp.h"

#include <math.h>
#include <sleef.h>
#include <stdio.h>
#include <string.h>

static void plan(struct sf_mlp *m) {
    float *p = sf_arena_take(&m->arena, m->n_params, sizeof *p);
    if (!p) return;
    m->w = p;
    m->m = m->w + (size_t)m->rows * m->n_x;
    m->b = m->m + (size_t)m->rows * m->n_more;
    m->v = m->b + m->rows;
    m->c = m->v + (size_t)m->n_out * m->n_hidden;
}

surefoot_status sf_mlp_open(struct sf_mlp *m, uint32_t n_x, uint32_t n_more, uint32_t n_hidden,
                            uint32_t n_out, surefoot_error *err) {
    *m = (struct sf_mlp){0};
    if (n_x < 1 || n_x > SF_MLP_MAX_X || n_more > SF_MLP_MAX_MORE || n_hidden > SF_MLP_MAX_HIDDEN ||
        n_out < 1 || n_out > SF_MLP_MAX_OUT)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "a network of %u + %u inputs, %u hidden units and %u outputs: at most %u, "
                       "%d, %d, %d",
                       n_x, n_more, n_hidden, n_out, SF_MLP_MAX_X, SF_MLP_MAX_MORE,
                       SF_MLP_MAX_HIDDEN, SF_MLP_MAX_OUT);
    m->n_x = n_x;
    m->n_more = n_more;
    m->n_hidden = n_hidden;
    m->n_out = n_out;
    m->rows = n_hidden ? n_hidden : n_out;
    m->n_params =
        (size_t)m->rows * (n_x + n_more + 1) + (size_t)n_out * n_hidden + (n_hidden ? n_out : 0);
    plan(m);
    surefoot_status s = sf_arena_reserve(&m->arena, err);
    if (s != SUREFOOT_OK) {
        *m = (struct sf_mlp){0};
        return s;
    }
    plan(m);
    return SUREFOOT_OK;
}

void sf_mlp_close(struct sf_mlp *m) {
    sf_arena_free(&m->arena);
    *m = (struct sf_mlp){0};
}

/* Sum of a[i] b[i] in 16 lanes, then the tree of mlp.h. */
static float dot(const float *a, const float *b, size_t n) {
    float lane[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++) lane[k] += a[i + k] * b[i + k];
    for (size_t k = 0; i + k < n; k++) lane[k] += a[i + k] * b[i + k];
    for (size_t step = 8; step > 0; step /= 2)
        for (size_t k = 0; k < step; k++) lane[k] += lane[k + step];
    return lane[0];
}

float sf_mlp_unit(const struct sf_mlp *m, uint32_t j, const float *x, const float *more) {
    float sum = dot(m->w + (size_t)j * m->n_x, x, m->n_x) + m->b[j];
    for (uint32_t k = 0; k < m->n_more; k++) sum += m->m[(size_t)j * m->n_more + k] * more[k];
    return sum;
}

void sf_mlp_forward(const struct sf_mlp *m, const float *x, const float *more, float *out) {
    float r[SF_MLP_MAX_HIDDEN];
    if (m->n_hidden == 0) {
        for (uint32_t o = 0; o < m->n_out; o++) out[o] = sf_mlp_unit(m, o, x, more);
        return;
    }
    for (uint32_t j = 0; j < m->n_hidden; j++) {
        float y = sf_mlp_unit(m, j, x, more);
        r[j] = y < 0 ? 0 : y; /* NaN stays */
    }
    for (uint32_t o = 0; o < m->n_out; o++)
        out[o] = dot(m->v + (size_t)o * m->n_hidden, r, m->n_hidden) + m->c[o];
}

/* In double and rounded once: neighbouring floats are further apart than its error. */
float sf_mlp_sigmoid(float y) {
    if (isnan(y)) return y;
    double x = y > 80 ? 80 : y < -80 ? -80 : (double)y;
    return (float)(1.0 / (1.0 + Sleef_cinz_expd1_u10purec(-x)));
}

bool sf_mlp_monotone(const struct sf_mlp *m, uint32_t o) {
    for (uint32_t j = 0; j < m->rows; j++) {
        float v = m->n_hidden ? m->v[(size_t)o * m->n_hidden + j] : j == o ? 1.0f : 0.0f;
        for (uint32_t k = 0; k < m->n_more; k++) {
            float w = m->m[(size_t)j * m->n_more + k];
            if ((v > 0 && w < 0) || (v < 0 && w > 0)) return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------- in a file */

struct part {
    const char *name;
    float *at;
    uint64_t columns, rows;
};

/* The tensors that a network of these sizes has; returns how many. */
static int parts_of(const struct sf_mlp *m, struct part part[5]) {
    int n = 0;
    part[n++] = (struct part){"w", m->w, m->n_x, m->rows};
    if (m->n_more) part[n++] = (struct part){"m", m->m, m->n_more, m->rows};
    part[n++] = (struct part){"b", m->b, m->rows, 1};
    if (m->n_hidden) part[n++] = (struct part){"v", m->v, m->n_hidden, m->n_out};
    if (m->n_hidden) part[n++] = (struct part){"c", m->c, m->n_out, 1};
    return n;
}

enum { F32 = 0 }; /* GGUF's id */

void sf_mlp_put(const struct sf_mlp *m, struct sf_gguf_writer *w, const char *prefix) {
    struct part part[5];
    int n = parts_of(m, part);
    for (int i = 0; i < n; i++) {
        char name[SF_GGUF_MAX_NAME + 1];
        const uint64_t dim[2] = {part[i].columns, part[i].rows};
        snprintf(name, sizeof name, "%s.%s", prefix, part[i].name);
        sf_gguf_put_tensor(w, name, F32, 2, dim,
                           (size_t)(part[i].columns * part[i].rows) * sizeof(float));
    }
}

surefoot_status sf_mlp_write(const struct sf_mlp *m, struct sf_gguf_writer *w,
                             surefoot_error *err) {
    struct part part[5];
    int n = parts_of(m, part);
    for (int i = 0; i < n; i++) /* every CPU we run on is little-endian, as the format is */
        SF_TRY(sf_gguf_writer_data(w, part[i].at,
                                   (size_t)(part[i].columns * part[i].rows) * sizeof(float), err));
    return SUREFOOT_OK;
}

/* Columns and rows of PREFIX.name; both 0 where there is no such tensor. */
static surefoot_status shape_of(const struct sf_gguf *g, const char *prefix, const char *name,
                                uint64_t *columns, uint64_t *rows, surefoot_error *err) {
    char full[SF_GGUF_MAX_NAME + 1];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    const struct sf_gguf_tensor *t = sf_gguf_tensor_find(g, full);
    *columns = *rows = 0;
    if (!t) return SUREFOOT_OK;
    if (t->type != F32 || t->dim[2] != 1 || t->dim[3] != 1)
        return sf_fail(err, SUREFOOT_E_FILE, t->offset, "tensor %s is not a matrix of F32", full);
    *columns = t->dim[0];
    *rows = t->dim[1];
    return SUREFOOT_OK;
}

static surefoot_status fill(const struct sf_mlp *m, const struct sf_gguf *g, const char *prefix,
                            surefoot_error *err) {
    struct part part[5];
    int n = parts_of(m, part);
    for (int i = 0; i < n; i++) {
        char name[SF_GGUF_MAX_NAME + 1];
        snprintf(name, sizeof name, "%s.%s", prefix, part[i].name);
        const struct sf_gguf_tensor *t = sf_gguf_tensor_find(g, name);
        size_t bytes = (size_t)(part[i].columns * part[i].rows) * sizeof(float);
        if (!t || t->type != F32 || t->dim[0] != part[i].columns || t->dim[1] != part[i].rows ||
            t->bytes != bytes)
            return sf_fail(err, SUREFOOT_E_FILE, t ? t->offset : 0,
                           "tensor %s is missing or has another shape than its network", name);
        memcpy(part[i].at, g->data + t->offset, bytes);
    }
    for (size_t i = 0; i < m->n_params; i++)
        if (!isfinite(m->w[i]))
            return sf_fail(err, SUREFOOT_E_FILE, 0, "a weight of %s is not a finite number",
                           prefix);
    return SUREFOOT_OK;
}

surefoot_status sf_mlp_read(struct sf_mlp *m, const struct sf_gguf *g, const char *prefix,
                            surefoot_error *err) {
    uint64_t n_x, rows, n_more, rows_m, n_hidden, n_out;
    *m = (struct sf_mlp){0};
    SF_TRY(shape_of(g, prefix, "w", &n_x, &rows, err));
    SF_TRY(shape_of(g, prefix, "m", &n_more, &rows_m, err));
    SF_TRY(shape_of(g, prefix, "v", &n_hidden, &n_out, err));
    if (n_out == 0) n_out = rows;
    if (n_x > UINT32_MAX || n_more > UINT32_MAX || n_hidden > UINT32_MAX || n_out > UINT32_MAX)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "%s: sizes out of range", prefix);
    surefoot_status s =
        sf_mlp_open(m, (uint32_t)n_x, (uint32_t)n_more, (uint32_t)n_hidden, (uint32_t)n_out, err);
    if (s == SUREFOOT_OK) s = fill(m, g, prefix, err);
    if (s == SUREFOOT_E_USAGE) s = SUREFOOT_E_FILE; /* the sizes are the file's */
    if (err) err->code = s;
    if (s != SUREFOOT_OK) sf_mlp_close(m);
    return s;
}
