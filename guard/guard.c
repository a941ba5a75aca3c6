/* SPDX-License-Identifier: MIT
 * guard.c - the guard: sf_guard_decide is InferenceGuard's search (arXiv 2502.01208, section 5.2)
 * with the deviations that make its guarantee hold (docs/guard.md).
 */
#include "guard.h"

#include <math.h>
#include <string.h>

#include "mutant.h"
#include "search.h"

/* ------------------------------------------------------------------------------- open and close */

/* The trunk, the prompt, a reserve for a critic; beams; candidates. */
int sf_guard_sequences(const struct surefoot_policy *p) {
    bool beams = p->mode == SUREFOOT_GUARD_FULL && p->keep > 1;
    return SF_SEQ_FIRST + (beams ? p->keep : 0) + p->candidates;
}

int sf_guard_draft_tokens(const struct surefoot_policy *p) {
    bool beams = p->mode == SUREFOOT_GUARD_FULL && p->keep > 1;
    return (2 + (beams ? p->lag : 0)) * p->block + 2;
}

size_t sf_guard_search_bytes(void) {
    return sizeof(struct sf_guard);
}

/* One number of a policy against its bound, named as in budget.h. */
static surefoot_status bounded(const char *key, int value, int least, int most, const char *name,
                               surefoot_error *err) {
    if (value >= least && value <= most) return SUREFOOT_OK;
    return sf_fail(err, SUREFOOT_E_LIMIT, 0, "policy: %s = %d, but this build allows %d..%d (%s)",
                   key, value, least, most, name);
}

static surefoot_status check(const struct surefoot_policy *p, surefoot_error *err) {
    SF_TRY(bounded("candidates", p->candidates, 1, SF_GUARD_MAX_CANDIDATES,
                   "SF_GUARD_MAX_CANDIDATES", err));
    SF_TRY(bounded("keep", p->keep, 1, p->candidates, "candidates", err));
    SF_TRY(bounded("lag", p->lag, 0, SF_GUARD_MAX_LAG, "SF_GUARD_MAX_LAG", err));
    SF_TRY(bounded("block", p->block, 1, SF_GUARD_MAX_BLOCK, "SF_GUARD_MAX_BLOCK", err));
    SF_TRY(bounded("retries", p->retries, 0, SF_GUARD_MAX_RETRIES, "SF_GUARD_MAX_RETRIES", err));
    if (p->candidates % p->keep != 0)
        return sf_fail(err, SUREFOOT_E_POLICY, 0, "policy: keep = %d must divide candidates = %d",
                       p->keep, p->candidates);
    if (SF_MUTANT(48, p->budget < 0, false) || p->budget == SF_COST_UNSAFE ||
        !(p->gamma > 0 && p->gamma <= 1) || !(p->branch_temp >= 0) || !(p->beta >= 0) ||
        p->deadline_ms < 0 || !p->cost)
        return sf_fail(err, SUREFOOT_E_POLICY, 0,
                       "policy: budget, gamma, branch_temp, beta or deadline_ms is out of range");
    size_t hold = p->cost->ops->hold_bytes(p->cost);
    if (hold > SF_GUARD_MAX_HOLD)
        return sf_fail(err, SUREFOOT_E_LIMIT, hold,
                       "policy: cost '%s' may hold back %zu bytes, this build allows %d "
                       "(SF_GUARD_MAX_HOLD)",
                       p->cost->ops->kind, hold, SF_GUARD_MAX_HOLD);
    return SUREFOOT_OK;
}

static void plan(struct sf_guard *g) {
    struct sf_reader *r = &g->reader;
    struct sf_arena *a = &g->arena;
    size_t c = sf_max(r->cost_bytes, 1), w = sf_max(r->reward_bytes, 1);
    for (int i = 0; i < g->n_slots; i++)
        g->slot[i] = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
    for (int i = 0; i < g->k + g->n; i++) {
        g->pool[i].state = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
        g->pool[i].seq = SF_SEQ_FIRST + i;
    }
    g->reserve.state = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
    g->reserve.seq = SF_SEQ_RESERVE;
    g->work = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
    r->probe.cost = sf_arena_take(a, 1, c);
}

static void configure(struct sf_guard *g, const struct surefoot_policy *p) {
    g->policy = g->reader.policy = p;
    g->lazy = p->mode == SUREFOOT_GUARD_LAZY;
    g->n = p->candidates;
    g->k = !g->lazy && p->keep > 1 ? p->keep : 0;
    g->lag = g->k > 0 ? p->lag : 0;
    g->d = p->block;
    g->retries = p->retries;
    g->n_slots = (2 + g->lag) * p->block + 3; /* the last: looked at, not yet delivered */
    g->reader.gamma = sf_safety_gamma(p->gamma);
    g->reader.cost_bytes = p->cost->ops->state_bytes(p->cost);
    g->reader.reward_bytes = p->reward ? p->reward->ops->state_bytes(p->reward) : 0;
    sf_safety_begin(&g->carry);
}

size_t sf_guard_bytes(const struct surefoot_policy *p) {
    size_t state = sf_round_up(sf_max(p->cost->ops->state_bytes(p->cost), 1), SF_ALIGN);
    if (p->reward) state += p->reward->ops->state_bytes(p->reward);
    size_t each = sf_round_up(state, SF_ALIGN) + SF_ALIGN, all;
    int n = (2 + p->lag) * p->block + 3 + p->keep + p->candidates + 3;
    return sf_size_mul(&all, each, (size_t)n) ? sizeof(struct sf_guard) + all : SIZE_MAX;
}

surefoot_status sf_guard_open(struct sf_guard **out, const struct surefoot_policy *p,
                              const struct sf_generator *gen, surefoot_error *err) {
    *out = NULL;
    SF_TRY(check(p, err));
    struct sf_guard *g = sf_alloc(sizeof *g);
    if (!g)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a guard of %zu bytes", sizeof *g);
    configure(g, p);
    plan(g);
    surefoot_status st = sf_arena_reserve(&g->arena, err);
    if (st == SUREFOOT_OK) {
        plan(g);
        st = sf_fallback_init(g, gen, err);
    }
    if (st != SUREFOOT_OK) {
        sf_guard_close(g);
        return st;
    }
    *out = g;
    return SUREFOOT_OK;
}

void sf_guard_close(struct sf_guard *g) {
    if (!g) return;
    sf_arena_free(&g->arena);
    sf_free(g);
}

void sf_guard_use_critic(struct sf_guard *g, const struct surefoot_critic *critic) {
    g->critic = critic;
}

void sf_guard_reset(struct sf_guard *g) {
    sf_safety_begin(&g->carry);
}

void sf_guard_resume(struct sf_guard *g, int64_t spent, uint64_t steps) {
    sf_safety_begin(&g->carry);
    if (spent > 0) g->carry.spent = spent;
    /* Fewer steps make later charges heavier, so the bound on this loop errs on the safe side. */
    for (uint64_t t = 0, before = 0; t < steps && t < 1 << 24; t++) {
        before = g->carry.power;
        sf_safety_step(&g->carry, g->reader.gamma);
        if (g->carry.power == before) break;
    }
}

/* ------------------------------------------------------------------------------- the decision */

enum sf_decision {
    SF_DECIDED_KEPT,     /* the frontier moved, or may move next time                     */
    SF_DECIDED_FINISHED, /* g->winner ends the text                                       */
    SF_DECIDED_DEAD_END, /* section 2.6 (a spent ledger too)                              */
    SF_DECIDED_STOP      /* section 2.7: g->halt says why                                 */
};

static enum sf_decision halted(const struct sf_guard *g) {
    return g->halt == SF_HALT_LEDGER ? SF_DECIDED_DEAD_END : SF_DECIDED_STOP;
}

/* One decision: from the frontier to a kept block (lazy and undisturbed: to a kept token). */
static enum sf_decision sf_guard_decide(struct sf_guard *g) {
    enum sf_ahead ahead = SF_AHEAD_ON;
    sf_decision_begin(g);

    /* Lazy (section 5): candidate 0 runs ahead of the frontier, alone, until it is dropped or
     * doubted. The oldest drafts are kept until at most w remain. */
    if (g->lazy) {
        ahead = sf_run_ahead(g);
        if (g->halt != SF_HALT_NONE) return halted(g);
        if (g->trunk.life == SF_PATH_FINISHED) {
            g->winner = &g->trunk;
            return SF_DECIDED_FINISHED;
        }
        if (ahead == SF_AHEAD_ON) return SF_DECIDED_KEPT;
        g->stats->branches++;
    }

    for (int r = 0; r <= g->retries; r++) {
        /* The last retry starts from the last delivered token: d plus the held-back tokens. */
        bool revoke = SF_MUTANT(49, r > 0 && r == g->retries, false);
        uint32_t length = g->now_d + (revoke ? g->kept - g->base : 0);
        if (r > 0) {
            g->stats->retries++;
            sf_tally_penalties(&g->tally, g->policy->beta);
        }
        /* 1. Expand: N candidates from K beams, length tokens, one batch per token. */
        bool open = sf_expand(g, r == 0 ? ahead : SF_AHEAD_ON, revoke);
        for (uint32_t t = 0; open && t < length; t++) {
            int living = sf_living(g);
            if (living == 0 || (t > 0 && sf_out_of_time(g, living))) break;
            if (!sf_evaluate(g)) break;
            /* 1. Draw, 2. charge and drop at the first z < 0, 3. finish. */
            for (int i = 0; i < g->n; i++) {
                struct sf_path *c = sf_candidate(g, i);
                if (c->life == SF_PATH_LIVE && c->n < c->start + length) sf_extend(g, c, i, r);
            }
            if (g->halt != SF_HALT_NONE) break;
        }
        if (g->halt != SF_HALT_NONE) return halted(g);
        sf_drop_duplicates(g);
        if (revoke) sf_drop_unsettled(g);
        /* 4. Score, and keep the best K. */
        sf_score(g);
        if (g->halt != SF_HALT_NONE) return halted(g);
        bool kept = sf_keep(g, revoke);
        if (g->halt != SF_HALT_NONE) return halted(g);
        if (kept) return g->winner ? SF_DECIDED_FINISHED : SF_DECIDED_KEPT;
        sf_reserve_best(g, revoke);
        /* 5. None left: penalise what failed, and retry. */
        if (sf_out_of_time(g, 1)) {
            if (sf_keep_reserve(g)) return SF_DECIDED_KEPT;
            g->halt = SF_HALT_DEADLINE;
            return SF_DECIDED_STOP;
        }
    }
    /* 6. Retries spent: of the candidates with z >= 0, if any, the largest f1 is kept. */
    return sf_keep_reserve(g) ? SF_DECIDED_KEPT : SF_DECIDED_DEAD_END;
}

/* ------------------------------------------------------------------------------- one answer */

/* 7. Ctrl-C, lost client, deadline, full context: the text stops at the delivered byte. */
static surefoot_status stop(struct sf_guard *g, surefoot_error *err) {
    surefoot_stats *st = g->stats;
    switch (g->halt) {
    case SF_HALT_ABORTED:
        st->finish = SUREFOOT_FINISH_ABORTED;
        return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    case SF_HALT_CLIENT:
        st->finish = SUREFOOT_FINISH_ABORTED;
        break;
    case SF_HALT_DEADLINE:
        st->finish = SUREFOOT_FINISH_DEADLINE;
        break;
    case SF_HALT_CONTEXT:
        st->finish = SUREFOOT_FINISH_CONTEXT;
        break;
    default: /* no token was asked for */
        st->finish = g->at_max;
    }
    return SUREFOOT_OK;
}

/* Sequence 0 holds the prompt and what was delivered and evaluated; the others hold nothing. */
static void tidy(struct sf_guard *g) {
    const struct sf_generator *gen = g->gen;
    const struct sf_path *p = g->winner;
    if (p && p->seq != SF_SEQ_TRUNK &&
        gen->fork(gen->self, SF_SEQ_TRUNK, p->seq, NULL) == SUREFOOT_OK)
        g->trunk.evaluated = p->evaluated;
    uint32_t n = (uint32_t)sf_min(g->trunk.evaluated, SF_MUTANT(29, g->base, g->kept));
    gen->truncate(gen->self, SF_SEQ_TRUNK, g->prompt_tokens + n);
    for (int q = SF_SEQ_PROMPT; q < SF_SEQ_FIRST + g->k + g->n; q++) gen->drop(gen->self, q);
}

static surefoot_status begin(struct sf_guard *g, const struct sf_guard_run *run,
                             surefoot_stats *stats, surefoot_error *err) {
    const struct sf_generator *gen = run->gen;
    SF_TRY(sf_stops_init(&g->reader.stops, run->stop, run->n_stop, err));
    if (gen->max_seq < SF_SEQ_FIRST + g->k + g->n || gen->max_rows < g->n)
        return sf_fail(
            err, SUREFOOT_E_USAGE, 0,
            "guard: the generator has %d sequences and %d rows, the policy needs %d and %d",
            gen->max_seq, gen->max_rows, SF_SEQ_FIRST + g->k + g->n, g->n);
    if (g->critic && g->critic->n_hidden > gen->n_hidden)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "guard: the critic reads rows of %u floats, this model has %u",
                       g->critic->n_hidden, gen->n_hidden);
    g->run = run;
    g->gen = g->reader.gen = gen;
    g->stats = stats;
    g->prompt_tokens = gen->length(gen->self, SF_SEQ_TRUNK);
    /* The last token of a text needs no place in the context. */
    uint32_t room = gen->n_ctx - (uint32_t)sf_min(g->prompt_tokens, gen->n_ctx) + 1;
    g->n_max = (uint32_t)sf_min(run->n_predict, room);
    g->at_max = run->n_predict <= room ? SUREFOOT_FINISH_LENGTH : SUREFOOT_FINISH_CONTEXT;
    g->base = g->kept = 0;
    g->last_id = -1;
    g->n_beams = g->n_blocks = 0;
    g->winner = NULL;
    g->reserve.life = SF_PATH_NONE;
    g->f1 = NAN;
    g->halt = SF_HALT_NONE;
    g->ready = true;
    g->pace =
        (struct sf_pace){.limit = g->policy->deadline_ms / 1000.0, .last = gen->now(gen->self)};
    g->reader.fault = SUREFOOT_OK;
    g->reader.drop_space = run->drop_space;
    for (int i = 0; i < g->k + g->n; i++) g->pool[i].life = SF_PATH_NONE;
    g->trunk.life = SF_PATH_LIVE;
    g->trunk.seq = SF_SEQ_TRUNK;
    g->trunk.root = g->trunk.n = g->trunk.start = g->trunk.evaluated = 0;
    if (SF_MUTANT(47, !g->policy->scope_conversation, true)) sf_safety_begin(&g->carry);
    if (!sf_read_prompt(&g->reader, sf_trunk_point(g, 0), sf_trunk_state(g, 0), &g->carry,
                        run->prompt, run->n_prompt,
                        SF_MUTANT(46, sf_min(run->n_free, run->n_prompt), run->n_prompt))) {
        if (err) *err = g->reader.fault_text;
        return g->reader.fault;
    }
    g->carry.power = sf_trunk_point(g, 0)->safety.power;
    g->trunk.tip = *sf_trunk_point(g, 0);
    g->trunk.state = *sf_trunk_state(g, 0);
    stats->spent = g->trunk.tip.spent_end;
    return gen->fork(gen->self, SF_SEQ_PROMPT, SF_SEQ_TRUNK, err);
}

surefoot_status sf_guard_generate(struct sf_guard *g, const struct sf_guard_run *run,
                                  surefoot_stats *stats, surefoot_error *err) {
    stats->budget = g->policy->budget;
    stats->finish = SUREFOOT_FINISH_CUT;
    SF_TRY(begin(g, run, stats, err));
    if (SF_MUTANT(38, false, true)) sf_free(sf_alloc(1)); /* broken: takes memory */
    double start = g->pace.last;
    surefoot_status st = SUREFOOT_OK;
    enum sf_decision is = SF_DECIDED_DEAD_END; /* an opening that is over budget has no answer */
    if (g->n_max == 0) {
        is = SF_DECIDED_STOP;
    } else if (sf_safe(g->trunk.tip.safety.spent, g->policy->budget)) {
        do is = sf_guard_decide(g);
        while (is == SF_DECIDED_KEPT && sf_deliver(g));
    }
    stats->spent = sf_trunk_point(g, g->base)->spent_end;
    if (g->halt == SF_HALT_LEDGER) {
        surefoot_error e = {0};
        sf_fail(&e, SUREFOOT_E_LIMIT, stats->evals, "the guard's budget of evaluations is spent");
        sf_reader_fault(&g->reader, SUREFOOT_E_LIMIT, &e);
    }
    if (is == SF_DECIDED_FINISHED) {
        sf_deliver_all(g);
        stats->finish = g->winner->finish;
        if (g->halt != SF_HALT_NONE) st = stop(g, err);
    } else if (is == SF_DECIDED_DEAD_END) {
        sf_fall_back(g);
        st = g->reader.fault;
        if (st != SUREFOOT_OK && err) *err = g->reader.fault_text;
    } else {
        st = stop(g, err);
    }
    stats->generate_seconds = g->gen->now(g->gen->self) - start;
    stats->evals_bound = sf_ledger_bound(g);
    tidy(g);
    g->carry.spent = stats->spent;
    return st;
}
