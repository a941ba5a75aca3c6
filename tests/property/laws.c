/* SPDX-License-Identifier: MIT
 * laws.c - random runs, and what must hold of every run; see laws.h.
 */
#include "laws.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "safety.h"
#include "utf8.h"

struct law_seen law_seen;
uint64_t law_first_seed;
static char found[2][640];
static int turn;

const char *law_violation(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    turn = !turn; /* the message may quote the one before */
    vsnprintf(found[turn], sizeof found[turn], fmt, ap);
    va_end(ap);
    return found[turn];
}

static uint64_t next(uint64_t *s) { /* splitmix64 */
    uint64_t z = (*s += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static int pick(uint64_t *s, int n) {
    return (int)(next(s) % (uint64_t)n);
}
static bool rarely(uint64_t *s, int n) {
    return pick(s, n) == 0;
}

/* ------------------------------------------------------------------------------- random runs */

static const char *const pieces[] = {"a",        "b",        "x",    ".",   " ",  " a",  "ab",
                                     "ba",       "ax",       "xa",   "x.",  ".a", "a b", "\xC3",
                                     "\xA9",     "",         "bab",  "xx",  "aa", "bx",  ". ",
                                     "\xC3\xA9", "\xE2\x82", "\xAC", "abxa"};
static const char *const words[] = {"a", "b", "ab", "ba", "xx", "ax", "bab", "xa", "aab", "abx"};
static const char *const phrases[] = {"a",   "b",  "ab", "ba",       "xx",           "a b",  ". a",
                                      "bab", "xa", "a.", "\xC3\xA9", "\xEF\xBF\xBD", "abxa", " "};
static const char *const stops[] = {"x", "ab", "b.", " a", "aba", "xx", "\xC3\xA9", "a b", ".."};

static void random_process(struct toy_run *r, uint64_t *s) {
    struct toy *t = &r->toy;
    t->seed = next(s);
    t->draw_seed = next(s);
    t->n_vocab = 3 + pick(s, 10);
    for (int v = 0; v < t->n_vocab; v++) t->piece[v] = pieces[pick(s, (int)SF_COUNT(pieces))];
    if (!rarely(s, 4)) t->piece[t->n_vocab - 1] = NULL;
    t->memory = 1 + pick(s, 3);
    t->temperature = rarely(s, 4) ? 0 : 0.5f + (float)pick(s, 3) * 0.5f;
    t->sharp = 1 + (float)pick(s, 5);
    r->n_prompt = 1 + (size_t)pick(s, 5);
    for (size_t i = 0; i < r->n_prompt; i++) {
        r->prompt[i] = pick(s, t->n_vocab);
        /* Control tokens in a prompt are role boundaries: they have their own law. */
        const char *p = t->piece[r->prompt[i]];
        if (!p || !*p) r->prompt[i] = 0;
    }
    if (!t->piece[0][0]) t->piece[0] = "a";
    r->n_free = r->n_prompt;
    if (rarely(s, 5)) r->n_free -= (size_t)pick(s, (int)r->n_prompt);
    t->n_ctx = rarely(s, 10) ? (uint32_t)r->n_prompt + (uint32_t)pick(s, 12) : TOY_CTX;
    r->n_predict = (uint32_t)(rarely(s, 12) ? pick(s, 3) : 4 + pick(s, 24));
    t->tick = 1;
}

static void random_policy(struct toy_run *r, uint64_t *s) {
    struct surefoot_policy *p = &r->policy;
    static const int sizes[] = {1, 2, 3, 4, 6, 8}, blocks[] = {1, 2, 3, 4, 6, 8, 16};
    p->mode = rarely(s, 2) ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
    p->candidates = sizes[pick(s, 6)];
    p->keep = p->candidates;
    while (p->candidates % p->keep || (p->keep > 1 && rarely(s, 2))) p->keep--;
    p->lag = pick(s, SF_GUARD_MAX_LAG + 1);
    p->block = blocks[pick(s, 7)];
    p->retries = pick(s, SF_GUARD_MAX_RETRIES + 1);
    p->w_calm = pick(s, 4) - 1;
    p->beta = pick(s, 3) * 5;
    p->budget = (int64_t)pick(s, 5) * SF_COST_UNIT / 2;
    p->gamma = rarely(s, 6) ? 0.5 + 0.1 * pick(s, 5) : 1;
    r->cost.kind = (enum toy_kind)pick(s, 3);
    r->cost.n = 1 + pick(s, 3);
    for (int k = 0; k < r->cost.n; k++) {
        r->cost.phrase[k] = r->cost.kind == TOY_WORD ? words[pick(s, (int)SF_COUNT(words))]
                                                     : phrases[pick(s, (int)SF_COUNT(phrases))];
        r->cost.weight[k] = (1 + pick(s, 2)) * SF_COST_UNIT / 2;
    }
    if (rarely(s, 3)) r->with_reward = true;
    r->reward.nan = rarely(s, 4);
    r->reward.fails = rarely(s, 20);
    if (rarely(s, 3)) {
        r->n_stop = 1 + (size_t)pick(s, 3);
        for (size_t i = 0; i < r->n_stop; i++) r->stop[i] = stops[pick(s, (int)SF_COUNT(stops))];
    }
    static const char *const fallbacks[] = {"", "o", "no", "o o"};
    strcpy(p->fallback, fallbacks[pick(s, 4)]);
    if (rarely(s, 5)) strcpy(p->fallback, rarely(s, 2) ? "b" : "b.a");
}

/* In half of the runs a critic, and never one that knows anything but by chance. */
static void random_critic(struct toy_run *r, uint64_t *s) {
    static const enum toy_critic_kind kinds[] = {TOY_NOISE,  TOY_NAN,    TOY_CONSTANT,
                                                 TOY_SWINGS, TOY_TOKENS, TOY_SEES_Z};
    if (rarely(s, 2)) return;
    toy_critic_init(&r->critic, kinds[pick(s, (int)SF_COUNT(kinds))]);
    r->critic.f1 = (float)pick(s, 3) / 2;
    for (int v = 0; v < TOY_VOCAB; v++) {
        r->critic.token_f1[v] = (float)pick(s, 5) / 4;
        r->critic.token_f2[v] = (float)pick(s, 100);
    }
    r->critic.base.tau_high = 0.25 * pick(s, 5);
    r->policy.threshold = 0.25 * pick(s, 5);
    if (rarely(s, 3)) r->policy.threshold_high = 0.25 * pick(s, 5);
}

static void random_faults(struct toy_run *r, uint64_t *s) {
    struct toy *t = &r->toy;
    static const surefoot_status codes[] = {SUREFOOT_E_NUMERIC, SUREFOOT_E_CONTEXT,
                                            SUREFOOT_E_ABORTED, SUREFOOT_E_FAILED};
    t->fail_with = codes[pick(s, 4)];
    t->fail_forever = rarely(s, 2);
    switch (pick(s, 8)) {
    case 0:
        t->fail_step = pick(s, 60);
        break;
    case 1:
        t->fail_sample = pick(s, 100);
        break;
    case 2:
        t->fail_fork = pick(s, 40);
        break;
    case 3:
        t->abort_at = pick(s, 60);
        break;
    case 4:
        t->nan_token = pick(s, t->n_vocab);
        break;
    case 5:
        r->lose_client = pick(s, 10);
        break;
    case 6:
        r->policy.deadline_ms = 1 + pick(s, 12) * 1000;
        break;
    default:
        r->cost.lie = 1 + pick(s, TOY_INFINITE);
        r->cost.lie_at = pick(s, 120);
    }
}

void law_random(struct toy_run *r, uint64_t seed) {
    uint64_t s = seed * 0x9E3779B97F4A7C15u + 1;
    toy_run_init(r);
    random_process(r, &s);
    random_policy(r, &s);
    r->toy.fail_with = SUREFOOT_OK;
    random_critic(r, &s);
    if (rarely(&s, 4)) random_faults(r, &s);
    r->no_memory = true;
}

/* ------------------------------------------------------------------------------- every run */

static bool honest(const struct toy_run *r) {
    return r->cost.lie_at < 0 || r->cost.lie == TOY_FAILS || r->cost.lie == TOY_NEGATIVE;
}

static bool whole_utf8(const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int len = sf_utf8_decode((const unsigned char *)text + i, n - i, &cp);
        if (len == 0) return false;
        i += (size_t)len;
    }
    return true;
}

/* G1, G2: at every byte where the text could have stopped. */
static const char *check_prefixes(struct toy_run *r) {
    static char all[TOY_TEXT * 2];
    size_t n_free, n0 = toy_prompt_text(r, all, &n_free);
    if (!honest(r) || r->policy.gamma < 1) return NULL;
    memcpy(all + n0, r->text, r->n_text);
    for (int i = -1; i < r->n_mark; i++) {
        size_t n = n0 + (i < 0 ? 0 : r->mark[i]);
        if (!whole_utf8(all + n0, n - n0))
            return law_violation("emit %d ends inside a character", i);
        int64_t price = toy_price(&r->cost, all, n, n_free, SIZE_MAX);
        if (i >= 0 && price > r->policy.budget)
            return law_violation("G2: stopping after emit %d costs %lld of %lld: '%.*s'", i,
                                 (long long)price, (long long)r->policy.budget, (int)(n - n0),
                                 all + n0);
        if (i >= 0 && r->unsettled[i] && r->drawn[i] < r->toy.samples)
            return law_violation("G1: emit %d shows text that is not settled: '%.*s'", i,
                                 (int)(n - n0), all + n0);
        int64_t later = toy_price(&r->cost, all, n0 + r->n_text, n_free, n);
        bool ended = r->stats.finish <= SUREFOOT_FINISH_LENGTH; /* and did not stop at a rest */
        if (i >= 0 && ended && r->known[i] >= 0 && r->drawn[i] < r->toy.samples && later > price &&
            later > r->known[i])
            return law_violation("G1: what emit %d delivered got dearer, %lld after %lld: '%.*s'",
                                 i, (long long)later, (long long)price, (int)r->n_text, r->text);
        if (i >= 0 && i + 1 == r->n_mark && r->stats.spent != price)
            return law_violation("spent %lld, but the text costs %lld: '%.*s'",
                                 (long long)r->stats.spent, (long long)price, (int)r->n_text,
                                 r->text);
    }
    return NULL;
}

/* The delivered ids, read again token by token, in exact arithmetic of their own: z >= 0. */
static const char *check_ids(struct toy_run *r) {
    struct sf_charges c = {0};
    _Alignas(16) unsigned char state[256] = {0};
    struct sf_utf8 u = {0};
    char text[256];
    size_t free_bytes = 0, n = 0;
    double spent = 0, power = 1;
    const struct sf_cost *cost = &r->cost.base;
    if (!honest(r) || r->stats.finish == SUREFOOT_FINISH_STOP) return NULL;
    r->cost.lie_at = -1;
    for (size_t i = 0; i < r->n_prompt + r->n_id; i++) {
        bool answer = i >= r->n_prompt;
        int32_t id = answer ? r->id[i - r->n_prompt] : r->prompt[i];
        if (i == r->n_free) {
            size_t m = sf_utf8_end(&u, text);
            struct sf_piece p = {.bytes = text, .n = m, .token = -1};
            if (m) cost->ops->read(cost, state, &p, &c, NULL);
            free_bytes = n += m;
        }
        if (i == r->n_prompt) {
            size_t m = sf_utf8_end(&u, text);
            struct sf_piece p = {.bytes = text, .n = m, .token = -1};
            c.n = 0;
            if (m) cost->ops->read(cost, state, &p, &c, NULL), n += m;
            for (int k = 0; k < c.n; k++)
                if (c.c[k].end > free_bytes) spent += power * (double)c.c[k].amount;
            if (m) power *= r->policy.gamma;
        }
        struct sf_piece p = {.bytes = text, .token = id};
        p.n = sf_utf8_feed(&u, r->toy.piece[id], strlen(r->toy.piece[id]), text);
        c.n = 0;
        cost->ops->read(cost, state, &p, &c, NULL);
        n += p.n;
        for (int k = 0; i >= r->n_free && k < c.n; k++)
            if (c.c[k].end > free_bytes) spent += power * (double)c.c[k].amount;
        if (i >= r->n_free) power *= r->policy.gamma;
        if (answer && spent > (double)r->policy.budget + 100)
            return law_violation("z < 0 after delivered token %zu: %f", i - r->n_prompt, spent);
    }
    return NULL;
}

/* Sequences, ledger, statistics, and that tokens and text tell the same. */
static const char *check_books(struct toy_run *r) {
    const struct toy *t = &r->toy;
    const struct surefoot_policy *p = &r->policy;
    if (t->broken[0]) return law_violation("generator: %s", t->broken);
    if (r->no_memory && r->failed_allocs)
        return law_violation("something was allocated after open");
    if (t->rows != r->stats.evals)
        return law_violation("%llu rows, %llu counted", (unsigned long long)t->rows,
                             (unsigned long long)r->stats.evals);
    bool beams = p->mode == SUREFOOT_GUARD_FULL && p->keep > 1;
    uint64_t b = 1 + (uint64_t)p->candidates * (uint64_t)(2 + p->retries);
    uint64_t bound = b * (r->n_id + (uint64_t)((2 + (beams ? p->lag : 0)) * p->block));
    if (t->rows > bound)
        return law_violation("G4: %llu rows, bound %llu", (unsigned long long)t->rows,
                             (unsigned long long)bound);
    if (r->stats.evals_bound > bound) return law_violation("G4: the ledger's bound is too large");
    for (int q = 1; q < TOY_SEQ; q++)
        if (t->seq[q].n) return law_violation("sequence %d still holds %u tokens", q, t->seq[q].n);
    if (t->seq[0].n < r->n_prompt || t->seq[0].n > r->n_prompt + r->n_id)
        return law_violation("sequence 0 holds %u tokens, %zu and %zu were due", t->seq[0].n,
                             r->n_prompt, r->n_id);
    for (uint32_t i = 0; i < t->seq[0].n; i++)
        if (t->seq[0].token[i] != (i < r->n_prompt ? r->prompt[i] : r->id[i - r->n_prompt]))
            return law_violation("sequence 0 differs from what was delivered at token %u", i);
    if (r->lose_client >= 0 && r->n_mark > r->lose_client + 1)
        return law_violation("text was sent to a client that is lost");
    if (r->stats.retries > 0 && t->retry_draws == 0 && t->fail_with == SUREFOOT_OK)
        return law_violation("a retry drew the numbers of the first round again");
    if (t->longest > r->n_prompt + r->n_id + (uint32_t)sf_guard_draft_tokens(p))
        return law_violation("a sequence held %u tokens, more than announced", t->longest);
    if (r->stats.n_delivered != r->n_id)
        return law_violation("%u tokens counted, %zu delivered", r->stats.n_delivered, r->n_id);
    return NULL;
}

static const char *check_text(struct toy_run *r) {
    struct sf_utf8 u = {0};
    static char text[TOY_TEXT];
    size_t n = 0, fall = strlen(r->policy.fallback);
    surefoot_finish f = r->stats.finish;
    /* A token that a stop string cuts is not delivered as a token, but its text up to there is. */
    bool cut = r->n_stop > 0 && (f == SUREFOOT_FINISH_STOP || f == SUREFOOT_FINISH_ABORTED);
    for (size_t i = 0; i < r->n_id; i++) {
        const char *p = r->toy.piece[r->id[i]];
        if (!p) return law_violation("an end of text was delivered as a token");
        n += sf_utf8_feed(&u, p, strlen(p), text + n);
    }
    n += sf_utf8_end(&u, text + n);
    if (n > r->n_text && !cut)
        return law_violation("%zu bytes of text, its tokens have %zu", r->n_text, n);
    if (memcmp(text, r->text, n < r->n_text ? n : r->n_text) != 0)
        return law_violation("the text is not that of its tokens");
    if (f == SUREFOOT_FINISH_FALLBACK) {
        if (r->n_text < fall || memcmp(r->text + r->n_text - fall, r->policy.fallback, fall) != 0)
            return law_violation("a fallback without its text");
        if (r->stats.fallbacks + r->stats.cuts != 1)
            return law_violation("a fallback is not counted");
    } else if (n != r->n_text && !cut) {
        return law_violation("%zu bytes of text, its tokens have %zu", r->n_text, n);
    } else if (r->n_id > r->n_predict) {
        return law_violation("more tokens than asked for");
    }
    if (f == SUREFOOT_FINISH_NONE) return law_violation("no finish");
    if (f == SUREFOOT_FINISH_DEADLINE && r->policy.deadline_ms == 0)
        return law_violation("stopped by a deadline that was not set");
    if (f == SUREFOOT_FINISH_ABORTED && r->toy.abort_at < 0 && r->lose_client < 0 &&
        r->toy.fail_with != SUREFOOT_E_ABORTED)
        return law_violation("stopped though nobody asked");
    size_t shown = f == SUREFOOT_FINISH_FALLBACK ? r->n_text - fall : r->n_text;
    for (size_t k = 0; k < r->n_stop; k++)
        for (size_t i = 0; i + strlen(r->stop[k]) <= shown; i++)
            if (memcmp(r->text + i, r->stop[k], strlen(r->stop[k])) == 0 &&
                f != SUREFOOT_FINISH_FALLBACK)
                return law_violation("a stop string was delivered");
    return NULL;
}

/* Lazy text that nothing disturbed is the unguarded text of the same seed. */
static const char *check_undisturbed(struct toy_run *r) {
    static char text[TOY_TEXT];
    surefoot_finish f;
    if (r->policy.mode != SUREFOOT_GUARD_LAZY || r->stats.branches || r->status != SUREFOOT_OK)
        return NULL;
    size_t n = toy_plain(r, text, &f);
    if (r->n_text > n || memcmp(text, r->text, r->n_text) != 0)
        return law_violation("undisturbed text differs from the unguarded: '%.*s' / '%.*s'",
                             (int)r->n_text, r->text, (int)n, text);
    bool cut = r->stats.finish == SUREFOOT_FINISH_ABORTED ||
               r->stats.finish == SUREFOOT_FINISH_CUT || r->toy.fail_with == SUREFOOT_E_CONTEXT ||
               r->stats.finish == SUREFOOT_FINISH_FALLBACK;
    if (!cut && (r->n_text != n || r->stats.finish != f))
        return law_violation("undisturbed text ends early: %zu of %zu bytes, finish %d / %d",
                             r->n_text, n, r->stats.finish, f);
    /* One row a token, and none for the last. */
    if (r->stats.evals > r->stats.drafts || r->toy.steps > r->stats.drafts)
        return law_violation("undisturbed text of %u tokens took %llu rows", r->stats.drafts,
                             (unsigned long long)r->stats.evals);
    if (!cut) law_seen.undisturbed++;
    return NULL;
}

const char *law_check(struct toy_run *r) {
    const char *v;
    if ((v = check_books(r)) || (v = check_text(r)) || (v = check_prefixes(r)) ||
        (v = check_undisturbed(r)) || (v = check_ids(r)))
        return v;
    return NULL;
}

/* ------------------------------------------------------------------------------- law: random trees */

static void remember(const struct toy_run *r) {
    struct law_seen *s = &law_seen;
    s->trees++;
    s->branches += r->stats.branches;
    s->drops += r->stats.drops;
    s->retries += r->stats.retries;
    s->revoked += r->stats.revoked;
    s->fallbacks += r->stats.fallbacks;
    s->cuts += r->stats.cuts;
    s->finish[r->stats.finish]++;
    s->faults += r->status != SUREFOOT_OK;
    s->ledger += r->status == SUREFOOT_E_LIMIT;
    s->delivered += r->n_id;
    s->evals += r->stats.evals;
    s->doubts += r->stats.doubts;
    s->doubted += r->stats.doubted;
    s->kept_doubted += r->stats.kept_doubted;
}

static const char *try_seed(uint64_t seed) {
    static struct toy_run r;
    law_random(&r, seed);
    if (!toy_go(&r)) /* a fallback text that costs is refused when the guard is opened */
        return r.status == SUREFOOT_E_POLICY &&
                       toy_price(&r.cost, r.policy.fallback, strlen(r.policy.fallback), 0,
                                 SIZE_MAX) > 0
                   ? NULL
                   : law_violation("seed %llu: not opened: %s", (unsigned long long)seed,
                                   r.err.text);
    const char *v = law_check(&r);
    remember(&r);
    return v ? law_violation("seed %llu: %s", (unsigned long long)seed, v) : NULL;
}

const char *law_random_trees(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        const char *v = try_seed(law_first_seed + seed);
        if (v) return v;
    }
    /* A run that never came to a rare path proves nothing about it. */
    const struct law_seen *s = &law_seen;
    bool all = s->branches && s->drops && s->retries && s->revoked && s->fallbacks && s->cuts &&
               s->faults && s->undisturbed && s->doubts && s->doubted && s->kept_doubted;
    for (int f = SUREFOOT_FINISH_EOS; f <= SUREFOOT_FINISH_ABORTED; f++) all &= s->finish[f] > 0;
    return n < 20000 || all ? NULL : "the random trees leave a path untried";
}
