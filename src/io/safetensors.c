/* SPDX-License-Identifier: MIT
 * safetensors.c - the table of a safetensors file; see safetensors.h.
 */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define SHOW(k) (int)sf_min((k).n, 80), (k).p

static surefoot_status type_of(struct sf_st_tensor *t, struct sf_json v, struct sf_json key,
                               surefoot_error *err) {
    size_t n;
    char text[sizeof t->dtype];
    if (v.n < 3 || v.n > sizeof text || !sf_json_text(v, text, &n) || n >= sizeof t->dtype)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "safetensors: tensor %.*s has no dtype", SHOW(key));
    memcpy(t->dtype, text, n);
    t->dtype[n] = 0;
    t->type = strcmp(t->dtype, "F32") == 0    ? SF_ST_F32
              : strcmp(t->dtype, "F16") == 0  ? SF_ST_F16
              : strcmp(t->dtype, "BF16") == 0 ? SF_ST_BF16
                                              : SF_ST_OTHER;
    return SUREFOOT_OK;
}

static surefoot_status shape_of(struct sf_st_tensor *t, struct sf_json v, struct sf_json key,
                                size_t *count, surefoot_error *err) {
    struct sf_json_walk w;
    struct sf_json e;
    bool fits = true;
    *count = 1;
    t->dim[0] = t->dim[1] = t->dim[2] = t->dim[3] = 1;
    for (sf_json_walk(&w, v, '['); sf_json_next(&w, NULL, &e); t->n_dims++) {
        if (t->n_dims == 4 || !sf_json_u64(e, &t->dim[t->n_dims])) {
            w.bad = true;
            break;
        }
        fits = fits && t->dim[t->n_dims] <= SIZE_MAX &&
               sf_size_mul(count, *count, (size_t)t->dim[t->n_dims]);
    }
    if (w.bad || !fits)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "safetensors: tensor %.*s has no shape of at most 4 numbers", SHOW(key));
    return SUREFOOT_OK;
}

static surefoot_status entry(struct sf_st_tensor *t, struct sf_json key, struct sf_json v,
                             size_t begin, size_t size, surefoot_error *err) {
    struct sf_json_walk w;
    struct sf_json from = {0}, to = {0};
    uint64_t a, b;
    size_t count, bytes;
    *t = (struct sf_st_tensor){.name = key.p + 1, .n_name = key.n - 2};
    if (memchr(t->name, '\\', t->n_name) || t->n_name == 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "safetensors: %.*s is no tensor's name", SHOW(key));
    SF_TRY(type_of(t, sf_json_get(v, "dtype"), key, err));
    SF_TRY(shape_of(t, sf_json_get(v, "shape"), key, &count, err));
    sf_json_walk(&w, sf_json_get(v, "data_offsets"), '[');
    bool two = sf_json_next(&w, NULL, &from) && sf_json_next(&w, NULL, &to);
    if (!two || !sf_json_u64(from, &a) || !sf_json_u64(to, &b) || a > b)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "safetensors: tensor %.*s has no data_offsets",
                       SHOW(key));
    if (b > size - begin)
        return sf_fail(err, SUREFOOT_E_FILE, begin,
                       "safetensors: tensor %.*s ends at byte %llu of the data, there are %zu: the "
                       "file is cut short",
                       SHOW(key), (unsigned long long)b, size - begin);
    t->offset = begin + (size_t)a;
    t->bytes = (size_t)(b - a);
    size_t each = t->type == SF_ST_F32 ? 4 : 2;
    if (t->type != SF_ST_OTHER && (!sf_size_mul(&bytes, count, each) || bytes != t->bytes))
        return sf_fail(err, SUREFOOT_E_FILE, t->offset,
                       "safetensors: tensor %.*s of %zu %s has %zu bytes", SHOW(key), count,
                       t->dtype, t->bytes);
    return SUREFOOT_OK;
}

static int by_name(const void *a, const void *b) {
    const struct sf_st_tensor *x = a, *y = b;
    int c = memcmp(x->name, y->name, sf_min(x->n_name, y->n_name));
    return c ? c : (x->n_name > y->n_name) - (x->n_name < y->n_name);
}

static int by_offset(const void *a, const void *b) {
    const struct sf_st_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static surefoot_status apart(struct sf_safetensors *s, surefoot_error *err) {
    qsort(s->tensor, s->n, sizeof *s->tensor, by_offset);
    for (size_t i = 1; i < s->n; i++)
        if (s->tensor[i - 1].offset + s->tensor[i - 1].bytes > s->tensor[i].offset)
            return sf_fail(err, SUREFOOT_E_FILE, s->tensor[i].offset,
                           "safetensors: tensors '%.*s' and '%.*s' overlap",
                           (int)sf_min(s->tensor[i - 1].n_name, 50), s->tensor[i - 1].name,
                           (int)sf_min(s->tensor[i].n_name, 50), s->tensor[i].name);
    qsort(s->tensor, s->n, sizeof *s->tensor, by_name);
    for (size_t i = 1; i < s->n; i++)
        if (by_name(&s->tensor[i - 1], &s->tensor[i]) == 0)
            return sf_fail(err, SUREFOOT_E_FILE, 8, "safetensors: tensor '%.*s' is there twice",
                           (int)sf_min(s->tensor[i].n_name, 80), s->tensor[i].name);
    return SUREFOOT_OK;
}

static surefoot_status read_table(struct sf_safetensors *s, const unsigned char *data, size_t size,
                                  surefoot_error *err) {
    struct sf_json whole, key = {0}, v;
    struct sf_json_walk w;
    uint64_t len = 0;
    size_t n = 0, bytes;
    for (int i = 7; size >= 8 && i >= 0; i--) len = len << 8 | data[i];
    if (size < 8 || len > size - 8)
        return sf_fail(
            err, SUREFOOT_E_FILE, 0,
            "safetensors: a header of %llu bytes in a file of %zu: cut short, or no such "
            "file",
            (unsigned long long)len, size);
    if (len > SF_ST_MAX_HEADER)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "safetensors: a header of %llu bytes: at most %u",
                       (unsigned long long)len, SF_ST_MAX_HEADER);
    if (!sf_json_whole(&whole, (const char *)data + 8, (size_t)len) || *whole.p != '{')
        return sf_fail(err, SUREFOOT_E_FILE, 8, "safetensors: the header is no JSON object");
    for (sf_json_walk(&w, whole, '{'); sf_json_next(&w, &key, &v);) n++;
    if (!sf_size_mul(&bytes, n + 1, sizeof *s->tensor) || !(s->tensor = sf_alloc(bytes)))
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tensor entries", n);
    for (sf_json_walk(&w, whole, '{'); sf_json_next(&w, &key, &v);)
        if (!sf_json_is(key, "__metadata__"))
            SF_TRY(entry(&s->tensor[s->n++], key, v, 8 + (size_t)len, size, err));
    return apart(s, err);
}

surefoot_status sf_safetensors_parse(struct sf_safetensors *s, const void *data, size_t size,
                                     surefoot_error *err) {
    *s = (struct sf_safetensors){0};
    surefoot_status st = read_table(s, data, size, err);
    if (st != SUREFOOT_OK) sf_safetensors_close(s);
    return st;
}

void sf_safetensors_close(struct sf_safetensors *s) {
    sf_free(s->tensor);
    *s = (struct sf_safetensors){0};
}

const struct sf_st_tensor *sf_safetensors_find(const struct sf_safetensors *s, const char *name) {
    struct sf_st_tensor want = {.name = name, .n_name = strlen(name)};
    return s->n ? bsearch(&want, s->tensor, s->n, sizeof want, by_name) : NULL;
}
