/* SPDX-License-Identifier: MIT
 * prop_train.c - how a critic is made: rollouts of a scripted process are charged as they should be,
 * whatever the slots; their file goes on after a kill; a planted world is learnt, and the report
 * says how well, or that it cannot say.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "train.h"

static char path[64];

/* ---- rollouts of the toy */
enum { ROLLOUTS = 30, LENGTH = 20 };

static void roll(struct sf_rollouts *all, int slots, size_t from, size_t to, size_t forced) {
    struct sf_collector *c;
    const int32_t force[3] = {0, 1, 0};
    int calls = 0;
    letters(&run, abx, N_ABX, 5);
    forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT / 2);
    run.policy.cost = &run.cost.base;
    run.policy.reward = &run.reward.base;
    run.policy.budget = SF_COST_UNIT;
    run.cost.calls = &calls;
    struct sf_generator gen = toy_generator(&run.toy);
    toy_prompt(&run.toy, run.prompt, run.n_prompt);
    struct sf_guard_run how = {.gen = &gen,
                               .prompt = run.prompt,
                               .n_prompt = run.n_prompt,
                               .n_free = run.n_free,
                               .n_predict = LENGTH};
    all->n_hidden = TOY_HIDDEN;
    all->seed = 3;
    assert_ok(sf_collector_open(&c, all, &run.policy, &gen, 4, slots, LENGTH, err));
    for (size_t i = from; i < to; i++) {
        if (sf_collector_free(c) == 0) assert_ok(sf_collector_run(c, err));
        assert_ok(sf_collector_add(c, &how, (uint32_t)i, (uint32_t)i / 3, (uint32_t)i, force,
                                   forced, err));
    }
    assert_ok(sf_collector_run(c, err));
    sf_collector_close(c);
    assert_string_equal(run.toy.broken, "");
}

static void labels(void **state) {
    SF_UNUSED(state);
    struct sf_rollouts r = {0};
    size_t charged = 0, kept = 0;
    roll(&r, 4, 0, ROLLOUTS, 0);
    assert_int_equal(r.n_rollout, ROLLOUTS);
    for (size_t i = 0; i < r.n_rollout; i++) {
        const struct sf_rollout *o = &r.rollout[i];
        size_t n_learn = 0;
        assert_true(o->spent % (SF_COST_UNIT / 2) == 0 && o->n <= LENGTH);
        assert_true(isfinite(o->reward));
        assert_int_equal(o->charged_at <= o->n, o->spent > 0);
        charged += o->spent > 0;
        for (uint32_t k = 0; k < o->n_state; k++) {
            const struct sf_kept_state *s = &r.state[o->state + k];
            const float *row = r.hidden + (o->state + k) * TOY_HIDDEN;
            assert_int_equal(s->rollout, i);
            assert_int_equal((uint32_t)row[2], s->t + run.n_prompt); /* the row behind token t */
            assert_true(s->rem == (double)(o->spent - s->spent));
            assert_int_equal(s->spent > 0, s->t >= o->charged_at);
            n_learn += (s->use & SF_USE_LEARN) != 0;
            kept++;
            if (k > 0) assert_true(s->t > s[-1].t);
            if (s->use & SF_USE_BEFORE_8 && o->spent > 0) assert_int_equal(s->t + 8, o->charged_at);
        }
        assert_in_range(n_learn, o->n < SF_TRAIN_STATES ? 0 : SF_TRAIN_STATES, SF_TRAIN_STATES);
        assert_true(r.state[o->state].use & SF_USE_PROMPT);
    }
    assert_true(charged > 3 && charged < ROLLOUTS && kept > 100);
    sf_rollouts_close(&r);
    /* forced tokens are charged, and their states are not kept */
    roll(&r, 3, 0, 6, 3);
    for (size_t i = 0; i < r.n_rollout; i++) {
        assert_true(r.rollout[i].spent >= SF_COST_UNIT / 2);
        for (uint32_t k = 0; k < r.rollout[i].n_state; k++) {
            const struct sf_kept_state *s = &r.state[r.rollout[i].state + k];
            assert_true(s->t >= 3 || s->use == SF_USE_PROMPT);
        }
    }
    sf_rollouts_close(&r);
}

/* Sorted by number, the rollouts are the same however many run at a time. */
static void any_slots(void **state) {
    SF_UNUSED(state);
    struct sf_rollouts a = {0}, b = {0};
    roll(&a, 1, 0, ROLLOUTS, 0);
    roll(&b, 7, 0, ROLLOUTS, 0);
    assert_int_equal(a.n_rollout, b.n_rollout);
    for (size_t i = 0; i < b.n_rollout; i++) {
        const struct sf_rollout *x = &b.rollout[i], *y = &a.rollout[x->prompt];
        assert_int_equal(y->prompt, x->prompt);
        assert_true(x->n == y->n && x->spent == y->spent && x->n_state == y->n_state);
        assert_memory_equal(a.hidden + y->state * TOY_HIDDEN, b.hidden + x->state * TOY_HIDDEN,
                            x->n_state * TOY_HIDDEN * sizeof(float));
    }
    sf_rollouts_close(&a);
    sf_rollouts_close(&b);
}

static void goes_on(void **state) {
    SF_UNUSED(state);
    struct sf_rollouts a = {0}, b = {0};
    uint32_t done;
    surefoot_error e;
    roll(&a, 4, 0, 10, 0);
    assert_ok(sf_rollouts_append(&a, 0, path, "key", 10, err));
    roll(&a, 4, 10, 20, 0);
    assert_ok(sf_rollouts_append(&a, 10, path, "key", 20, err));
    FILE *f = fopen(path, "rb");
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f), whole = 0;
    fclose(f);
    for (size_t cut = n; cut > 200; cut -= cut > n - 300 ? 1 : 97) { /* killed anywhere */
        f = fopen(path, "wb");
        fwrite(bytes, 1, cut, f);
        fclose(f);
        b.n_hidden = TOY_HIDDEN;
        b.seed = 3;
        assert_ok(sf_rollouts_read(&b, path, "key", &done, err));
        assert_true(done == 0 || done == 10 || done == 20);
        assert_true((done == 20) == (cut == n));
        assert_int_equal(b.n_rollout, done);
        whole += done == 10;
        size_t states = 0;
        for (size_t i = 0; i < b.n_rollout; i++) states += b.rollout[i].n_state;
        assert_int_equal(b.n_state, states);
        assert_memory_equal(a.hidden, b.hidden, states * TOY_HIDDEN * sizeof(float));
        sf_rollouts_close(&b);
    }
    assert_true(whole > 5);
    b.n_hidden = TOY_HIDDEN;
    b.seed = 3;
    assert_int_equal(sf_rollouts_read(&b, path, "another", &done, &e), SUREFOOT_E_POLICY);
    b.seed = 4;
    assert_int_equal(sf_rollouts_read(&b, path, "key", &done, &e), SUREFOOT_E_POLICY);
    assert_ok(sf_rollouts_read(&b, "no such file", "key", &done, err));
    assert_int_equal(done, 0);
    sf_rollouts_close(&b);
    sf_rollouts_close(&a);
}

/* ---- a planted world: row = (drift of the answer, hint of the prompt, noise); budget 1 */
enum { PROMPTS = 1000, EACH = 5, WIDE = 6 };
static float noise(uint64_t *s) {
    return (float)((double)(sf_rand(s) >> 40) / 8388608.0 - 1);
}
static void plant(struct sf_rollouts *r, int prompts, bool telling) {
    uint64_t s = 1;
    *r = (struct sf_rollouts){.n_hidden = WIDE, .seed = 2};
    r->rollout = sf_alloc((size_t)prompts * EACH * sizeof *r->rollout);
    r->state = sf_alloc((size_t)prompts * EACH * 4 * sizeof *r->state);
    r->hidden = sf_alloc((size_t)prompts * EACH * 4 * WIDE * sizeof *r->hidden);
    for (int p = 0; p < prompts; p++) {
        float hint = noise(&s);
        for (int k = 0; k < EACH; k++) {
            float own = noise(&s);
            bool risky = p % 4 > 0, unsafe = risky && own + 0.5f * hint > 0.2f;
            static const uint32_t use[] = {
                SF_USE_PROMPT | SF_USE_LEARN | SF_USE_ALL, SF_USE_25 | SF_USE_LEARN | SF_USE_ALL,
                SF_USE_50 | SF_USE_LEARN | SF_USE_ALL, SF_USE_75 | SF_USE_LEARN | SF_USE_ALL};
            struct sf_rollout o = {.prompt = (uint32_t)p,
                                   .family = (uint32_t)p / 2 * 2 + (uint32_t)(p % 4 > 0),
                                   .n = 40,
                                   .charged_at = unsafe ? 38 : 41,
                                   .spent = unsafe ? 2 * SF_COST_UNIT : 0,
                                   .reward = hint * 3 + 7,
                                   .state = (uint32_t)r->n_state,
                                   .n_state = 4};
            for (uint32_t t = 0; t < 4; t++) {
                float *h = r->hidden + r->n_state * WIDE;
                h[0] = telling && t > 0 ? own : 0;
                h[1] = hint;
                h[2] = risky ? 5 : -5;
                for (int i = 3; i < WIDE; i++) h[i] = 10 * noise(&s);
                r->state[r->n_state++] = (struct sf_kept_state){.rollout = (uint32_t)r->n_rollout,
                                                                .t = 10 * t,
                                                                .use = use[t],
                                                                .rem = (double)o.spent};
            }
            r->rollout[r->n_rollout++] = o;
        }
    }
}

static void learns(void **state) {
    SF_UNUSED(state);
    struct sf_rollouts r;
    struct surefoot_critic *c, *again;
    struct sf_train_result result;
    struct sf_report report;
    struct sf_train_options o = {
        .n_units = 16, .seed = 1, .n_threads = 1, .budget = SF_COST_UNIT, .tau = 0.5, .share = 1};
    plant(&r, PROMPTS, true);
    assert_ok(sf_critic_train(&c, &r, &o, &result, err));
    o.n_threads = 3;
    assert_ok(sf_critic_train(&again, &r, &o, &result, err));
    assert_memory_equal(c->net.w, again->net.w, c->net.n_params * sizeof(float));
    assert_true(c->scale == again->scale && c->tau_high == again->tau_high);
    sf_critic_close(again);
    assert_true(sf_mlp_monotone(&c->net, 0));
    print_message("%zu benign, %.4f below %.3f (%.3f)\n", result.n_calm, result.calm_below,
                  c->tau_high, result.tau_low);
    assert_true(result.n_calm > 0 && (result.calm_below <= 0.005 || c->tau_high == 0.5));
    assert_ok(sf_critic_report(&report, c, &r, &o, err));
    const struct sf_report_point *p = &report.point[1];
    print_message("half: AUROC %.3f (%.3f..%.3f), within %.3f, prompt %.3f, position %.3f, ahead "
                  "%.3f, Brier %.3f, PR %.3f, recall %.3f, ECE %.3f, R2 %.3f\n",
                  p->critic.auroc, p->critic.low, p->critic.high, p->critic.within, p->prompt.auroc,
                  p->position.auroc, p->ahead_low, p->critic.brier_skill, p->critic.pr_area,
                  p->critic.recall, p->critic.ece, report.r2);
    assert_true(p->measurable && p->critic.auroc > 0.95 && p->critic.within > 0.9);
    assert_true(p->critic.low < p->critic.auroc && p->critic.auroc < p->critic.high);
    assert_true(p->prompt.auroc > 0.6 && p->prompt.auroc < 0.9 && p->ahead_low > 0.05);
    assert_true(fabs(p->prompt.within - 0.5) < 0.05 && fabs(p->position.auroc - 0.5) < 0.05);
    assert_true(p->critic.brier_skill > 0.5 && p->critic.ece < 0.1 && report.r2 > 0.8);
    assert_false(report.point[3].measurable);
    sf_critic_close(c);
    sf_rollouts_close(&r);
    /* rows that tell nothing more than the prompt: the report says so */
    plant(&r, PROMPTS, false);
    assert_ok(sf_critic_train(&c, &r, &o, &result, err));
    assert_ok(sf_critic_report(&report, c, &r, &o, err));
    p = &report.point[1];
    assert_true(p->measurable && p->critic.auroc < 0.9 && p->ahead_low < 0.02);
    sf_critic_close(c);
    sf_rollouts_close(&r);
    /* too few */
    plant(&r, 60, true);
    assert_ok(sf_critic_train(&c, &r, &o, &result, err));
    assert_ok(sf_critic_report(&report, c, &r, &o, err));
    for (int i = 0; i < SF_TRAIN_POINTS; i++) assert_false(report.point[i].measurable);
    sf_critic_close(c);
    r.n_rollout = r.n_state = 0;
    surefoot_error e;
    assert_int_equal(sf_critic_train(&c, &r, &o, &result, &e), SUREFOOT_E_FAILED);
    sf_rollouts_close(&r);
}

int main(void) {
    snprintf(path, sizeof path, "prop_train.%d.rollouts", (int)getpid());
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels), cmocka_unit_test(any_slots),
                                       cmocka_unit_test(goes_on), cmocka_unit_test(learns)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
