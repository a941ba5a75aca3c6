/* SPDX-License-Identifier: MIT
 * ngram.c - the n-gram classifier: its file, its features, its reader; see ngram.h. Training is in
 * ngram_train.c.
 */
#include "ngram.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "gguf.h"
#include "mlp.h"
#include "mutant.h"
#include "policy.h"
#include "utf8.h"

/* ------------------------------------------------------------------------------------- the file */

static surefoot_status bad(surefoot_error *err, uint64_t where, const char *what) {
    return sf_fail(err, SUREFOOT_E_FILE, where, "not an n-gram model: %s", what);
}

static surefoot_status read_weights(struct sf_ngram *m, const struct sf_gguf *g,
                                    surefoot_error *err) {
    const struct sf_gguf_tensor *t = sf_gguf_tensor_find(g, "ngram.weight");
    size_t n = (size_t)1 << m->bits;
    if (!t || t->type != 0 || t->n_dims != 1 || t->dim[0] != n || t->bytes != n * sizeof(float))
        return bad(err, t ? t->offset : 0, "tensor ngram.weight is no row of 2^bits F32");
    m->weight = sf_alloc(n * sizeof *m->weight);
    if (!m->weight) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for an n-gram model");
    for (size_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, g->data + t->offset + i * sizeof w, sizeof w);
        if (!(fabsf(w) <= 1000)) /* so that no sum can overflow */
            return bad(err, t->offset + i * sizeof w, "a weight beyond 1000, or no number");
        m->weight[i] = (int32_t)rint((double)w * SF_NGRAM_UNIT);
    }
    return SUREFOOT_OK;
}

static surefoot_status read_model(struct sf_ngram *m, const struct sf_gguf *g,
                                  surefoot_error *err) {
    struct sf_str kind = {"", 0}, about = {"", 0};
    uint64_t version = 0, bits = 0, window = 0;
    double bias = 0;
    bool has_bias = false, has_p0 = false;
    SF_TRY(sf_gguf_get_str(g, "general.architecture", &kind, NULL, err));
    if (kind.n != 14 || memcmp(kind.p, "surefoot-ngram", 14) != 0)
        return bad(err, 0, "general.architecture is not surefoot-ngram");
    SF_TRY(sf_gguf_get_u64(g, "ngram.version", 1000, &version, NULL, err));
    SF_TRY(sf_gguf_get_u64(g, "ngram.bits", SF_NGRAM_MAX_BITS, &bits, NULL, err));
    SF_TRY(sf_gguf_get_u64(g, "ngram.window", SF_NGRAM_MAX_WINDOW, &window, NULL, err));
    SF_TRY(sf_gguf_get_f64(g, "ngram.bias", &bias, &has_bias, err));
    SF_TRY(sf_gguf_get_f64(g, "ngram.p0", &m->p0, &has_p0, err));
    SF_TRY(sf_gguf_get_str(g, "general.description", &about, NULL, err));
    if (version != 1) return bad(err, 0, "ngram.version is not 1");
    if (bits < SF_NGRAM_MIN_BITS || window < 1) return bad(err, 0, "ngram.bits or .window");
    if (!has_bias || !(fabs(bias) <= 1000)) return bad(err, 0, "ngram.bias");
    if (!has_p0 || !(m->p0 >= 0 && m->p0 < 1)) return bad(err, 0, "ngram.p0");
    m->bits = (uint32_t)bits;
    m->window = (uint32_t)window;
    m->bias = (float)bias;
    snprintf(m->about, sizeof m->about, "%.*s", (int)sf_min(about.n, sizeof m->about - 1), about.p);
    for (char *p = m->about; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7E) *p = '?';
    return read_weights(m, g, err);
}

surefoot_status sf_ngram_parse(struct sf_ngram **out, const void *data, size_t n,
                               surefoot_error *err) {
    struct sf_gguf g = {0};
    *out = NULL;
    SF_TRY(sf_gguf_parse(&g, data, n, err));
    struct sf_ngram *m = sf_alloc(sizeof *m);
    surefoot_status s = m ? read_model(m, &g, err)
                          : sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for an n-gram model");
    sf_gguf_close(&g);
    if (s != SUREFOOT_OK) {
        sf_ngram_free(m);
        return s;
    }
    *out = m;
    return SUREFOOT_OK;
}

void sf_ngram_free(struct sf_ngram *m) {
    if (!m) return;
    sf_free(m->weight);
    sf_free(m);
}

surefoot_status sf_ngram_write(const struct sf_ngram *m, const char *path, surefoot_error *err) {
    struct sf_gguf_writer *w;
    uint64_t n = UINT64_C(1) << m->bits;
    SF_TRY(sf_gguf_writer_open(&w, path, err));
    sf_gguf_put_str(w, "general.architecture", (struct sf_str){"surefoot-ngram", 14});
    sf_gguf_put_str(w, "general.description", (struct sf_str){m->about, strlen(m->about)});
    sf_gguf_put_u32(w, "ngram.version", 1);
    sf_gguf_put_u32(w, "ngram.bits", m->bits);
    sf_gguf_put_u32(w, "ngram.window", m->window);
    sf_gguf_put_f32(w, "ngram.bias", m->bias);
    sf_gguf_put_f32(w, "ngram.p0", (float)m->p0);
    sf_gguf_put_tensor(w, "ngram.weight", 0, 1, &n, (size_t)n * sizeof(float));
    surefoot_status s = sf_gguf_writer_begin(w, err);
    for (uint64_t i = 0; i < n && s == SUREFOOT_OK; i++) {
        float v = (float)m->weight[i] / SF_NGRAM_UNIT;
        s = sf_gguf_writer_data(w, &v, sizeof v, err);
    }
    if (s == SUREFOOT_OK) return sf_gguf_writer_close(w, err);
    sf_gguf_writer_drop(w);
    return s;
}

surefoot_status sf_ngram_open(struct sf_ngram **out, struct sf_policy_section *s,
                              const struct sf_policy_env *env, surefoot_error *err) {
    int line;
    char *data;
    size_t n = 0;
    *out = NULL;
    const char *file = sf_policy_value(s, "file", &line);
    if (!file) return sf_policy_fail(err, line, "[%s] has no `file`", s->name);
    SF_TRY(sf_policy_read(&data, &n, env, file, line, SF_NGRAM_MAX_FILE, err));
    surefoot_error why = {0};
    surefoot_status status = sf_ngram_parse(out, data, n, &why);
    sf_free(data);
    if (status == SUREFOOT_E_FILE)
        return sf_policy_fail(err, line, "file = %.40s: %.100s", file, why.text);
    if (status != SUREFOOT_OK && err) *err = why;
    return status;
}

surefoot_status sf_policy_p0(double *out, struct sf_policy_section *s, double own,
                             surefoot_error *err) {
    int line;
    const char *v = sf_policy_value(s, "p0", &line);
    if (!v)
        return sf_policy_fail(err, line,
                              "[%s] has no `p0`: the probability that costs nothing yet, or auto",
                              s->name);
    if (strcmp(v, "auto") == 0) {
        *out = own;
        if (own >= 0 && own < 1) return SUREFOOT_OK;
        return sf_policy_fail(err, line, "p0 = auto: the file names none");
    }
    if (!sf_number_double(out, v) || !(*out >= 0 && *out < 1))
        return sf_policy_fail(err, line, "p0 = %.40s: a number from 0 to below 1, or auto", v);
    return SUREFOOT_OK;
}

int64_t sf_excess(float p, double p0) {
    double x = (double)p;
    if (!(x >= 0 && x <= 1)) return SF_COST_UNSAFE;
    if (x <= p0) return 0;
    return (int64_t)ceil((x - p0) / (1 - p0) * SF_COST_UNIT);
}

/* ------------------------------------------------------------------------------------- features */

static uint32_t mix(uint32_t h, uint32_t v) { /* FNV-1a over 32-bit units, then stirred */
    h = (h ^ v) * 16777619u;
    return h ^ h >> 15;
}

static uint32_t place(uint32_t h, uint32_t bits) {
    h *= 0x9E3779B1u;
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    return h >> (32 - bits);
}

int sf_ngram_features(uint32_t bits, uint32_t prev_word, const uint32_t *ch, int n,
                      uint32_t out[SF_NGRAM_FEATURES], uint32_t *hash) {
    enum { EDGE = 0x110000 };
    uint32_t word = 2166136261u;
    int k = 0;
    for (int i = 0; i < n; i++) word = mix(word, ch[i]);
    if (word == 0) word = 1;
    *hash = word;
    out[k++] = place(mix(word, 1), bits);
    if (prev_word) out[k++] = place(mix(mix(prev_word, 2), word), bits);
    for (int len = 3; len <= 5; len++)
        for (int i = -1; i + len <= n + 1; i++) {
            uint32_t h = 2166136261u + (uint32_t)len;
            for (int j = i; j < i + len; j++) h = mix(h, j < 0 || j == n ? EDGE : ch[j]);
            out[k++] = place(h, bits);
        }
    return k;
}

float sf_ngram_logit(float bias, int64_t sum, uint32_t n) {
    double v = (double)sum / SF_NGRAM_UNIT / sqrt((double)n + 4);
    return bias + (float)v;
}

/* ------------------------------------------------------------------------------------ the reader */

void sf_ngram_begin(struct sf_ngram_state *s) {
    memset(s, 0, sizeof *s);
}

/* The word in progress ends. */
static void finish(const struct sf_ngram *m, struct sf_ngram_state *s, sf_ngram_word_fn fn,
                   void *user) {
    uint32_t place_of[SF_NGRAM_FEATURES], hash;
    if (s->n_char == 0) return;
    int k = sf_ngram_features(m->bits, s->prev_word, s->ch, s->n_char, place_of, &hash);
    int32_t v = 0;
    if (m->trace) m->trace(m->trace_user, place_of, k);
    for (int i = 0; i < k && m->weight; i++) v += m->weight[place_of[i]];
    s->value[s->at] = v;
    s->at = (uint16_t)((s->at + 1u) % m->window);
    if (s->n < SF_MUTANT(82, m->window, SF_NGRAM_MAX_WINDOW)) s->n++;
    int64_t sum = 0;
    for (uint16_t i = 0; i < s->n; i++) sum += s->value[i];
    struct sf_ngram_word w = {.begin = SF_MUTANT(80, s->begin, 0), .end = s->end};
    w.p = sf_mlp_sigmoid(sf_ngram_logit(m->bias, sum, s->n));
    w.disguised = s->invisible > SF_NGRAM_INVISIBLE;
    s->prev_word = hash;
    s->n_char = 0;
    s->prev_cp = 0;
    s->invisible = 0;
    fn(user, &w);
}

/* One folded character of the one that begins at byte `at`. */
static void take(const struct sf_ngram *m, struct sf_ngram_state *s, const struct sf_fold_char *c,
                 uint64_t at, sf_ngram_word_fn fn, void *user) {
    bool word =
        c->kind == SF_FOLD_LETTER || c->kind == SF_FOLD_DIGIT || c->kind == SF_FOLD_UNDERSCORE;
    if (c->kind == SF_FOLD_MARK) {
        if (s->n_char == 0 || !sf_fold_joins(s->prev_cp, c->cp)) return;
        word = true;
    }
    bool alone = c->kind == SF_FOLD_UNSPACED || c->kind == SF_FOLD_SYMBOL;
    if (!word) finish(m, s, fn, user);
    if (!word && !alone) return;
    if (s->n_char == 0) s->begin = at;
    if (s->n_char < SF_NGRAM_CHARS) s->ch[s->n_char++] = c->cp;
    s->prev_cp = c->cp;
    s->end = s->bytes;
    if (alone) finish(m, s, fn, user);
}

void sf_ngram_read(const struct sf_ngram *m, struct sf_ngram_state *s, const char *text, size_t n,
                   bool boundary, sf_ngram_word_fn fn, void *user) {
    if (boundary) {
        finish(m, s, fn, user);
        s->n = s->at = 0;
        s->prev_word = 0;
    }
    for (size_t i = 0; i < n;) {
        struct sf_fold_char c[SF_FOLD_MAX];
        uint32_t cp = 0xFFFD;
        int k = sf_utf8_decode((const unsigned char *)text + i, n - i, &cp);
        if (k == 0) k = 1;
        uint64_t at = s->bytes;
        s->bytes += (unsigned)k;
        i += (size_t)k;
        int f = sf_fold(cp, c);
        for (int j = 0; j < f; j++) take(m, s, &c[j], at, fn, user);
        if (s->n_char == 0) continue;
        if (f == 0 && s->invisible <= SF_NGRAM_INVISIBLE) s->invisible++;
        /* Longer words are cut here, whatever follows. */
        if (s->n_char >= SF_NGRAM_MAX_CHARS || s->bytes - s->begin >= SF_NGRAM_MAX_BYTES) {
            s->end = s->bytes;
            finish(m, s, fn, user);
        }
    }
}

void sf_ngram_end(const struct sf_ngram *m, struct sf_ngram_state *s, sf_ngram_word_fn fn,
                  void *user) {
    finish(m, s, fn, user);
}

uint64_t sf_ngram_settled(const struct sf_ngram_state *s) {
    return SF_MUTANT(81, s->n_char > 0 ? s->begin : s->bytes, s->bytes);
}
