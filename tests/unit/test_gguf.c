/* SPDX-License-Identifier: MIT
 * test_gguf.c - reading by key, the writer, real files, hostile sizes, failing memory. What must be
 * refused is in golden/bad.
 */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>

#include <zstd.h>

#include "test_folder.h"

#include "arena.h"
#include "file.h"
#include "gguf.h"

/* ---------------------------------------------------------------- a GGUF in memory */

struct maker {
    unsigned char *p;
    size_t n, cap;
};

static void raw(struct maker *m, const void *p, size_t n) {
    if (m->n + n > m->cap) m->p = realloc(m->p, m->cap = 2 * (m->n + n));
    memcpy(m->p + m->n, p, n);
    m->n += n;
}
static void u32(struct maker *m, uint32_t v) {
    raw(m, &v, 4);
}
static void u64(struct maker *m, uint64_t v) {
    raw(m, &v, 8);
}
static void str(struct maker *m, const char *s) {
    u64(m, strlen(s));
    raw(m, s, strlen(s));
}
static void head(struct maker *m, uint32_t version, uint64_t n_tensor, uint64_t n_kv) {
    raw(m, "GGUF", 4);
    u32(m, version);
    u64(m, n_tensor);
    u64(m, n_kv);
}
static void key(struct maker *m, const char *name, uint32_t type) {
    str(m, name);
    u32(m, type);
}
static void array(struct maker *m, const char *name, uint32_t elem, uint64_t n) {
    key(m, name, SF_GGUF_ARRAY);
    u32(m, elem);
    u64(m, n);
}

/* ---------------------------------------------------------------- typed reads */

#define INT_KEYS(X)                                                                                \
    X("u8", SF_GGUF_U8, uint8_t, 255)                                                              \
    X("i8", SF_GGUF_I8, int8_t, -128)                                                              \
    X("u16", SF_GGUF_U16, uint16_t, 65535)                                                         \
    X("i16", SF_GGUF_I16, int16_t, -2)                                                             \
    X("u32", SF_GGUF_U32, uint32_t, 4294967295u)                                                   \
    X("i32", SF_GGUF_I32, int32_t, 7)                                                              \
    X("u64", SF_GGUF_U64, uint64_t, UINT64_MAX)                                                    \
    X("i64", SF_GGUF_I64, int64_t, INT64_MIN)

static struct maker sample(uint32_t version) {
    struct maker m = {0};
    head(&m, version, 0, 20);
#define X(name, t, ctype, v)                                                                       \
    {                                                                                              \
        ctype x = v;                                                                               \
        key(&m, name, t);                                                                          \
        raw(&m, &x, sizeof x);                                                                     \
    }
    INT_KEYS(X)
    X("f32", SF_GGUF_F32, float, 0.5f)
    X("f64", SF_GGUF_F64, double, -1e300)
    X("nan", SF_GGUF_F32, float, NAN)
    X("yes", SF_GGUF_BOOL, uint8_t, 1)
    X("no", SF_GGUF_BOOL, uint8_t, 0)
#undef X
    key(&m, "text", SF_GGUF_STRING);
    str(&m, "caf\xC3\xA9");
    key(&m, "none", SF_GGUF_STRING);
    str(&m, "");
    array(&m, "words", SF_GGUF_STRING, 3);
    str(&m, "one");
    str(&m, "");
    str(&m, "three");
    array(&m, "i16s", SF_GGUF_I16, 3);
    raw(&m, (int16_t[]){-3, 0, 32767}, 6);
    array(&m, "f64s", SF_GGUF_F64, 5);
    raw(&m, (double[]){1.75, -1e300, 1e300, (double)NAN, -2.5}, 40);
    array(&m, "u64s", SF_GGUF_U64, 2);
    raw(&m, (uint64_t[]){UINT64_MAX, 3}, 16);
    array(&m, "nested", SF_GGUF_ARRAY, 2);
    u32(&m, SF_GGUF_U8);
    u64(&m, 3);
    raw(&m, "abc", 3);
    u32(&m, SF_GGUF_STRING);
    u64(&m, 1);
    str(&m, "deep");
    return m;
}

#define expect_fail(expr, part)                                                                    \
    do {                                                                                           \
        surefoot_error e_ = {0}, *err = &e_;                                                       \
        assert_int_equal(expr, SUREFOOT_E_FILE);                                                   \
        if (!strstr(e_.text, part)) fail_msg("'%s' lacks '%s'", e_.text, part);                    \
        assert_true(e_.where > 24 && e_.where < g.size);                                           \
    } while (0)

static void integers(void **state) {
    SF_UNUSED(state);
    for (uint32_t version = 2; version <= 3; version++) {
        struct maker m = sample(version);
        struct sf_gguf g;
        uint64_t v = 42;
        bool found;
        assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
        assert_int_equal(g.version, version);
        assert_int_equal(g.n_kv, 20);
#define X(name, t, ctype, x)                                                                       \
    if ((x) > 0) {                                                                                 \
        assert_ok(sf_gguf_get_u64(&g, name, UINT64_MAX, &v, &found, err));                         \
        assert_true(found &&v == (uint64_t)(x));                                                   \
        assert_ok(sf_gguf_get_u64(&g, name, (uint64_t)(x), &v, NULL, err));                        \
        expect_fail(sf_gguf_get_u64(&g, name, (uint64_t)(x)-1, &v, &found, err), "more than");     \
    } else {                                                                                       \
        v = 42;                                                                                    \
        expect_fail(sf_gguf_get_u64(&g, name, UINT64_MAX, &v, &found, err), "below 0");            \
        assert_int_equal(v, 42);                                                                   \
    }
        INT_KEYS(X)
#undef X
        found = true;
        v = 42;
        assert_ok(sf_gguf_get_u64(&g, "absent", 1, &v, &found, err));
        assert_true(!found && v == 42);
        assert_ok(sf_gguf_get_u64(&g, "u", 1, &v, NULL, err)); /* no prefix is taken for a key */
        expect_fail(sf_gguf_get_u64(&g, "f32", 9, &v, NULL, err),
                    "key 'f32' should be an integer, it is f32");
        expect_fail(sf_gguf_get_u64(&g, "yes", 9, &v, NULL, err), "it is bool");
        expect_fail(sf_gguf_get_u64(&g, "i16s", 9, &v, NULL, err), "it is an array of i16");
        assert_int_equal(v, 42);
        sf_gguf_close(&g);
        free(m.p);
    }
}

static void other_values(void **state) {
    SF_UNUSED(state);
    struct maker m = sample(3);
    struct sf_gguf g;
    double d = 9;
    bool b = true, found;
    struct sf_str s = {"default", 7};
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    assert_ok(sf_gguf_get_f64(&g, "f32", &d, &found, err));
    assert_true(found && d == 0.5);
    assert_ok(sf_gguf_get_f64(&g, "f64", &d, NULL, err));
    assert_true(d == -1e300);
    assert_ok(sf_gguf_get_f64(&g, "i16", &d, NULL, err));
    assert_true(d == -2);
    assert_ok(sf_gguf_get_f64(&g, "absent", &d, &found, err));
    assert_true(!found && d == -2);
    expect_fail(sf_gguf_get_f64(&g, "nan", &d, NULL, err), "not a finite number");
    expect_fail(sf_gguf_get_f64(&g, "text", &d, NULL, err), "should be a number, it is string");
    expect_fail(sf_gguf_get_f64(&g, "f64s", &d, NULL, err), "it is an array of f64");

    assert_ok(sf_gguf_get_bool(&g, "no", &b, &found, err));
    assert_true(found && !b);
    assert_ok(sf_gguf_get_bool(&g, "yes", &b, NULL, err));
    assert_true(b);
    expect_fail(sf_gguf_get_bool(&g, "u8", &b, NULL, err), "should be a bool, it is u8");

    assert_ok(sf_gguf_get_str(&g, "absent", &s, &found, err));
    assert_true(!found && s.n == 7);
    assert_ok(sf_gguf_get_str(&g, "text", &s, &found, err));
    assert_int_equal(s.n, 5);
    assert_memory_equal(s.p, "caf\xC3\xA9", 5);
    assert_ok(sf_gguf_get_str(&g, "none", &s, NULL, err));
    assert_int_equal(s.n, 0);
    expect_fail(sf_gguf_get_str(&g, "words", &s, NULL, err), "it is an array of string");

    struct sf_gguf_strings it;
    const char *const words[] = {"one", "", "three"};
    assert_ok(sf_gguf_get_strings(&g, "words", &it, &found, err));
    assert_true(found && it.left == 3);
    for (int i = 0; i < 3; i++) {
        assert_true(sf_gguf_next_string(&it, &s));
        assert_int_equal(s.n, strlen(words[i]));
        assert_memory_equal(s.p, words[i], s.n);
    }
    assert_false(sf_gguf_next_string(&it, &s));
    assert_ok(sf_gguf_get_strings(&g, "absent", &it, &found, err));
    assert_false(found || sf_gguf_next_string(&it, &s));
    expect_fail(sf_gguf_get_strings(&g, "text", &it, NULL, err), "an array of strings, it is str");
    sf_gguf_close(&g);
    free(m.p);
}

static void elements(void **state) {
    SF_UNUSED(state);
    struct maker m = sample(3);
    struct sf_gguf g;
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    const struct sf_gguf_kv *k = sf_gguf_find(&g, "i16s");
    assert_true(k->type == SF_GGUF_ARRAY && k->elem_type == SF_GGUF_I16 && k->n == 3);
    assert_int_equal(sf_gguf_elem_i64(&g, k, 0), -3);
    assert_int_equal(sf_gguf_elem_i64(&g, k, 2), 32767);
    assert_true(sf_gguf_elem_f64(&g, k, 0) == -3);
    assert_int_equal(sf_gguf_elem_i64(&g, k, 3), 0); /* past the end */
    assert_int_equal(sf_gguf_elem_i64(&g, k, UINT64_MAX), 0);
    k = sf_gguf_find(&g, "f64s");
    assert_true(sf_gguf_elem_f64(&g, k, 0) == 1.75 && sf_gguf_elem_i64(&g, k, 0) == 1);
    assert_true(sf_gguf_elem_i64(&g, k, 1) == INT64_MIN);
    assert_true(sf_gguf_elem_i64(&g, k, 2) == INT64_MAX);
    assert_true(isnan(sf_gguf_elem_f64(&g, k, 3)) && sf_gguf_elem_i64(&g, k, 3) == 0);
    assert_int_equal(sf_gguf_elem_i64(&g, k, 4), -2);
    k = sf_gguf_find(&g, "u64s");
    assert_true(sf_gguf_elem_i64(&g, k, 0) == INT64_MAX && sf_gguf_elem_i64(&g, k, 1) == 3);
    assert_true(sf_gguf_elem_f64(&g, k, 0) == 18446744073709551616.0);
    k = sf_gguf_find(&g, "nested");
    assert_true(k->elem_type == SF_GGUF_ARRAY && k->n == 2 && k->bytes == 12 + 3 + 12 + 12);
    assert_true(sf_gguf_elem_f64(&g, k, 0) == 0);
    assert_true(sf_gguf_elem_i64(&g, sf_gguf_find(&g, "u8"), 0) == 0); /* no array */
    assert_string_equal(sf_gguf_type_text(SF_GGUF_F64), "f64");
    assert_string_equal(sf_gguf_type_text((enum sf_gguf_type)13), "unknown");
    sf_gguf_close(&g);
    free(m.p);
}

/* ---------------------------------------------------------------- the writer */

static int count_files(void) {
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Writes src again, its data in pieces of step bytes. */
static surefoot_status rewrite(const struct sf_gguf *src, const char *path, size_t step,
                               surefoot_error *err) {
    struct sf_gguf_writer *w;
    SF_TRY(sf_gguf_writer_open(&w, path, err));
    for (size_t i = 0; i < src->n_kv; i++) sf_gguf_put_kv(w, src, &src->kv[i]);
    for (size_t i = 0; i < src->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &src->tensor[i];
        char name[300] = {0};
        memcpy(name, t->name.p, t->name.n);
        sf_gguf_put_tensor(w, name, t->type, t->n_dims, t->dim, t->bytes);
    }
    surefoot_status s = sf_gguf_writer_begin(w, err);
    for (size_t i = 0; i < src->n_tensor && s == SUREFOOT_OK; i++)
        for (size_t k = 0, n = src->tensor[i].bytes; k < n && s == SUREFOOT_OK; k += step)
            s = sf_gguf_writer_data(w, src->data + src->tensor[i].offset + k, sf_min(step, n - k),
                                    err);
    if (s == SUREFOOT_OK) return sf_gguf_writer_close(w, err);
    sf_gguf_writer_drop(w);
    return s;
}

/* All keys of a but general.alignment, in order, and all tensors. */
static void assert_same(const struct sf_gguf *a, const struct sf_gguf *b) {
    size_t k = 0;
    for (size_t i = 0; i < a->n_kv; i++) {
        const struct sf_gguf_kv *x = &a->kv[i], *y = &b->kv[k];
        if (x == sf_gguf_find(a, "general.alignment")) continue;
        assert_true(k++ < b->n_kv);
        assert_int_equal(x->key.n, y->key.n);
        assert_memory_equal(x->key.p, y->key.p, x->key.n);
        assert_true(x->type == y->type && x->elem_type == y->elem_type && x->n == y->n);
        assert_int_equal(x->bytes, y->bytes);
        if (x->bytes) assert_memory_equal(a->data + x->offset, b->data + y->offset, x->bytes);
    }
    assert_int_equal(k, b->n_kv);
    assert_int_equal(a->n_tensor, b->n_tensor);
    for (size_t i = 0; i < a->n_tensor; i++) {
        const struct sf_gguf_tensor *x = &a->tensor[i], *y = &b->tensor[i];
        assert_int_equal(x->name.n, y->name.n);
        assert_memory_equal(x->name.p, y->name.p, x->name.n);
        assert_true(x->type == y->type && x->n_dims == y->n_dims && x->bytes == y->bytes);
        assert_memory_equal(x->dim, y->dim, sizeof x->dim);
        assert_memory_equal(a->data + x->offset, b->data + y->offset, x->bytes);
    }
}

static void round_trip_of(const char *path) {
    struct sf_map in, out;
    struct sf_gguf a, b;
    assert_ok(sf_map_open(&in, path, err));
    assert_ok(sf_gguf_parse(&a, in.data, in.size, err));
    const size_t steps[] = {7, 32, 4096, 1 << 16, SIZE_MAX / 2};
    for (size_t i = in.size > 100000 ? 2 : 0; i < SF_COUNT(steps); i++) {
        assert_ok(rewrite(&a, at("copy.gguf"), steps[i], err));
        assert_ok(sf_map_open(&out, at("copy.gguf"), err));
        assert_ok(sf_gguf_parse(&b, out.data, out.size, err));
        assert_same(&a, &b);
        sf_gguf_close(&b);
        sf_map_close(&out);
        assert_int_equal(count_files(), 1);
    }
    sf_gguf_close(&a);
    sf_map_close(&in);
}

static void round_trip(void **state) {
    SF_UNUSED(state);
    char path[512];
    round_trip_of(SUREFOOT_SOURCE "/tests/golden/bad/valid.gguf");
    if (sf_shared(path, sizeof path, "models/stories260K-q8_0.gguf")) round_trip_of(path);
    if (sf_shared(path, sizeof path, "models/fixtures/dummy.gguf")) round_trip_of(path);
}

static void written_values(void **state) {
    SF_UNUSED(state);
    struct sf_gguf_writer *w;
    struct sf_map m;
    struct sf_gguf g;
    struct maker other = {0};
    struct sf_gguf from;
    head(&other, 3, 0, 1);
    key(&other, "general.alignment", SF_GGUF_U32);
    u32(&other, 64);
    assert_ok(sf_gguf_parse(&from, other.p, other.n, err));
    const struct sf_str words[] = {{"a", 1}, {NULL, 0}, {"c\0d", 3}};
    const uint64_t dim[] = {3, 2}, dim2[] = {1, 1, 1, 5};
    assert_ok(sf_gguf_writer_open(&w, at("w.gguf"), err));
    sf_gguf_put_u32(w, "u", 4000000000u);
    sf_gguf_put_f32(w, "f", -0.25f);
    sf_gguf_put_bool(w, "b", true);
    sf_gguf_put_str(w, "s", (struct sf_str){"text", 4});
    sf_gguf_put_kv(w, &from, &from.kv[0]); /* must not leave its 64 in a file aligned to 32 */
    sf_gguf_put_strings(w, "ws", words, 3);
    sf_gguf_put_f32s(w, "fs", (float[]){1, 2.5f}, 2);
    sf_gguf_put_i32s(w, "is", (int32_t[]){-1, 5}, 2);
    sf_gguf_put_strings(w, "empty", NULL, 0);
    sf_gguf_put_tensor(w, "t", 0, 2, dim, 24);
    sf_gguf_put_tensor(w, "odd", 9999, 4, dim2, 5); /* a type we lack: its size is believed */
    assert_ok(sf_gguf_writer_begin(w, err));
    assert_ok(sf_gguf_writer_data(w, "0123456789abcdefghijklmnopqrs", 29, err));
    assert_ok(sf_gguf_writer_close(w, err));
    assert_ok(sf_map_open(&m, at("w.gguf"), err));
    assert_ok(sf_gguf_parse(&g, m.data, m.size, err));
    assert_int_equal(g.version, 3);
    assert_int_equal(g.n_kv, 8);
    assert_int_equal(m.size % 32, 0);
    uint64_t v = 0;
    double f = 0;
    bool b = false;
    struct sf_str s;
    struct sf_gguf_strings it;
    assert_ok(sf_gguf_get_u64(&g, "u", UINT32_MAX, &v, NULL, err));
    assert_ok(sf_gguf_get_f64(&g, "f", &f, NULL, err));
    assert_ok(sf_gguf_get_bool(&g, "b", &b, NULL, err));
    assert_ok(sf_gguf_get_str(&g, "s", &s, NULL, err));
    assert_true(v == 4000000000u && f == -0.25 && b && s.n == 4 && !memcmp(s.p, "text", 4));
    assert_ok(sf_gguf_get_strings(&g, "ws", &it, NULL, err));
    for (int i = 0; i < 3; i++) {
        assert_true(sf_gguf_next_string(&it, &s) && s.n == words[i].n);
        if (s.n) assert_memory_equal(s.p, words[i].p, s.n);
    }
    assert_true(sf_gguf_elem_f64(&g, sf_gguf_find(&g, "fs"), 1) == 2.5);
    assert_int_equal(sf_gguf_elem_i64(&g, sf_gguf_find(&g, "is"), 0), -1);
    assert_int_equal(sf_gguf_find(&g, "empty")->n, 0);
    const struct sf_gguf_tensor *t = sf_gguf_tensor_find(&g, "t");
    assert_true(t->n_dims == 2 && t->dim[0] == 3 && t->dim[1] == 2 && t->dim[2] == 1);
    assert_memory_equal(m.data + t->offset, "0123456789abcdefghijklmn", 24);
    t = sf_gguf_tensor_find(&g, "odd");
    assert_true(t->type == 9999 && t->bytes == 0 && t->dim[3] == 5);
    assert_memory_equal(m.data + t->offset, "opqrs", 5);
    assert_null(sf_gguf_tensor_find(&g, "od"));
    sf_gguf_close(&g);
    sf_map_close(&m);
    sf_gguf_close(&from);
    free(other.p);
    unlink(at("w.gguf"));
}

/* Each misuse: the first error is kept, reported by begin or close, and no file appears. */
static void misuse(void **state) {
    SF_UNUSED(state);
    static char long_key[70000];
    memset(long_key, 'k', sizeof long_key - 1);
    const uint64_t dim[] = {32, 2, 1, 1, 1}, zero[] = {0};
    for (int c = 0; c < 12; c++) {
        struct sf_gguf_writer *w;
        surefoot_error e = {0};
        assert_ok(sf_gguf_writer_open(&w, at("x.gguf"), err));
        sf_gguf_put_u32(w, "a", 1);
        if (c == 0) sf_gguf_put_u32(w, "a", 2);
        if (c == 1) sf_gguf_put_u32(w, "", 2);
        if (c == 2) sf_gguf_put_u32(w, long_key, 2);
        sf_gguf_put_tensor(w, "t", 8, 2, dim, 68);
        if (c == 3) sf_gguf_put_tensor(w, "t", 8, 2, dim, 68);
        if (c == 4) sf_gguf_put_tensor(w, "u", 8, 2, dim, 64); /* not the size of 2 blocks */
        if (c == 5) sf_gguf_put_tensor(w, "u", 8, 5, dim, 68);
        if (c == 6) sf_gguf_put_tensor(w, "u", 8, 1, zero, 0);
        if (c == 7) sf_gguf_put_tensor(w, long_key, 8, 2, dim, 68);
        surefoot_status s = c == 8 ? SUREFOOT_OK : sf_gguf_writer_begin(w, &e);
        assert_int_equal(s, c < 8 ? SUREFOOT_E_USAGE : SUREFOOT_OK);
        assert_int_equal(e.code, s);
        char data[70] = {0};
        if (c == 9) sf_gguf_put_u32(w, "late", 1);
        s = sf_gguf_writer_data(w, data, c == 10 ? 67 : c == 11 ? 69 : 68, &e);
        assert_int_equal(s, c == 10 ? SUREFOOT_OK : SUREFOOT_E_USAGE);
        assert_int_equal(sf_gguf_writer_close(w, &e), SUREFOOT_E_USAGE);
        assert_int_equal(e.code, SUREFOOT_E_USAGE);
        assert_int_equal(access(at("x.gguf"), F_OK), -1);
    }
    struct sf_gguf_writer *w;
    int before = count_files();
    assert_ok(sf_gguf_writer_open(&w, at("x.gguf"), err));
    assert_int_equal(sf_gguf_writer_close(w, NULL), SUREFOOT_E_USAGE); /* never begun */
    assert_ok(sf_gguf_writer_open(&w, at("x.gguf"), err));
    sf_gguf_writer_drop(w);
    sf_gguf_writer_drop(NULL);
    assert_int_equal(count_files(), before);
}

/* ---------------------------------------------------------------- failing memory */

static int calls_left;
static bool fail_later(size_t bytes) {
    SF_UNUSED(bytes);
    return calls_left-- == 0;
}

static void no_memory(void **state) {
    SF_UNUSED(state);
    char *data;
    size_t n;
    struct sf_gguf g, none;
    assert_ok(
        sf_read_file(&data, &n, SUREFOOT_SOURCE "/tests/golden/bad/valid.gguf", 1 << 20, err));
    assert_ok(sf_gguf_parse(&g, data, n, err));
    sf_alloc_hook(fail_later);
    calls_left = 0;
    surefoot_status s = sf_gguf_parse(&none, data, n, NULL);
    int before = count_files();
    for (int k = 0; s == SUREFOOT_E_MEMORY; k++) {
        calls_left = k;
        s = rewrite(&g, at("m.gguf"), 1000, NULL);
        if (s == SUREFOOT_OK)
            assert_true(calls_left >= 0 && k > 6);
        else
            assert_int_equal(count_files(), before);
    }
    sf_alloc_hook(NULL);
    assert_int_equal(s, SUREFOOT_OK);
    assert_null(none.arena.base);
    unlink(at("m.gguf"));
    sf_gguf_close(&g);
    sf_free(data);
}

/* ---------------------------------------------------------------- hostile sizes */

/* As many keys as fit in 2 MB, then as many tensors, named so that naive tables or sorts would
 * degrade: all alike but for the last bytes, in falling order. (A quadratic step would run for
 * minutes here: ctest's limit would end it.) */
static void crowds(void **state) {
    SF_UNUSED(state);
    enum { KEYS = 60000, TENSORS = 40000 };
    struct maker m = {0};
    struct sf_gguf g;
    char name[64];
    head(&m, 3, TENSORS, KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "the.same.prefix.%08d", KEYS - i);
        key(&m, name, SF_GGUF_BOOL);
        raw(&m, "\1", 1);
    }
    for (int i = 0; i < TENSORS; i++) {
        snprintf(name, sizeof name, "t%08d", TENSORS - i);
        str(&m, name);
        u32(&m, 1);
        u64(&m, 1);
        u32(&m, 24); /* I8: a type we lack, so all may share one place */
        u64(&m, 0);
    }
    m.n = m.n / 32 * 32 + 64;
    m.p = realloc(m.p, m.n);
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    for (int i = 1; i <= KEYS; i++) {
        snprintf(name, sizeof name, "the.same.prefix.%08d", i);
        assert_ptr_equal(sf_gguf_find(&g, name), &g.kv[KEYS - i]);
    }
    for (int i = 1; i <= TENSORS; i++) {
        snprintf(name, sizeof name, "t%08d", i);
        assert_ptr_equal(sf_gguf_tensor_find(&g, name), &g.tensor[TENSORS - i]);
    }
    assert_null(sf_gguf_find(&g, "the.same.prefix.00000000"));
    assert_null(sf_gguf_tensor_find(&g, "t99999999"));
    assert_null(sf_gguf_find(&g, ""));
    sf_gguf_close(&g);
    free(m.p);

    /* a megabyte of arrays within an array */
    m = (struct maker){0};
    head(&m, 3, 0, 1);
    array(&m, "a", SF_GGUF_ARRAY, 80000);
    for (int i = 0; i < 80000; i++) {
        u32(&m, SF_GGUF_STRING);
        u64(&m, 0);
    }
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    sf_gguf_close(&g);
    free(m.p);
}

/* ---------------------------------------------------------------- real files */

static void check_all(const struct sf_gguf *g) {
    char name[SF_GGUF_MAX_KEY + 1];
    for (size_t i = 0; i < g->n_kv; i++) {
        const struct sf_gguf_kv *k = &g->kv[i];
        memcpy(name, k->key.p, k->key.n);
        name[k->key.n] = 0;
        assert_ptr_equal(sf_gguf_find(g, name), k);
        if (k->type != SF_GGUF_ARRAY || k->elem_type != SF_GGUF_STRING) continue;
        struct sf_gguf_strings it;
        struct sf_str s;
        uint64_t n = 0;
        assert_ok(sf_gguf_get_strings(g, name, &it, NULL, err));
        while (sf_gguf_next_string(&it, &s)) n++;
        assert_int_equal(n, k->n);
        assert_ptr_equal(it.p, it.end);
    }
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[i];
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = 0;
        assert_ptr_equal(sf_gguf_tensor_find(g, name), t);
        assert_true(t->bytes > 0 && t->offset % 32 == 0 && t->offset + t->bytes <= g->size);
    }
}

static void real_models(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *name;
        size_t n_tensor; /* SIZE_MAX: a header without its data, which is refused */
    } files[] = {
        {"stories260K-f32.gguf", 47},
        {"stories260K-f16.gguf", 47},
        {"stories260K-q8_0.gguf", 47},
        {"fixtures/dummy.gguf", 10},
        {"fixtures/dummy-00001-of-00002.gguf", 0},
        {"fixtures/dummy-00002-of-00002.gguf", 10},
        {"fixtures/empty.gguf", 0},
        {"fixtures/tiny.gguf", SIZE_MAX},
    };
    for (size_t i = 0; i < SF_COUNT(files); i++) {
        char path[512], relative[128];
        struct sf_map m;
        struct sf_gguf g;
        surefoot_error e = {0};
        snprintf(relative, sizeof relative, "models/%s", files[i].name);
        if (!sf_shared(path, sizeof path, relative)) return;
        assert_ok(sf_map_open(&m, path, err));
        surefoot_status s = sf_gguf_parse(&g, m.data, m.size, &e);
        if (files[i].n_tensor == SIZE_MAX) {
            assert_int_equal(s, SUREFOOT_E_FILE);
            assert_non_null(strstr(e.text, "tensors need 32896 bytes, it has 122"));
        } else {
            if (s != SUREFOOT_OK) fail_msg("%s: %s", path, e.text);
            assert_int_equal(g.n_tensor, files[i].n_tensor);
            check_all(&g);
        }
        sf_gguf_close(&g);
        sf_map_close(&m);
    }
}

static void real_vocabularies(void **state) {
    SF_UNUSED(state);
    char path[512];
    int n = 0;
    if (!sf_shared(path, sizeof path, "tokenizers/vocab")) return;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));) {
        char file[1024], *packed;
        size_t size;
        struct sf_gguf g;
        if (!strstr(entry->d_name, ".gguf.zst")) continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        assert_ok(sf_read_file(&packed, &size, file, 1 << 28, err));
        unsigned long long most = ZSTD_getFrameContentSize(packed, size);
        assert_true(most < 1 << 28);
        void *data = malloc(most);
        size_t got = ZSTD_decompress(data, most, packed, size);
        assert_false(ZSTD_isError(got));
        surefoot_error e = {0};
        if (sf_gguf_parse(&g, data, got, &e) != SUREFOOT_OK) fail_msg("%s: %s", file, e.text);
        check_all(&g);
        assert_non_null(sf_gguf_find(&g, "tokenizer.ggml.tokens"));
        sf_gguf_close(&g);
        free(data);
        sf_free(packed);
        n++;
    }
    closedir(d);
    assert_true(n >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),       cmocka_unit_test(other_values),
        cmocka_unit_test(elements),       cmocka_unit_test(round_trip),
        cmocka_unit_test(written_values), cmocka_unit_test(misuse),
        cmocka_unit_test(no_memory),      cmocka_unit_test(crowds),
        cmocka_unit_test(real_models),    cmocka_unit_test(real_vocabularies),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
