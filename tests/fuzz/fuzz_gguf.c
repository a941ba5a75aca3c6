/* SPDX-License-Identifier: MIT
 * fuzz_gguf.c - any bytes as a GGUF file. Laws: a refusal has a message and leaves nothing; in what
 * is accepted every name is found, every value lies inside the file and is read in full, tensors lie
 * inside and apart, and a second parse says the same.
 */
#include <math.h>

#include "fuzz.h"
#include "family.h"
#include "types.h"

static volatile double sink;

static char *terminated(struct sf_str s) {
    char *p = malloc(s.n + 1);
    if (!p) exit(1);
    memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

static bool inside(const struct sf_gguf *g, size_t offset, size_t bytes) {
    return offset <= g->size && bytes <= g->size - offset;
}

static void read_array(const struct sf_gguf *g, const struct sf_gguf_kv *kv, const char *name) {
    struct sf_gguf_strings it;
    struct sf_str s;
    surefoot_error e;
    if (kv->elem_type == SF_GGUF_STRING) {
        uint64_t n = 0;
        size_t bytes = 0;
        FUZZ_CHECK(sf_gguf_get_strings(g, name, &it, NULL, &e) == SUREFOOT_OK);
        for (; sf_gguf_next_string(&it, &s); n++) {
            FUZZ_CHECK(inside(g, (size_t)(s.p - (const char *)g->data), s.n));
            bytes += 8 + s.n;
        }
        FUZZ_CHECK(n == kv->n && bytes == kv->bytes);
    } else if (kv->elem_type != SF_GGUF_ARRAY) {
        for (uint64_t i = 0; i < kv->n; i++) {
            double d = sf_gguf_elem_f64(g, kv, i);
            int64_t v = sf_gguf_elem_i64(g, kv, i);
            sink = d + (double)v;
        }
        FUZZ_CHECK(kv->n == 0 || kv->bytes % kv->n == 0);
    }
}

static void read_kv(const struct sf_gguf *g, const struct sf_gguf_kv *kv) {
    char *name = terminated(kv->key);
    surefoot_error e = {0};
    bool found = false, b = false;
    uint64_t u = 0;
    double d = 0;
    struct sf_str s = {0};
    FUZZ_CHECK(inside(g, kv->offset, kv->bytes));
    FUZZ_CHECK(kv->type <= SF_GGUF_F64 && kv->elem_type <= SF_GGUF_F64);
    if (!memchr(kv->key.p, 0, kv->key.n)) { /* else C's strings cannot name it */
        FUZZ_CHECK(sf_gguf_find(g, name) == kv);
        surefoot_status su = sf_gguf_get_u64(g, name, UINT32_MAX, &u, &found, &e);
        FUZZ_CHECK(found && (su != SUREFOOT_OK || u <= UINT32_MAX));
        surefoot_status sd = sf_gguf_get_f64(g, name, &d, &found, &e);
        FUZZ_CHECK(isfinite(d) && (sd == SUREFOOT_OK || *e.text));
        FUZZ_CHECK((sf_gguf_get_bool(g, name, &b, NULL, &e) == SUREFOOT_OK) ==
                   (kv->type == SF_GGUF_BOOL));
        FUZZ_CHECK((sf_gguf_get_str(g, name, &s, NULL, &e) == SUREFOOT_OK) ==
                   (kv->type == SF_GGUF_STRING));
        if (kv->type == SF_GGUF_STRING) FUZZ_CHECK(s.n + 8 == kv->bytes);
        if (kv->type == SF_GGUF_ARRAY) read_array(g, kv, name);
    }
    free(name);
}

static void read_tensor(const struct sf_gguf *g, const struct sf_gguf_tensor *t) {
    FUZZ_CHECK(inside(g, t->offset, t->bytes));
    FUZZ_CHECK(t->offset >= g->data_offset);
    FUZZ_CHECK((t->bytes == 0) == (sf_type_by_gguf(t->type) == SF_T_COUNT));
    FUZZ_CHECK(t->n_dims >= 1 && t->n_dims <= SF_GGUF_MAX_DIMS);
    for (int i = 0; i < SF_GGUF_MAX_DIMS; i++) FUZZ_CHECK(t->dim[i] >= 1);
    if (memchr(t->name.p, 0, t->name.n)) return;
    char *name = terminated(t->name);
    FUZZ_CHECK(sf_gguf_tensor_find(g, name) == t);
    free(name);
}

/* What a family accepts of its keys is in bounds: no later product overflows, no number is odd. */
static void read_config(const struct sf_gguf *g) {
    struct sf_str name = {0};
    struct sf_config c;
    surefoot_error e = {0};
    bool found = false;
    if (sf_gguf_get_str(g, "general.architecture", &name, &found, &e) != SUREFOOT_OK || !found)
        return;
    const struct sf_family *f = sf_family_find(name);
    if (!f) return;
    if (sf_config_read(&c, f, g, &e) != SUREFOOT_OK) {
        FUZZ_CHECK(e.text[0]);
        return;
    }
    FUZZ_CHECK(c.n_layers && c.dim && c.ff_dim && c.n_heads && c.n_kv_heads && c.head_dim >= 2);
    FUZZ_CHECK(c.n_heads % c.n_kv_heads == 0 && c.n_rot % 2 == 0 && c.n_rot <= c.head_dim);
    FUZZ_CHECK(c.n_experts <= SF_MAX_EXPERTS && (c.n_experts == 0) == (c.n_used == 0));
    FUZZ_CHECK(c.n_used <= c.n_experts);
    const float scales[] = {c.attn_scale, c.embed_scale, c.residual_scale, c.logit_div,
                            (float)c.rope_mscale};
    for (size_t i = 0; i < SF_COUNT(scales); i++) FUZZ_CHECK(scales[i] > 0 && scales[i] <= 1e9f);
    FUZZ_CHECK(c.attn_cap >= 0 && c.attn_cap <= 1e6f && c.logit_cap >= 0 && c.logit_cap <= 1e6f);
    FUZZ_CHECK(c.rope_base >= 1 && c.rope_base <= 1e12 && isfinite(c.rope_scale) &&
               c.rope_scale > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sf_gguf g, again;
    surefoot_error e = {0};
    if (sf_gguf_parse(&g, data, size, &e) != SUREFOOT_OK) {
        FUZZ_CHECK(e.code == SUREFOOT_E_FILE && *e.text && e.where <= size);
        FUZZ_CHECK(!g.kv && !g.tensor && !g.n_kv && !g.n_tensor);
        return 0;
    }
    FUZZ_CHECK(sf_gguf_parse(&again, data, size, NULL) == SUREFOOT_OK);
    FUZZ_CHECK(again.n_kv == g.n_kv && again.data_offset == g.data_offset);
    sf_gguf_close(&again);
    for (size_t i = 0; i < g.n_kv; i++) read_kv(&g, &g.kv[i]);
    for (size_t i = 0; i < g.n_tensor; i++) read_tensor(&g, &g.tensor[i]);
    for (size_t i = 0; i < g.n_tensor && i < 50; i++) /* pairs; the parser sorts instead */
        for (size_t j = 0; j < i; j++) {
            const struct sf_gguf_tensor *a = &g.tensor[i], *b = &g.tensor[j];
            FUZZ_CHECK(!a->bytes || !b->bytes || a->offset + a->bytes <= b->offset ||
                       b->offset + b->bytes <= a->offset);
        }
    read_config(&g);
    FUZZ_CHECK(!sf_gguf_find(&g, "") && !sf_gguf_tensor_find(&g, ""));
    sf_gguf_close(&g);
    return 0;
}
