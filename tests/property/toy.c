/* SPDX-License-Identifier: MIT
 * toy.c - the toy process, critics, and one guarded run over it; see toy.h.
 */
#include "toy.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "mutant.h"
#include "philox.h"
#include "stop.h"
#include "utf8.h"

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ------------------------------------------------------------------------------- generator */

void toy_init(struct toy *t) {
    memset(t, 0, sizeof *t);
    t->memory = 2;
    t->temperature = 1;
    t->sharp = 2;
    t->n_ctx = TOY_CTX;
    t->fail_step = t->fail_sample = t->fail_fork = t->abort_at = t->nan_token = -1;
    t->fail_with = SUREFOOT_E_NUMERIC;
}

void toy_break(struct toy *t, const char *fmt, ...) {
    if (t->broken[0]) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->broken, sizeof t->broken, fmt, ap);
    va_end(ap);
}

static bool due(int *counter, bool forever) {
    if (*counter < 0) return false;
    if (*counter > 0) {
        (*counter)--;
        return false;
    }
    if (!forever) *counter = -1;
    return true;
}

static surefoot_status step(void *self, const struct sf_gen_row *rows, int n, surefoot_error *err) {
    struct toy *t = self;
    t->steps++;
    t->rows += (uint64_t)n;
    t->clock += t->tick;
    if (n < 1 || n > TOY_SEQ) toy_break(t, "a step of %d rows", n);
    if (due(&t->fail_step, t->fail_forever)) return sf_fail(err, t->fail_with, 0, "step fails");
    unsigned seen = 0;
    for (int i = 0; i < n; i++) {
        int q = rows[i].seq;
        if (q < 0 || q >= TOY_SEQ || (seen >> q & 1)) {
            toy_break(t, "sequence %d twice in a step, or out of range", q);
            return SUREFOOT_E_FAILED;
        }
        seen |= 1u << q;
        if (rows[i].token < 0 || rows[i].token >= t->n_vocab) toy_break(t, "token out of range");
        if (t->seq[q].n == 0) toy_break(t, "step of sequence %d, which is empty", q);
        if (t->seq[q].n >= t->n_ctx) return sf_fail(err, SUREFOOT_E_CONTEXT, 0, "context is full");
    }
    for (int i = 0; i < n; i++) {
        int q = rows[i].seq;
        t->seq[q].token[t->seq[q].n++] = rows[i].token;
        t->seq[q].logits = true;
        if (t->seq[q].n > t->longest) t->longest = t->seq[q].n;
        for (int j = 0; j < i; j++)
            t->twins += t->seq[rows[j].seq].n == t->seq[q].n &&
                        memcmp(t->seq[rows[j].seq].token, t->seq[q].token,
                               t->seq[q].n * sizeof *t->seq[q].token) == 0;
    }
    return SUREFOOT_OK;
}

static void logits(const struct toy *t, int q, float *out) {
    uint64_t h = t->seed;
    for (int i = 1; i <= t->memory && (uint32_t)i <= t->seq[q].n; i++)
        h = mix(h + 0x9E3779B97F4A7C15u * (uint64_t)(t->seq[q].token[t->seq[q].n - i] + 1));
    for (int v = 0; v < t->n_vocab; v++)
        out[v] = t->sharp * (float)(mix(h ^ (uint64_t)(v + 1) * 0x632BE59BD9B4E019u) >> 40) *
                 (1.0f / 16777216.0f);
}

static surefoot_status sample(void *self, int q, const struct sf_draw *d, int32_t *token,
                              surefoot_error *err) {
    struct toy *t = self;
    t->samples++;
    t->retry_draws += d->r > 0;
    if (q < 0 || q >= TOY_SEQ || !t->seq[q].logits) {
        toy_break(t, "sequence %d has no logits to draw from", q);
        return sf_fail(err, SUREFOOT_E_FAILED, 0, "no logits");
    }
    if (due(&t->fail_sample, t->fail_forever)) return sf_fail(err, t->fail_with, 0, "sample fails");
    if (t->nan_token >= 0 && t->seq[q].token[t->seq[q].n - 1] == t->nan_token)
        return sf_fail(err, SUREFOOT_E_NUMERIC, 0, "a logit is not finite");
    if (t->enumerate) { /* the last token ends the text and is never drawn */
        uint32_t base = (uint32_t)t->n_vocab - 1, x = d->i;
        for (uint32_t k = t->seq[0].n; k < t->seq[q].n; k++) x /= base;
        *token = (int32_t)(x % base);
        return SUREFOOT_OK;
    }
    float l[TOY_VOCAB];
    logits(t, q, l);
    for (size_t k = 0; k < d->n_penalty; k++) {
        if (d->penalty[k].token < 0 || d->penalty[k].token >= t->n_vocab ||
            d->penalty[k].amount < 0)
            toy_break(t, "penalty on token %d", d->penalty[k].token);
        else if (!t->piece[d->penalty[k].token])
            toy_break(t, "penalty on the end of the text");
        else
            l[d->penalty[k].token] -= d->penalty[k].amount;
        for (size_t j = 0; j < k; j++)
            if (d->penalty[j].token == d->penalty[k].token) toy_break(t, "a token penalised twice");
    }
    if (d->i >= 1 && !(d->temp_floor > 0)) toy_break(t, "candidate %u without branch_temp", d->i);
    if (d->i == 0 && d->temp_floor > 0) toy_break(t, "candidate 0 with a temperature floor");
    float temp = t->temperature > d->temp_floor ? t->temperature : d->temp_floor;
    int best = 0;
    for (int v = 1; v < t->n_vocab; v++)
        if (l[v] > l[best]) best = v;
    *token = best;
    if (temp <= 0) return SUREFOOT_OK;
    double sum = 0, at = 0, w[TOY_VOCAB];
    for (int v = 0; v < t->n_vocab; v++) sum += w[v] = exp((double)(l[v] - l[best]) / (double)temp);
    double u = sf_philox_unit(t->draw_seed, d->t, d->i, d->r) * sum;
    for (int v = 0; v < t->n_vocab; v++) {
        at += w[v];
        *token = v;
        if (at > u) break;
    }
    return SUREFOOT_OK;
}

static float logprob(void *self, int q, int32_t token) {
    struct toy *t = self;
    if (!t->seq[q].logits) {
        toy_break(t, "log-probability without logits");
        return NAN;
    }
    float l[TOY_VOCAB];
    double sum = 0;
    logits(t, q, l);
    for (int v = 0; v < t->n_vocab; v++) sum += exp((double)l[v]);
    return (float)((double)l[token] - log(sum));
}

static const float *hidden(void *self, int q) {
    struct toy *t = self;
    if (q < 0 || q >= TOY_SEQ || !t->seq[q].logits) {
        toy_break(t, "hidden row of sequence %d, which has none", q);
        return NULL;
    }
    uint64_t h = t->seed;
    for (uint32_t i = 0; i < t->seq[q].n; i++) h = mix(h + (uint64_t)t->seq[q].token[i] + 1);
    float *row = t->row[q];
    row[0] = (float)t->seq[q].token[t->seq[q].n - 1];
    row[1] = t->seq[q].n > 1 ? (float)t->seq[q].token[t->seq[q].n - 2] : -1;
    row[2] = (float)t->seq[q].n;
    row[3] = (float)(h >> 40);
    return row;
}

static surefoot_status fork(void *self, int dst, int src, surefoot_error *err) {
    struct toy *t = self;
    t->forks++;
    if (dst < 0 || dst >= TOY_SEQ || src < 0 || src >= TOY_SEQ) {
        toy_break(t, "fork of %d to %d", src, dst);
        return SUREFOOT_E_FAILED;
    }
    if (due(&t->fail_fork, t->fail_forever)) return sf_fail(err, t->fail_with, 0, "fork fails");
    if (dst != src) t->seq[dst] = t->seq[src];
    return SUREFOOT_OK;
}

static void truncate_seq(void *self, int q, uint32_t n) {
    struct toy *t = self;
    if (n < t->seq[q].n) {
        t->seq[q].n = n;
        t->seq[q].logits = false;
    }
}

static void drop(void *self, int q) {
    struct toy *t = self;
    t->seq[q].n = 0;
    t->seq[q].logits = false;
}

static uint32_t length(void *self, int q) {
    return ((struct toy *)self)->seq[q].n;
}

static const char *piece(void *self, int32_t token, size_t *n, bool *ends) {
    const struct toy *t = self;
    const char *p = token >= 0 && token < t->n_vocab ? t->piece[token] : "";
    *ends = !p;
    *n = p ? strlen(p) : 0;
    return p ? p : "";
}

/* Longest token first; no ids when the text cannot be spelled. */
static surefoot_status encode(void *self, const char *text, size_t n, int32_t *ids, size_t cap,
                              size_t *n_out, surefoot_error *err) {
    const struct toy *t = self;
    *n_out = 0;
    for (size_t at = 0; at < n;) {
        int best = -1;
        size_t len = 0;
        for (int v = 0; v < t->n_vocab; v++) {
            size_t m = t->piece[v] ? strlen(t->piece[v]) : 0;
            if (m > len && m <= n - at && memcmp(text + at, t->piece[v], m) == 0) best = v, len = m;
        }
        if (best < 0 || *n_out >= cap)
            return sf_fail(err, SUREFOOT_E_USAGE, at, "no such spelling");
        ids[(*n_out)++] = best;
        at += len;
    }
    return SUREFOOT_OK;
}

static int aborted(void *self) {
    struct toy *t = self;
    t->polls++;
    return due(&t->abort_at, true);
}

static double now(void *self) {
    return ((struct toy *)self)->clock;
}

struct sf_generator toy_generator(struct toy *t) {
    return (struct sf_generator){.self = t,
                                 .max_seq = TOY_SEQ,
                                 .max_rows = TOY_SEQ,
                                 .n_ctx = t->n_ctx,
                                 .n_vocab = (uint32_t)t->n_vocab,
                                 .n_hidden = TOY_HIDDEN,
                                 .step = step,
                                 .sample = sample,
                                 .logprob = logprob,
                                 .hidden = hidden,
                                 .fork = fork,
                                 .truncate = truncate_seq,
                                 .drop = drop,
                                 .length = length,
                                 .piece = piece,
                                 .encode = encode,
                                 .aborted = aborted,
                                 .now = now};
}

void toy_prompt(struct toy *t, const int32_t *ids, size_t n) {
    memcpy(t->seq[0].token, ids, n * sizeof *ids);
    t->seq[0].n = (uint32_t)n;
    t->seq[0].logits = true;
}

/* ------------------------------------------------------------------------------- one run */

void toy_run_init(struct toy_run *r) {
    memset(r, 0, sizeof *r);
    toy_init(&r->toy);
    toy_cost_init(&r->cost, TOY_PHRASE);
    toy_reward_init(&r->reward, 'a');
    r->policy = (struct surefoot_policy){.mode = SUREFOOT_GUARD_LAZY,
                                         .gamma = 1,
                                         .candidates = 4,
                                         .keep = 1,
                                         .lag = 1,
                                         .block = 4,
                                         .retries = 2,
                                         .threshold = 0.5,
                                         .threshold_high = -1,
                                         .w_calm = -1,
                                         .branch_temp = 0.8,
                                         .beta = 5,
                                         .fallback = "no."};
    r->n_predict = 16;
    r->lose_client = r->abort_byte = -1;
    r->answers = 1;
    r->prompt[0] = 0;
    r->n_prompt = r->n_free = 1;
}

/* Text and toy cost of one path, read without the guard. */
struct reading {
    struct sf_utf8 utf8;
    struct sf_stop_state stop;
    struct phrase_state cost;
    char text[TOY_TEXT];
    size_t n;
};
static void reading_token(const struct toy_run *r, struct reading *s, int32_t id) {
    struct sf_charges c = {0};
    const char *p = r->toy.piece[id] ? r->toy.piece[id] : "";
    struct sf_piece piece = {.bytes = s->text + s->n, .token = id};
    piece.n = sf_utf8_feed(&s->utf8, p, strlen(p), s->text + s->n);
    s->n += piece.n;
    for (size_t i = 0; i < piece.n; i++) toy_cost_byte(&r->cost, &s->cost, piece.bytes[i], &c);
    toy_cost_settle(&r->cost, &s->cost);
}

/* Some token v after what sequence 0 holds (the trunk; its last token may not be evaluated) shows
 * what was delivered and settles it. Only where sequence 0 is the trunk: K = 1. */
static bool witnessed(struct toy_run *r, int64_t *known) {
    static struct reading a, b;
    struct sf_stops stops;
    size_t end, len, n_free = 0;
    const struct toy *t = &r->toy;
    *known = -1;
    if (r->policy.mode == SUREFOOT_GUARD_FULL && r->policy.keep > 1) return true;
    if (sf_stops_init(&stops, r->stop, r->n_stop, NULL) != SUREFOOT_OK) return false;
    memset(&a, 0, sizeof a);
    for (size_t i = 0; i <= r->n_prompt; i++) {
        if (i == r->n_free || i == r->n_prompt) {
            size_t m = sf_utf8_end(&a.utf8, a.text + a.n);
            struct sf_charges c = {0};
            for (size_t j = 0; j < m; j++) toy_cost_byte(&r->cost, &a.cost, a.text[a.n + j], &c);
            a.n += m;
            if (i == r->n_free) n_free = a.n;
        }
        if (i < r->n_prompt) reading_token(r, &a, r->prompt[i]);
    }
    uint64_t from = a.n, mark = from + r->n_text;
    for (size_t i = r->n_prompt; i < t->seq[0].n; i++) reading_token(r, &a, t->seq[0].token[i]);
    for (int v = -1; v < t->n_vocab; v++) {
        b = a;
        if (v >= 0) reading_token(r, &b, v);
        if (b.n < mark || memcmp(b.text + from, r->text, r->n_text) != 0) continue;
        struct sf_stop_state at = {0};
        if (sf_stop_feed(&stops, &at, b.text + from, b.n - from, &end, &len)) continue;
        if (b.cost.settled < mark || b.n - sf_stop_pending(&stops, &at) < mark) continue;
        int64_t price = toy_price(&r->cost, b.text, b.n, n_free, mark);
        if (price > *known) *known = price;
    }
    return *known >= 0;
}

static int emit(void *user, const char *text, size_t n, const surefoot_token *tok, size_t n_tok) {
    struct toy_run *r = user;
    if (n > sizeof r->text - r->n_text || r->n_mark >= TOY_EMITS ||
        n_tok > SF_COUNT(r->id) - r->n_id) {
        toy_break(&r->toy, "more text than the test can hold");
        return 1;
    }
    if (n == 0 && n_tok == 0) toy_break(&r->toy, "an empty delivery");
    memcpy(r->text + r->n_text, text, n);
    r->n_text += n;
    r->unsettled[r->n_mark] = !witnessed(r, &r->known[r->n_mark]);
    r->drawn[r->n_mark] = r->toy.samples;
    r->mark[r->n_mark++] = r->n_text;
    for (size_t i = 0; i < n_tok; i++) r->id[r->n_id++] = tok[i].id;
    if (r->abort_byte >= 0 && r->n_text >= (size_t)r->abort_byte) r->toy.abort_at = 0;
    return r->lose_client >= 0 && r->n_mark > r->lose_client;
}

static int allocs;
static bool refuse(size_t bytes) {
    SF_UNUSED(bytes);
    allocs++;
    return true;
}

bool toy_go(struct toy_run *r) {
    struct sf_guard *g;
    r->cost.calls = &r->calls;
    r->policy.cost = r->real ? r->real : &r->cost.base;
    r->policy.reward = r->with_reward ? &r->reward.base : NULL;
    struct sf_generator gen = toy_generator(&r->toy);
    int lie = r->cost.lie_at;
    r->cost.lie_at = -1; /* it behaves while the guard is opened */
    r->status = sf_guard_open(&g, &r->policy, &gen, &r->err);
    r->cost.lie_at = lie;
    r->calls = 0;
    if (r->status != SUREFOOT_OK) return false;
    r->critic.toy = &r->toy;
    r->critic.asked = &r->asked;
    if (r->critic.kind != TOY_NO_CRITIC) sf_guard_use_critic(g, &r->critic.base);
    struct sf_guard_run run = {.gen = &gen,
                               .prompt = r->prompt,
                               .n_prompt = r->n_prompt,
                               .n_free = r->n_free,
                               .stop = r->stop,
                               .n_stop = r->n_stop,
                               .n_predict = r->n_predict,
                               .emit = emit,
                               .user = r};
    const uint64_t seed = r->toy.draw_seed;
    for (int i = 0; i < r->answers; i++) {
        if (r->others) r->toy.draw_seed = seed + (uint64_t)(r->answers - 1 - i) * 77;
        r->n_text = r->n_id = 0;
        r->asked = 0;
        r->toy.rows = r->toy.steps = r->toy.samples = r->toy.forks = r->toy.polls = 0;
        r->toy.retry_draws = r->toy.longest = 0;
        r->n_mark = 0;
        drop(&r->toy, 0);
        toy_prompt(&r->toy, r->prompt, r->n_prompt);
        r->stats = (surefoot_stats){.size = sizeof r->stats};
        allocs = 0;
        if (r->no_memory) sf_alloc_hook(refuse);
        r->status = sf_guard_generate(g, &run, &r->stats, &r->err);
        sf_alloc_hook(NULL);
        r->failed_allocs = allocs;
    }
    sf_guard_close(g);
    return true;
}

size_t toy_plain(const struct toy_run *r, char *text, surefoot_finish *finish) {
    static struct toy t;
    t = r->toy;
    struct sf_stops stops;
    struct sf_stop_state at = {0};
    struct sf_utf8 u = {0};
    size_t n = 0, end, len;
    sf_stops_init(&stops, r->stop, r->n_stop, NULL);
    t.fail_step = t.fail_sample = t.fail_fork = t.nan_token = -1;
    toy_prompt(&t, r->prompt, r->n_prompt);
    *finish = SUREFOOT_FINISH_LENGTH;
    for (uint32_t i = 0; i < r->n_predict; i++) {
        int32_t id;
        sample(&t, 0, &(struct sf_draw){.t = i}, &id, NULL);
        if (!t.piece[id]) {
            *finish = SUREFOOT_FINISH_EOS;
            break;
        }
        size_t m = sf_utf8_feed(&u, t.piece[id], strlen(t.piece[id]), text + n);
        if (sf_stop_feed(&stops, &at, text + n, m, &end, &len)) {
            *finish = SUREFOOT_FINISH_STOP;
            return n + end - len;
        }
        n += m;
        if (i + 1 < r->n_predict && t.seq[0].n >= t.n_ctx) {
            *finish = SUREFOOT_FINISH_CONTEXT;
            break;
        }
        if (i + 1 < r->n_predict) step(&t, &(struct sf_gen_row){0, id}, 1, NULL);
    }
    return n + sf_utf8_end(&u, text + n);
}

size_t toy_prompt_text(const struct toy_run *r, char *text, size_t *n_free) {
    struct sf_utf8 u = {0};
    size_t n = 0;
    *n_free = 0;
    for (size_t i = 0; i <= r->n_prompt; i++) {
        if (i == r->n_free) {
            n += sf_utf8_end(&u, text + n);
            *n_free = n;
        }
        if (i == r->n_prompt) break;
        const char *p = r->toy.piece[r->prompt[i]];
        if (p) n += sf_utf8_feed(&u, p, strlen(p), text + n);
    }
    return n + sf_utf8_end(&u, text + n);
}
