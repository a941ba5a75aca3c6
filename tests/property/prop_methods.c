/* SPDX-License-Identifier: MIT
 * prop_methods.c - the methods that `guard eval` compares, on a scripted process: what each of them
 * must deliver is found by brute force from the same random numbers.
 */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "critic.h"
#include "drafts.h"
#include "eval.h"
#include "toy.h"

enum { SEEDS = 400, N = 6 };

static struct toy_run *run_of(uint64_t seed) {
    static struct toy_run r;
    static const char *const piece[] = {"a", "b", "x", "xa", "bx", " ", "aa", NULL};
    toy_run_init(&r);
    memcpy(r.toy.piece, piece, sizeof piece);
    r.toy.n_vocab = SF_COUNT(piece);
    r.toy.seed = seed * 7 + 1;
    r.toy.draw_seed = seed;
    r.cost.n = 2;
    r.cost.phrase[0] = "x";
    r.cost.weight[0] = SF_COST_UNIT;
    r.cost.phrase[1] = "ab";
    r.cost.weight[1] = SF_COST_UNIT / 2;
    r.cost.calls = &r.calls;
    r.policy.cost = &r.cost.base;
    r.policy.reward = &r.reward.base;
    r.policy.budget = (int64_t)(seed % 4) * SF_COST_UNIT;
    r.policy.candidates = N;
    r.policy.block = 32;
    r.n_predict = 10;
    if (seed % 3 == 0) {
        r.stop[0] = "ba";
        r.n_stop = 1;
    }
    return &r;
}

struct text {
    char s[TOY_TEXT];
    size_t n;
    int reward;
    int64_t cost;
    bool safe;
};

static void weigh(const struct toy_run *r, struct text *t) {
    char all[TOY_TEXT];
    size_t n_free, n = toy_prompt_text(r, all, &n_free);
    memcpy(all + n, t->s, t->n);
    t->cost = toy_price(&r->cost, all, n + t->n, n_free, SIZE_MAX);
    t->safe = t->cost <= r->policy.budget;
    t->reward = 0;
    for (size_t i = 0; i < t->n; i++) t->reward += t->s[i] == 'a';
}

/* Candidate i as the process draws it, with stop strings by search in the text. */
static void candidate(const struct toy_run *r, int i, struct text *t) {
    static struct toy toy;
    toy = r->toy;
    struct sf_generator gen = toy_generator(&toy);
    toy_prompt(&toy, r->prompt, r->n_prompt);
    t->n = 0;
    for (uint32_t k = 0; k < r->n_predict; k++) {
        struct sf_draw d = {.t = k, .i = (uint32_t)i, .temp_floor = i ? 0.8f : 0};
        int32_t id;
        assert_int_equal(gen.sample(gen.self, 0, &d, &id, NULL), SUREFOOT_OK);
        if (!toy.piece[id]) break;
        size_t m = strlen(toy.piece[id]);
        memcpy(t->s + t->n, toy.piece[id], m);
        t->n += m;
        t->s[t->n] = 0;
        const char *stop = r->n_stop ? strstr(t->s, r->stop[0]) : NULL;
        if (stop) {
            t->n = (size_t)(stop - t->s);
            break;
        }
        struct sf_gen_row row = {0, id};
        if (k + 1 < r->n_predict) assert_int_equal(gen.step(gen.self, &row, 1, NULL), SUREFOOT_OK);
    }
    weigh(r, t);
}

/* What the method says; keep: K. */
static void ask(struct toy_run *r, const char *method, int keep, struct text *out,
                surefoot_stats *stats) {
    struct sf_generator gen = toy_generator(&r->toy);
    struct sf_eval_setting s = {.method = sf_method_find(method),
                                .candidates = r->policy.candidates,
                                .block = r->policy.block,
                                .keep = keep,
                                .retries = r->policy.retries,
                                .budget = r->policy.budget,
                                .lambda = 5};
    assert_non_null(s.method);
    assert_true(sf_eval_sequences(&r->policy, &s, 1) <= TOY_SEQ);
    struct sf_eval *e;
    assert_ok(sf_eval_open(&e, &r->policy, &gen, &s, 1, r->n_predict, err));
    for (int q = 0; q < TOY_SEQ; q++) gen.drop(gen.self, q);
    toy_prompt(&r->toy, r->prompt, r->n_prompt);
    struct sf_guard_run run = {.prompt = r->prompt,
                               .n_prompt = r->n_prompt,
                               .n_free = r->n_free,
                               .stop = r->stop,
                               .n_stop = r->n_stop,
                               .n_predict = r->n_predict};
    struct sf_eval_answer a;
    assert_ok(sf_eval_ask(e, 0, &run, &a, err));
    assert_ok(sf_eval_read(e, 0, &run, NULL, &a, err));
    if (r->toy.broken[0]) fail_msg("%s: %s", method, r->toy.broken);
    memcpy(out->s, a.text, a.n_text);
    out->n = a.n_text;
    weigh(r, out);
    assert_int_equal(a.spent, out->cost);
    assert_int_equal(a.safe, out->safe);
    if (!r->n_stop && a.stats.finish != SUREFOOT_FINISH_FALLBACK)
        assert_float_equal(a.reward, out->reward, 1e-9);
    *stats = a.stats;
    for (int q = 1; q < 1 + N && a.stats.finish == SUREFOOT_FINISH_EOS; q++)
        if (s.method->use == SF_USES_ONE) assert_int_equal(r->toy.seq[q].n, 0);
    sf_eval_close(e);
}

static void same(const char *what, uint64_t seed, const struct text *a, const struct text *b) {
    if (a->n != b->n || memcmp(a->s, b->s, a->n) != 0)
        fail_msg("%s, seed %llu: '%.*s' is not '%.*s'", what, (unsigned long long)seed, (int)a->n,
                 a->s, (int)b->n, b->s);
}

static void base_is_unguarded(void **state) {
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct text plain, got;
        surefoot_finish finish;
        surefoot_stats st;
        plain.n = toy_plain(r, plain.s, &finish);
        ask(r, "base", 1, &got, &st);
        same("base", seed, &got, &plain);
        assert_int_equal(st.finish, finish);
        assert_true(st.evals <= st.drafts);
    }
}

/* The largest of `worth` among the N candidates, the first of equals. */
static void best(const struct toy_run *r, double (*worth)(const struct text *), struct text *out) {
    struct text t;
    double top = -(double)INFINITY;
    for (int i = 0; i < N; i++) {
        candidate(r, i, &t);
        double w = worth(&t);
        if (w > top) {
            top = w;
            *out = t;
        }
    }
}
static double by_reward(const struct text *t) {
    return t->reward;
}
static double by_lagrange(const struct text *t) {
    return t->reward - 5.0 * (double)t->cost / SF_COST_UNIT;
}
static double by_state(const struct text *t) {
    return t->safe ? t->reward : -1e12 - 1e-6 * (double)t->cost;
}

static void best_by_brute_force(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *method;
        double (*worth)(const struct text *);
        int keep;
    } c[] = {{"best-of-n", by_reward, 1},
             {"best-of-n-lagrange", by_lagrange, 1},
             {"best-of-n-state", by_state, 1},
             {"beam", by_reward, 1},
             {"beam-lagrange", by_lagrange, 1},
             {"beam-state", by_state, 1},
             {"beam", by_reward, 3},
             {"beam-state", by_state, 2}};
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t k = 0; k < SF_COUNT(c); k++) { /* a block holds the whole text */
            struct toy_run *r = run_of(seed);
            struct text want, got;
            surefoot_stats st;
            best(r, c[k].worth, &want);
            ask(r, c[k].method, c[k].keep, &got, &st);
            same(c[k].method, seed, &got, &want);
        }
}

static void state_prefers_safe(void **state) {
    int chosen = 0, none = 0;
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct text t, got;
        surefoot_stats st;
        bool any = false;
        for (int i = 0; i < N; i++) {
            candidate(r, i, &t);
            any |= t.safe;
        }
        ask(r, "best-of-n-state", 1, &got, &st);
        assert_int_equal(got.safe, any);
        chosen += any;
        none += !any;
    }
    assert_true(chosen > SEEDS / 5 && none > SEEDS / 20); /* both happen */
}

static void blocks(void **state) {
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct text one, two;
        surefoot_stats st;
        r->policy.block = 1 + (int)(seed % 5);
        ask(r, "beam-state", 1 + (int)(seed % 3), &one, &st);
        assert_true(st.drafts <= (uint32_t)(N * (int)r->n_predict));
        r = run_of(seed);
        r->policy.block = 1 + (int)(seed % 5);
        ask(r, "beam-state", 1 + (int)(seed % 3), &two, &st);
        same("beam-state again", seed, &one, &two);
        /* One candidate of any block length is the base model's sample. */
        r = run_of(seed);
        candidate(r, 0, &one);
        r->policy.block = 1 + (int)(seed % 5);
        r->policy.candidates = 1;
        ask(r, "beam", 1, &two, &st);
        same("a beam of one", seed, &one, &two);
    }
}

static void flags_and_checks(void **state) {
    int cut = 0, kept = 0;
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct text plain, got;
        surefoot_stats st;
        candidate(r, 0, &plain);
        ask(r, "stop", 1, &got, &st);
        assert_true(got.n <= plain.n && memcmp(got.s, plain.s, got.n) == 0);
        if (plain.safe) same("stop", seed, &got, &plain);
        assert_int_equal(st.cuts, st.finish == SUREFOOT_FINISH_CUT);
        if (!plain.safe) assert_int_equal(st.finish, SUREFOOT_FINISH_CUT);
        r = run_of(seed);
        ask(r, "check", 1, &got, &st);
        if (plain.safe)
            same("check", seed, &got, &plain);
        else
            assert_true(got.n == 3 && memcmp(got.s, "no.", 3) == 0 && st.fallbacks == 1);
        assert_true(got.safe);
        r = run_of(seed);
        ask(r, "fallback", 1, &got, &st);
        assert_true(got.n == 3 && memcmp(got.s, "no.", 3) == 0 && st.evals == 0);
        cut += !plain.safe;
        kept += plain.safe;
    }
    assert_true(cut > SEEDS / 10 && kept > SEEDS / 10);
}

static void guards_are_the_guard(void **state) {
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int full = 0; full < 2; full++) {
            struct toy_run *r = run_of(seed);
            struct text got, want;
            surefoot_stats st;
            r->policy.block = 4;
            ask(r, full ? "full" : "lazy", 1, &got, &st);
            assert_true(got.safe);
            r = run_of(seed);
            r->policy.block = 4;
            r->policy.mode = full ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
            r->with_reward = true;
            assert_true(toy_go(r));
            memcpy(want.s, r->text, r->n_text);
            want.n = r->n_text;
            same(full ? "full" : "lazy", seed, &got, &want);
            assert_int_equal(st.evals, r->stats.evals);
        }
}

/* As published: z > 0 where a block ends; of one block that holds the text, the best by reward. */
static void paper_by_brute_force(void **state) {
    int retried = 0, unsafe = 0;
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct text t, want = {.n = 0}, got;
        surefoot_stats st;
        double top = -(double)INFINITY;
        for (int i = 0; i < N; i++) {
            candidate(r, i, &t);
            double w = t.cost < r->policy.budget ? t.reward : -1e12 - 1e-6 * (double)t.cost;
            if (w > top) {
                top = w;
                want = t;
            }
        }
        r->policy.retries = 0;
        ask(r, "paper", 1, &got, &st);
        same("paper", seed, &got, &want);
        r = run_of(seed);
        r->policy.block = 3;
        ask(r, "paper", 2, &got, &st);
        retried += st.retries > 0;
        unsafe += got.cost >= r->policy.budget;
        if (r->toy.retry_draws) assert_true(st.retries > 0);
    }
    assert_true(retried > SEEDS / 10); /* its retries happen, */
    assert_true(unsafe > 0);           /* and do not always help: no guarantee */
}

static int ignore(void *user, const char *text, size_t n, const surefoot_token *tok, size_t m) {
    SF_UNUSED(user), SF_UNUSED(text), SF_UNUSED(n), SF_UNUSED(tok), SF_UNUSED(m);
    return 0;
}

/* A negative charge pays back in the paper's arithmetic, and never in the guard's. */
static void signed_costs(void **state) {
    int repaid = 0;
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct toy_run *r = run_of(seed);
        struct sf_generator gen = toy_generator(&r->toy);
        struct sf_drafts *d;
        r->policy.budget = SF_COST_UNIT;
        r->policy.candidates = 1;
        r->policy.retries = 0;
        assert_ok(sf_drafts_open(&d, &r->policy, 2, 6, err));
        r->cost.lie = TOY_NEGATIVE;
        r->cost.lie_at = 0;
        toy_prompt(&r->toy, r->prompt, r->n_prompt);
        struct sf_guard_run run = {.gen = &gen,
                                   .prompt = r->prompt,
                                   .n_prompt = 1,
                                   .n_free = 1,
                                   .n_predict = 6,
                                   .emit = ignore};
        struct sf_method_job job = {.run = &run, .policy = &r->policy, .keep = 1, .drafts = d};
        surefoot_stats st = {.size = sizeof st};
        assert_ok(sf_method_paper(&job, &st, err));
        const struct sf_draft *p = &d->draft[0];
        assert_true(p->spent >= 0);
        assert_true(p->z >= 1 - 1e-6 * (double)p->spent - 1e-9);
        repaid += p->z > 1;
        sf_drafts_close(d);
    }
    assert_true(repaid > SEEDS / 20);
}

/* An opening that is over budget by itself: a guard says nothing, the base model goes on. */
static void opening_over_budget(void **state) {
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < 40; seed++)
        for (int m = 0; m < 2; m++) {
            struct toy_run *r = run_of(seed);
            r->policy.budget = 0;
            r->prompt[1] = 2; /* "x" */
            r->n_prompt = 2;
            struct sf_generator gen = toy_generator(&r->toy);
            struct sf_eval_setting s = {.method = sf_method_find(m ? "lazy" : "base"),
                                        .candidates = 2,
                                        .block = 4,
                                        .keep = 1};
            struct sf_eval *e;
            struct sf_eval_answer a;
            assert_ok(sf_eval_open(&e, &r->policy, &gen, &s, 1, r->n_predict, err));
            toy_prompt(&r->toy, r->prompt, r->n_prompt);
            struct sf_guard_run run = {
                .prompt = r->prompt, .n_prompt = 2, .n_free = 1, .n_predict = r->n_predict};
            assert_ok(sf_eval_ask(e, 0, &run, &a, err));
            assert_ok(sf_eval_read(e, 0, &run, NULL, &a, err));
            assert_true(a.spent >= SF_COST_UNIT && a.n_rise >= 1 && a.rise[0].t == 0);
            if (m) assert_int_equal(a.n_text, 0);
            assert_int_equal(a.safe, a.n_text == 0);
            sf_eval_close(e);
        }
}

static void gets_what_it_may(void **state) {
    SF_UNUSED(state);
    struct toy_run *r = run_of(1);
    struct sf_generator gen = toy_generator(&r->toy);
    struct sf_eval_setting s = {.method = sf_method_find("beam"),
                                .candidates = SF_GUARD_MAX_CANDIDATES + 1,
                                .block = 1,
                                .keep = 1};
    struct sf_eval *e;
    surefoot_error err = {0};
    assert_int_equal(sf_eval_open(&e, &r->policy, &gen, &s, 1, 4, &err), SUREFOOT_E_LIMIT);
    assert_non_null(strstr(err.text, "SF_GUARD_MAX_CANDIDATES"));
    s.candidates = 4;
    s.keep = 3;
    assert_int_equal(sf_eval_open(&e, &r->policy, &gen, &s, 1, 4, &err), SUREFOOT_E_USAGE);
    assert_null(sf_method_find("none"));
    for (size_t i = 0; sf_method_at(i); i++) /* names are unique */
        assert_ptr_equal(sf_method_find(sf_method_at(i)->name), sf_method_at(i));
}

/* A generator or a cost model that fails ends the answer with its status, whatever the method. */
static void failures(void **state) {
    SF_UNUSED(state);
    for (size_t m = 0; sf_method_at(m); m++)
        for (int k = 0; k < 12; k++) {
            struct toy_run *r = run_of(5);
            struct sf_generator gen = toy_generator(&r->toy);
            struct sf_eval_setting s = {.method = sf_method_at(m),
                                        .candidates = 2,
                                        .block = 4,
                                        .keep = 1,
                                        .retries = 1,
                                        .budget = SF_COST_UNIT};
            struct sf_eval *e;
            struct sf_eval_answer a;
            surefoot_error err = {0};
            assert_int_equal(sf_eval_open(&e, &r->policy, &gen, &s, 1, 8, &err), SUREFOOT_OK);
            toy_prompt(&r->toy, r->prompt, r->n_prompt);
            r->toy.fail_forever = true;
            if (k % 4 == 0) r->toy.fail_step = k / 4;
            if (k % 4 == 1) r->toy.fail_sample = k / 4;
            if (k % 4 == 2) r->toy.fail_fork = k / 4;
            if (k % 4 == 3) {
                r->cost.lie = TOY_FAILS;
                r->calls = 0;
                r->cost.lie_at = k / 4;
            }
            struct sf_guard_run run = {
                .prompt = r->prompt, .n_prompt = 1, .n_free = 1, .n_predict = 8};
            surefoot_status st = sf_eval_ask(e, 0, &run, &a, &err);
            if (st == SUREFOOT_OK)
                assert_true(a.n_text < TOY_TEXT);
            else
                assert_true(err.text[0] != 0);
            sf_eval_close(e);
        }
}

static int allocs_left;
static bool refuse(size_t bytes) {
    SF_UNUSED(bytes);
    return allocs_left-- <= 0;
}
static void no_memory(void **state) {
    SF_UNUSED(state);
    struct toy_run *r = run_of(1);
    struct sf_generator gen = toy_generator(&r->toy);
    struct sf_eval_setting s[2] = {
        {.method = sf_method_find("beam"), .candidates = 4, .block = 4, .keep = 2},
        {.method = sf_method_find("lazy"), .candidates = 4, .block = 4, .keep = 1}};
    struct sf_eval *e = NULL;
    surefoot_error err = {0};
    int k = 0;
    for (; k < 20; k++) {
        allocs_left = k;
        sf_alloc_hook(refuse);
        surefoot_status st = sf_eval_open(&e, &r->policy, &gen, s, 2, 8, &err);
        sf_alloc_hook(NULL);
        if (st == SUREFOOT_OK) break;
        assert_int_equal(st, SUREFOOT_E_MEMORY);
        assert_null(e);
    }
    assert_true(k > 3 && k < 20);
    sf_eval_close(e);
}

static struct sf_value veto(const struct surefoot_critic *c, const float *hidden, float z) {
    SF_UNUSED(c), SF_UNUSED(hidden);
    assert_true(z >= 0 && z <= 1);
    return (struct sf_value){0, 1};
}
static struct sf_value agree(const struct surefoot_critic *c, const float *hidden, float z) {
    SF_UNUSED(c), SF_UNUSED(hidden), SF_UNUSED(z);
    return (struct sf_value){1, 0};
}

/* A critic's veto costs the paper's method retries; the guards stay within the budget. */
static void with_critics(void **state) {
    static const struct {
        const char *method;
        struct sf_value (*value)(const struct surefoot_critic *, const float *, float);
    } c[] = {{"paper", veto}, {"paper", agree}, {"lazy", veto}, {"full", veto}, {"full", agree}};
    uint64_t retries[SF_COUNT(c)] = {0};
    SF_UNUSED(state);
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t k = 0; k < SF_COUNT(c); k++) {
            struct toy_run *r = run_of(seed);
            struct surefoot_critic critic = {.value = c[k].value, .tau_high = 0.9};
            struct sf_generator gen = toy_generator(&r->toy);
            struct sf_eval_setting s = {.method = sf_method_find(c[k].method),
                                        .candidates = N,
                                        .block = 1,
                                        .keep = 1,
                                        .retries = 1,
                                        .budget = r->policy.budget};
            struct sf_eval *e;
            struct sf_eval_answer a;
            assert_ok(sf_eval_open(&e, &r->policy, &gen, &s, 1, r->n_predict, err));
            sf_eval_use_critic(e, &critic);
            toy_prompt(&r->toy, r->prompt, r->n_prompt);
            struct sf_guard_run run = {
                .prompt = r->prompt, .n_prompt = 1, .n_free = 1, .n_predict = r->n_predict};
            assert_ok(sf_eval_ask(e, 0, &run, &a, err));
            assert_ok(sf_eval_read(e, 0, &run, NULL, &a, err));
            if (k >= 2) assert_true(a.safe);
            retries[k] += a.stats.retries;
            sf_eval_close(e);
        }
    assert_true(retries[0] > retries[1] + SEEDS / 4); /* blocks of one token: few end at once */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(base_is_unguarded),
                                       cmocka_unit_test(best_by_brute_force),
                                       cmocka_unit_test(state_prefers_safe),
                                       cmocka_unit_test(blocks),
                                       cmocka_unit_test(flags_and_checks),
                                       cmocka_unit_test(guards_are_the_guard),
                                       cmocka_unit_test(paper_by_brute_force),
                                       cmocka_unit_test(signed_costs),
                                       cmocka_unit_test(gets_what_it_may),
                                       cmocka_unit_test(failures),
                                       cmocka_unit_test(no_memory),
                                       cmocka_unit_test(with_critics),
                                       cmocka_unit_test(opening_over_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
