/* SPDX-License-Identifier: MIT
 * deliver.c - the outlet of the guard: the one file that calls emit. Text leaves in steps from rest
 * to rest: a rest is a token after which the text may end, so that whatever was sent last, the text
 * sent so far is within budget also if nothing follows.
 */
#include <math.h>
#include <string.h>

#include "mutant.h"
#include "search.h"

/* Hands n bytes and n_tok tokens to the caller. False: the client is lost. */
static bool emit(struct sf_guard *g, const char *text, size_t n, size_t n_tok) {
    struct sf_pace *pace = &g->pace;
    surefoot_stats *st = g->stats;
    double now = g->gen->now(g->gen->self);
    if (!pace->started) {
        st->first_token_seconds = now - pace->last;
    } else {
        double gap = now - pace->last;
        if (gap > st->longest_gap_seconds) st->longest_gap_seconds = gap;
        if (pace->limit > 0 && gap > pace->limit) st->deadline_misses++;
    }
    pace->started = true;
    pace->last = now;
    st->n_delivered += (uint32_t)n_tok;
    if (g->run->emit(g->run->user, text, n, g->out_tok, n_tok) == 0) return true;
    if (SF_MUTANT(27, false, true)) return true;
    g->halt = SF_HALT_CLIENT;
    return false;
}

/* Tokens [from, to) of p as text in g->out, which starts at a rest. */
static size_t show(struct sf_guard *g, const struct sf_path *p, uint32_t from, uint32_t to,
                   struct sf_point *at) {
    size_t n = 0;
    *at = (struct sf_point){.t = from};
    for (uint32_t i = from; i < to; i++) {
        const struct sf_tok *k = sf_path_tok(g, p, i);
        size_t m = sf_reader_show(&g->reader, at, k->id);
        m = sf_min(m, sizeof g->out - n);
        memcpy(g->out + n, g->reader.out, m);
        n += m;
        at->t++;
        float logprob = g->run->logprobs ? k->logprob : (float)NAN;
        g->out_tok[i - from] = (surefoot_token){.id = k->id, .logprob = logprob};
    }
    return n;
}

bool sf_deliver(struct sf_guard *g) {
    struct sf_path *t = &g->trunk;
    struct sf_point at;
    uint64_t open = sf_trunk_point(g, g->kept)->open;
    uint32_t from = g->base;
    bool there = true;
    for (uint32_t i = g->base; there && i < g->kept; i++) {
        const struct sf_tok *k = sf_path_tok(g, t, i);
        if (k->text > open) break;
        if (SF_MUTANT(26, !sf_safe(k->spent_end, g->policy->budget), false)) continue;
        size_t n = show(g, t, from, i + 1, &at);
        there = emit(g, g->out, n, i + 1 - from);
        from = i + 1;
        g->last_id = k->id;
    }
    if (from == g->base) return there;
    memmove(t->tok, t->tok + (from - g->base), (t->n - from) * sizeof *t->tok);
    g->base = t->root = from;
    g->carry.power = sf_trunk_point(g, from)->safety.power;
    return there;
}

void sf_deliver_all(struct sf_guard *g) {
    const struct sf_path *p = g->winner;
    struct sf_point at;
    uint32_t from = g->base;
    g->stats->spent = sf_trunk_point(g, g->base)->spent_end;
    for (uint32_t i = g->base; i + 1 < p->n; i++) {
        const struct sf_tok *k = sf_path_tok(g, p, i);
        if (!sf_safe(k->spent_end, g->policy->budget)) continue;
        size_t n = show(g, p, from, i + 1, &at);
        bool there = emit(g, g->out, n, i + 1 - from);
        while (from <= i) { /* carry.power was that at `from` */
            sf_safety_step(&g->carry, g->reader.gamma);
            from++;
        }
        g->stats->spent = k->spent_end;
        if (!there) break;
    }
    if (g->halt == SF_HALT_NONE) {
        uint32_t n_tok = p->n - from;
        size_t n = show(g, p, from, p->n, &at);
        if (p->part_id >=
            0) { /* the token that the stop string cuts: its text, but not the token */
            size_t m = sf_reader_show(&g->reader, &at, p->part_id);
            m = sf_min(sf_min(m, p->part_bytes), sizeof g->out - n);
            memcpy(g->out + n, g->reader.out, m);
            n += m;
        }
        if (p->torn && n + 3 <= sizeof g->out) n += sf_utf8_end(&at.utf8, g->out + n);
        from = p->n;
        g->stats->spent = p->tip.safety.spent;
        g->carry.power = p->tip.safety.power;
        if (n > 0 || n_tok > 0) emit(g, g->out, n, n_tok);
    }
    g->base = from;
}

/* Token ids that fallback text f is told with; 0: without. */
static size_t fallback_ids(const struct sf_guard *g, int f) {
    /* Of an answer's first token a leading space would be taken for the tokenizer's own. */
    bool misread = f == 0 && g->run->drop_space && g->fallback[f].text[0] == ' ';
    return misread ? 0 : SF_MUTANT(39, g->fallback[f].n_id, sf_min(g->fallback[f].n_id, 64));
}

/* Reads fallback text f from the last delivered byte on. What it costs must already be the price of
 * ending there, so that it costs nothing itself. */
static bool in_place(struct sf_guard *g, int f, struct sf_point *at) {
    struct sf_reader *r = &g->reader;
    struct sf_why why;
    const char *text = g->fallback[f].text;
    int64_t spent = sf_trunk_point(g, g->base)->spent_end;
    *at = *sf_trunk_point(g, g->base);
    sf_state_copy(r, &g->work, sf_trunk_state(g, g->base));
    if (!sf_safe(spent, g->policy->budget)) return false;
    /* As it will be told: by ids where it has them, so that an audit of the ids says the same. */
    size_t n_id = fallback_ids(g, f);
    for (size_t i = 0; i < n_id; i++)
        if (sf_read_spelled(r, at, &g->work, g->fallback[f].id[i], &why) != SF_READ_SAFE)
            return false;
    if (n_id == 0 && sf_read_text(r, at, &g->work, text, g->fallback[f].n, &why) != SF_READ_SAFE)
        return false;
    if (sf_read_end(r, at, &g->work, true, &why) != SF_READ_SAFE) return false;
    return SF_MUTANT(28, at->safety.spent <= spent, true);
}

void sf_fall_back(struct sf_guard *g) {
    surefoot_stats *st = g->stats;
    struct sf_point at;
    int f = g->base > 0 ? 1 : 0;
    if (f)
        st->cuts++;
    else
        st->fallbacks++;
    st->spent = sf_trunk_point(g, g->base)->spent_end;
    st->finish = SUREFOOT_FINISH_CUT;
    if (g->policy->fallback[0] == 0 || !in_place(g, f, &at)) return; /* only stop */
    st->finish = SUREFOOT_FINISH_FALLBACK;
    st->spent = at.safety.spent;
    g->carry.power = at.safety.power;
    size_t n_id = fallback_ids(g, f);
    for (size_t i = 0; i < n_id; i++)
        g->out_tok[i] = (surefoot_token){.id = g->fallback[f].id[i], .logprob = (float)NAN};
    emit(g, g->fallback[f].text, g->fallback[f].n, n_id);
}

/* Token ids of one fallback text, only if they spell it. */
static size_t spell(const struct sf_generator *gen, const char *text, size_t n, int32_t *id,
                    size_t cap) {
    size_t m, at = 0;
    if (gen->encode(gen->self, text, n, id, cap, &m, NULL) != SUREFOOT_OK || m > cap) return 0;
    for (size_t i = 0; i < m; i++) {
        size_t len;
        bool ends;
        const char *piece = gen->piece(gen->self, id[i], &len, &ends);
        if (ends || len > n - at || memcmp(piece, text + at, len) != 0) return 0;
        at += len;
    }
    return at == n ? m : 0;
}

surefoot_status sf_fallback_init(struct sf_guard *g, const struct sf_generator *gen,
                                 surefoot_error *err) {
    const struct sf_cost *cost = g->policy->cost;
    size_t n = strnlen(g->policy->fallback, SF_POLICY_MAX_FALLBACK),
           sep = strlen(SF_GUARD_SEPARATOR);
    memcpy(g->fallback[0].text, g->policy->fallback, n);
    memcpy(g->fallback[1].text, SF_GUARD_SEPARATOR, sep);
    memcpy(g->fallback[1].text + sep, g->policy->fallback, n);
    g->fallback[0].n = n;
    g->fallback[1].n = n + sep;
    struct sf_point at = {0};
    struct sf_why why;
    sf_safety_begin(&at.safety);
    g->reader.fault = SUREFOOT_OK;
    g->reader.free_bytes = 0;
    cost->ops->begin(cost, g->work.cost);
    if (g->policy->reward) g->policy->reward->ops->begin(g->policy->reward, g->work.reward);
    bool good =
        sf_read_text(&g->reader, &at, &g->work, g->fallback[0].text, n, &why) == SF_READ_SAFE &&
        sf_read_end(&g->reader, &at, &g->work, true, &why) == SF_READ_SAFE;
    if (g->reader.fault != SUREFOOT_OK) {
        if (err) *err = g->reader.fault_text;
        return g->reader.fault;
    }
    if (!good || at.safety.spent > 0)
        return sf_fail(err, SUREFOOT_E_POLICY, 0,
                       "the fallback text itself costs something under this policy: change it");
    for (int f = 0; gen && f < 2; f++)
        g->fallback[f].n_id = spell(gen, g->fallback[f].text, g->fallback[f].n, g->fallback[f].id,
                                    SF_COUNT(g->fallback[f].id));
    return SUREFOOT_OK;
}
