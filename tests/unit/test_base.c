/* SPDX-License-Identifier: MIT
 * test_base.c - checked sizes, arena, UTF-8 repair, Philox, statuses.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include "harness.h"

#include "arena.h"
#include "philox.h"
#include "sha256.h"
#include "threads.h"
#include "utf8.h"

static void sizes(void **state) {
    SF_UNUSED(state);
    size_t n;
    assert_true(sf_size_mul(&n, 3, 5) && n == 15);
    assert_false(sf_size_mul(&n, SIZE_MAX / 2, 3));
    assert_false(sf_size_add(&n, SIZE_MAX, 1));
    assert_int_equal(sf_round_up(65, 64), 128);
}

/* FIPS 180-4's own examples, and one of every length around a block against itself in two parts. */
static void sha256(void **state) {
    SF_UNUSED(state);
    static const char *const want[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    struct sf_sha256 s;
    char text[2][SF_SHA256_TEXT], bytes[200];
    for (size_t i = 0; i < SF_COUNT(want); i++) {
        sf_sha256_begin(&s);
        sf_sha256_add(&s, want[i][0], strlen(want[i][0]));
        sf_sha256_end(&s, text[0]);
        assert_string_equal(text[0], want[i][1]);
    }
    for (size_t n = 0; n < sizeof bytes; n++) bytes[n] = (char)(n * 7);
    for (size_t n = 1; n < sizeof bytes; n++) {
        for (int k = 0; k < 2; k++) {
            sf_sha256_begin(&s);
            sf_sha256_add(&s, bytes, k ? n / 3 : n);
            if (k) sf_sha256_add(&s, bytes + n / 3, n - n / 3);
            sf_sha256_end(&s, text[k]);
        }
        assert_string_equal(text[0], text[1]);
    }
}

static void arena(void **state) {
    SF_UNUSED(state);
    struct sf_arena a = {0};
    assert_null(sf_arena_take(&a, 10, 3));
    assert_null(sf_arena_take(&a, 1, 1));
    assert_int_equal(a.used, 128);
    assert_ok(sf_arena_reserve(&a, NULL));
    unsigned char *p = sf_arena_take(&a, 10, 3), *q = sf_arena_take(&a, 1, 1);
    assert_non_null(p);
    assert_int_equal(q - p, 64);
    assert_int_equal((uintptr_t)p % SF_ALIGN, 0);
    assert_null(sf_arena_take(&a, 1, 1));
    assert_true(a.failed);
    sf_arena_free(&a);
    assert_null(sf_arena_take(&a, SIZE_MAX / 2, 3));
    assert_true(a.failed);
    assert_int_equal(sf_arena_reserve(&a, NULL), SUREFOOT_E_MEMORY);
}

/* Whole input at once and byte by byte must give the same, valid text. */
static void repair_case(const char *in, size_t n, const char *want) {
    char out[256];
    struct sf_utf8 u = {0};
    size_t o = sf_utf8_feed(&u, in, n, out);
    o += sf_utf8_end(&u, out + o);
    assert_int_equal(o, strlen(want));
    assert_memory_equal(out, want, o);
    u = (struct sf_utf8){0};
    o = 0;
    for (size_t i = 0; i < n; i++) o += sf_utf8_feed(&u, in + i, 1, out + o);
    o += sf_utf8_end(&u, out + o);
    assert_int_equal(o, strlen(want));
    assert_memory_equal(out, want, o);
}

#define R "\xEF\xBF\xBD"
static void repair(void **state) {
    SF_UNUSED(state);
    repair_case("abc", 3, "abc");
    repair_case("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    repair_case("\xC3", 1, R);
    repair_case("\x80z", 2, R "z");
    repair_case("\xE2\x82z", 3, R "z");          /* truncated: one replacement (3.9, table 3-8) */
    repair_case("\xC0\xAF", 2, R R);             /* overlong: one per byte */
    repair_case("\xED\xA0\x80", 3, R R R);       /* surrogate */
    repair_case("\xF4\x90\x80\x80", 4, R R R R); /* above 10FFFF */
    repair_case("\xF0\x9F\x98", 3, R);
    repair_case("\xE2\xE2\x82\xAC", 4, R "\xE2\x82\xAC");
}

static void utf8_round_trip(void **state) {
    SF_UNUSED(state);
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        char b[4];
        uint32_t back = 0;
        int n = sf_utf8_encode(cp, b);
        if (sf_utf8_decode((unsigned char *)b, (size_t)n, &back) != n || back != cp)
            fail_msg("U+%04X", cp);
    }
}

/* Known answers of the Random123 distribution's kat_vectors for philox4x32-10 (first word). */
static void philox(void **state) {
    SF_UNUSED(state);
    assert_int_equal(sf_philox(0, 0, 0, 0), 0x6627e8d5u);
    double u = sf_philox_unit(7, 1, 2, 3);
    assert_true(u >= 0 && u < 1);
    assert_true(sf_philox(7, 1, 2, 3) != sf_philox(7, 1, 2, 4));
}

static void statuses(void **state) {
    SF_UNUSED(state);
#define SF_STATUS(name, number, cli, text)                                                         \
    assert_int_equal(SUREFOOT_##name, number);                                                     \
    assert_string_equal(surefoot_status_text(SUREFOOT_##name), text);                              \
    assert_int_equal(surefoot_status_exit(SUREFOOT_##name), cli);
#include "status.def"
#undef SF_STATUS
    surefoot_error e;
    sf_fail(&e, SUREFOOT_E_FILE, 7, "bad \x1b[31m%s", "name\n");
    assert_string_equal(e.text, "bad ?[31mname?");
}

struct count {
    int hits[64];
    size_t covered[64];
};
static void count_body(void *arg, struct sf_member *me) {
    struct count *c = arg;
    size_t b, e;
    sf_share(me, 1000, 16, &b, &e);
    c->covered[me->id] = e - b;
    for (int i = 0; i < 1000; i++) {
        sf_barrier(me);
        if (me->id == i % me->n) c->hits[me->id]++;
    }
}
static void team(void **state) {
    SF_UNUSED(state);
    for (int n = 1; n <= 5; n++) {
        struct count c = {0};
        sf_team_run(n, count_body, &c);
        size_t sum = 0;
        int hits = 0;
        for (int i = 0; i < n; i++) sum += c.covered[i], hits += c.hits[i];
        assert_int_equal(sum, 1000);
        assert_int_equal(hits, 1000);
    }
    assert_true(sf_default_threads() >= 1);
}

enum { N_TAKEN = 1003, N_ROUNDS = 50 };
struct taken {
    atomic_int by[N_ROUNDS][N_TAKEN];
    atomic_int wrong; /* parts that start off a step, or are empty */
};
static void take_body(void *arg, struct sf_member *me) {
    struct taken *t = arg;
    size_t b, e;
    for (int round = 0; round < N_ROUNDS; round++) {
        while (sf_take(me, N_TAKEN, 16, &b, &e)) {
            if (b % 16 || e <= b || (e % 16 && e != N_TAKEN)) atomic_fetch_add(&t->wrong, 1);
            for (size_t i = b; i < e && i < N_TAKEN; i++) atomic_fetch_add(&t->by[round][i], 1);
        }
        sf_barrier(me);
    }
}
/* Every item is taken once in every round, by whoever; rounds are apart by barriers alone. */
static void taking(void **state) {
    SF_UNUSED(state);
    for (int n = 1; n <= 5; n++) {
        struct taken *t = calloc(1, sizeof *t);
        sf_team_run(n, take_body, t);
        assert_int_equal(t->wrong, 0);
        for (int round = 0; round < N_ROUNDS; round++)
            for (int i = 0; i < N_TAKEN; i++) assert_int_equal(t->by[round][i], 1);
        free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),           cmocka_unit_test(arena),  cmocka_unit_test(repair),
        cmocka_unit_test(utf8_round_trip), cmocka_unit_test(philox), cmocka_unit_test(statuses),
        cmocka_unit_test(sha256),          cmocka_unit_test(team),   cmocka_unit_test(taking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
