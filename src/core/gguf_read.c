/* SPDX-License-Identifier: MIT
 * gguf_read.c - look-up and typed reads of a parsed GGUF file. What is read here was tested by
 * sf_gguf_parse: lengths are inside the file.
 */
#include <math.h>
#include <string.h>

#include "gguf.h"
#include "gguf_parts.h"

const char *sf_gguf_type_text(enum sf_gguf_type t) {
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return (unsigned)t < SF_COUNT(names) ? names[t] : "unknown";
}

const struct sf_gguf_kv *sf_gguf_find(const struct sf_gguf *g, const char *key) {
    struct sf_str want = {key, strlen(key)};
    for (size_t lo = 0, hi = g->n_kv; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        const struct sf_gguf_kv *kv = &g->kv[g->kv_order[mid]];
        int c = sf_str_compare(want, kv->key);
        if (c == 0) return kv;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct sf_gguf_tensor *sf_gguf_tensor_find(const struct sf_gguf *g, const char *name) {
    struct sf_str want = {name, strlen(name)};
    for (size_t lo = 0, hi = g->n_tensor; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        const struct sf_gguf_tensor *t = &g->tensor[g->tensor_order[mid]];
        int c = sf_str_compare(want, t->name);
        if (c == 0) return t;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* ---------------------------------------------------------------- numbers */

static uint64_t bits_at(const unsigned char *p, size_t n) {
    uint64_t v = 0;
    while (n--) v = v << 8 | p[n];
    return v;
}

/* A number of any type: as integer where it is one (neg: v is the two's complement of a negative
 * one), else as double. */
struct number {
    enum { NOT_A_NUMBER, INTEGER, REAL } kind;
    bool neg;
    uint64_t v;
    double d;
};

static struct number number_at(const unsigned char *p, enum sf_gguf_type t) {
    struct number x = {.kind = INTEGER};
    size_t n = sf_gguf_type_bytes(t);
    x.v = bits_at(p, n);
    switch (t) {
    case SF_GGUF_U8:
    case SF_GGUF_U16:
    case SF_GGUF_U32:
    case SF_GGUF_U64:
        break;
    case SF_GGUF_I8:
    case SF_GGUF_I16:
    case SF_GGUF_I32:
    case SF_GGUF_I64:
        x.neg = x.v >> (8 * n - 1) & 1;
        if (x.neg && n < 8) x.v |= UINT64_MAX << 8 * n;
        break;
    case SF_GGUF_F32: {
        uint32_t bits = (uint32_t)x.v;
        float f;
        memcpy(&f, &bits, sizeof f);
        x.d = (double)f;
        x.kind = REAL;
        return x;
    }
    case SF_GGUF_F64:
        memcpy(&x.d, &x.v, sizeof x.d);
        x.kind = REAL;
        return x;
    default:
        x.kind = NOT_A_NUMBER;
        return x;
    }
    x.d = x.neg ? (double)(int64_t)x.v : (double)x.v;
    return x;
}

double sf_gguf_elem_f64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i) {
    size_t size = sf_gguf_type_bytes(kv->elem_type);
    if (kv->type != SF_GGUF_ARRAY || !size || i >= kv->n) return 0;
    struct number x = number_at(g->data + kv->offset + (size_t)i * size, kv->elem_type);
    return x.kind == NOT_A_NUMBER ? 0 : x.d;
}

int64_t sf_gguf_elem_i64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i) {
    size_t size = sf_gguf_type_bytes(kv->elem_type);
    if (kv->type != SF_GGUF_ARRAY || !size || i >= kv->n) return 0;
    struct number x = number_at(g->data + kv->offset + (size_t)i * size, kv->elem_type);
    if (x.kind == INTEGER) return x.neg || x.v <= INT64_MAX ? (int64_t)x.v : INT64_MAX;
    if (x.kind == NOT_A_NUMBER || isnan(x.d)) return 0;
    return x.d >= 9223372036854775808.0    ? INT64_MAX
           : x.d <= -9223372036854775808.0 ? INT64_MIN
                                           : (int64_t)x.d;
}

/* ---------------------------------------------------------------- values by key */

static surefoot_status wrong_type(const struct sf_gguf_kv *kv, const char *want,
                                  surefoot_error *err) {
    bool array = kv->type == SF_GGUF_ARRAY;
    return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "key '%.*s' should be %s, it is %s%s",
                   SF_SHOW(kv->key), want, array ? "an array of " : "",
                   sf_gguf_type_text(array ? kv->elem_type : kv->type));
}

static const struct sf_gguf_kv *find(const struct sf_gguf *g, const char *key, bool *found) {
    const struct sf_gguf_kv *kv = sf_gguf_find(g, key);
    if (found) *found = kv != NULL;
    return kv;
}

surefoot_status sf_gguf_get_u64(const struct sf_gguf *g, const char *key, uint64_t max,
                                uint64_t *out, bool *found, surefoot_error *err) {
    const struct sf_gguf_kv *kv = find(g, key, found);
    if (!kv) return SUREFOOT_OK;
    struct number x = {0};
    if (kv->type != SF_GGUF_ARRAY) x = number_at(g->data + kv->offset, kv->type);
    if (x.kind != INTEGER) return wrong_type(kv, "an integer", err);
    if (x.neg || x.v > max) {
        if (x.neg)
            return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "key '%s' is %lld, below 0", key,
                           (long long)x.v);
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "key '%s' is %llu, more than %llu", key,
                       (unsigned long long)x.v, (unsigned long long)max);
    }
    *out = x.v;
    return SUREFOOT_OK;
}

surefoot_status sf_gguf_get_f64(const struct sf_gguf *g, const char *key, double *out, bool *found,
                                surefoot_error *err) {
    const struct sf_gguf_kv *kv = find(g, key, found);
    if (!kv) return SUREFOOT_OK;
    struct number x = {0};
    if (kv->type != SF_GGUF_ARRAY) x = number_at(g->data + kv->offset, kv->type);
    if (x.kind == NOT_A_NUMBER) return wrong_type(kv, "a number", err);
    if (!isfinite(x.d))
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "key '%s' is not a finite number", key);
    *out = x.d;
    return SUREFOOT_OK;
}

surefoot_status sf_gguf_get_bool(const struct sf_gguf *g, const char *key, bool *out, bool *found,
                                 surefoot_error *err) {
    const struct sf_gguf_kv *kv = find(g, key, found);
    if (!kv) return SUREFOOT_OK;
    if (kv->type != SF_GGUF_BOOL) return wrong_type(kv, "a bool", err);
    *out = g->data[kv->offset] != 0;
    return SUREFOOT_OK;
}

static struct sf_str string_at(const unsigned char *p) {
    return (struct sf_str){(const char *)p + 8, (size_t)bits_at(p, 8)};
}

surefoot_status sf_gguf_get_str(const struct sf_gguf *g, const char *key, struct sf_str *out,
                                bool *found, surefoot_error *err) {
    const struct sf_gguf_kv *kv = find(g, key, found);
    if (!kv) return SUREFOOT_OK;
    if (kv->type != SF_GGUF_STRING) return wrong_type(kv, "a string", err);
    *out = string_at(g->data + kv->offset);
    return SUREFOOT_OK;
}

surefoot_status sf_gguf_get_strings(const struct sf_gguf *g, const char *key,
                                    struct sf_gguf_strings *it, bool *found, surefoot_error *err) {
    *it = (struct sf_gguf_strings){0};
    const struct sf_gguf_kv *kv = find(g, key, found);
    if (!kv) return SUREFOOT_OK;
    if (kv->type != SF_GGUF_ARRAY || kv->elem_type != SF_GGUF_STRING)
        return wrong_type(kv, "an array of strings", err);
    const unsigned char *p = g->data + kv->offset;
    *it = (struct sf_gguf_strings){p, p + kv->bytes, kv->n};
    return SUREFOOT_OK;
}

bool sf_gguf_next_string(struct sf_gguf_strings *it, struct sf_str *out) {
    if (!it->left || it->end - it->p < 8) return false;
    struct sf_str s = string_at(it->p);
    if (s.n > (size_t)(it->end - it->p) - 8) return false;
    it->p += 8 + s.n;
    it->left--;
    *out = s;
    return true;
}
