/* SPDX-License-Identifier: MIT
 * test_builtin.c - models and policies that lie in memory: what a program carries inside itself
 * says the same as the file, and what is wrong with it is refused.
 */
#include "harness.h"

#include <stdlib.h>

#include "arena.h"
#include "file.h"
#include "policy.h"

#define INI "[cost]\nkind = lexicon\nfile = words.lexicon\n"
static const surefoot_file words = {"words.lexicon", "sad\ncry\t0.5\n", 12};

static surefoot_status open_files(surefoot_policy **p, const char *ini, const surefoot_file *second,
                                  surefoot_error *err) {
    surefoot_file file[2] = {{"inside", ini, strlen(ini)}, {0}};
    if (second) file[1] = *second;
    memset(err, 0, sizeof *err);
    return surefoot_policy_open_files(p, file, second ? 2 : 1, err);
}

static void policies(void **state) {
    SF_UNUSED(state);
    surefoot_policy *p;
    surefoot_error e;
    assert_int_equal(open_files(&p, INI, &words, &e), SUREFOOT_OK);
    surefoot_policy_info i = {.size = sizeof i};
    surefoot_policy_describe(p, &i);
    assert_string_equal(i.path, "inside");
    assert_string_equal(i.cost, "lexicon");
    assert_int_equal(surefoot_policy_set(p, "budget", "0.25", &e), SUREFOOT_OK);
    surefoot_policy_close(p);
    /* the lexicon is read for real: its own fallback text may cost nothing */
    assert_int_equal(open_files(&p, "[guard]\nfallback = so sad\n" INI, &words, &e),
                     SUREFOOT_E_POLICY);
    assert_null(p);
}

static void refused(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *ini;
        surefoot_file second;
        bool has_second;
        surefoot_status code;
        const char *says;
    } row[] = {
        {INI, {0}, false, SUREFOOT_E_POLICY, "words.lexicon"},
        {INI, {"other", "sad\n", 4}, true, SUREFOOT_E_POLICY, "words.lexicon"},
        {INI, {NULL, "sad\n", 4}, true, SUREFOOT_E_POLICY, "words.lexicon"},
        {INI, {"words.lexicon", NULL, 4}, true, SUREFOOT_E_POLICY, "words.lexicon"},
        {INI, {"words.lexicon", "sad\n", SIZE_MAX}, true, SUREFOOT_E_POLICY, "bytes"},
        {INI, {"words.lexicon", "sad\tx\n", 6}, true, SUREFOOT_E_POLICY, ""},
        {"[cost]\nkind = lexicon\nfile = /etc/hostname\n",
         {"a", "b", 1},
         true,
         SUREFOOT_E_POLICY,
         "absolute"},
        {"[cost]\nkind = lexicon\nfile = ../x\n", {"a", "b", 1}, true, SUREFOOT_E_POLICY, "'..'"},
        {"", {0}, false, SUREFOOT_E_POLICY, ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        surefoot_policy *p = (surefoot_policy *)&row; /* must be set to NULL */
        surefoot_error e;
        assert_int_equal(open_files(&p, row[i].ini, row[i].has_second ? &row[i].second : NULL, &e),
                         row[i].code);
        assert_null(p);
        assert_non_null(strstr(e.text, row[i].says));
    }
    surefoot_policy *p;
    surefoot_file none = {0}, huge = {"x", "", SIZE_MAX}, null = {"x", NULL, 1};
    assert_int_equal(surefoot_policy_open_files(NULL, &words, 1, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_policy_open_files(&p, NULL, 1, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_policy_open_files(&p, &words, 0, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_policy_open_files(&p, &none, 1, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_policy_open_files(&p, &huge, 1, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_policy_open_files(&p, &null, 1, NULL), SUREFOOT_E_USAGE);
    assert_null(p);
}

static void maps(void **state) {
    SF_UNUSED(state);
    struct sf_map m;
    static const char bytes[] = "four";
    assert_int_equal(sf_map_memory(&m, bytes, 4, NULL), SUREFOOT_OK);
    assert_ptr_equal(m.data, bytes);
    assert_int_equal(m.size, 4);
    sf_map_release(&m, 0, 4);
    assert_memory_equal(bytes, "four", 5);
    sf_map_close(&m);
    assert_null(m.data);
    assert_memory_equal(bytes, "four", 5);
    assert_int_equal(sf_map_memory(&m, NULL, 0, NULL), SUREFOOT_OK);
    assert_null(m.data);
    assert_int_equal(sf_map_memory(&m, NULL, 1, NULL), SUREFOOT_E_USAGE);
}

static surefoot_status model_of(surefoot_model **m, const void *data, size_t n) {
    surefoot_model_options o;
    surefoot_model_options_init(&o);
    assert_null(o.file);
    surefoot_file f = {"inside", data, n};
    o.file = &f;
    o.n_threads = 1;
    return surefoot_model_open(m, NULL, &o, NULL);
}

static void models(void **state) {
    SF_UNUSED(state);
    const char *path = SUREFOOT_SOURCE "/models/household.gguf";
    char *data = NULL;
    size_t n = 0;
    surefoot_model *a, *b;
    assert_int_equal(model_of(&a, "GGUF", 4), SUREFOOT_E_FILE);
    assert_null(a);
    assert_int_equal(model_of(&a, NULL, 4), SUREFOOT_E_USAGE);
    assert_int_equal(model_of(&a, NULL, 0), SUREFOOT_E_FILE);
    assert_int_equal(sf_read_file(&data, &n, path, 8 << 20, NULL), SUREFOOT_OK);
    assert_int_equal(model_of(&a, data, n), SUREFOOT_OK);
    assert_int_equal(surefoot_model_open(&b, path, NULL, NULL), SUREFOOT_OK);
    surefoot_model_info x = {.size = sizeof x}, y = {.size = sizeof y};
    surefoot_model_describe(a, &x);
    surefoot_model_describe(b, &y);
    assert_true(x.n_params == y.n_params && x.weight_bytes == y.weight_bytes);
    assert_true(x.n_params >= 3000000 && x.n_params <= 10000000);
    assert_non_null(x.chat_template);
    assert_string_equal(x.chat_template, "chatml");
    surefoot_model_close(a);
    surefoot_model_close(b);
    assert_int_equal(model_of(&a, data, n / 2), SUREFOOT_E_FILE);
    sf_free(data);
}

/* The committed critic belongs to the committed model and policy, and to no other budget. */
static void critics(void **state) {
    SF_UNUSED(state);
    surefoot_model *m;
    surefoot_policy *p;
    surefoot_critic *c;
    surefoot_error e;
    char *data = NULL;
    size_t n = 0;
    const char *path = SUREFOOT_SOURCE "/models/household.critic";
    assert_int_equal(surefoot_model_open(&m, SUREFOOT_SOURCE "/models/household.gguf", NULL, NULL),
                     SUREFOOT_OK);
    assert_int_equal(surefoot_policy_open(&p, SUREFOOT_SOURCE "/models/household.ini", NULL),
                     SUREFOOT_OK);
    surefoot_status s = surefoot_critic_open(&c, path, m, p, &e);
    if (s != SUREFOOT_OK) fail_msg("%s", e.text);
    surefoot_critic_close(c);
    assert_int_equal(sf_read_file(&data, &n, path, 1 << 20, NULL), SUREFOOT_OK);
    surefoot_file f = {"household.critic", data, n};
    assert_int_equal(surefoot_critic_open_file(&c, &f, m, p, NULL), SUREFOOT_OK);
    surefoot_critic_close(c);
    assert_int_equal(surefoot_policy_set(p, "candidates", "2", NULL), SUREFOOT_OK);
    assert_int_equal(surefoot_critic_open_file(&c, &f, m, p, NULL), SUREFOOT_OK);
    surefoot_critic_close(c);
    assert_int_equal(surefoot_policy_set(p, "budget", "0.75", NULL), SUREFOOT_OK);
    assert_int_equal(surefoot_critic_open_file(&c, &f, m, p, &e), SUREFOOT_E_POLICY);
    assert_non_null(strstr(e.text, "budget"));
    assert_null(c);
    assert_int_equal(surefoot_critic_open(&c, path, NULL, p, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_critic_open(&c, NULL, m, p, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_critic_open_file(&c, NULL, m, p, NULL), SUREFOOT_E_USAGE);
    sf_free(data);
    surefoot_policy_close(p);
    surefoot_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies), cmocka_unit_test(refused), cmocka_unit_test(maps),
        cmocka_unit_test(models),   cmocka_unit_test(critics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
