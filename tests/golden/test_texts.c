/* SPDX-License-Identifier: MIT
 * test_texts.c - the same model, prompt, policy and seed give the same guarded text, the same
 * log-probabilities and the same counts of what the guard did: for every kernel level and thread
 * count of this machine, and, by one golden file (texts.tsv), on every other one.
 *
 *     test_texts DIR            DIR holds the models make_golden.py writes; every other one at all levels
 *     test_texts DIR --write    prints texts.tsv anew
 *     test_texts DIR --bits     only the best level, and every other model (emulators,
 *                               sanitizers)
 */
#include "harness.h"

enum { N_NEW = 40, N_SEEDS = 3, LINE = 256 };

static const char *dir;
static bool writing, best_only;

/* A way to guard; key and value pairs over texts.ini, NULL: unguarded. */
static const struct way {
    const char *name;
    const char *set[8];
} ways[] = {
    {"off", {NULL}},
    {"lazy", {"mode", "lazy"}},
    {"full-4-8", {"mode", "full", "candidates", "4", "block", "8"}},
    {"full-6-3", {"mode", "full", "candidates", "6", "block", "3", "budget", "0.5"}},
    {"strict", {"mode", "lazy", "budget", "0", "candidates", "2", "retries", "1"}},
    {"hopeless", {"mode", "lazy", "budget", "0", "candidates", "1", "retries", "0"}},
};
static const char *const models[] = {"llama-tied",  "llama-odd",  "llama-mixed", "qwen2-q4_0",
                                     "qwen3-norms", "qwen3-q5_k", "type-iq4_nl", "type-q6_k"};

static uint64_t mix(uint64_t h, const void *bytes, size_t n) { /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return h;
}

static int hash_it(void *user, const char *text, size_t n, const surefoot_token *tokens,
                   size_t n_tokens) {
    uint64_t *h = user;
    *h = mix(*h, text, n);
    for (size_t i = 0; i < n_tokens; i++) {
        *h = mix(*h, &tokens[i].id, sizeof tokens[i].id);
        *h = mix(*h, &tokens[i].logprob, sizeof tokens[i].logprob);
    }
    return 0;
}

static surefoot_policy *open_policy(const struct way *w) {
    surefoot_policy *p = NULL;
    if (!w->set[0]) return NULL;
    assert_ok(surefoot_policy_open(&p, SUREFOOT_SOURCE "/tests/golden/texts.ini", err));
    for (size_t i = 0; i + 1 < SF_COUNT(w->set) && w->set[i]; i += 2)
        assert_ok(surefoot_policy_set(p, w->set[i], w->set[i + 1], err));
    return p;
}

/* One line for one answer. */
static void answer(char line[LINE], surefoot_session *s, surefoot_guard *g, const char *model,
                   const char *way, uint64_t seed) {
    static const char text[] = "the sun set on a hill; \xc3\xa9t\xc3\xa9";
    surefoot_prompt prompt = {.text = text, .n_text = sizeof text - 1};
    surefoot_sampling o;
    surefoot_stats st = {.size = sizeof st};
    uint64_t h = 1469598103934665603u;
    surefoot_sampling_init(&o);
    o.seed = seed;
    o.temperature = 0.9f;
    o.repeat_penalty = 1.1f;
    o.n_predict = N_NEW;
    o.logprobs = 1;
    surefoot_session_rewind(s, 0);
    assert_ok(surefoot_generate(s, g, &prompt, &o, hash_it, &h, &st, err));
    snprintf(line, LINE, "%s\t%s\t%llu\t%d\t%u\t%llu\t%u\t%u\t%u\t%lld\t%016llx\n", model, way,
             (unsigned long long)seed, (int)st.finish, st.n_delivered, (unsigned long long)st.evals,
             st.branches, st.drops, st.retries, (long long)st.spent, (unsigned long long)h);
}

/* All answers of one model at one level, from line `at` on; against what is there already. */
static void one_level(char (*lines)[LINE], size_t at, bool first, const char *name, const char *isa,
                      int n_threads) {
    char path[512];
    surefoot_model_options mo;
    surefoot_model *m = NULL;
    surefoot_model_info info = {.size = sizeof info};
    snprintf(path, sizeof path, "%s/%s.gguf", dir, name);
    surefoot_model_options_init(&mo);
    mo.isa = isa;
    mo.n_threads = 2;
    assert_ok(surefoot_model_open(&m, path, &mo, err));
    surefoot_model_describe(m, &info);
    if (isa) assert_string_equal(info.isa, isa);
    for (size_t w = 0; w < SF_COUNT(ways); w++) {
        surefoot_policy *p = open_policy(&ways[w]);
        surefoot_session_options so;
        surefoot_session *s = NULL;
        surefoot_guard *g = NULL;
        surefoot_session_options_init(&so);
        so.n_ctx = 128;
        so.n_threads = n_threads;
        so.policy = p;
        assert_ok(surefoot_session_open(&s, m, &so, err));
        if (p) assert_ok(surefoot_guard_open(&g, s, p, err));
        for (uint64_t seed = 0; seed < N_SEEDS; seed++, at++) {
            char line[LINE];
            answer(line, s, g, name, ways[w].name, seed);
            if (first)
                memcpy(lines[at], line, LINE);
            else if (strcmp(line, lines[at]) != 0)
                fail_msg("at %s with %d threads:\n%sinstead of\n%s", info.isa, n_threads, line,
                         lines[at]);
        }
        surefoot_guard_close(g);
        surefoot_session_close(s);
        surefoot_policy_close(p);
    }
    surefoot_model_close(m);
}

static char lines[SF_COUNT(models) * SF_COUNT(ways) * N_SEEDS][LINE];

static void texts(void **state) {
    SF_UNUSED(state);
    FILE *f = fopen(SUREFOOT_SOURCE "/tests/golden/texts.tsv", "r");
    if (!writing) assert_non_null(f);
    const size_t per_model = SF_COUNT(ways) * N_SEEDS;
    for (size_t i = 0; i < SF_COUNT(models); i += best_only ? 2 : 1) {
        int n_threads = best_only ? 1 + (i == 0) : 1 + (int)i % 3;
        one_level(lines, i * per_model, true, models[i], NULL, n_threads);
        for (int level = 0; !best_only && i % 2 == 0 && surefoot_isa_name(level); level++)
            if (surefoot_isa_usable(level) == 1)
                one_level(lines, i * per_model, false, models[i], surefoot_isa_name(level),
                          3 - (int)i % 3);
    }
    for (size_t i = 0; i < SF_COUNT(lines); i++) {
        char want[LINE];
        if (writing)
            fputs(lines[i], stdout);
        else if (!fgets(want, LINE, f) || (lines[i][0] && strcmp(want, lines[i]) != 0))
            fail_msg("texts.tsv line %zu: found %s, want %s", i + 1, lines[i], want);
    }
    if (f) fclose(f);
}

int main(int argc, char **argv) {
    dir = argc > 1 ? argv[1] : "";
    best_only = argc > 2 && strcmp(argv[2], "--bits") == 0;
    writing = argc > 2 && strcmp(argv[2], "--write") == 0;
    char path[512];
    snprintf(path, sizeof path, "%s/.", dir);
    if (access(path, R_OK) != 0) {
        printf("skipped: no folder of golden models at '%s' (python3-numpy makes them)\n", dir);
        return SF_SKIP;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
