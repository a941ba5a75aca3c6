/* SPDX-License-Identifier: MIT
 * test_policy.c - policy files: defaults, every error with its line and code, overrides, numbers;
 * sum and max of cost models; reward models; the audit of a finished text.
 */
#include "harness.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "arena.h"
#include "policy.h"

static char dir[64] = "/tmp/surefoot-policy-XXXXXX";

static void put_file(const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_dir(void **state) {
    SF_UNUSED(state);
    if (!mkdtemp(dir)) return -1;
    put_file("words.lexicon", "sad\ncry\t0.5\n");
    put_file("names.lexicon", "# people\nbob\t2\n");
    put_file("bad.lexicon", "sad\ncry\t-1\n");
    put_file("tone.lexicon", "good\t1\nbad\t-2\n");
    return 0;
}

static int drop_dir(void **state) {
    SF_UNUSED(state);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command) == 0 ? 0 : -1;
}

static surefoot_status parse(surefoot_policy **p, const char *text, surefoot_error *err) {
    memset(err, 0, sizeof *err);
    return sf_policy_parse(p, text, strlen(text), dir, err);
}

#define COST "[cost]\nkind = lexicon\nfile = words.lexicon\n"

static void defaults(void **state) {
    SF_UNUSED(state);
    surefoot_policy *p;
    assert_ok(parse(&p, COST, err));
    assert_int_equal(p->mode, SUREFOOT_GUARD_LAZY);
    assert_int_equal(p->budget, SF_COST_UNIT);
    assert_true(p->gamma == 1 && p->threshold == 0.5 && p->threshold_high == -1);
    assert_int_equal(p->candidates, 4);
    assert_int_equal(p->keep, 1);
    assert_int_equal(p->lag, 1);
    assert_int_equal(p->block, 16);
    assert_int_equal(p->retries, 2);
    assert_int_equal(p->w_calm, -1);
    assert_true(p->branch_temp == 0.8 && p->beta == 5);
    assert_false(p->scope_conversation || p->allow_logprobs);
    assert_int_equal(p->deadline_ms, 0);
    assert_string_equal(p->fallback, "I'd rather not continue with that.");
    assert_string_equal(p->cost->ops->kind, "lexicon");
    assert_string_equal(p->reward->ops->kind, "likelihood");
    assert_string_equal(p->cost_text, "lexicon");
    surefoot_policy_close(p);
}

static void every_key(void **state) {
    SF_UNUSED(state);
    surefoot_policy *p;
    assert_ok(parse(&p,
                    "\xEF\xBB\xBF; a comment\r\n[guard] ; too\r\nmode = full\r\nbudget = 2.5\r\n"
                    "gamma = 0.999 ; discount\r\ncandidates = 8\r\nkeep = 2\r\nlag = 2\r\n"
                    "block = 32\r\nretries = 0\r\nthreshold = 0.25\r\nthreshold_high = 0.75\r\n"
                    "w_calm = 3\r\nbranch_temp = 1\r\nbeta = 0.5\r\nscope = conversation\r\n"
                    "allow_logprobs = yes\r\ndeadline_ms = 150\r\nfallback = Lieber nicht; "
                    "\xC3\xBC"
                    "ber etwas anderes.\r\n\r\n[cost]\r\nkind = max\r\n"
                    "parts = words, names\r\n[cost.words]\r\nkind = lexicon\r\n"
                    "file = words.lexicon\r\nweight = 0.5\r\n[cost.names]\r\nkind = lexicon\r\n"
                    "file = names.lexicon\r\n[reward]\r\nkind = lexicon\r\nfile = tone.lexicon",
                    err));
    assert_int_equal(p->mode, SUREFOOT_GUARD_FULL);
    assert_int_equal(p->budget, 2500000);
    assert_true(p->gamma == 0.999 && p->threshold == 0.25 && p->threshold_high == 0.75);
    assert_int_equal(p->candidates, 8);
    assert_int_equal(p->keep, 2);
    assert_int_equal(p->lag, 2);
    assert_int_equal(p->block, 32);
    assert_int_equal(p->retries, 0);
    assert_int_equal(p->w_calm, 3);
    assert_true(p->branch_temp == 1 && p->beta == 0.5);
    assert_true(p->scope_conversation && p->allow_logprobs);
    assert_int_equal(p->deadline_ms, 150);
    assert_string_equal(p->fallback, "Lieber nicht; \xC3\xBC"
                                     "ber etwas anderes.");
    assert_string_equal(p->cost_text, "max(words, names)");
    assert_string_equal(p->reward_text, "lexicon");
    surefoot_policy_close(p);
}

struct wrong {
    const char *text;
    surefoot_status code;
    int line;
    const char *says; /* part of the message */
};

#define POLICY SUREFOOT_E_POLICY
#define LONG50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
static const struct wrong wrong[] = {
    {"", POLICY, 0, "no [cost]"},
    {"[guard]\n", POLICY, 0, "no [cost]"},
    {"key = 1\n" COST, POLICY, 1, "before the first section"},
    {COST "[other]\n", POLICY, 4, "unknown section [other]"},
    {COST "[cost.spare]\nkind = lexicon\n", POLICY, 4, "is not used"},
    {COST "[cost]\nkind = lexicon\n", POLICY, 4, "again: first in line 1"},
    {COST "file = x\n", POLICY, 4, "again: first in line 3"},
    {COST "fiel = x\n", POLICY, 4, "unknown key 'fiel' in [cost]"},
    {COST "weight = 1\n", POLICY, 4, "unknown key 'weight'"},
    {COST "[reward]\nkind = likelihood\nfile = x\n", POLICY, 6, "unknown key 'file'"},
    {"[guard]\nbudgett = 1\n" COST, POLICY, 2, "unknown key 'budgett'"},
    {"[guard]\nBudget = 1\n" COST, POLICY, 2, "unknown key 'Budget'"},
    {"[guard\n" COST, POLICY, 1, "without ']'"},
    {"[guard] x\n" COST, POLICY, 1, "behind the section name"},
    {"[]\n" COST, POLICY, 1, "1 to 40"},
    {"[" LONG50 "]\n" COST, POLICY, 1, "1 to 40"},
    {"[gu ard]\n" COST, POLICY, 1, "letters, digits"},
    {"[guard]\n  budget = 1\n" COST, POLICY, 2, "indented"},
    {"[guard]\nbudget = 1\n  2\n" COST, POLICY, 3, "indented"},
    {"[guard]\nbudget\n" COST, POLICY, 2, "neither"},
    {"[guard]\nbudget\n\nmode = x\n" COST, POLICY, 2, "neither"},
    {"[guard]\n= 1\n" COST, POLICY, 2, "a key is missing"},
    {"[guard]\nfallback = \xFF\n" COST, POLICY, 2, "UTF-8"},
    {"[guard]\nfallback = a\x01z\n" COST, POLICY, 2, "UTF-8"},
    {"[guard]\nfallback = \xC2\x85z\n" COST, POLICY, 2, "control character"},
    {"[guard]\nfallback = " LONG50 LONG50 LONG50 LONG50 "\n" COST, POLICY, 2, "at most 196"},
    {"[guard]\nfallback = Do not cry.\n" COST, POLICY, 2, "must be free"},
    {"[guard]\n\n\nfallback = I am s.a.d!\n" COST, POLICY, 4, "must be free"},
    {"[guard]\nmode = off\n" COST, POLICY, 2, "--guard off"},
    {"[guard]\nmode = Lazy\n" COST, POLICY, 2, "'lazy' or 'full'"},
    {"[guard]\nbudget = -1\n" COST, POLICY, 2, "negative"},
    {"[guard]\nbudget = nan\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget = inf\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget = 1,5\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget = 0x10\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget = 1 0\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget =\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nbudget = 1e10\n" COST, POLICY, 2, "at most 1e9"},
    {"[guard]\ngamma = 0\n" COST, POLICY, 2, "must be from"},
    {"[guard]\ngamma = 1.0001\n" COST, POLICY, 2, "must be from"},
    {"[guard]\ngamma = nan\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\ncandidates = 0\n" COST, POLICY, 2, "at least 1"},
    {"[guard]\ncandidates = 4.0\n" COST, POLICY, 2, "whole number"},
    {"[guard]\ncandidates = 200\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_CANDIDATES"},
    {"[guard]\ncandidates = 99999999999999999999\n" COST, POLICY, 2, "whole number"},
    {"[guard]\nkeep = 200\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_CANDIDATES"},
    {"[guard]\nblock = 4000\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_BLOCK"},
    {"[guard]\nblock = 0\n" COST, POLICY, 2, "at least 1"},
    {"[guard]\nretries = 99\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_RETRIES"},
    {"[guard]\nretries = -1\n" COST, POLICY, 2, "at least 0"},
    {"[guard]\nlag = 3\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_LAG"},
    {"[guard]\nlag = -1\n" COST, POLICY, 2, "at least 0"},
    {"[guard]\nw_calm = 4000\n" COST, SUREFOOT_E_LIMIT, 2, "SF_GUARD_MAX_BLOCK"},
    {"[guard]\nblock = 4\nw_calm = 5\n" COST, POLICY, 3, "more than block = 4"},
    {"[guard]\nkeep = 3\ncandidates = 4\n" COST, POLICY, 2, "does not divide"},
    {"[guard]\ncandidates = 2\nkeep = 4\n" COST, POLICY, 3, "does not divide"},
    {"[guard]\nthreshold = 1.5\n" COST, POLICY, 2, "must be from"},
    {"[guard]\nthreshold_high = never\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nthreshold = 0.5\nthreshold_high = 0.4\n" COST, POLICY, 3, "below threshold"},
    {"[guard]\nbranch_temp = -1\n" COST, POLICY, 2, "must be from"},
    {"[guard]\nbeta = inf\n" COST, POLICY, 2, "decimal number"},
    {"[guard]\nscope = all\n" COST, POLICY, 2, "'answer' or 'conversation'"},
    {"[guard]\nallow_logprobs = true\n" COST, POLICY, 2, "'no' or 'yes'"},
    {"[guard]\ndeadline_ms = -5\n" COST, POLICY, 2, "at least 0"},
    {"[cost]\n", POLICY, 1, "no `kind`"},
    {"[cost]\nkind = nothing\n", POLICY, 2, "known are lexicon ngram sum max"},
    {COST "[reward]\nkind = lexicons\n", POLICY, 5, "known are likelihood lexicon ngram"},
    {"[cost]\nkind = lexicon\n", POLICY, 1, "no `file`"},
    {"[cost]\nkind = lexicon\nfile =\n", POLICY, 3, "missing"},
    {"[cost]\nkind = lexicon\nfile = /etc/passwd\n", POLICY, 3, "absolute"},
    {"[cost]\nkind = lexicon\nfile = ../x\n", POLICY, 3, "'..'"},
    {"[cost]\nkind = lexicon\nfile = a/../x\n", POLICY, 3, "'..'"},
    {"[cost]\nkind = lexicon\nfile = a/..\n", POLICY, 3, "'..'"},
    {"[cost]\nkind = lexicon\nfile = none.lexicon\n", POLICY, 3, "none.lexicon"},
    {"[cost]\nkind = lexicon\nfile = .\n", POLICY, 3, "file = ."},
    {"[cost]\nkind = lexicon\nfile = bad.lexicon\n", POLICY, 2, "bad.lexicon line 2"},
    {"[cost]\nkind = sum\n", POLICY, 1, "no `parts`"},
    {"[cost]\nkind = sum\nparts =\n", POLICY, 3, "names between commas"},
    {"[cost]\nkind = sum\nparts = a,\n", POLICY, 3, "no section [cost.a]"},
    {"[cost]\nkind = sum\nparts = a b\n", POLICY, 3, "names between commas"},
    {"[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = sum\nparts = a\n", POLICY, 4,
     "contains itself"},
    {"[cost]\nkind = sum\nparts = a, a\n[cost.a]\nkind = lexicon\nfile = words.lexicon\n", POLICY,
     4, "used twice"},
    {"[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = lexicon\nfile = words.lexicon\nweight = -1\n",
     POLICY, 7, "at least 0"},
    {"[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = lexicon\nfile = words.lexicon\nweight = "
     "nan\n",
     POLICY, 7, "at least 0"},
    {"[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = max\nparts = b\n[cost.b]\nkind = sum\nparts "
     "= "
     "c\n[cost.c]\nkind = sum\nparts = d\n[cost.d]\nkind = sum\nparts = e\n[cost.e]\nkind = sum\n"
     "parts = f\n[cost.f]\nkind = lexicon\nfile = words.lexicon\n",
     POLICY, 16, "nested deeper"},
};

static void errors(void **state) {
    SF_UNUSED(state);
    for (size_t i = 0; i < SF_COUNT(wrong); i++) {
        const struct wrong *w = &wrong[i];
        surefoot_policy *p = (surefoot_policy *)1;
        surefoot_error err;
        surefoot_status s = parse(&p, w->text, &err);
        if (s != w->code || err.code != w->code || err.where != (uint64_t)w->line ||
            !strstr(err.text, w->says) || p)
            fail_msg("case %zu '%s': status %d, where %d, '%s'; want %d, %d, '%s'", i, w->text,
                     (int)s, (int)err.where, err.text, (int)w->code, w->line, w->says);
        if (w->line > 0 && !strstr(err.text, "line "))
            fail_msg("case %zu: no line in '%s'", i, err.text);
        assert_int_equal(sf_policy_parse(&p, w->text, strlen(w->text), dir, NULL), w->code);
    }
    surefoot_policy *p;
    surefoot_error err;
    assert_int_equal(sf_policy_parse(&p, COST "\0", sizeof COST, dir, &err), SUREFOOT_E_POLICY);
    assert_int_equal(sf_policy_parse(&p, COST, sizeof COST - 1, NULL, &err), SUREFOOT_E_POLICY);
    assert_non_null(strstr(err.text, "may not name files"));
}

static void files(void **state) {
    SF_UNUSED(state);
    surefoot_policy *p;
    surefoot_error e;
    char path[160];
    put_file("p.ini", COST "[guard]\nbudget = 3\n");
    snprintf(path, sizeof path, "%s/p.ini", dir);
    assert_ok(surefoot_policy_open(&p, path, err));
    surefoot_policy_info info = {.size = sizeof info};
    surefoot_policy_describe(p, &info);
    assert_string_equal(info.path, path);
    assert_true(info.budget == 3 && info.gamma == 1);
    assert_string_equal(info.cost, "lexicon");
    assert_string_equal(info.reward, "likelihood");
    surefoot_policy_close(p);
    put_file("q.ini", COST "[guard]\nbudget = -3\n");
    snprintf(path, sizeof path, "%s/q.ini", dir);
    assert_int_equal(surefoot_policy_open(&p, path, &e), SUREFOOT_E_POLICY);
    assert_null(p);
    assert_int_equal(e.where, 5);
    assert_non_null(strstr(e.text, "line 5: "));
    snprintf(path, sizeof path, "%s/none.ini", dir);
    assert_int_equal(surefoot_policy_open(&p, path, &e), SUREFOOT_E_IO);
    assert_int_equal(surefoot_policy_open(&p, dir, &e), SUREFOOT_E_IO);
    assert_int_equal(surefoot_policy_open(&p, NULL, &e), SUREFOOT_E_USAGE);
    surefoot_policy_close(NULL);
}

static void overrides(void **state) {
    SF_UNUSED(state);
    surefoot_policy *p;
    surefoot_error e;
    assert_ok(parse(&p, COST, err));
    assert_ok(surefoot_policy_set(p, "candidates", "8", err));
    assert_ok(surefoot_policy_set(p, "keep", "4", err));
    assert_int_equal(p->candidates * 10 + p->keep, 84);
    assert_int_equal(surefoot_policy_set(p, "keep", "3", &e), SUREFOOT_E_POLICY);
    assert_int_equal(p->keep, 4);
    assert_int_equal(surefoot_policy_set(p, "candidates", "999", &e), SUREFOOT_E_LIMIT);
    assert_non_null(strstr(e.text, "SF_GUARD_MAX_CANDIDATES"));
    assert_null(strstr(e.text, "line"));
    assert_int_equal(e.where, 0);
    assert_int_equal(surefoot_policy_set(p, "mode", "off", &e), SUREFOOT_E_POLICY);
    assert_int_equal(surefoot_policy_set(p, "kind", "sum", &e), SUREFOOT_E_POLICY);
    assert_int_equal(surefoot_policy_set(p, "fallback", "so sad", &e), SUREFOOT_E_POLICY);
    assert_string_equal(p->fallback, "I'd rather not continue with that.");
    assert_ok(surefoot_policy_set(p, "fallback", "", err));
    assert_ok(surefoot_policy_set(p, "budget", "0", err));
    assert_int_equal(p->budget, 0);
    assert_int_equal(surefoot_policy_set(p, NULL, "0", &e), SUREFOOT_E_USAGE);
    surefoot_policy_close(p);
}

static void numbers(void **state) {
    SF_UNUSED(state);
    int64_t m;
    double d;
    const struct {
        const char *text;
        int64_t down, up;
    } good[] = {{"0", 0, 0},
                {"-0", 0, 0},
                {"1", 1000000, 1000000},
                {"+1.50", 1500000, 1500000},
                {"0.0000001", 0, 1},
                {"-0.0000001", -1, 0},
                {"1.0000001", 1000000, 1000001},
                {"2.5e-6", 2, 3},
                {"1e3", 1000000000, 1000000000},
                {"1000", 1000000000, 1000000000},
                {"0.10000000000000000000000000", 100000, 100000},
                {"00012", 12000000, 12000000},
                {"1e-30", 0, 1}};
    for (size_t i = 0; i < SF_COUNT(good); i++) {
        if (!sf_number_millionths(&m, good[i].text, false) || m != good[i].down)
            fail_msg("%s down: %lld", good[i].text, (long long)m);
        if (!sf_number_millionths(&m, good[i].text, true) || m != good[i].up)
            fail_msg("%s up: %lld", good[i].text, (long long)m);
    }
    const char *bad[] = {"",     " 1",
                         "1 ",   "1.",
                         ".5",   "1e",
                         "e5",   "1e+",
                         "0x1p", "nan",
                         "inf",  "-inf",
                         "1,5",  "1_000",
                         "--1",  "1e999",
                         "1e99", "1.2.3",
                         "+",    "-",
                         "1d3",  "1234567890.1234567"};
    for (size_t i = 0; i < SF_COUNT(bad); i++)
        if (sf_number_millionths(&m, bad[i], true) || sf_number_double(&d, bad[i]))
            fail_msg("'%s' was taken for a number", bad[i]);
    /* Correctly rounded, and whatever the locale says about the decimal point. */
    const char *locales[] = {"C", "de_DE.UTF-8", "de_DE"};
    for (size_t l = 0; l < SF_COUNT(locales); l++) {
        setlocale(LC_ALL, locales[l]);
        assert_true(sf_number_double(&d, "0.1") && d == 0.1);
        assert_true(sf_number_double(&d, "0.999") && d == 0.999);
        assert_true(sf_number_double(&d, "123456789012.345") && d == 123456789012.345);
        assert_true(sf_number_double(&d, "3e-7") && d == 3e-7);
    }
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(every_key), cmocka_unit_test(errors),
        cmocka_unit_test(files),    cmocka_unit_test(overrides), cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
