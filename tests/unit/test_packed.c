/* SPDX-License-Identifier: MIT
 * test_packed.c - packed files: what comes out is what went in, and nothing damaged comes out.
 */
#include <stdlib.h>

#include "test_folder.h"

#include "arena.h"
#include "packed.h"

/* n bytes: noise in some, few values in others, so that both ways of packing win somewhere. */
static unsigned char *noise(size_t n, size_t period) {
    unsigned char *p = malloc(n + 1);
    uint32_t x = 12345 + (uint32_t)n;
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (unsigned char)(period && i % period < period / 2 + 1 ? x >> 31 : x >> 24);
    }
    return p;
}

static struct sf_map whole(const void *p, size_t n) {
    struct sf_map m;
    assert_ok(sf_map_memory(&m, p, n, err));
    return m;
}

static void write_packed(const struct sf_map *m, const struct sf_packed_part *part, size_t n_part,
                         int threads) {
    struct sf_packed_options o = {.level = 3, .n_threads = threads, .what = "pack"};
    uint64_t bytes = 0;
    assert_ok(sf_packed_write(at("p"), m, part, n_part, &o, &bytes, err));
    struct sf_map p;
    assert_ok(sf_map_open(&p, at("p"), err));
    assert_int_equal(p.size, bytes);
    sf_map_close(&p);
}

static void expect_same(const unsigned char *p, size_t n, const struct sf_packed_part *part,
                        size_t n_part, int threads) {
    struct sf_map m = whole(p, n), x;
    struct sf_packed_options o = {.n_threads = threads, .what = "load"};
    uint64_t size = 0;
    write_packed(&m, part, n_part, threads);
    assert_ok(sf_map_open(&x, at("p"), err));
    assert_true(sf_packed_is(&x));
    assert_ok(sf_packed_size(&size, &x, err));
    assert_int_equal(size, n);
    assert_ok(sf_packed_unpack(at("u"), &x, &o, err));
    assert_ok(sf_packed_expand(&x, &o, err));
    assert_true(x.copy && !sf_packed_is(&x));
    assert_int_equal(x.size, n);
    assert_memory_equal(x.data, p, n);
    sf_map_close(&x);
    assert_ok(sf_map_open(&x, at("u"), err));
    assert_int_equal(x.size, n);
    assert_memory_equal(x.data, p, n);
    sf_map_close(&x);
    assert_ok(sf_map_tables(&x, at("p"), err)); /* the head, and zeroes behind it */
    assert_int_equal(x.size, n);
    assert_memory_equal(x.data, p, part[0].bytes);
    for (size_t i = part[0].bytes; i < n; i++) assert_int_equal(x.data[i], 0);
    sf_map_close(&x);
}

static void comes_back_bit_for_bit(void **state) {
    SF_UNUSED(state);
    static const size_t strides[] = {0, 1, 2, 3, 18, 34, 144, 4096};
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
        size_t body = 100000 + i;
        unsigned char *p = noise(body + 300, strides[i]);
        struct sf_packed_part part[] = {{200, 1}, {body, strides[i]}, {0, 0}, {100, 7}};
        expect_same(p, body + 300, part, 4, 1 + (int)i % 3);
        free(p);
    }
    unsigned char *p = noise(1, 0);
    expect_same(p, 1, &(struct sf_packed_part){1, 0}, 1, 2);
    free(p);
}

/* Parts longer than a frame, and a head longer than one. */
static void long_parts(void **state) {
    SF_UNUSED(state);
    size_t n = 3 * (size_t)SF_PACKED_FRAME + 1234, head = SF_PACKED_FRAME + 77;
    unsigned char *p = noise(n, 34);
    struct sf_packed_part part[] = {{head, 0}, {n - head, 34}};
    expect_same(p, n, part, 2, 2);
    free(p);
}

static void grouping_is_used_where_it_packs_better(void **state) {
    SF_UNUSED(state);
    unsigned char *p = noise(1 << 20, 34);
    struct sf_map m = whole(p, 1 << 20), a;
    size_t size[2];
    for (size_t i = 0; i < 2; i++) {
        write_packed(&m, &(struct sf_packed_part){1 << 20, i ? 34 : 1}, 1, 1);
        assert_ok(sf_map_open(&a, at("p"), err));
        size[i] = a.size;
        sf_map_close(&a);
    }
    assert_true(size[1] + size[1] / 20 < size[0]);
    free(p);
}

static void parts_must_tile(void **state) {
    SF_UNUSED(state);
    unsigned char *p = noise(100, 0);
    struct sf_map m = whole(p, 100);
    struct sf_packed_options o = {.level = 3, .n_threads = 1};
    struct sf_packed_part bad[][2] = {
        {{50, 1}, {49, 1}}, {{50, 1}, {51, 1}}, {{SIZE_MAX, 1}, {101, 1}}, {{50, 1}, {50, 4097}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_status(sf_packed_write(at("none"), &m, bad[i], 2, &o, NULL, err), SUREFOOT_E_USAGE,
                      "parts");
    struct sf_map x;
    expect_status(sf_map_open(&x, at("none"), err), SUREFOOT_E_IO, "No such file");
    free(p);
}

/* A small packed file: every cut and every changed byte is refused, or what comes out is right. */
static void damage_is_seen(void **state) {
    SF_UNUSED(state);
    size_t n = 600;
    unsigned char *p = noise(n, 18);
    struct sf_map m = whole(p, n), x;
    struct sf_packed_part part[] = {{200, 1}, {400, 18}};
    struct sf_packed_options o = {.n_threads = 1, .what = "load"};
    char *file;
    size_t bytes;
    write_packed(&m, part, 2, 1);
    assert_ok(sf_read_file(&file, &bytes, at("p"), 1 << 20, err));
    for (size_t cut = 8; cut < bytes; cut++) {
        surefoot_error e = {0};
        x = whole(file, cut);
        assert_int_equal(sf_packed_expand(&x, &o, &e), SUREFOOT_E_FILE);
        assert_true(e.text[0] && x.data == (unsigned char *)file && x.size == cut);
    }
    int survived = 0;
    for (size_t i = 8; i < bytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            surefoot_error e = {0};
            file[i] = (char)(file[i] ^ 1 << bit);
            x = whole(file, bytes);
            surefoot_status st = sf_packed_expand(&x, &o, &e);
            if (st == SUREFOOT_OK) { /* what no checksum covers must not matter */
                survived++;
                assert_int_equal(x.size, n);
                assert_memory_equal(x.data, p, n);
            } else {
                assert_int_equal(st, SUREFOOT_E_FILE);
                assert_true(e.text[0]);
            }
            sf_map_close(&x);
            file[i] = (char)(file[i] ^ 1 << bit);
        }
    assert_true(survived < 16); /* unused bits of zstd's headers */
    sf_free(file);
    free(p);
}

/* Says it is large: refused before memory is taken for it. */
static void what_does_not_fit_is_refused(void **state) {
    SF_UNUSED(state);
    size_t n = 1 << 20;
    unsigned char *p = calloc(1, n);
    struct sf_map m = whole(p, n), x;
    struct sf_packed_options o = {.n_threads = 1, .most = n - 1};
    write_packed(&m, &(struct sf_packed_part){n, 1}, 1, 1);
    assert_ok(sf_map_open(&x, at("p"), err));
    expect_status(sf_packed_expand(&x, &o, err), SUREFOOT_E_MEMORY, "unpacks to");
    o.most = n;
    assert_ok(sf_packed_expand(&x, &o, err));
    sf_map_close(&x);
    free(p);
}

static int stop(void *user, const char *what, uint64_t done, uint64_t total) {
    SF_UNUSED(user);
    SF_UNUSED(what);
    assert_true(done <= total && total > 0);
    return 1;
}

static void stops_when_asked(void **state) {
    SF_UNUSED(state);
    size_t n = 2 * (size_t)SF_PACKED_FRAME;
    unsigned char *p = noise(n, 0);
    struct sf_map m = whole(p, n), x;
    struct sf_packed_part part = {n, 1};
    struct sf_packed_options o = {.level = 1, .n_threads = 1, .progress = stop, .what = "pack"};
    expect_status(sf_packed_write(at("stopped"), &m, &part, 1, &o, NULL, err), SUREFOOT_E_ABORTED,
                  "stopped");
    expect_status(sf_map_open(&x, at("stopped"), err), SUREFOOT_E_IO, "No such file");
    write_packed(&m, &part, 1, 1);
    assert_ok(sf_map_open(&x, at("p"), err));
    expect_status(sf_packed_expand(&x, &o, err), SUREFOOT_E_ABORTED, "stopped");
    expect_status(sf_packed_unpack(at("stopped"), &x, &o, err), SUREFOOT_E_ABORTED, "stopped");
    sf_map_close(&x);
    expect_status(sf_map_open(&x, at("stopped"), err), SUREFOOT_E_IO, "No such file");
    free(p);
}

static int calls, fail_at;
static bool failing(size_t bytes) {
    SF_UNUSED(bytes);
    return calls++ == fail_at;
}

static void no_memory_is_an_error(void **state) {
    SF_UNUSED(state);
    unsigned char *p = noise(5000, 18);
    struct sf_map m = whole(p, 5000), x;
    struct sf_packed_part part[] = {{200, 1}, {4800, 18}};
    struct sf_packed_options o = {.level = 1, .n_threads = 1, .what = "pack"};
    write_packed(&m, part, 2, 1);
    for (int what = 0; what < 3; what++) {
        surefoot_status st = SUREFOOT_E_MEMORY;
        for (fail_at = 0; st != SUREFOOT_OK; fail_at++) {
            surefoot_error e = {0};
            assert_ok(sf_map_open(&x, at("p"), err));
            calls = 0;
            sf_alloc_hook(failing);
            st = what == 0   ? sf_packed_write(at("q"), &m, part, 2, &o, NULL, &e)
                 : what == 1 ? sf_packed_expand(&x, &o, &e)
                             : sf_packed_unpack(at("q"), &x, &o, &e);
            sf_alloc_hook(NULL);
            sf_map_close(&x);
            if (st != SUREFOOT_OK) {
                assert_true(e.text[0]);
                assert_in_range(fail_at, 0, 50);
            }
        }
        assert_true(fail_at > 1);
    }
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),
        cmocka_unit_test(long_parts),
        cmocka_unit_test(grouping_is_used_where_it_packs_better),
        cmocka_unit_test(parts_must_tile),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
