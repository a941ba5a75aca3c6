/* SPDX-License-Identifier: MIT
 * drafts.c - see drafts.h.
 */
#include "drafts.h"

#include <math.h>
#include <string.h>

#define NO_BUDGET (SF_COST_UNSAFE - 1)

static void plan(struct sf_drafts *d) {
    struct sf_arena *a = &d->arena;
    size_t c = sf_max(d->reader.cost_bytes, 1), w = sf_max(d->reader.reward_bytes, 1);
    d->draft = sf_arena_take(a, (size_t)d->n, sizeof *d->draft);
    d->row = sf_arena_take(a, (size_t)d->n, sizeof *d->row);
    size_t most = (size_t)d->n * SF_GUARD_MAX_BLOCK * (SF_GUARD_MAX_RETRIES + 1);
    d->penalty = sf_arena_take(a, most, sizeof *d->penalty);
    d->count = sf_arena_take(a, most, sizeof *d->count);
    for (int i = 0; i < d->n; i++) {
        struct sf_tok *tok = sf_arena_take(a, d->max_tokens, sizeof *tok);
        void *cost = sf_arena_take(a, 1, c), *reward = sf_arena_take(a, 1, w);
        if (!d->draft) continue;
        d->draft[i].tok = tok;
        d->draft[i].state = (struct sf_state){cost, reward};
        d->draft[i].seq = 1 + i;
    }
    d->root_state = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
    d->work = (struct sf_state){sf_arena_take(a, 1, c), sf_arena_take(a, 1, w)};
    d->reader.probe.cost = sf_arena_take(a, 1, c);
}

surefoot_status sf_drafts_open(struct sf_drafts **out, const struct surefoot_policy *p, int n,
                               uint32_t max_tokens, surefoot_error *err) {
    struct sf_drafts *d = sf_alloc(sizeof *d);
    *out = NULL;
    if (!d) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the candidates of a method");
    d->open = *p;
    d->open.budget = NO_BUDGET;
    d->reader.policy = &d->open;
    d->reader.cost_bytes = p->cost->ops->state_bytes(p->cost);
    d->reader.reward_bytes = p->reward ? p->reward->ops->state_bytes(p->reward) : 0;
    d->n = n;
    d->max_tokens = max_tokens;
    plan(d);
    surefoot_status st = sf_arena_reserve(&d->arena, err);
    if (st != SUREFOOT_OK) {
        sf_drafts_close(d);
        return st;
    }
    plan(d);
    *out = d;
    return SUREFOOT_OK;
}

void sf_drafts_close(struct sf_drafts *d) {
    if (!d) return;
    sf_arena_free(&d->arena);
    sf_free(d);
}

surefoot_status sf_drafts_begin(struct sf_drafts *d, const struct sf_method_job *job,
                                surefoot_stats *stats, surefoot_error *err) {
    const struct sf_guard_run *run = job->run;
    const struct sf_generator *gen = run->gen;
    struct sf_reader *r = &d->reader;
    struct sf_safety none;
    SF_TRY(sf_stops_init(&r->stops, run->stop, run->n_stop, err));
    if (gen->max_seq < 1 + d->n || gen->max_rows < d->n)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "a method needs %d sequences, there are %d",
                       1 + d->n, gen->max_seq);
    d->job = job;
    d->stats = stats;
    d->lost = false;
    d->ranked = true;
    d->began = gen->now(gen->self);
    d->open.gamma = job->policy->gamma;
    r->gamma = sf_safety_gamma(job->policy->gamma);
    r->gen = gen;
    r->fault = SUREFOOT_OK;
    r->drop_space = run->drop_space;
    stats->budget = job->policy->budget;
    uint32_t room = gen->n_ctx - (uint32_t)sf_min(gen->length(gen->self, 0), gen->n_ctx) + 1;
    d->n_max = (uint32_t)sf_min(sf_min(run->n_predict, room), d->max_tokens);
    d->at_max = run->n_predict <= room ? SUREFOOT_FINISH_LENGTH : SUREFOOT_FINISH_CONTEXT;
    for (int i = 0; i < d->n; i++) d->draft[i].life = SF_PATH_NONE;
    sf_safety_begin(&none);
    if (!sf_read_prompt(r, &d->root, &d->root_state, &none, run->prompt, run->n_prompt,
                        sf_min(run->n_free, run->n_prompt))) {
        if (err) *err = r->fault_text;
        return r->fault;
    }
    d->shown = (struct sf_point){0};
    return SUREFOOT_OK;
}

surefoot_status sf_draft_branch(struct sf_drafts *d, int i, int parent, surefoot_error *err) {
    const struct sf_generator *gen = d->job->run->gen;
    struct sf_draft *p = &d->draft[i];
    struct sf_tok *tok = p->tok;
    struct sf_state state = p->state;
    int seq = p->seq;
    if (parent < 0) {
        *p = (struct sf_draft){.tip = d->root,
                               .z = (double)d->job->policy->budget / SF_COST_UNIT,
                               .spent = d->root.safety.spent};
        sf_state_copy(&d->reader, &state, &d->root_state);
    } else {
        const struct sf_draft *from = &d->draft[parent];
        *p = *from;
        memcpy(tok, from->tok, from->n * sizeof *tok);
        sf_state_copy(&d->reader, &state, &from->state);
    }
    p->tok = tok;
    p->state = state;
    p->seq = seq;
    p->parent = parent;
    p->start = p->n;
    p->life = SF_PATH_LIVE;
    p->finish = SUREFOOT_FINISH_NONE;
    p->part_id = -1;
    p->torn = false;
    if (d->n_max == 0) {
        p->life = SF_PATH_FINISHED;
        p->finish = d->at_max;
    }
    return gen->fork(gen->self, seq, parent < 0 ? 0 : d->draft[parent].seq, err);
}

surefoot_status sf_drafts_step(struct sf_drafts *d, surefoot_error *err) {
    const struct sf_generator *gen = d->job->run->gen;
    int m = 0;
    for (int i = 0; i < d->n; i++) {
        struct sf_draft *p = &d->draft[i];
        if (p->life != SF_PATH_LIVE || p->evaluated == p->n) continue;
        d->row[m++] = (struct sf_gen_row){p->seq, p->tok[p->n - 1].id};
    }
    if (m == 0) return SUREFOOT_OK;
    if (gen->aborted(gen->self)) return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    SF_TRY(gen->step(gen->self, d->row, m, err));
    d->stats->evals += (uint64_t)m;
    for (int i = 0; i < d->n; i++)
        if (d->draft[i].life == SF_PATH_LIVE) d->draft[i].evaluated = d->draft[i].n;
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------- one token */

surefoot_status sf_draft_draw(struct sf_drafts *d, const struct sf_draft *p, int i, int r,
                              size_t n_penalty, int32_t *id, surefoot_error *err) {
    const struct sf_generator *gen = d->job->run->gen;
    struct sf_draw draw = {.t = p->n, .i = (uint32_t)i, .r = (uint32_t)r};
    if (i >= 1) draw.temp_floor = (float)d->job->policy->branch_temp;
    if (r >= 1) {
        draw.penalty = d->penalty;
        draw.n_penalty = n_penalty;
    }
    d->stats->drafts++;
    return gen->sample(gen->self, p->seq, &draw, id, err);
}

/* z moves on by what this call charged, in signed real numbers. */
static void step_z(const struct sf_drafts *d, struct sf_draft *p, int64_t net, bool token) {
    p->z -= (double)(p->tip.net - net) / SF_COST_UNIT;
    if (token) p->z /= d->job->policy->gamma;
    p->spent = p->blind ? SF_COST_UNSAFE : p->tip.safety.spent;
    if (p->blind) p->z = -(double)INFINITY;
}

static void end_text(struct sf_drafts *d, struct sf_draft *p, surefoot_finish how, bool cut) {
    struct sf_why why;
    int64_t net = p->tip.net;
    p->torn = !cut && p->tip.utf8.n > 0;
    p->life = SF_PATH_FINISHED;
    p->finish = how;
    if (!p->blind && sf_read_end(&d->reader, &p->tip, &p->state, cut, &why) != SF_READ_SAFE)
        p->blind = true;
    step_z(d, p, net, false);
}

/* A stop string is complete, with token id the last: the text is read again up to byte cut. */
static void end_cut(struct sf_drafts *d, struct sf_draft *p, int32_t id, uint64_t cut) {
    struct sf_reader *r = &d->reader;
    struct sf_why why;
    struct sf_point at = d->root;
    enum sf_read is = SF_READ_SAFE;
    uint32_t q = 0;
    uint64_t again, from = at.text;
    while (q < p->n && p->tok[q].text <= cut) from = p->tok[q++].text;
    sf_state_copy(r, &p->state, &d->root_state);
    for (uint32_t i = 0; i < q && is == SF_READ_SAFE; i++)
        is = sf_read_token(r, &at, &p->state, p->tok[i].id, p->tok[i].logprob, &why, &again);
    int32_t part = q < p->n ? p->tok[q].id : id;
    if (is == SF_READ_SAFE && cut > from)
        is = sf_read_part(r, &at, &p->state, part, (size_t)(cut - from), &why);
    p->blind = p->blind || is != SF_READ_SAFE;
    p->part_id = cut > from ? part : -1;
    p->part_bytes = (size_t)(cut - from);
    p->n = q;
    p->tip = at;
    end_text(d, p, SUREFOOT_FINISH_STOP, true);
}

/* What cannot be charged is still text: shown, and looked at for stop strings. */
static enum sf_read read_blind(struct sf_drafts *d, struct sf_point *at, int32_t id,
                               uint64_t *cut) {
    size_t end, len, n = sf_reader_show(&d->reader, at, id);
    if (sf_stop_feed(&d->reader.stops, &at->stop, d->reader.out, n, &end, &len)) {
        *cut = at->text + end - len;
        return SF_READ_STOP;
    }
    at->text += n;
    at->t++;
    return SF_READ_SAFE;
}

surefoot_status sf_draft_take(struct sf_drafts *d, struct sf_draft *p, int32_t id,
                              surefoot_error *err) {
    const struct sf_generator *gen = d->job->run->gen;
    const struct surefoot_policy *policy = d->job->policy;
    bool asked = !policy->reward || policy->reward->ops->needs_logprob;
    float logprob = d->ranked && asked ? gen->logprob(gen->self, p->seq, id) : (float)NAN;
    size_t raw;
    bool ends;
    gen->piece(gen->self, id, &raw, &ends);
    if (ends) {
        end_text(d, p, SUREFOOT_FINISH_EOS, false);
        return SUREFOOT_OK;
    }
    struct sf_why why;
    uint64_t cut = 0;
    int64_t net = p->tip.net;
    enum sf_read is = SF_READ_UNSAFE;
    if (!p->blind) {
        struct sf_point before = p->tip;
        is = sf_read_token(&d->reader, &p->tip, &p->state, id, logprob, &why, &cut);
        if (is == SF_READ_STOP) p->tip = before;
        if (d->reader.fault != SUREFOOT_OK) {
            if (err) *err = d->reader.fault_text;
            return d->reader.fault;
        }
        if (is == SF_READ_UNSAFE) { /* shown in part already, by whoever refused it */
            p->blind = true;
            p->tip = before;
        }
    }
    if (p->blind) is = read_blind(d, &p->tip, id, &cut);
    if (is == SF_READ_STOP) {
        end_cut(d, p, id, cut);
        return SUREFOOT_OK;
    }
    p->tok[p->n++] = (struct sf_tok){id, logprob, p->tip.text, p->tip.spent_end};
    step_z(d, p, net, true);
    if (p->n >= d->n_max) end_text(d, p, d->at_max, false);
    return SUREFOOT_OK;
}

surefoot_status sf_draft_extend(struct sf_drafts *d, struct sf_draft *p, int i, int r,
                                size_t n_penalty, surefoot_error *err) {
    int32_t id;
    SF_TRY(sf_draft_draw(d, p, i, r, n_penalty, &id, err));
    return sf_draft_take(d, p, id, err);
}

bool sf_draft_same(const struct sf_draft *a, const struct sf_draft *b) {
    if (a->parent != b->parent || a->start != b->start || a->n != b->n || a->life != b->life ||
        a->finish != b->finish || (a->part_id >= 0 && a->part_bytes != b->part_bytes))
        return false;
    for (uint32_t i = a->start; i < a->n; i++)
        if (a->tok[i].id != b->tok[i].id) return false;
    return true;
}

/* ------------------------------------------------------------------------------- ranking */

bool sf_draft_safe(const struct sf_drafts *d, const struct sf_draft *p) {
    return !p->blind && sf_safe(p->spent, d->job->policy->budget);
}

double sf_score_reward(const struct sf_drafts *d, const struct sf_draft *p) {
    return sf_reader_value(&d->reader, &p->tip, &p->state);
}

double sf_score_lagrange(const struct sf_drafts *d, const struct sf_draft *p) {
    return sf_score_reward(d, p) - d->job->lambda * (double)p->spent / SF_COST_UNIT;
}

double sf_score_state(const struct sf_drafts *d, const struct sf_draft *p) {
    double r = sf_score_reward(d, p);
    if (sf_draft_safe(d, p)) return isnan(r) ? -1e9 : r;
    return -1e12 - (double)p->spent / SF_COST_UNIT;
}

int sf_drafts_rank(const struct sf_drafts *d, int *order) {
    int m = 0;
    for (int i = 0; i < d->n; i++) {
        const struct sf_draft *p = &d->draft[i];
        if (p->life != SF_PATH_LIVE && p->life != SF_PATH_FINISHED) continue;
        int at = m++;
        for (; at > 0; at--) {
            double other = d->draft[order[at - 1]].value;
            if (!(p->value > other || (isnan(other) && !isnan(p->value)))) break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    return m;
}

/* ------------------------------------------------------------------------------- delivery */

static void put(struct sf_drafts *d, const char *text, size_t n, const struct sf_tok *k) {
    const struct sf_guard_run *run = d->job->run;
    surefoot_token tok = {.id = k ? k->id : -1, .logprob = k ? k->logprob : (float)NAN};
    if (d->lost || (n == 0 && !k)) return;
    if (d->stats->first_token_seconds <= 0)
        d->stats->first_token_seconds = run->gen->now(run->gen->self) - d->began;
    if (k) d->stats->n_delivered++;
    d->lost = run->emit(run->user, text, n, &tok, k ? 1 : 0) != 0;
}

static void show(struct sf_drafts *d, const struct sf_draft *p, uint32_t to) {
    while (d->shown.t < to) {
        const struct sf_tok *k = &p->tok[d->shown.t];
        size_t n = sf_reader_show(&d->reader, &d->shown, k->id);
        d->shown.t++;
        put(d, d->reader.out, n, k);
    }
}

void sf_drafts_deliver(struct sf_drafts *d, const struct sf_draft *p, uint32_t to) {
    uint64_t open = p->tip.text - sf_stop_pending(&d->reader.stops, &p->tip.stop);
    while (to > d->shown.t && p->tok[to - 1].text > open) to--;
    show(d, p, to);
}

void sf_drafts_deliver_all(struct sf_drafts *d, const struct sf_draft *p) {
    char last[4];
    show(d, p, p->n);
    if (p->part_id >= 0) {
        size_t n = sf_reader_show(&d->reader, &d->shown, p->part_id);
        put(d, d->reader.out, sf_min(n, p->part_bytes), NULL);
    }
    if (p->torn) {
        size_t n = sf_utf8_end(&d->shown.utf8, last);
        put(d, last, n, NULL);
    }
    d->stats->finish = d->lost ? SUREFOOT_FINISH_ABORTED : p->finish;
    d->stats->spent = p->spent;
}

void sf_drafts_fall_back(struct sf_drafts *d) {
    const struct sf_guard_run *run = d->job->run;
    const char *text = d->job->policy->fallback;
    int32_t id[SF_POLICY_MAX_FALLBACK + 2];
    size_t n = strnlen(text, SF_POLICY_MAX_FALLBACK), m = 0;
    surefoot_token tok[SF_POLICY_MAX_FALLBACK + 2];
    if (run->gen->encode(run->gen->self, text, n, id, SF_COUNT(id), &m, NULL) != SUREFOOT_OK) m = 0;
    for (size_t i = 0; i < m; i++) tok[i] = (surefoot_token){.id = id[i], .logprob = (float)NAN};
    d->stats->first_token_seconds = run->gen->now(run->gen->self) - d->began;
    d->stats->n_delivered = (uint32_t)m;
    d->stats->fallbacks++;
    d->stats->finish = SUREFOOT_FINISH_FALLBACK;
    d->stats->spent = d->root.safety.spent;
    d->lost = run->emit(run->user, text, n, tok, m) != 0;
}

surefoot_status sf_drafts_end(struct sf_drafts *d, surefoot_status st, surefoot_error *err) {
    const struct sf_generator *gen = d->job->run->gen;
    if (st == SUREFOOT_OK && d->reader.fault != SUREFOOT_OK) {
        if (err) *err = d->reader.fault_text;
        st = d->reader.fault;
    }
    if (st == SUREFOOT_E_ABORTED) d->stats->finish = SUREFOOT_FINISH_ABORTED;
    d->stats->generate_seconds = gen->now(gen->self) - d->began;
    for (int i = 0; i < d->n; i++) gen->drop(gen->self, d->draft[i].seq);
    return st;
}
