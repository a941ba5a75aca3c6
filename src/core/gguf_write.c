/* SPDX-License-Identifier: MIT
 * gguf_write.c - a GGUF v3 file, little-endian, alignment 32, that appears whole or not at all.
 * Keys and tensor entries are collected in memory; tensor data goes straight to the file.
 */
#include <string.h>

#include "arena.h"
#include "file.h"
#include "gguf.h"
#include "gguf_parts.h"
#include "types.h"

#define ALIGNMENT 32
#define BUFFER    (1u << 16)

struct bytes { /* grows */
    unsigned char *p;
    size_t n, cap;
};

enum stage { DECLARING, DATA };

struct sf_gguf_writer {
    struct sf_outfile *file;
    enum stage stage;
    surefoot_error first;    /* the first thing that went wrong; code OK: nothing did          */
    struct bytes kv, tensor; /* encoded entries                                                */
    struct bytes kv_at,
        name_at;       /* size_t each: where the length of a key or name is in kv, tensor */
    struct bytes size; /* size_t each: bytes of a tensor                                 */
    size_t n_kv, n_tensor;
    size_t offset;        /* of the next tensor                                             */
    size_t current, done; /* tensor being written, bytes of it so far                       */
    size_t used;          /* of buffer                                                      */
    unsigned char buffer[BUFFER];
};

/* ---------------------------------------------------------------- bytes in memory */

/* Remembers the first failure; the caller learns of it at begin. */
#define FAIL(w, ...)                                                                               \
    do {                                                                                           \
        if ((w)->first.code == SUREFOOT_OK) sf_fail(&(w)->first, __VA_ARGS__);                     \
    } while (0)

static surefoot_status report(const struct sf_gguf_writer *w, surefoot_error *err) {
    if (err && w->first.code != SUREFOOT_OK) *err = w->first;
    return w->first.code;
}

/* Room for n more bytes at the end of b, or NULL. */
static unsigned char *more(struct sf_gguf_writer *w, struct bytes *b, size_t n) {
    size_t want;
    if (w->first.code != SUREFOOT_OK) return NULL;
    if (!sf_size_add(&want, b->n, n)) want = SIZE_MAX;
    if (want > b->cap) {
        size_t cap = sf_max(want, b->cap > SIZE_MAX / 2 ? SIZE_MAX : sf_max(2 * b->cap, 1024));
        unsigned char *p = want == SIZE_MAX ? NULL : sf_alloc(cap);
        if (!p) {
            FAIL(w, SUREFOOT_E_MEMORY, 0, "no memory for %zu bytes of a GGUF header", want);
            return NULL;
        }
        if (b->n) memcpy(p, b->p, b->n);
        sf_free(b->p);
        b->p = p;
        b->cap = cap;
    }
    unsigned char *p = b->p + b->n;
    b->n = want;
    return p;
}

static void put_raw(struct sf_gguf_writer *w, struct bytes *b, const void *p, size_t n) {
    unsigned char *to = more(w, b, n);
    if (to && n) memcpy(to, p, n);
}

static void put_int(struct sf_gguf_writer *w, struct bytes *b, uint64_t v, unsigned n) {
    unsigned char *to = more(w, b, n);
    for (unsigned i = 0; to && i < n; i++) to[i] = (unsigned char)(v >> 8 * i);
}

static void put_text(struct sf_gguf_writer *w, struct bytes *b, struct sf_str s) {
    put_int(w, b, s.n, 8);
    put_raw(w, b, s.p, s.n);
}

/* Remembers where the next key or name begins. */
static void mark(struct sf_gguf_writer *w, struct bytes *list, size_t at) {
    put_raw(w, list, &at, sizeof at);
}
static size_t marked(const struct bytes *list, size_t i) {
    size_t at;
    memcpy(&at, list->p + i * sizeof at, sizeof at);
    return at;
}

/* ---------------------------------------------------------------- keys */

static bool declaring(struct sf_gguf_writer *w) {
    if (w->stage != DECLARING) FAIL(w, SUREFOOT_E_USAGE, 0, "the GGUF header is written already");
    return w->first.code == SUREFOOT_OK;
}

static bool put_key(struct sf_gguf_writer *w, struct sf_str key, enum sf_gguf_type t) {
    if (!declaring(w)) return false;
    if (key.n < 1 || key.n > SF_GGUF_MAX_KEY || w->n_kv >= SF_GGUF_MAX_ENTRIES) {
        FAIL(w, SUREFOOT_E_USAGE, 0, "key '%.*s' of %zu bytes, or one key too many", SF_SHOW(key),
             key.n);
        return false;
    }
    mark(w, &w->kv_at, w->kv.n);
    put_text(w, &w->kv, key);
    put_int(w, &w->kv, t, 4);
    w->n_kv++;
    return w->first.code == SUREFOOT_OK;
}

static struct sf_str text(const char *s) {
    return (struct sf_str){s, strlen(s)};
}

static uint32_t float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

void sf_gguf_put_u32(struct sf_gguf_writer *w, const char *key, uint32_t v) {
    if (put_key(w, text(key), SF_GGUF_U32)) put_int(w, &w->kv, v, 4);
}

void sf_gguf_put_f32(struct sf_gguf_writer *w, const char *key, float v) {
    if (put_key(w, text(key), SF_GGUF_F32)) put_int(w, &w->kv, float_bits(v), 4);
}

void sf_gguf_put_bool(struct sf_gguf_writer *w, const char *key, bool v) {
    if (put_key(w, text(key), SF_GGUF_BOOL)) put_int(w, &w->kv, v, 1);
}

void sf_gguf_put_str(struct sf_gguf_writer *w, const char *key, struct sf_str v) {
    if (put_key(w, text(key), SF_GGUF_STRING)) put_text(w, &w->kv, v);
}

static bool put_array(struct sf_gguf_writer *w, struct sf_str key, enum sf_gguf_type elem,
                      uint64_t n) {
    if (!put_key(w, key, SF_GGUF_ARRAY)) return false;
    put_int(w, &w->kv, elem, 4);
    put_int(w, &w->kv, n, 8);
    return true;
}

void sf_gguf_put_kv(struct sf_gguf_writer *w, const struct sf_gguf *from,
                    const struct sf_gguf_kv *kv) {
    if (sf_str_compare(kv->key, text("general.alignment")) == 0) return;
    bool ok = kv->type == SF_GGUF_ARRAY ? put_array(w, kv->key, kv->elem_type, kv->n)
                                        : put_key(w, kv->key, kv->type);
    if (ok) put_raw(w, &w->kv, from->data + kv->offset, kv->bytes);
}

void sf_gguf_put_strings(struct sf_gguf_writer *w, const char *key, const struct sf_str *v,
                         size_t n) {
    if (!put_array(w, text(key), SF_GGUF_STRING, n)) return;
    for (size_t i = 0; i < n; i++) put_text(w, &w->kv, v[i]);
}

void sf_gguf_put_f32s(struct sf_gguf_writer *w, const char *key, const float *v, size_t n) {
    if (!put_array(w, text(key), SF_GGUF_F32, n)) return;
    for (size_t i = 0; i < n; i++) put_int(w, &w->kv, float_bits(v[i]), 4);
}

void sf_gguf_put_i32s(struct sf_gguf_writer *w, const char *key, const int32_t *v, size_t n) {
    if (!put_array(w, text(key), SF_GGUF_I32, n)) return;
    for (size_t i = 0; i < n; i++) put_int(w, &w->kv, (uint32_t)v[i], 4);
}

/* ---------------------------------------------------------------- tensors */

/* The size that a type we know must have; true for the others. */
static bool size_agrees(uint32_t type, const uint64_t dim[SF_GGUF_MAX_DIMS], size_t bytes) {
    enum sf_type t = sf_type_by_gguf(type);
    size_t rows = 1, want;
    for (int i = 0; i < SF_GGUF_MAX_DIMS; i++) {
        if (dim[i] < 1 || dim[i] > SIZE_MAX) return false;
        if (i && !sf_size_mul(&rows, rows, (size_t)dim[i])) return false;
    }
    if (t == SF_T_COUNT) return true;
    return sf_type_size(&want, t, rows, (size_t)dim[0]) && want == bytes;
}

void sf_gguf_put_tensor(struct sf_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const uint64_t *dim, size_t bytes) {
    struct sf_str s = text(name);
    uint64_t d[SF_GGUF_MAX_DIMS] = {1, 1, 1, 1};
    if (!declaring(w)) return;
    bool ok = s.n >= 1 && s.n <= SF_GGUF_MAX_NAME && w->n_tensor < SF_GGUF_MAX_ENTRIES &&
              n_dims >= 1 && n_dims <= SF_GGUF_MAX_DIMS;
    for (uint32_t i = 0; ok && i < n_dims; i++) d[i] = dim[i];
    if (!ok || !bytes || !size_agrees(type, d, bytes)) {
        FAIL(w, SUREFOOT_E_USAGE, 0, "tensor '%.*s': name, dimensions and %zu bytes do not agree",
             SF_SHOW(s), bytes);
        return;
    }
    mark(w, &w->name_at, w->tensor.n);
    mark(w, &w->size, bytes);
    put_text(w, &w->tensor, s);
    put_int(w, &w->tensor, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) put_int(w, &w->tensor, d[i], 8);
    put_int(w, &w->tensor, type, 4);
    put_int(w, &w->tensor, w->offset, 8);
    w->n_tensor++;
    size_t end;
    if (!sf_size_add(&end, bytes, ALIGNMENT - 1) ||
        !sf_size_add(&w->offset, w->offset, end & ~(size_t)(ALIGNMENT - 1)))
        FAIL(w, SUREFOOT_E_USAGE, 0, "the tensors are larger than any file");
}

/* ---------------------------------------------------------------- the file */

surefoot_status sf_gguf_writer_open(struct sf_gguf_writer **out, const char *path,
                                    surefoot_error *err) {
    *out = NULL;
    struct sf_gguf_writer *w = sf_alloc(sizeof *w);
    if (!w) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to write a GGUF file");
    surefoot_status s = sf_outfile_open(&w->file, path, err);
    if (s == SUREFOOT_OK)
        *out = w;
    else
        sf_free(w);
    return s;
}

void sf_gguf_writer_drop(struct sf_gguf_writer *w) {
    if (!w) return;
    sf_outfile_drop(w->file);
    sf_free(w->kv.p);
    sf_free(w->tensor.p);
    sf_free(w->kv_at.p);
    sf_free(w->name_at.p);
    sf_free(w->size.p);
    sf_free(w);
}

static void flush(struct sf_gguf_writer *w) {
    surefoot_error e = {0};
    if (w->first.code == SUREFOOT_OK &&
        sf_outfile_write(w->file, w->buffer, w->used, &e) != SUREFOOT_OK)
        w->first = e;
    w->used = 0;
}

static void emit(struct sf_gguf_writer *w, const void *p, size_t n) {
    const unsigned char *from = p;
    while (n && w->first.code == SUREFOOT_OK) {
        if (!w->used && n >= BUFFER) { /* large pieces need no copy */
            surefoot_error e = {0};
            if (sf_outfile_write(w->file, from, n, &e) != SUREFOOT_OK) w->first = e;
            return;
        }
        size_t k = sf_min(n, BUFFER - w->used);
        memcpy(w->buffer + w->used, from, k);
        w->used += k;
        from += k;
        n -= k;
        if (w->used == BUFFER) flush(w);
    }
}

static void emit_padding(struct sf_gguf_writer *w, size_t n) {
    static const unsigned char zero[ALIGNMENT];
    emit(w, zero, (ALIGNMENT - n % ALIGNMENT) % ALIGNMENT);
}

static int compare_name(const void *items, uint32_t a, uint32_t b) {
    const struct sf_str *s = items;
    return sf_str_compare(s[a], s[b]);
}

/* Fails if two of the n names that list points to in b are equal. */
static void check_unique(struct sf_gguf_writer *w, const struct bytes *b, const struct bytes *list,
                         size_t n) {
    struct sf_arena a = {0};
    struct sf_str *name = NULL;
    uint32_t *order = NULL, *spare = NULL;
    for (int pass = 0; pass < 2; pass++) {
        name = sf_arena_take(&a, n, sizeof *name);
        order = sf_arena_take(&a, n, sizeof *order);
        spare = sf_arena_take(&a, n, sizeof *spare);
        if (pass == 0 && sf_arena_reserve(&a, &w->first) != SUREFOOT_OK) return;
    }
    for (size_t i = 0; i < n; i++) {
        struct sf_cursor c = {b->p, b->n, marked(list, i), false};
        name[i].n = (size_t)sf_get_u64(&c);
        name[i].p = (const char *)sf_get_bytes(&c, name[i].n);
        order[i] = (uint32_t)i;
    }
    sf_order(order, spare, n, name, compare_name);
    for (size_t i = 1; i < n; i++)
        if (compare_name(name, order[i - 1], order[i]) == 0)
            FAIL(w, SUREFOOT_E_USAGE, 0, "the name '%.*s' is used twice", SF_SHOW(name[order[i]]));
    sf_arena_free(&a);
}

surefoot_status sf_gguf_writer_begin(struct sf_gguf_writer *w, surefoot_error *err) {
    if (!declaring(w)) return report(w, err);
    check_unique(w, &w->kv, &w->kv_at, w->n_kv);
    if (w->first.code == SUREFOOT_OK) check_unique(w, &w->tensor, &w->name_at, w->n_tensor);
    unsigned char head[24] = {'G', 'G', 'U', 'F', 3};
    for (int i = 0; i < 8; i++) {
        head[8 + i] = (unsigned char)((uint64_t)w->n_tensor >> 8 * i);
        head[16 + i] = (unsigned char)((uint64_t)w->n_kv >> 8 * i);
    }
    emit(w, head, sizeof head);
    emit(w, w->kv.p, w->kv.n);
    emit(w, w->tensor.p, w->tensor.n);
    emit_padding(w, sizeof head + w->kv.n + w->tensor.n);
    w->stage = DATA;
    return report(w, err);
}

surefoot_status sf_gguf_writer_data(struct sf_gguf_writer *w, const void *p, size_t n,
                                    surefoot_error *err) {
    const unsigned char *from = p;
    if (w->stage != DATA) FAIL(w, SUREFOOT_E_USAGE, 0, "tensor data before the GGUF header");
    while (n && w->first.code == SUREFOOT_OK) {
        if (w->current == w->n_tensor) {
            FAIL(w, SUREFOOT_E_USAGE, 0, "%zu bytes more than the tensors have", n);
            break;
        }
        size_t size = marked(&w->size, w->current), k = sf_min(n, size - w->done);
        emit(w, from, k);
        from += k;
        n -= k;
        w->done += k;
        if (w->done < size) break;
        emit_padding(w, size);
        w->current++;
        w->done = 0;
    }
    return report(w, err);
}

surefoot_status sf_gguf_writer_close(struct sf_gguf_writer *w, surefoot_error *err) {
    if (w->stage != DATA) FAIL(w, SUREFOOT_E_USAGE, 0, "a GGUF file without its header");
    if (w->current != w->n_tensor)
        FAIL(w, SUREFOOT_E_USAGE, 0, "data of %zu tensors are missing", w->n_tensor - w->current);
    flush(w);
    surefoot_status s = report(w, err);
    if (s == SUREFOOT_OK) {
        s = sf_outfile_commit(w->file, err);
        w->file = NULL;
    }
    sf_gguf_writer_drop(w);
    return s;
}
