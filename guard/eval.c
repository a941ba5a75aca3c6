/* SPDX-License-Identifier: MIT
 * eval.c - see eval.h.
 */
#include "eval.h"

#include <math.h>
#include <string.h>

#include "drafts.h"

#define TEXT_PER_TOKEN 64 /* bytes the record of an answer has for a token, on average */
#define TEXT_SPARE     (4 * SF_GUARD_MAX_PIECE)

struct setting {
    struct surefoot_policy policy;
    struct sf_method_job job;
};

struct sf_eval {
    struct sf_arena arena;
    const struct sf_generator *gen;
    struct setting *setting;
    size_t n;
    struct sf_drafts *drafts;
    /* the audit */
    struct surefoot_policy open;
    struct sf_reader reader;
    struct sf_state state;
    struct sf_eval_rise *rise;
    /* the answer as it came */
    char *text;
    int32_t *ids;
    size_t n_text, cap_text, n_ids, cap_ids;
    bool full;
};

static int drafts_of(const struct sf_eval_setting *s) {
    switch (s->method->use) {
    case SF_USES_N:
        return s->candidates;
    case SF_USES_BEAMS:
        return s->candidates + s->keep;
    default:
        return 1;
    }
}

static struct surefoot_policy policy_of(const struct surefoot_policy *p,
                                        const struct sf_eval_setting *s) {
    struct surefoot_policy q = *p;
    q.mode = s->method->use == SF_USES_FULL ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
    q.candidates = s->candidates;
    q.block = s->block;
    q.keep = s->keep;
    q.retries = s->retries;
    q.budget = s->budget;
    return q;
}

static bool guards(const struct sf_eval_setting *s) {
    return s->method->use == SF_USES_LAZY || s->method->use == SF_USES_FULL;
}

int sf_eval_sequences(const struct surefoot_policy *p, const struct sf_eval_setting *s, size_t n) {
    int most = 1;
    for (size_t i = 0; i < n; i++) {
        struct surefoot_policy q = policy_of(p, &s[i]);
        int need = guards(&s[i]) ? sf_guard_sequences(&q) : 1 + drafts_of(&s[i]);
        if (need > most) most = need;
    }
    return most;
}

static surefoot_status check(const struct sf_eval_setting *s, surefoot_error *err) {
    const struct {
        const char *what, *bound;
        int value, least, most;
    } limit[] = {{"N", "SF_GUARD_MAX_CANDIDATES", s->candidates, 1, SF_GUARD_MAX_CANDIDATES},
                 {"d", "SF_GUARD_MAX_BLOCK", s->block, 1, SF_GUARD_MAX_BLOCK},
                 {"M", "SF_GUARD_MAX_RETRIES", s->retries, 0, SF_GUARD_MAX_RETRIES},
                 {"K", "N", s->keep, 1, s->candidates}};
    for (size_t i = 0; i < SF_COUNT(limit); i++)
        if (limit[i].value < limit[i].least || limit[i].value > limit[i].most)
            return sf_fail(err, SUREFOOT_E_LIMIT, 0,
                           "%s: %s = %d, but this build allows %d..%d (%s)", s->method->name,
                           limit[i].what, limit[i].value, limit[i].least, limit[i].most,
                           limit[i].bound);
    if (s->candidates % s->keep)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "%s: K = %d must divide N = %d", s->method->name,
                       s->keep, s->candidates);
    return SUREFOOT_OK;
}

static void plan(struct sf_eval *e, size_t n, uint32_t max_tokens) {
    struct sf_arena *a = &e->arena;
    e->setting = sf_arena_take(a, n, sizeof *e->setting);
    e->cap_ids = max_tokens + SF_POLICY_MAX_FALLBACK + 4;
    e->cap_text = e->cap_ids * TEXT_PER_TOKEN + TEXT_SPARE;
    e->text = sf_arena_take(a, e->cap_text, 1);
    e->ids = sf_arena_take(a, e->cap_ids, sizeof *e->ids);
    e->rise = sf_arena_take(a, e->cap_ids + 2, sizeof *e->rise);
    e->state.cost = sf_arena_take(a, 1, sf_max(e->reader.cost_bytes, 1));
    e->state.reward = sf_arena_take(a, 1, sf_max(e->reader.reward_bytes, 1));
    e->reader.probe.cost = sf_arena_take(a, 1, sf_max(e->reader.cost_bytes, 1));
}

surefoot_status sf_eval_open(struct sf_eval **out, const struct surefoot_policy *p,
                             const struct sf_generator *gen, const struct sf_eval_setting *s,
                             size_t n, uint32_t max_tokens, surefoot_error *err) {
    int most = 1;
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        SF_TRY(check(&s[i], err));
        if (drafts_of(&s[i]) > most) most = drafts_of(&s[i]);
    }
    struct sf_eval *e = sf_alloc(sizeof *e);
    if (!e) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for an evaluation");
    e->gen = gen;
    e->open = *p;
    e->open.budget = SF_COST_UNSAFE - 1;
    e->reader.policy = &e->open;
    e->reader.gen = gen;
    e->reader.gamma = sf_safety_gamma(p->gamma);
    e->reader.cost_bytes = p->cost->ops->state_bytes(p->cost);
    e->reader.reward_bytes = p->reward ? p->reward->ops->state_bytes(p->reward) : 0;
    plan(e, n, max_tokens);
    surefoot_status st = sf_arena_reserve(&e->arena, err);
    if (st == SUREFOOT_OK) {
        plan(e, n, max_tokens);
        st = sf_drafts_open(&e->drafts, p, most, max_tokens, err);
    }
    for (size_t i = 0; i < n && st == SUREFOOT_OK; i++) {
        struct setting *q = &e->setting[i];
        q->policy = policy_of(p, &s[i]);
        q->job = (struct sf_method_job){.method = s[i].method,
                                        .policy = &q->policy,
                                        .keep = s[i].keep,
                                        .lambda = s[i].lambda,
                                        .drafts = e->drafts};
        e->n = i + 1;
        if (guards(&s[i])) st = sf_guard_open(&q->job.guard, &q->policy, gen, err);
    }
    if (st != SUREFOOT_OK) {
        sf_eval_close(e);
        return st;
    }
    *out = e;
    return SUREFOOT_OK;
}

void sf_eval_close(struct sf_eval *e) {
    if (!e) return;
    for (size_t i = 0; i < e->n; i++) sf_guard_close(e->setting[i].job.guard);
    sf_drafts_close(e->drafts);
    sf_arena_free(&e->arena);
    sf_free(e);
}

void sf_eval_use_critic(struct sf_eval *e, const struct surefoot_critic *critic) {
    for (size_t i = 0; i < e->n; i++) {
        e->setting[i].job.critic = critic;
        if (e->setting[i].job.guard) sf_guard_use_critic(e->setting[i].job.guard, critic);
    }
}

static int keep_text(void *user, const char *text, size_t n, const surefoot_token *tok,
                     size_t n_tok) {
    struct sf_eval *e = user;
    if (n > e->cap_text - e->n_text || n_tok > e->cap_ids - e->n_ids) {
        e->full = true;
        return 1;
    }
    if (n > 0) memcpy(e->text + e->n_text, text, n);
    e->n_text += n;
    for (size_t i = 0; i < n_tok; i++) e->ids[e->n_ids++] = tok[i].id;
    return 0;
}

surefoot_status sf_eval_ask(struct sf_eval *e, size_t i, const struct sf_guard_run *run,
                            struct sf_eval_answer *a, surefoot_error *err) {
    struct setting *s = &e->setting[i];
    struct sf_guard_run mine = *run;
    *a = (struct sf_eval_answer){.stats = {.size = sizeof a->stats}, .reward = (double)NAN};
    mine.gen = e->gen;
    mine.emit = keep_text;
    mine.user = e;
    e->n_text = e->n_ids = 0;
    e->full = false;
    s->job.run = &mine;
    surefoot_status st = s->job.method->answer(&s->job, &a->stats, err);
    s->job.run = NULL;
    if (e->full)
        return sf_fail(err, SUREFOOT_E_LIMIT, 0, "an answer of more than %zu bytes", e->cap_text);
    a->text = e->text;
    a->n_text = e->n_text;
    a->ids = e->ids;
    a->n_ids = e->n_ids;
    bool own = a->stats.finish == SUREFOOT_FINISH_FALLBACK; /* its tokens were not all drawn */
    uint32_t shown = own ? (uint32_t)0 : a->stats.n_delivered;
    shown += a->stats.finish == SUREFOOT_FINISH_EOS; /* the end is a token, and has no text */
    a->discarded = a->stats.drafts > shown ? a->stats.drafts - shown : 0;
    return st;
}

surefoot_status sf_eval_read(struct sf_eval *e, size_t i, const struct sf_guard_run *run,
                             const float *logprob, struct sf_eval_answer *a, surefoot_error *err) {
    struct sf_reader *r = &e->reader;
    struct sf_point at;
    struct sf_safety none;
    struct sf_why why;
    uint64_t cut;
    int64_t last;
    bool good = true;
    r->stops.n = 0;
    r->fault = SUREFOOT_OK;
    r->drop_space = run->drop_space;
    sf_safety_begin(&none);
    if (!sf_read_prompt(r, &at, &e->state, &none, run->prompt, run->n_prompt,
                        sf_min(run->n_free, run->n_prompt))) {
        if (err) *err = r->fault_text;
        return r->fault;
    }
    uint64_t begin = at.text;
    a->rise = e->rise;
    a->n_rise = 0;
    last = at.safety.spent;
    if (last > 0) e->rise[a->n_rise++] = (struct sf_eval_rise){0, last};
    for (size_t t = 0; t < a->n_ids && good; t++) {
        float lp = logprob ? logprob[t] : (float)NAN;
        good = sf_read_token(r, &at, &e->state, a->ids[t], lp, &why, &cut) == SF_READ_SAFE;
        if (good && at.safety.spent == last) continue;
        last = good ? at.safety.spent : SF_COST_UNSAFE;
        e->rise[a->n_rise++] = (struct sf_eval_rise){(uint32_t)t + 1, last};
    }
    a->reward = sf_reader_value(r, &at, &e->state);
    uint64_t seen = at.text - begin;
    if (good && seen < a->n_text)
        good =
            sf_read_text(r, &at, &e->state, a->text + seen, a->n_text - seen, &why) == SF_READ_SAFE;
    if (good) good = sf_read_end(r, &at, &e->state, true, &why) == SF_READ_SAFE;
    a->spent = good ? at.safety.spent : SF_COST_UNSAFE;
    if (a->spent != last)
        e->rise[a->n_rise++] = (struct sf_eval_rise){(uint32_t)a->n_ids, a->spent};
    /* Where the caller's own opening is over budget, only nothing at all is a safe answer to it. */
    a->safe = a->n_text == 0 || sf_safe(a->spent, e->setting[i].policy.budget);
    at.safety.spent = a->spent;
    a->z = sf_safety_z(&at.safety, e->setting[i].policy.budget);
    return SUREFOOT_OK;
}
