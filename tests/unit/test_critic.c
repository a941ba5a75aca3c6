/* SPDX-License-Identifier: MIT
 * test_critic.c - a critic's file: what is written is read back, everything else is refused in one
 * line; what it is tied to; noise that repeats.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "critic.h"
#include "file.h"
#include "model.h"
#include "policy.h"

static char path[64];
static const struct sf_critic_ties ties = {"aa11", "bb22", 500000, 0.999};
enum { DIM = 20, UNITS = 6 };

/* f1 rises with z: even units pull up, odd ones down. */
static struct surefoot_critic *make(uint64_t seed) {
    struct surefoot_critic *c;
    assert_ok(sf_critic_new(&c, DIM, UNITS, err));
    for (size_t i = 0; i < c->net.n_params; i++)
        c->net.w[i] = (float)((double)(sf_rand(&seed) >> 40) / 8388608.0 - 1);
    for (int j = 0; j < UNITS; j++) {
        float sign = j % 2 ? -1 : 1;
        c->net.m[j] = sign * fabsf(c->net.m[j]);
        c->net.v[j] = sign * fabsf(c->net.v[j]);
    }
    c->scale = 1.5f;
    c->shift = -0.25f;
    c->tau_high = 0.75;
    return c;
}

static void round_trip(void **state) {
    SF_UNUSED(state);
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct surefoot_critic *c = make(seed), *back;
        float h[DIM], last = 0;
        for (int i = 0; i < DIM; i++) h[i] = (float)(sf_rand(&seed) % 100) / 50 - 1;
        assert_ok(sf_critic_save(c, path, &ties, "made by a test", err));
        assert_ok(sf_critic_open(&back, path, &ties, err));
        assert_true(back->n_hidden == DIM && back->tau_high == 0.75);
        for (float z = 0; z <= 1; z += 0.01f) {
            struct sf_value a = c->value(c, h, z), b = back->value(back, h, z);
            assert_memory_equal(&a, &b, sizeof a);
            assert_true(a.f1 >= last && a.f1 >= 0 && a.f1 <= 1);
            last = a.f1;
        }
        h[3] = NAN; /* a value that is no number stays one: the search knows what to do with it */
        struct sf_value v = back->value(back, h, 1);
        assert_true(isnan(v.f1) || v.f1 <= 1);
        sf_critic_close(back);
        assert_ok(sf_critic_open(&back, path, NULL, err));
        sf_critic_close(back);
        sf_critic_close(c);
    }
}

static void tied(void **state) {
    SF_UNUSED(state);
    struct surefoot_critic *c = make(1), *back;
    surefoot_error e;
    assert_ok(sf_critic_save(c, path, &ties, "", err));
    const struct {
        struct sf_critic_ties t;
        const char *says;
    } other[] = {{{"aa12", "bb22", 500000, 0.999}, "model"},
                 {{"aa1", "bb22", 500000, 0.999}, "model"},
                 {{"aa11", "bb2", 500000, 0.999}, "policy"},
                 {{"aa11", "bb22", 500001, 0.999}, "budget"},
                 {{"aa11", "bb22", 500000, 0.9990000000000001}, "gamma"}};
    for (size_t i = 0; i < SF_COUNT(other); i++) {
        assert_int_equal(sf_critic_open(&back, path, &other[i].t, &e), SUREFOOT_E_POLICY);
        assert_null(back);
        assert_non_null(strstr(e.text, other[i].says));
        assert_null(strchr(e.text, '\n'));
    }
    sf_critic_close(c);
}

static void refused(void **state) {
    SF_UNUSED(state);
    struct surefoot_critic *c = make(2), *back;
    surefoot_error e;
    char *bytes;
    size_t n;
    assert_ok(sf_critic_save(c, path, &ties, "", err));
    assert_ok(sf_read_file(&bytes, &n, path, 1 << 20, err));
    for (size_t k = 0; k < n; k++) { /* cut anywhere; one byte turned over anywhere */
        char *part = malloc(k + 1);
        memcpy(part, bytes, k);
        surefoot_status s = sf_critic_parse(&back, part, k, &ties, &e);
        assert_true(s != SUREFOOT_OK || k + 32 > n); /* the last padding is not missed */
        sf_critic_close(back);
        free(part);
        bytes[k] ^= (char)0x80;
        if (sf_critic_parse(&back, bytes, n, &ties, &e) == SUREFOOT_OK) {
            for (size_t i = 0; i < back->net.n_params; i++) assert_true(isfinite(back->net.w[i]));
            sf_critic_close(back);
        }
        bytes[k] ^= (char)0x80;
    }
    sf_free(bytes);
    /* values that no critic has */
#define WITH(change, says)                                                                         \
    do {                                                                                           \
        sf_critic_close(c);                                                                        \
        c = make(2);                                                                               \
        change;                                                                                    \
        assert_ok(sf_critic_save(c, path, &ties, "", err));                                        \
        assert_int_equal(sf_critic_open(&back, path, &ties, &e), SUREFOOT_E_FILE);                 \
        assert_non_null(strstr(e.text, says));                                                     \
    } while (0)
    WITH(c->net.v[2] = NAN, "finite");
    WITH(c->net.c[1] = INFINITY, "finite");
    WITH(c->scale = -1, "critic.scale");
    WITH(c->scale = NAN, "critic.scale");
    WITH(c->shift = INFINITY, "critic.shift");
    WITH(c->tau_high = 1.5, "critic.tau_high");
    WITH(c->net.m[0] = -1, "rises");
    WITH(c->net.v[1] = 1, "rises");
#undef WITH
    sf_critic_close(c);
    assert_int_equal(sf_critic_open(&back, "/dev/null", &ties, &e), SUREFOOT_E_IO);
    assert_int_equal(sf_critic_open(&back, "no such file", &ties, &e), SUREFOOT_E_IO);
    assert_int_equal(sf_critic_open(&back, SUREFOOT_SOURCE "/models/household.gguf", &ties, &e),
                     SUREFOOT_E_FILE);
    assert_non_null(strstr(e.text, "no critic"));
}

static int fail_at;
static bool fails(size_t bytes) {
    SF_UNUSED(bytes);
    return fail_at-- == 0;
}
static void no_memory(void **state) {
    SF_UNUSED(state);
    struct surefoot_critic *c = make(3), *back;
    surefoot_error e;
    surefoot_status s = SUREFOOT_E_MEMORY;
    assert_ok(sf_critic_save(c, path, &ties, "", err));
    sf_critic_close(c);
    for (int k = 0; s != SUREFOOT_OK && k < 50; k++) {
        fail_at = k;
        sf_alloc_hook(fails);
        s = sf_critic_open(&back, path, &ties, &e);
        sf_alloc_hook(NULL);
        assert_true(s == SUREFOOT_OK || (s == SUREFOOT_E_MEMORY && !back));
    }
    assert_int_equal(s, SUREFOOT_OK);
    sf_critic_close(back);
}

static void noise(void **state) {
    SF_UNUSED(state);
    struct surefoot_critic *c;
    double sum = 0, half = 0;
    assert_ok(sf_critic_noise(&c, 5, err));
    for (int i = 0; i < 1000; i++) {
        float h = (float)i;
        struct sf_value v = c->value(c, &h, 1), again = c->value(c, &h, 1);
        assert_true(v.f1 >= 0 && v.f1 < 1 && v.f1 == again.f1 && v.f2 == again.f2);
        sum += (double)v.f1;
        half += v.f1 > 0.5f;
    }
    assert_in_range((int)sum, 450, 550);
    assert_in_range((int)half, 430, 570);
    sf_critic_close(c);
}

/* What a policy's digest depends on, and what it does not. */
static void digests(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *ini, *words;
        bool same;
    } row[] = {
        {"[guard]\nbudget = 2\n[cost]\nkind = lexicon\nfile = w\n", "sad\n", true},
        {"; a remark\n[cost]\nkind = lexicon ; and one\nfile = w\n[reward]\nkind = likelihood\n",
         "sad\n", true},
        {"[cost]\nkind = lexicon\nfile = w\n", "sad\n\n", false},
        {"[cost]\nkind = lexicon\nfile = w\n", "cry\n", false},
        {"[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = lexicon\nfile = w\n", "sad\n", false},
        {"[cost]\nkind = lexicon\nfile = w\n[reward]\nkind = lexicon\nfile = w\n", "sad\n", false},
    };
    char first[SF_SHA256_TEXT] = "";
    for (size_t i = 0; i < SF_COUNT(row); i++) {
        surefoot_policy *p;
        const surefoot_file file[] = {{"p", row[i].ini, strlen(row[i].ini)},
                                      {"w", row[i].words, strlen(row[i].words)}};
        assert_ok(surefoot_policy_open_files(&p, file, 2, err));
        assert_int_equal(strlen(p->digest), 64);
        if (i == 0) strcpy(first, p->digest);
        assert_int_equal(strcmp(first, p->digest) == 0, row[i].same);
        surefoot_policy_close(p);
    }
}

/* The same weights are the same; one changed byte of them is another model, a changed name is not. */
static void models(void **state) {
    SF_UNUSED(state);
    char *bytes, text[4][SF_SHA256_TEXT];
    size_t n;
    assert_ok(sf_read_file(&bytes, &n, SUREFOOT_SOURCE "/models/household.gguf", 1 << 28, err));
    for (int i = 0; i < 4; i++) {
        surefoot_model *m;
        surefoot_model_options o;
        const surefoot_file file = {"m", bytes, n};
        surefoot_model_options_init(&o);
        o.file = &file;
        o.isa = i == 1 ? "generic" : NULL;
        if (i == 2) bytes[n - 40] ^= 1;
        if (i == 3) {
            bytes[n - 40] ^= 1;
            char *name = NULL;
            for (size_t k = 0; k + 12 < 4096 && !name; k++)
                if (!memcmp(bytes + k, "general.name", 12)) name = bytes + k;
            assert_non_null(name);
            name[12 + 4 + 8] ^= 1;
        }
        assert_ok(surefoot_model_open(&m, NULL, &o, err));
        assert_ok(sf_model_fingerprint(m, text[i], err));
        surefoot_model_close(m);
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    assert_string_equal(text[0], text[3]);
    sf_free(bytes);
}

int main(void) {
    snprintf(path, sizeof path, "test_critic.%d.critic", (int)getpid());
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(tied),
                                       cmocka_unit_test(refused),    cmocka_unit_test(no_memory),
                                       cmocka_unit_test(noise),      cmocka_unit_test(digests),
                                       cmocka_unit_test(models)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
