/* SPDX-License-Identifier: MIT
 * search.c - the steps of a decision; see search.h and docs/guard.md.
 */
#include "search.h"

#include <math.h>
#include <string.h>

#include "mutant.h"

/* ------------------------------------------------------------------------------- the trunk */

struct sf_point *sf_trunk_point(struct sf_guard *g, uint32_t i) {
    return &g->point[i % (uint32_t)g->n_slots];
}

struct sf_state *sf_trunk_state(struct sf_guard *g, uint32_t i) {
    return &g->slot[i % (uint32_t)g->n_slots];
}

const struct sf_tok *sf_path_tok(const struct sf_guard *g, const struct sf_path *p, uint32_t i) {
    return i < p->root ? &g->trunk.tok[i - g->base] : &p->tok[i - p->root];
}

/* Bytes of text after i tokens of p. */
static uint64_t text_at(struct sf_guard *g, const struct sf_path *p, uint32_t i) {
    return i == g->base ? sf_trunk_point(g, i)->text : sf_path_tok(g, p, i - 1)->text;
}

/* The generator or a model failed: remembered for the caller, the path or round is lost. */
static void fault(struct sf_guard *g, surefoot_status st, const surefoot_error *e) {
    if (st == SUREFOOT_E_ABORTED) g->halt = SF_HALT_ABORTED;
    if (st == SUREFOOT_E_CONTEXT) g->halt = SF_HALT_CONTEXT;
    sf_reader_fault(&g->reader, st, e);
}

static bool fork_seq(struct sf_guard *g, int to, int from) {
    surefoot_error e = {0};
    surefoot_status st = g->gen->fork(g->gen->self, to, from, &e);
    if (st != SUREFOOT_OK) fault(g, st, &e);
    return st == SUREFOOT_OK;
}

bool sf_trunk_rewind(struct sf_guard *g, uint32_t n) {
    struct sf_path *t = &g->trunk;
    const struct sf_generator *gen = g->gen;
    if (t->evaluated > n || (t->evaluated == n && !g->ready)) {
        /* The logits behind token n - 1 are gone; those behind the prompt were set aside. */
        if (n == 0) {
            if (!fork_seq(g, SF_SEQ_TRUNK, SF_SEQ_PROMPT)) return false;
            t->evaluated = 0;
            g->ready = true;
        } else {
            gen->truncate(gen->self, SF_SEQ_TRUNK,
                          g->prompt_tokens + SF_MUTANT(17, n, t->evaluated) - 1);
            t->evaluated = n - 1;
            g->ready = false;
        }
    }
    t->life = SF_PATH_LIVE;
    t->n = t->start = n;
    t->tip = *sf_trunk_point(g, n);
    t->state = *sf_trunk_state(g, n);
    return true;
}

bool sf_trunk_take(struct sf_guard *g, const struct sf_path *p, uint32_t n) {
    struct sf_path *t = &g->trunk;
    for (uint32_t i = t->n; i < n; i++) {
        const struct sf_tok *k = sf_path_tok(g, p, i);
        struct sf_point *at = sf_trunk_point(g, i + 1);
        struct sf_state *s = sf_trunk_state(g, i + 1);
        struct sf_why why;
        uint64_t cut;
        *at = *sf_trunk_point(g, i);
        sf_state_copy(&g->reader, s, sf_trunk_state(g, i));
        if (sf_read_token(&g->reader, at, s, k->id, k->logprob, &why, &cut) != SF_READ_SAFE ||
            at->text != k->text || at->spent_end != k->spent_end) {
            surefoot_error e = {0};
            sf_fail(&e, SUREFOOT_E_FAILED, i, "cost model '%s' does not repeat its charges",
                    g->policy->cost->ops->kind);
            fault(g, SUREFOOT_E_FAILED, &e);
            return false;
        }
        t->tok[i - g->base] = *k;
        t->n = i + 1;
    }
    t->start = t->n;
    t->tip = *sf_trunk_point(g, n);
    t->state = *sf_trunk_state(g, n);
    return true;
}

/* ------------------------------------------------------------------------------- ledger and time */

uint64_t sf_ledger_bound(const struct sf_guard *g) {
    uint64_t b = 1 + (uint64_t)g->n * (uint64_t)(2 + g->retries);
    return b * (g->base + (uint64_t)(2 + g->lag) * (uint64_t)g->d);
}

/* Expected seconds of a step of n rows: measured, or from fewer rows at worst in proportion. */
static double step_seconds(const struct sf_guard *g, int n) {
    for (int m = n; m > 0; m--)
        if (g->pace.step[m] > 0) return g->pace.step[m] * n / m;
    return 0;
}

static double time_left(const struct sf_guard *g) {
    return g->pace.limit - (g->gen->now(g->gen->self) - g->pace.last);
}

static bool timed(const struct sf_guard *g) {
    return SF_MUTANT(36, g->pace.limit > 0, true) && g->pace.started;
}

bool sf_out_of_time(const struct sf_guard *g, int rows) {
    return SF_MUTANT(50, timed(g), false) && time_left(g) < step_seconds(g, rows);
}

/* Evaluates the due tokens of n paths as one batch. False: halted, or the whole batch failed. */
static bool evaluate(struct sf_guard *g, struct sf_path **p, int n) {
    const struct sf_generator *gen = g->gen;
    struct sf_gen_row rows[SF_GUARD_MAX_CANDIDATES + 1];
    int m = 0;
    for (int i = 0; i < n; i++) {
        if (p[i]->evaluated == p[i]->n) continue;
        int32_t id = p[i]->n == g->base ? g->last_id : sf_path_tok(g, p[i], p[i]->n - 1)->id;
        rows[m++] = (struct sf_gen_row){p[i]->seq, id};
    }
    if (m == 0) return true;
    if (SF_MUTANT(37, gen->aborted(gen->self), false)) {
        g->halt = SF_HALT_ABORTED;
        return false;
    }
    if (g->stats->evals + (uint64_t)m > sf_ledger_bound(g)) {
        g->halt = SF_HALT_LEDGER;
        return false;
    }
    g->stats->evals += (uint64_t)SF_MUTANT(15, m, 1);
    surefoot_error e = {0};
    double before = g->pace.limit > 0 ? gen->now(gen->self) : 0;
    surefoot_status st = gen->step(gen->self, rows, m, &e);
    if (g->pace.limit > 0) g->pace.step[m] = gen->now(gen->self) - before;
    if (st != SUREFOOT_OK) {
        fault(g, st, &e);
        return false;
    }
    for (int i = 0; i < n; i++) {
        p[i]->evaluated = p[i]->n;
        if (p[i] == &g->trunk) g->ready = true;
    }
    return true;
}

/* ------------------------------------------------------------------------------- one path */

static void append(struct sf_path *p, int32_t id, float logprob, const struct sf_point *at) {
    p->tok[p->n - p->root] = (struct sf_tok){id, logprob, at->text, at->spent_end};
    p->n++;
}

static void drop(struct sf_guard *g, struct sf_path *p, const struct sf_why *why) {
    static const struct sf_why no_span = {0};
    p->life = SF_MUTANT(16, SF_PATH_DROPPED, SF_PATH_LIVE);
    g->stats->drops++;
    sf_tally_add(&g->tally, p, why ? why : &no_span, text_at(g, p, p->start), g->gen);
}

/* The text of p ends after its last token: charge the end, on a copy of the models' states. */
static void finish(struct sf_guard *g, struct sf_path *p, surefoot_finish how) {
    struct sf_why why;
    struct sf_point at = p->tip;
    p->finish = how;
    sf_state_copy(&g->reader, &g->work, &p->state);
    if (sf_read_end(&g->reader, &at, &g->work, false, &why) != SF_READ_SAFE) {
        drop(g, p, &why);
        return;
    }
    p->life = SF_PATH_FINISHED;
    p->part_id = -1;
    p->torn = p->tip.utf8.n > 0;
    p->tip = at;
    p->value = sf_reader_value(&g->reader, &at, &g->work);
}

/* A stop string is complete, with token id the last: the text is cut before it, at byte cut, read
 * again up to there, and its end is charged. */
static void finish_cut(struct sf_guard *g, struct sf_path *p, int32_t id, uint64_t cut) {
    struct sf_reader *r = &g->reader;
    struct sf_why why = {0};
    uint32_t q = p->n, from;
    if (SF_MUTANT(25, false, true)) { /* the end is charged on the text behind the cut */
        finish(g, p, SUREFOOT_FINISH_STOP);
        return;
    }
    while (q > g->base && text_at(g, p, q) > cut) q--;
    if (text_at(g, p, q) > cut) { /* after a revoke: it would begin in delivered text */
        append(p, id, NAN, &p->tip);
        drop(g, p, NULL);
        return;
    }
    from = (uint32_t)sf_min(q, p == &g->trunk ? q : p->root);
    struct sf_point at = *sf_trunk_point(g, from);
    sf_state_copy(r, &g->work, sf_trunk_state(g, from));
    enum sf_read is = SF_READ_SAFE;
    for (uint32_t i = from; i < q && is == SF_READ_SAFE; i++) {
        const struct sf_tok *k = sf_path_tok(g, p, i);
        uint64_t again;
        is = sf_read_token(r, &at, &g->work, k->id, k->logprob, &why, &again);
    }
    int32_t part = q < p->n ? sf_path_tok(g, p, q)->id : id;
    size_t bytes = (size_t)(cut - text_at(g, p, q));
    if (is == SF_READ_SAFE && bytes > 0) is = sf_read_part(r, &at, &g->work, part, bytes, &why);
    if (is == SF_READ_SAFE) is = sf_read_end(r, &at, &g->work, true, &why);
    if (is != SF_READ_SAFE) {
        struct sf_point end = p->tip;
        end.text = cut;
        append(p, id, NAN, &end);
        drop(g, p, &why);
        return;
    }
    p->life = SF_PATH_FINISHED;
    p->finish = SUREFOOT_FINISH_STOP;
    p->n = q;
    p->part_id = bytes > 0 ? part : -1;
    p->part_bytes = bytes;
    p->torn = false;
    p->tip = at;
    p->value = sf_reader_value(r, &at, &g->work);
}

/* Held-back tokens are at most d, held-back bytes fit the outlet. */
static bool holds(struct sf_guard *g, const struct sf_path *p) {
    uint32_t i = p->n;
    for (; i > g->base; i--) {
        const struct sf_tok *k = sf_path_tok(g, p, i - 1);
        if (k->text <= p->tip.open && sf_safe(k->spent_end, g->policy->budget)) break;
        if (p->n - i >= (uint32_t)SF_MUTANT(19, g->d, g->d + 2)) return false;
    }
    return p->tip.text - text_at(g, p, i) <= SF_GUARD_MAX_TEXT;
}

void sf_extend(struct sf_guard *g, struct sf_path *p, int i, int r) {
    const struct sf_generator *gen = g->gen;
    bool trunk = p == &g->trunk;
    surefoot_error e = {0};
    struct sf_draw draw = {.t = p->n, .i = (uint32_t)i, .r = SF_MUTANT(21, (uint32_t)r, 0)};
    if (SF_MUTANT(20, i >= 1, false)) draw.temp_floor = (float)g->policy->branch_temp;
    if (r >= 1) {
        sf_tally_at(&g->tally, p->n);
        draw.penalty = g->tally.penalty;
        draw.n_penalty = (size_t)g->tally.n_penalty;
    }
    int32_t id;
    surefoot_status st = gen->sample(gen->self, p->seq, &draw, &id, &e);
    if (st != SUREFOOT_OK) {
        fault(g, st, &e);
        drop(g, p, NULL);
        return;
    }
    g->stats->drafts++;
    /* Lazy drafts are not ranked, so that their log-probabilities are only for the caller. */
    bool ranked = !trunk && (!g->policy->reward || g->policy->reward->ops->needs_logprob);
    float logprob = ranked || g->run->logprobs ? gen->logprob(gen->self, p->seq, id) : (float)NAN;
    size_t raw;
    bool ends;
    gen->piece(gen->self, id, &raw, &ends);
    if (ends) {
        finish(g, p, SUREFOOT_FINISH_EOS);
        return;
    }
    struct sf_point at = p->tip;
    struct sf_state s = p->state;
    if (trunk) { /* the state before this token stays: the search may return to it */
        s = *sf_trunk_state(g, p->n + 1);
        sf_state_copy(&g->reader, &s, &p->state);
    }
    struct sf_why why;
    uint64_t cut;
    enum sf_read is =
        sf_read_token(&g->reader, &at, &s, id, ranked ? logprob : (float)NAN, &why, &cut);
    if (is == SF_READ_STOP) {
        finish_cut(g, p, id, cut);
        return;
    }
    append(p, id, logprob, &at);
    if (is == SF_READ_UNSAFE) {
        drop(g, p, &why);
        return;
    }
    p->tip = at;
    p->state = s;
    if (trunk) *sf_trunk_point(g, p->n) = at;
    if (!holds(g, p)) {
        drop(g, p, NULL);
    } else if (p->n >= g->n_max) {
        finish(g, p, g->at_max);
    }
}

/* ------------------------------------------------------------------------------- all candidates */

struct sf_path *sf_candidate(struct sf_guard *g, int i) {
    return &g->pool[g->k + i];
}

void sf_decision_begin(struct sf_guard *g) {
    sf_tally_clear(&g->tally);
    g->now_n = g->n;
    g->now_d = (uint32_t)g->d;
    g->reader.shown = 0;
    g->reserve.life = SF_PATH_NONE;
    if (!timed(g)) return;
    /* Fewer candidates first, but two as long as that helps; then a shorter block; then one. */
    double left = time_left(g);
    int least = g->k > 0 ? g->k : 1;
    while (g->now_n > least && g->now_n > 2 && step_seconds(g, g->now_n) * g->now_d > left)
        g->now_n = (int)sf_max((size_t)least, (size_t)g->now_n / 2);
    while (g->now_d > 1 && step_seconds(g, g->now_n) * g->now_d > left) g->now_d--;
    if (g->now_n > least && step_seconds(g, g->now_n) * g->now_d > left) g->now_n = least;
}

/* How many drafts candidate 0 keeps beyond the frontier: w. */
static uint32_t run_length(const struct sf_guard *g) {
    const struct surefoot_policy *p = g->policy;
    uint32_t d = g->now_d, calm = p->w_calm < 0 ? (g->critic ? 0 : 4) : (uint32_t)p->w_calm;
    double high = p->threshold_high < 0 && g->critic ? g->critic->tau_high : p->threshold_high;
    if (g->trunk.tip.safety.spent > 0) return d;
    if (SF_MUTANT(62, g->critic != NULL, false) && !((double)g->f1 >= high)) return d; /* or NaN */
    if (!g->critic && g->kept < 8 && p->w_calm < 0) calm = 8; /* openings steer the most */
    return (uint32_t)sf_min(calm, SF_MUTANT(43, d, calm));
}

static void keep_ahead(struct sf_guard *g) {
    uint32_t w = run_length(g);
    if (g->trunk.n > g->kept + w) g->kept = g->trunk.n - w;
}

enum sf_ahead sf_run_ahead(struct sf_guard *g) {
    struct sf_path *t = &g->trunk;
    t->start = g->kept;
    t->finish = SUREFOOT_FINISH_NONE;
    if (!evaluate(g, &t, 1)) {
        if (g->halt != SF_HALT_NONE) return SF_AHEAD_ON;
        drop(g, t, NULL);
        return SF_AHEAD_DROPPED;
    }
    if (g->critic) {
        g->f1 = sf_look(g, t).f1;
        if (t->n > g->kept && SF_MUTANT(63, !((double)g->f1 > g->policy->threshold), false)) {
            g->stats->doubts++;
            return SF_AHEAD_DOUBTED;
        }
        keep_ahead(g);
        t->start = g->kept;
    }
    sf_extend(g, t, 0, 0);
    if (t->life == SF_PATH_DROPPED) return SF_AHEAD_DROPPED;
    if (!g->critic && t->life == SF_PATH_LIVE) keep_ahead(g);
    return SF_AHEAD_ON;
}

/* The trunk's drafts become candidate 0, which goes on. */
static void adopt_drafts(struct sf_guard *g) {
    const struct sf_path *t = &g->trunk;
    struct sf_path *c = sf_candidate(g, 0);
    if (SF_MUTANT(64, false, true) || !fork_seq(g, c->seq, t->seq)) return;
    c->root = c->start = g->kept;
    c->n = t->n;
    c->evaluated = t->evaluated;
    memcpy(c->tok, t->tok + (g->kept - g->base), (t->n - g->kept) * sizeof *c->tok);
    c->tip = t->tip;
    sf_state_copy(&g->reader, &c->state, &t->state);
    c->parent = -1;
    c->finish = SUREFOOT_FINISH_NONE;
    c->part_id = -1;
    c->part_bytes = 0;
    c->torn = false;
    c->life = SF_PATH_LIVE;
}

bool sf_expand(struct sf_guard *g, enum sf_ahead ahead, bool revoke) {
    struct sf_path *parent[SF_GUARD_MAX_CANDIDATES];
    int n = 0, first = ahead == SF_AHEAD_ON ? 0 : 1;
    for (int i = 0; i < g->n; i++) sf_candidate(g, i)->life = SF_PATH_NONE;
    if (revoke) {
        g->stats->revoked += g->kept - g->base;
        for (int i = 0; i < g->k; i++) g->pool[i].life = SF_PATH_NONE;
        g->n_beams = g->n_blocks = 0;
        g->kept = g->base;
        struct sf_point *at = sf_trunk_point(g, g->base);
        g->reader.shown = at->text;
        g->reader.price = at->spent_end;
        at->late = at->safety.spent;
    }
    if (ahead == SF_AHEAD_DOUBTED) adopt_drafts(g);
    for (int i = 0; i < g->n_beams; i++)
        if (g->pool[i].life == SF_PATH_LIVE) parent[n++] = &g->pool[i];
    if (n == 0) {
        if (!sf_trunk_rewind(g, g->kept)) return false;
        parent[n++] = &g->trunk;
    }
    if (first >= g->now_n) return sf_living(g) > 0;
    if (!evaluate(g, parent, n)) return false;
    for (int i = first; i < g->now_n; i++) {
        struct sf_path *c = sf_candidate(g, i), *from = parent[i * n / g->now_n];
        if (!fork_seq(g, c->seq, from->seq)) continue;
        if (from == &g->trunk) {
            c->root = c->n = from->n;
            c->evaluated = from->evaluated;
            c->tip = from->tip;
            if (SF_MUTANT(18, true, i == 0) && SF_MUTANT(42, true, g->n > 1))
                sf_state_copy(&g->reader, &c->state, &from->state);
        } else {
            sf_path_copy(&g->reader, c, from);
        }
        c->start = c->n;
        c->parent = from == &g->trunk ? -1 : (int)(from - g->pool);
        c->finish = SUREFOOT_FINISH_NONE;
        c->part_id = -1;
        c->part_bytes = SF_MUTANT(31, 0, c->part_bytes);
        c->torn = false;
        c->life = SF_PATH_LIVE;
    }
    return true;
}

int sf_living(const struct sf_guard *g) {
    int n = 0;
    for (int i = 0; i < g->n; i++) n += g->pool[g->k + i].life == SF_PATH_LIVE;
    return n;
}

bool sf_evaluate(struct sf_guard *g) {
    struct sf_path *p[SF_GUARD_MAX_CANDIDATES];
    int n = 0;
    for (int i = 0; i < g->n; i++)
        if (sf_candidate(g, i)->life == SF_PATH_LIVE) p[n++] = sf_candidate(g, i);
    if (evaluate(g, p, n)) return true;
    for (int i = 0; i < n && g->halt == SF_HALT_NONE; i++) drop(g, p[i], NULL);
    return g->halt == SF_HALT_NONE;
}

void sf_drop_duplicates(struct sf_guard *g) {
    for (int i = 1; i < g->n; i++) {
        struct sf_path *p = sf_candidate(g, i);
        for (int j = 0; j < i && p->life != SF_PATH_NONE; j++)
            if (SF_MUTANT(23, p->life != SF_PATH_DROPPED, false) &&
                sf_path_same(p, sf_candidate(g, j)))
                p->life = SF_PATH_NONE;
    }
}

void sf_drop_unsettled(struct sf_guard *g) {
    uint64_t shown = sf_trunk_point(g, g->base)->text;
    for (int i = 0; i < g->n; i++) {
        struct sf_path *p = sf_candidate(g, i);
        if (p->life == SF_PATH_LIVE && SF_MUTANT(22, p->tip.open < shown, false)) drop(g, p, NULL);
    }
}

static void swap(struct sf_path *a, struct sf_path *b) {
    struct sf_path c = *a;
    *a = *b;
    *b = c;
}

/* A block could not be kept: beams and candidates are lost, the next round starts from the trunk. */
static bool lose_beams(struct sf_guard *g) {
    for (int i = 0; i < g->k + g->n; i++)
        if (SF_MUTANT(33, true, i >= g->k)) g->pool[i].life = SF_PATH_NONE;
    g->n_beams = g->n_blocks = 0;
    return false;
}

/* K > 1: beams live on; the best beam's block of `lag` blocks ago is kept, and beams that disagree
 * with it are dropped. */
static bool keep_beams(struct sf_guard *g) {
    int order[2 * SF_GUARD_MAX_CANDIDATES], most = g->k + g->n;
    for (int i = 0; i < g->n_beams; i++) /* beams that went on have children in their place */
        if (g->pool[i].life == SF_PATH_LIVE) g->pool[i].life = SF_PATH_NONE;
    int n = sf_path_rank(g->pool, most, order);
    g->n_beams = (int)sf_min((size_t)n, (size_t)g->k);
    for (int i = 0; i < g->n_beams; i++) {
        if (order[i] != i) swap(&g->pool[i], &g->pool[order[i]]);
        for (int j = i + 1; j < g->n_beams; j++)
            if (order[j] == i) order[j] = order[i];
    }
    for (int i = g->n_beams; i < most; i++) g->pool[i].life = SF_PATH_NONE;
    struct sf_path *best = &g->pool[0];
    if (best->life == SF_PATH_FINISHED) {
        g->winner = best;
        return true;
    }
    g->block[g->n_blocks++] = best->n - best->start;
    if (g->n_blocks <= g->lag) return true;
    uint32_t len = g->block[0], to = g->kept + len;
    if (!sf_trunk_take(g, best, to) || !fork_seq(g, SF_SEQ_TRUNK, best->seq)) return lose_beams(g);
    g->trunk.evaluated = best->evaluated;
    g->ready = true;
    if (!sf_trunk_rewind(g, to)) return lose_beams(g);
    memmove(g->block, g->block + 1, sizeof g->block - sizeof g->block[0]);
    g->n_blocks--;
    int left = 0;
    for (int i = 0; i < g->n_beams; i++) {
        struct sf_path *p = &g->pool[i];
        bool same = p->n >= to;
        for (uint32_t t = g->kept; same && t < to; t++)
            same = sf_path_tok(g, p, t)->id == g->trunk.tok[t - g->base].id;
        if (!same) {
            p->life = SF_PATH_NONE;
            continue;
        }
        memmove(p->tok, p->tok + len, (p->n - p->root - len) * sizeof *p->tok);
        p->root = to;
        if (left != i) swap(&g->pool[left], p);
        left++;
    }
    g->n_beams = left;
    g->kept = to;
    return true;
}

bool sf_keep(struct sf_guard *g, bool collapse) {
    int order[SF_GUARD_MAX_CANDIDATES];
    int n = sf_path_rank(g->pool + g->k, g->n, order);
    bool ended = false; /* a beam that has finished is as good as a candidate */
    for (int i = 0; i < g->n_beams; i++) ended |= g->pool[i].life == SF_PATH_FINISHED;
    if (n == 0 && !ended) return false;
    if (g->k > 0 && !collapse) return keep_beams(g);
    struct sf_path *best = sf_candidate(g, order[0]);
    if (best->life == SF_PATH_FINISHED) {
        g->winner = best;
        return true;
    }
    /* K = 1: the whole block is kept. */
    if (!sf_trunk_take(g, best, best->n) || !fork_seq(g, SF_SEQ_TRUNK, best->seq)) return false;
    g->trunk.evaluated = best->evaluated;
    g->ready = true;
    g->kept = SF_MUTANT(24, best->n, g->kept + 1);
    return true;
}
