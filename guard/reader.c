/* SPDX-License-Identifier: MIT
 * reader.c - tokens to text, charges and safety state; see reader.h.
 */
#include "reader.h"

#include <math.h>
#include <string.h>

#include "mutant.h"

void sf_state_copy(const struct sf_reader *r, struct sf_state *to, const struct sf_state *from) {
    memcpy(to->cost, from->cost, r->cost_bytes);
    if (r->reward_bytes) memcpy(to->reward, from->reward, r->reward_bytes);
}

void sf_reader_fault(struct sf_reader *r, surefoot_status code, const surefoot_error *e) {
    if (r->fault != SUREFOOT_OK) return;
    r->fault = code;
    r->fault_text = *e;
    r->fault_text.code = code;
}

/* A model that breaks its own contract is as good as one that failed. */
static enum sf_read lied(struct sf_reader *r, const char *how) {
    surefoot_error e = {0};
    sf_fail(&e, SUREFOOT_E_FAILED, 0, "cost model '%s' %s", r->policy->cost->ops->kind, how);
    sf_reader_fault(r, SUREFOOT_E_FAILED, &e);
    return SF_READ_UNSAFE;
}

/* Adds the charges of one call to the safety state. seen: the settled length before the call. */
static enum sf_read account(struct sf_reader *r, struct sf_point *p, uint64_t seen,
                            struct sf_why *why) {
    const struct sf_charges *c = &r->charges;
    if (r->free_bytes == UINT64_MAX) return SF_READ_SAFE; /* reading the prompt */
    if (SF_MUTANT(2, c->overflow, false))
        return lied(r, "made more charges in one piece than can be counted");
    /* broken: text that may begin a stop string is not charged */
    if (SF_MUTANT(41, false, sf_stop_pending(&r->stops, &p->stop) > 0)) return SF_READ_SAFE;
    for (int i = 0; i < c->n; i++) {
        if (SF_MUTANT(40, false, c->c[i].end - c->c[i].begin > 2)) continue;
        if (c->c[i].begin >= c->c[i].end || c->c[i].end > p->text)
            return lied(r, "charged text that does not exist");
        if (SF_MUTANT(3, c->c[i].end, c->c[i].begin + 1) <= r->free_bytes)
            continue; /* wholly inside the prompt */
        if (c->c[i].begin < seen) return lied(r, "charged text that it had called settled");
        int64_t before = p->safety.spent;
        sf_safety_charge(&p->safety, SF_MUTANT(1, c->c[i].amount, i > 0 ? 0 : c->c[i].amount));
        if (__builtin_add_overflow(p->net, c->c[i].amount, &p->net)) p->net = SF_COST_UNSAFE;
        if (!sf_safe(p->safety.spent, r->policy->budget)) {
            *why = (struct sf_why){true, c->c[i].begin, c->c[i].end};
            return SF_READ_UNSAFE;
        }
        /* After a revoke a match may reach back into delivered text. */
        if (c->c[i].begin >= r->shown) continue;
        p->late += p->safety.spent - before;
        if (SF_MUTANT(30, p->late > r->price, false)) {
            *why = (struct sf_why){true, c->c[i].begin, c->c[i].end};
            return SF_READ_UNSAFE;
        }
    }
    return SF_READ_SAFE;
}

/* What would be spent if the text ended at p, whose model states are s. */
static int64_t spent_if_ended(struct sf_reader *r, const struct sf_point *p,
                              const struct sf_state *s) {
    if (SF_MUTANT(4, p->utf8.n > 0, false)) return SF_COST_UNSAFE;
    if (SF_MUTANT(5, p->settled == p->text, true))
        return p->safety.spent; /* ending at S adds none */
    const struct sf_cost *cost = r->policy->cost;
    struct sf_point q = *p;
    struct sf_why why;
    memcpy(r->probe.cost, s->cost, r->cost_bytes);
    r->charges.n = 0;
    r->charges.overflow = false;
    surefoot_error e = {0};
    surefoot_status st = cost->ops->end(cost, r->probe.cost, &r->charges, &e);
    if (st != SUREFOOT_OK) {
        sf_reader_fault(r, st, &e);
        return SF_COST_UNSAFE;
    }
    return account(r, &q, p->settled, &why) == SF_READ_SAFE ? q.safety.spent : SF_COST_UNSAFE;
}

/* One piece of shown text through both models. */
static enum sf_read read_piece(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                               const struct sf_piece *piece, float logprob, struct sf_why *why) {
    const struct sf_cost *cost = r->policy->cost;
    const struct sf_reward *reward = r->policy->reward;
    surefoot_error e = {0};
    *why = (struct sf_why){0};
    p->text += piece->n;
    r->charges.n = 0;
    r->charges.overflow = false;
    surefoot_status st = cost->ops->read(cost, s->cost, piece, &r->charges, &e);
    if (st != SUREFOOT_OK) {
        sf_reader_fault(r, st, &e);
        return SF_READ_UNSAFE;
    }
    enum sf_read is = account(r, p, p->settled, why);
    if (is != SF_READ_SAFE) return is;
    uint64_t settled = cost->ops->settled(cost, s->cost);
    if (settled < p->settled) return lied(r, "let its settled length fall");
    if (settled > p->text) return lied(r, "settled text that it has not read");
    p->settled = settled;
    if (isfinite(logprob)) {
        p->loglik += (double)logprob;
        p->n_loglik++;
    }
    if (reward && !p->reward_failed)
        p->reward_failed = reward->ops->read(reward, s->reward, piece, logprob, &e) != SUREFOOT_OK;
    return SF_READ_SAFE;
}

/* After a piece of the answer: the lag in bytes, what may be shown, whether the text may end. */
static enum sf_read rest(struct sf_reader *r, struct sf_point *p, const struct sf_state *s) {
    if (SF_MUTANT(6, p->text - p->settled > SF_GUARD_MAX_HOLD, false)) return SF_READ_UNSAFE;
    uint64_t partial = p->text - sf_stop_pending(&r->stops, &p->stop);
    p->open = sf_min(SF_MUTANT(7, p->settled, p->text), SF_MUTANT(8, partial, p->text));
    p->spent_end = spent_if_ended(r, p, s);
    return SF_READ_SAFE;
}

size_t sf_reader_show(struct sf_reader *r, struct sf_point *p, int32_t id) {
    size_t n;
    bool ends;
    const char *raw = r->gen->piece(r->gen->self, id, &n, &ends);
    if (n > SF_GUARD_MAX_PIECE) n = SF_GUARD_MAX_PIECE; /* only after such a token was refused */
    if (p->t == 0 && r->drop_space && n > 0 && raw[0] == ' ') raw++, n--;
    return sf_utf8_feed(&p->utf8, raw, n, r->out);
}

enum sf_read sf_read_token(struct sf_reader *r, struct sf_point *p, struct sf_state *s, int32_t id,
                           float logprob, struct sf_why *why, uint64_t *cut) {
    size_t raw, end, len;
    bool ends;
    r->gen->piece(r->gen->self, id, &raw, &ends);
    *why = (struct sf_why){0};
    if (raw > SF_GUARD_MAX_PIECE) return SF_READ_UNSAFE;
    struct sf_piece piece = {.bytes = r->out, .token = id};
    piece.n = sf_reader_show(r, p, id);
    piece.boundary = SF_MUTANT(45, p->marker && piece.n > 0, false);
    if (piece.n > 0) p->marker = false;
    if (sf_stop_feed(&r->stops, &p->stop, r->out, piece.n, &end, &len)) {
        *cut = p->text + end - len;
        return SF_READ_STOP;
    }
    enum sf_read is = read_piece(r, p, s, &piece, logprob, why);
    if (is != SF_READ_SAFE) return is;
    p->t++;
    sf_safety_step(&p->safety, SF_MUTANT(9, r->gamma, r->gamma / 2));
    return rest(r, p, s);
}

enum sf_read sf_read_spelled(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                             int32_t id, struct sf_why *why) {
    size_t raw;
    bool ends;
    const char *bytes = r->gen->piece(r->gen->self, id, &raw, &ends);
    *why = (struct sf_why){0};
    if (raw > SF_GUARD_MAX_PIECE) return SF_READ_UNSAFE;
    struct sf_piece piece = {.bytes = r->out, .token = id};
    piece.n = sf_utf8_feed(&p->utf8, bytes, raw, r->out);
    piece.boundary = p->marker && piece.n > 0;
    if (piece.n > 0) p->marker = false;
    enum sf_read is = read_piece(r, p, s, &piece, NAN, why);
    if (is == SF_READ_SAFE) sf_safety_step(&p->safety, r->gamma);
    return is;
}

enum sf_read sf_read_part(struct sf_reader *r, struct sf_point *p, struct sf_state *s, int32_t id,
                          size_t n, struct sf_why *why) {
    size_t all = sf_reader_show(r, p, id);
    return sf_read_text(r, p, s, r->out, sf_min(n, all), why);
}

enum sf_read sf_read_text(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                          const char *text, size_t n, struct sf_why *why) {
    struct sf_piece piece = {.bytes = text, .n = n, .token = -1, .boundary = p->marker && n > 0};
    if (n > 0) p->marker = false;
    enum sf_read is = read_piece(r, p, s, &piece, NAN, why);
    if (is == SF_READ_SAFE) sf_safety_step(&p->safety, r->gamma);
    return is;
}

enum sf_read sf_read_end(struct sf_reader *r, struct sf_point *p, struct sf_state *s, bool cut,
                         struct sf_why *why) {
    const struct sf_cost *cost = r->policy->cost;
    surefoot_error e = {0};
    *why = (struct sf_why){0};
    char last[4];
    size_t n = cut ? 0 : sf_utf8_end(&p->utf8, last);
    p->utf8.n = 0;
    if (n > 0) {
        enum sf_read is = sf_read_text(r, p, s, last, n, why);
        if (is != SF_READ_SAFE) return is;
    }
    r->charges.n = 0;
    r->charges.overflow = false;
    if (SF_MUTANT(10, false, true)) return SF_READ_SAFE;
    surefoot_status st = cost->ops->end(cost, s->cost, &r->charges, &e);
    if (st != SUREFOOT_OK) {
        sf_reader_fault(r, st, &e);
        return SF_READ_UNSAFE;
    }
    enum sf_read is = account(r, p, p->settled, why);
    if (is != SF_READ_SAFE) return is;
    p->settled = p->open = p->text;
    p->spent_end = p->safety.spent;
    return SF_READ_SAFE;
}

/* The free part ends: what half a character is left becomes text, and the answer's turn begins. */
static bool begin_turn(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                       const struct sf_safety *carry) {
    struct sf_why why;
    struct sf_piece last = {.bytes = r->out, .token = -1, .prompt = true};
    last.n = sf_utf8_end(&p->utf8, r->out);
    if (last.n > 0 && read_piece(r, p, s, &last, NAN, &why) != SF_READ_SAFE) return false;
    r->free_bytes = p->text;
    p->safety = *carry;
    p->loglik = 0;
    p->n_loglik = 0;
    return true;
}

bool sf_read_prompt(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                    const struct sf_safety *carry, const int32_t *ids, size_t n, size_t n_free) {
    const struct sf_cost *cost = r->policy->cost;
    struct sf_why why;
    bool drop_space = r->drop_space;
    *p = (struct sf_point){0};
    cost->ops->begin(cost, s->cost);
    if (r->policy->reward) r->policy->reward->ops->begin(r->policy->reward, s->reward);
    r->drop_space = false;
    r->free_bytes = UINT64_MAX;
    r->shown = 0;
    for (size_t i = 0; i < n; i++) {
        size_t raw;
        bool ends;
        if (i == n_free && !begin_turn(r, p, s, carry)) return false;
        r->gen->piece(r->gen->self, ids[i], &raw, &ends);
        if (raw > SF_GUARD_MAX_PIECE) {
            lied(r, "cannot be given a token of such length");
            return false;
        }
        struct sf_piece piece = {.bytes = r->out, .token = ids[i], .prompt = i < n_free};
        piece.n = sf_reader_show(r, p, ids[i]);
        piece.boundary = p->marker && piece.n > 0;
        if (piece.n > 0) p->marker = false;
        if (raw == 0 && i < n_free) p->marker = true;
        /* An opening over budget is no failure: spent says so, and nothing may follow it. */
        read_piece(r, p, s, &piece, NAN, &why);
        if (r->fault != SUREFOOT_OK) return false;
        if (i >= n_free) sf_safety_step(&p->safety, r->gamma);
    }
    if (n == n_free && !begin_turn(r, p, s, carry)) return false;
    r->drop_space = drop_space;
    char last[4];
    size_t tail = sf_utf8_end(&p->utf8, last); /* of the opening; never of the prompt */
    if (tail > 0) sf_read_text(r, p, s, last, tail, &why);
    p->t = 0;
    p->open = p->text; /* what the prompt holds is not ours to hold back */
    p->spent_end = spent_if_ended(r, p, s);
    return r->fault == SUREFOOT_OK;
}

double sf_reader_value(const struct sf_reader *r, const struct sf_point *p,
                       const struct sf_state *s) {
    if (p->reward_failed) return (double)NAN;
    if (r->policy->reward) return r->policy->reward->ops->value(r->policy->reward, s->reward);
    return p->n_loglik ? p->loglik / (double)p->n_loglik : 0;
}
