/* SPDX-License-Identifier: MIT
 * gguf.c - GGUF v2 and v3 into tables. Nothing in the file is believed: every count is compared
 * with the bytes that are left before memory is taken for it, every length before it is read.
 *
 *     "GGUF"  u32 version  u64 n_tensor  u64 n_kv
 *     n_kv     x  { string key, u32 type, value }         string: u64 n, n bytes
 *     n_tensor x  { string name, u32 n_dims, u64 dim[n_dims], u32 type, u64 offset }
 *     padding to general.alignment; tensor data, offsets counted from here
 */
#include "gguf.h"

#include <string.h>

#include "file.h"
#include "gguf_parts.h"
#include "types.h"

struct parser {
    struct sf_gguf *g;
    struct sf_cursor c;
    surefoot_error *err;
};

/* ---------------------------------------------------------------- small things */

size_t sf_gguf_type_bytes(uint32_t t) {
    switch (t) {
    case SF_GGUF_U8:
    case SF_GGUF_I8:
    case SF_GGUF_BOOL:
        return 1;
    case SF_GGUF_U16:
    case SF_GGUF_I16:
        return 2;
    case SF_GGUF_U32:
    case SF_GGUF_I32:
    case SF_GGUF_F32:
        return 4;
    case SF_GGUF_U64:
    case SF_GGUF_I64:
    case SF_GGUF_F64:
        return 8;
    default:
        return 0;
    }
}

int sf_str_compare(struct sf_str a, struct sf_str b) {
    if (a.n != b.n) return a.n < b.n ? -1 : 1;
    int c = a.n ? memcmp(a.p, b.p, a.n) : 0;
    return (c > 0) - (c < 0);
}

void sf_order(uint32_t *order, uint32_t *spare, size_t n, const void *items,
              sf_compare_fn compare) {
    uint32_t *from = order, *to = spare;
    for (size_t run = 1; run < n; run *= 2) { /* n < 2^32, so run does not wrap */
        for (size_t lo = 0; lo < n; lo += 2 * run) {
            size_t mid = sf_min(lo + run, n), hi = sf_min(lo + 2 * run, n);
            for (size_t i = lo, j = mid, k = lo; k < hi; k++)
                to[k] = i < mid && (j == hi || compare(items, from[i], from[j]) <= 0) ? from[i++]
                                                                                      : from[j++];
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != order && n) memcpy(order, from, n * sizeof *order);
}

/* What is at the cursor needs n bytes: are they there? */
static surefoot_status need(struct parser *p, uint64_t n, const char *what) {
    size_t left = p->c.size - p->c.at;
    if (n <= left) return SUREFOOT_OK;
    return sf_fail(
        p->err, SUREFOOT_E_FILE, p->c.at,
        "truncated or damaged file: %s at byte %zu needs %llu bytes, %zu are left of %zu", what,
        p->c.at, (unsigned long long)n, left, p->c.size);
}

/* A length and its bytes. what: "a key", for messages. */
static surefoot_status read_string(struct parser *p, struct sf_str *out, uint64_t min, uint64_t max,
                                   const char *what) {
    size_t at = p->c.at;
    SF_TRY(need(p, 8, what));
    uint64_t n = sf_get_u64(&p->c);
    if (n < min || n > max)
        return sf_fail(p->err, SUREFOOT_E_FILE, at,
                       "damaged file: %s at byte %zu has %llu bytes, allowed are %llu to %llu",
                       what, at, (unsigned long long)n, (unsigned long long)min,
                       (unsigned long long)max);
    SF_TRY(need(p, n, what));
    out->n = (size_t)n;
    out->p = (const char *)sf_get_bytes(&p->c, n);
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- keys and values */

static surefoot_status check_bools(struct parser *p, uint64_t n) {
    const unsigned char *b = sf_get_bytes(&p->c, n);
    for (uint64_t i = 0; i < n; i++)
        if (b[i] > 1)
            return sf_fail(p->err, SUREFOOT_E_FILE, p->c.at - (size_t)(n - i),
                           "damaged file: the bool at byte %zu is %u, neither 0 nor 1",
                           p->c.at - (size_t)(n - i), b[i]);
    return SUREFOOT_OK;
}

/* n values of type t, one after the other: passes over them, testing all. */
static surefoot_status skip_values(struct parser *p, uint32_t t, uint64_t n, int depth) {
    size_t size = sf_gguf_type_bytes(t), bytes, at = p->c.at;
    if (t > SF_GGUF_F64)
        return sf_fail(p->err, SUREFOOT_E_FILE, at,
                       "damaged file: value type %u, named before byte %zu, does not exist", t, at);
    if (t == SF_GGUF_ARRAY && depth >= SF_GGUF_MAX_DEPTH)
        return sf_fail(p->err, SUREFOOT_E_FILE, at,
                       "arrays at byte %zu are nested deeper than %d levels", at,
                       SF_GGUF_MAX_DEPTH);
    /* the least that n values take: a string its length, an array type and length */
    size_t least = size ? size : t == SF_GGUF_STRING ? 8 : 12;
    if (n > SIZE_MAX || !sf_size_mul(&bytes, (size_t)n, least)) bytes = SIZE_MAX;
    SF_TRY(need(p, bytes, n == 1 ? "a value" : "an array"));
    if (t == SF_GGUF_BOOL) return check_bools(p, n);
    if (size) {
        sf_get_bytes(&p->c, bytes);
        return SUREFOOT_OK;
    }
    for (; n; n--) {
        struct sf_str s;
        if (t == SF_GGUF_STRING) {
            SF_TRY(read_string(p, &s, 0, UINT64_MAX, "a string"));
            continue;
        }
        SF_TRY(need(p, 12, "an array"));
        uint32_t elem = sf_get_u32(&p->c);
        SF_TRY(skip_values(p, elem, sf_get_u64(&p->c), depth + 1));
    }
    return SUREFOOT_OK;
}

static surefoot_status read_kv(struct parser *p, struct sf_gguf_kv *kv) {
    SF_TRY(read_string(p, &kv->key, 1, SF_GGUF_MAX_KEY, "a key"));
    SF_TRY(need(p, 4, "a value's type"));
    uint32_t t = sf_get_u32(&p->c), depth = 0;
    kv->n = 1;
    if (t == SF_GGUF_ARRAY) {
        SF_TRY(need(p, 12, "an array"));
        kv->type = SF_GGUF_ARRAY;
        t = sf_get_u32(&p->c);
        kv->n = sf_get_u64(&p->c);
        kv->elem_type = (enum sf_gguf_type)t;
        depth = 1;
    } else {
        kv->type = (enum sf_gguf_type)t;
        kv->elem_type = kv->type;
    }
    kv->offset = p->c.at;
    SF_TRY(skip_values(p, t, kv->n, (int)depth));
    kv->bytes = p->c.at - kv->offset;
    return SUREFOOT_OK;
}

static int compare_kv(const void *items, uint32_t a, uint32_t b) {
    const struct sf_gguf_kv *kv = items;
    return sf_str_compare(kv[a].key, kv[b].key);
}

static surefoot_status read_kvs(struct parser *p, uint32_t *spare) {
    struct sf_gguf *g = p->g;
    for (size_t i = 0; i < g->n_kv; i++) {
        SF_TRY(read_kv(p, &g->kv[i]));
        g->kv_order[i] = (uint32_t)i;
    }
    sf_order(g->kv_order, spare, g->n_kv, g->kv, compare_kv);
    for (size_t i = 1; i < g->n_kv; i++) {
        const struct sf_gguf_kv *kv = &g->kv[g->kv_order[i]]; /* stable: the later of two */
        if (compare_kv(g->kv, g->kv_order[i - 1], g->kv_order[i]) == 0)
            return sf_fail(p->err, SUREFOOT_E_FILE, kv->offset,
                           "damaged file: key '%.*s' is there twice", SF_SHOW(kv->key));
    }
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- tensors */

/* Bytes of the tensor, from its dimensions: 0 for a type we lack. at: of its entry. */
static surefoot_status tensor_bytes(struct parser *p, struct sf_gguf_tensor *t, size_t at) {
    size_t rows = 1, values;
    bool fits = true;
    for (int i = 1; i < SF_GGUF_MAX_DIMS; i++)
        fits = fits && t->dim[i] <= SIZE_MAX && sf_size_mul(&rows, rows, (size_t)t->dim[i]);
    fits = fits && t->dim[0] <= SIZE_MAX && sf_size_mul(&values, rows, (size_t)t->dim[0]);
    enum sf_type type = sf_type_by_gguf(t->type);
    if (fits && type != SF_T_COUNT) {
        if (t->dim[0] % sf_qtypes[type].block)
            return sf_fail(p->err, SUREFOOT_E_FILE, at,
                           "damaged file: tensor '%.*s' has rows of %llu values, not a multiple of "
                           "%s's %u",
                           SF_SHOW(t->name), (unsigned long long)t->dim[0], sf_qtypes[type].name,
                           sf_qtypes[type].block);
        fits = sf_type_size(&t->bytes, type, rows, (size_t)t->dim[0]);
    }
    if (fits) return SUREFOOT_OK;
    return sf_fail(
        p->err, SUREFOOT_E_FILE, at,
        "damaged file: tensor '%.*s' of %llu x %llu x %llu x %llu is larger than any file",
        SF_SHOW(t->name), (unsigned long long)t->dim[0], (unsigned long long)t->dim[1],
        (unsigned long long)t->dim[2], (unsigned long long)t->dim[3]);
}

static surefoot_status read_tensor(struct parser *p, struct sf_gguf_tensor *t) {
    size_t at = p->c.at;
    SF_TRY(read_string(p, &t->name, 1, SF_GGUF_MAX_NAME, "a tensor's name"));
    SF_TRY(need(p, 4, "a tensor's entry"));
    t->n_dims = sf_get_u32(&p->c);
    if (t->n_dims < 1 || t->n_dims > SF_GGUF_MAX_DIMS)
        return sf_fail(p->err, SUREFOOT_E_FILE, p->c.at - 4,
                       "damaged file: tensor '%.*s' has %u dimensions, allowed are 1 to %d",
                       SF_SHOW(t->name), t->n_dims, SF_GGUF_MAX_DIMS);
    SF_TRY(need(p, 8 * t->n_dims + 12, "a tensor's entry"));
    for (uint32_t i = 0; i < SF_GGUF_MAX_DIMS; i++) {
        t->dim[i] = i < t->n_dims ? sf_get_u64(&p->c) : 1;
        if (t->dim[i] == 0)
            return sf_fail(p->err, SUREFOOT_E_FILE, p->c.at - 8,
                           "damaged file: dimension %u of tensor '%.*s' is 0", i, SF_SHOW(t->name));
    }
    t->type = sf_get_u32(&p->c);
    uint64_t offset = sf_get_u64(&p->c);
    if (offset > p->c.size) /* so that it fits in size_t; the exact test comes with data_offset */
        return sf_fail(p->err, SUREFOOT_E_FILE, p->c.at - 8,
                       "truncated or damaged file: tensor '%.*s' should begin %llu bytes into the "
                       "data, the whole file has %zu",
                       SF_SHOW(t->name), (unsigned long long)offset, p->c.size);
    t->offset = (size_t)offset;
    return tensor_bytes(p, t, at);
}

static int compare_tensor(const void *items, uint32_t a, uint32_t b) {
    const struct sf_gguf_tensor *t = items;
    return sf_str_compare(t[a].name, t[b].name);
}
static int compare_offset(const void *items, uint32_t a, uint32_t b) {
    const struct sf_gguf_tensor *t = items;
    return (t[a].offset > t[b].offset) - (t[a].offset < t[b].offset);
}

/* Where a tensor's data would end; SIZE_MAX if that does not fit. */
static size_t end_of(const struct sf_gguf_tensor *t) {
    size_t end;
    return sf_size_add(&end, t->offset, t->bytes) ? end : SIZE_MAX;
}

/* No tensor may lie in another: two names for one piece of memory are a trick or damage. */
static surefoot_status check_overlap(struct parser *p, uint32_t *order, uint32_t *spare) {
    const struct sf_gguf *g = p->g;
    for (size_t i = 0; i < g->n_tensor; i++) order[i] = (uint32_t)i;
    sf_order(order, spare, g->n_tensor, g->tensor, compare_offset);
    const struct sf_gguf_tensor *last = NULL; /* the one that reaches furthest so far */
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[order[i]];
        if (!t->bytes) continue; /* size not known */
        if (last && t->offset < end_of(last))
            return sf_fail(p->err, SUREFOOT_E_FILE, t->offset,
                           "damaged file: tensors '%.*s' and '%.*s' overlap at byte %zu",
                           SF_SHOW(last->name), SF_SHOW(t->name), t->offset);
        last = t;
    }
    return SUREFOOT_OK;
}

/* Where the offset field of t's entry is. */
static size_t field_of(const struct sf_gguf *g, const struct sf_gguf_tensor *t) {
    return (size_t)(t->name.p - (const char *)g->data) + t->name.n + 4 + 8 * t->n_dims + 4;
}

/* Offsets become absolute; all data must be inside the file. */
static surefoot_status place_tensors(struct parser *p, size_t alignment) {
    struct sf_gguf *g = p->g;
    size_t total, furthest = 0, which = 0;
    if (!sf_size_add(&total, p->c.at, alignment - 1)) total = SIZE_MAX;
    g->data_offset = total & ~(alignment - 1);
    if (!g->n_tensor) { /* a vocabulary: the padding may be missing */
        g->data_offset = sf_min(g->data_offset, g->size);
        return SUREFOOT_OK;
    }
    total = g->data_offset;
    for (size_t i = 0; i < g->n_tensor; i++) {
        struct sf_gguf_tensor *t = &g->tensor[i];
        if (t->offset % alignment)
            return sf_fail(
                p->err, SUREFOOT_E_FILE, field_of(g, t),
                "damaged file: tensor '%.*s' begins at offset %zu, not a multiple of %zu",
                SF_SHOW(t->name), t->offset, alignment);
        if (!sf_size_add(&t->offset, t->offset, g->data_offset)) t->offset = SIZE_MAX;
        if (end_of(t) > furthest) {
            furthest = end_of(t);
            which = i;
        }
        if (!sf_size_add(&total, total, t->bytes)) total = SIZE_MAX;
    }
    if (furthest <= g->size) return SUREFOOT_OK;
    const struct sf_gguf_tensor *t = &g->tensor[which];
    if (total > g->size) /* there is no way to place them all: bytes are missing */
        return sf_fail(p->err, SUREFOOT_E_FILE, g->size,
                       "truncated file: its tensors need %zu bytes, it has %zu; download it again",
                       furthest, g->size);
    return sf_fail(p->err, SUREFOOT_E_FILE, field_of(g, t),
                   "damaged file: tensor '%.*s' lies at bytes %zu to %zu, the file has %zu",
                   SF_SHOW(t->name), t->offset, furthest, g->size);
}

static surefoot_status read_tensors(struct parser *p, uint32_t *spare, uint32_t *spare2) {
    struct sf_gguf *g = p->g;
    uint64_t alignment = 32;
    SF_TRY(sf_gguf_get_u64(g, "general.alignment", UINT64_MAX, &alignment, NULL, p->err));
    if (alignment < 8 || alignment > (1u << 24) || (alignment & (alignment - 1)))
        return sf_fail(p->err, SUREFOOT_E_FILE, sf_gguf_find(g, "general.alignment")->offset,
                       "damaged file: general.alignment is %llu, not a power of two from 8 to 2^24",
                       (unsigned long long)alignment);
    for (size_t i = 0; i < g->n_tensor; i++) {
        SF_TRY(read_tensor(p, &g->tensor[i]));
        g->tensor_order[i] = (uint32_t)i;
    }
    sf_order(g->tensor_order, spare, g->n_tensor, g->tensor, compare_tensor);
    for (size_t i = 1; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[g->tensor_order[i]];
        if (compare_tensor(g->tensor, g->tensor_order[i - 1], g->tensor_order[i]) == 0)
            return sf_fail(p->err, SUREFOOT_E_FILE, (size_t)(t->name.p - (const char *)g->data),
                           "damaged file: tensor '%.*s' is there twice", SF_SHOW(t->name));
    }
    SF_TRY(place_tensors(p, (size_t)alignment));
    return check_overlap(p, spare, spare2);
}

/* ---------------------------------------------------------------- the file */

static surefoot_status read_version(struct parser *p) {
    uint32_t v = sf_get_u32(&p->c);
    p->g->version = v;
    if (v == 2 || v == 3) return SUREFOOT_OK;
    if (v == 1)
        return sf_fail(p->err, SUREFOOT_E_FILE, 4,
                       "GGUF version 1 is not supported, 2 and 3 are: convert the model again");
    if (v && (v & 0xFFFF) == 0)
        return sf_fail(p->err, SUREFOOT_E_FILE, 4,
                       "a big-endian GGUF file is not supported: convert it to little-endian");
    if (v == 0) return sf_fail(p->err, SUREFOOT_E_FILE, 4, "damaged file: its GGUF version is 0");
    return sf_fail(p->err, SUREFOOT_E_FILE, 4,
                   "GGUF version %u is not supported, 2 and 3 are: update this program", v);
}

/* The counts, compared with the least bytes that so many entries take. */
static surefoot_status read_counts(struct parser *p) {
    const uint64_t least_tensor = 8 + 1 + 4 + 8 + 4 + 8, least_kv = 8 + 1 + 4 + 1;
    uint64_t n_tensor = sf_get_u64(&p->c), n_kv = sf_get_u64(&p->c);
    size_t left = p->c.size - p->c.at;
    if (n_tensor > SF_GGUF_MAX_ENTRIES || n_kv > SF_GGUF_MAX_ENTRIES)
        return sf_fail(p->err, SUREFOOT_E_FILE, n_tensor > SF_GGUF_MAX_ENTRIES ? 8 : 16,
                       "damaged file: %llu tensors and %llu keys are more than the %u allowed",
                       (unsigned long long)n_tensor, (unsigned long long)n_kv, SF_GGUF_MAX_ENTRIES);
    uint64_t least = n_tensor * least_tensor + n_kv * least_kv; /* under 2^26: no wrap */
    if (least > left)
        return sf_fail(p->err, SUREFOOT_E_FILE, p->c.at,
                       "truncated or damaged file: %llu tensors and %llu keys need at least %llu "
                       "bytes, the file has %zu",
                       (unsigned long long)n_tensor, (unsigned long long)n_kv,
                       (unsigned long long)least + p->c.at, p->c.size);
    p->g->n_tensor = (size_t)n_tensor;
    p->g->n_kv = (size_t)n_kv;
    return SUREFOOT_OK;
}

/* Two passes of arena.h; spare: two lists for sorting. */
static void plan(struct sf_arena *a, struct sf_gguf *g, uint32_t *spare[2]) {
    size_t most = sf_max(g->n_kv, g->n_tensor);
    g->kv = sf_arena_take(a, g->n_kv, sizeof *g->kv);
    g->tensor = sf_arena_take(a, g->n_tensor, sizeof *g->tensor);
    g->kv_order = sf_arena_take(a, g->n_kv, sizeof *g->kv_order);
    g->tensor_order = sf_arena_take(a, g->n_tensor, sizeof *g->tensor_order);
    spare[0] = sf_arena_take(a, most, sizeof **spare);
    spare[1] = sf_arena_take(a, most, sizeof **spare);
}

static surefoot_status parse(struct parser *p) {
    struct sf_gguf *g = p->g;
    uint32_t *spare[2];
    if (g->size < 4 || memcmp(g->data, "GGUF", 4) != 0)
        return sf_gguf_refuse(g->data, g->size, p->err);
    SF_TRY(need(p, 8, "the header"));
    sf_get_u32(&p->c);
    SF_TRY(read_version(p));
    p->c.at = 0;
    SF_TRY(need(p, 24, "the header"));
    p->c.at = 8;
    SF_TRY(read_counts(p));
    plan(&g->arena, g, spare);
    SF_TRY(sf_arena_reserve(&g->arena, p->err));
    plan(&g->arena, g, spare);
    SF_TRY(read_kvs(p, spare[0]));
    return read_tensors(p, spare[0], spare[1]);
}

surefoot_status sf_gguf_parse(struct sf_gguf *g, const void *data, size_t size,
                              surefoot_error *err) {
    *g = (struct sf_gguf){.data = data, .size = size};
    struct parser p = {.g = g, .c = {data, size, 0, false}, .err = err};
    surefoot_status s = parse(&p);
    if (s != SUREFOOT_OK) sf_gguf_close(g);
    return s;
}

void sf_gguf_close(struct sf_gguf *g) {
    sf_arena_free(&g->arena);
    *g = (struct sf_gguf){0};
}
