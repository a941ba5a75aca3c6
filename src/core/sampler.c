/* SPDX-License-Identifier: MIT
 * sampler.c - the sampling chain; see sampler.h. Scalar throughout: the order of every sum is the
 * order of the sorted list, so the drawn token is the same on every CPU.
 */
#include "sampler.h"

#include <math.h>
#include <string.h>

#include "philox.h"
#include "sleef_det.h"

struct entry { /* one candidate token */
    float logit;
    int32_t id;
};

struct scratch {
    struct entry *list;  /* (n_vocab) */
    struct entry *spare; /* (n_vocab) radix sort's other buffer; or floats for sums */
    uint16_t *count;     /* (n_vocab) occurrences in the penalty window, all zero between calls */
    uint32_t *z;         /* (SF_DRY_MAX) */
};

size_t sf_sampler_scratch(uint32_t n_vocab) {
    size_t n = sf_round_up(n_vocab, 16);
    return n * (2 * sizeof(struct entry) + sizeof(uint16_t)) + SF_DRY_MAX * sizeof(uint32_t);
}

static struct scratch scratch_of(void *p, uint32_t n_vocab) {
    size_t n = sf_round_up(n_vocab, 16);
    struct scratch s = {.list = p};
    s.spare = s.list + n;
    s.count = (uint16_t *)(s.spare + n);
    s.z = (uint32_t *)(void *)(s.count + n);
    return s;
}

/* ---------------------------------------------------------------- options */

static const char *const stage_names[SF_S_COUNT] = {"penalties", "dry", "top_k",      "top_p",
                                                    "min_p",     "xtc", "temperature"};

void surefoot_sampling_init(surefoot_sampling *o) {
    static const char *const breakers[] = {"\n", ":", "\"", "*"};
    *o = (surefoot_sampling){.size = sizeof *o,
                             .temperature = 0.8f,
                             .top_k = 40,
                             .top_p = 0.95f,
                             .min_p = 0.05f,
                             .repeat_penalty = 1.0f,
                             .repeat_last_n = 64,
                             .order = "penalties;dry;top_k;top_p;min_p;xtc;temperature",
                             .n_predict = 256,
                             .dry_base = 1.75f,
                             .dry_allowed_length = 2,
                             .dry_penalty_last_n = -1,
                             .dry_breakers = breakers,
                             .n_dry_breakers = SF_COUNT(breakers),
                             .xtc_threshold = 0.1f,
                             .dynatemp_exponent = 1};
}

static surefoot_status parse_order(struct sf_sampler *s, const char *order, surefoot_error *err) {
    s->n_order = 0;
    unsigned seen = 0;
    for (const char *p = order; *p;) {
        size_t n = strcspn(p, ";");
        int stage = 0;
        while (stage < SF_S_COUNT &&
               (strlen(stage_names[stage]) != n || memcmp(stage_names[stage], p, n) != 0))
            stage++;
        if (stage == SF_S_COUNT || (seen & 1u << stage))
            return sf_fail(err, SUREFOOT_E_USAGE, (uint64_t)(p - order),
                           "sampling order: '%.*s' is unknown or named twice (penalties;dry;"
                           "top_k;top_p;min_p;xtc;temperature)",
                           (int)sf_min(n, 32), p);
        seen |= 1u << stage;
        s->order[s->n_order++] = stage;
        p += n + (p[n] == ';');
    }
    return SUREFOOT_OK;
}

surefoot_status sf_sampler_init(struct sf_sampler *s, const surefoot_sampling *o, uint32_t n_vocab,
                                surefoot_error *err) {
    if (!o || o->size != sizeof *o)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "sampling options were not initialised");
#define RANGE(field, lo, hi)                                                                       \
    if (!((double)o->field >= (lo) && (double)o->field <= (hi)))                                   \
    return sf_fail(err, SUREFOOT_E_USAGE, 0, "sampling: " #field " is %g, outside %g..%g",         \
                   (double)o->field, (double)(lo), (double)(hi))
    RANGE(temperature, 0, 100);
    RANGE(top_k, 0, INT32_MAX);
    RANGE(top_p, 0, 1);
    RANGE(min_p, 0, 1);
    RANGE(repeat_penalty, 0.01, 100);
    RANGE(presence_penalty, -100, 100);
    RANGE(frequency_penalty, -100, 100);
    RANGE(repeat_last_n, -1, INT32_MAX);
    RANGE(n_logprobs, 0, 20);
    RANGE(dry_multiplier, 0, 1e6);
    RANGE(dry_base, 1, 1000);
    RANGE(dry_allowed_length, 0, SF_DRY_MAX);
    RANGE(dry_penalty_last_n, -1, INT32_MAX);
    RANGE(n_dry_breakers, 0, SF_DRY_BREAKERS);
    RANGE(xtc_probability, 0, 1);
    RANGE(xtc_threshold, 0, 1);
    RANGE(dynatemp_range, 0, 100);
    RANGE(dynatemp_exponent, 0, 100);
#undef RANGE
    for (size_t i = 0; i < o->n_logit_bias; i++) {
        const surefoot_logit_bias *b = &o->logit_bias[i];
        if (b->token < 0 || (uint32_t)b->token >= n_vocab)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "logit bias: token %d is not in 0..%u",
                           b->token, n_vocab - 1);
        if (isnan(b->bias) || b->bias == INFINITY)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "logit bias of token %d is no number or +inf",
                           b->token);
    }
    for (size_t i = 0; i < o->n_dry_breakers; i++) {
        size_t n = o->dry_breakers && o->dry_breakers[i]
                       ? strnlen(o->dry_breakers[i], SF_DRY_BREAKER_LEN + 1)
                       : 0;
        if (n == 0 || n > SF_DRY_BREAKER_LEN)
            return sf_fail(err, SUREFOOT_E_USAGE, i,
                           "dry_breakers: a sequence breaker has 1 to %d bytes",
                           SF_DRY_BREAKER_LEN);
    }
    *s = (struct sf_sampler){.opt = *o};
    return parse_order(s, o->order ? o->order : "", err);
}

/* ---------------------------------------------------------------- order */

/* Bits that sort ascending as the float sorts descending; -0 and +0 are one value. */
static uint32_t sort_key(float f) {
    f += 0.0f; /* -0 + 0 = +0 */
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    u = u & 0x80000000u ? ~u : u | 0x80000000u;
    return ~u;
}

static bool before(struct entry a, struct entry b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* Sorts list (n) by (logit descending, id ascending): stable radix sort, ids rising beforehand. */
static void sort_all(struct scratch *s, size_t n) {
    for (int shift = 0; shift < 33; shift += 11) {
        uint32_t at[2049] = {0};
        for (size_t i = 0; i < n; i++) at[(sort_key(s->list[i].logit) >> shift & 2047) + 1]++;
        for (int b = 0; b < 2048; b++) at[b + 1] += at[b];
        for (size_t i = 0; i < n; i++)
            s->spare[at[sort_key(s->list[i].logit) >> shift & 2047]++] = s->list[i];
        struct entry *t = s->list;
        s->list = s->spare;
        s->spare = t;
    }
}

/* Restores the heap (worst entry on top) below i. */
static void sift(struct entry *h, size_t n, size_t i) {
    for (size_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && before(h[c], h[c + 1])) c++;
        if (!before(h[i], h[c])) return;
        struct entry t = h[i];
        h[i] = h[c];
        h[c] = t;
    }
}

/* The k best of list (n), sorted, at its front: a heap of the k best seen, worst on top. */
static void select_top(struct entry *list, size_t n, size_t k) {
    for (size_t i = k / 2; i-- > 0;) sift(list, k, i);
    for (size_t i = k; i < n; i++)
        if (before(list[i], list[0])) {
            list[0] = list[i];
            sift(list, k, 0);
        }
    for (size_t end = k; end > 1;) {
        struct entry t = list[0];
        list[0] = list[--end];
        list[end] = t;
        sift(list, end, 0);
    }
}

void sf_top(const float *logits, uint32_t n_vocab, int32_t *ids, int n) {
    struct entry heap[20];
    size_t k = 0, want = n < (int)SF_COUNT(heap) ? (size_t)n : SF_COUNT(heap);
    if (n <= 0) return;
    for (uint32_t i = 0; i < n_vocab; i++) {
        struct entry e = {logits[i], (int32_t)i};
        if (k == want && !before(e, heap[k - 1])) continue;
        size_t at = k < want ? k++ : k - 1;
        for (; at > 0 && before(e, heap[at - 1]); at--) heap[at] = heap[at - 1];
        heap[at] = e;
    }
    for (size_t i = 0; i < k; i++) ids[i] = heap[i].id;
}

/* ---------------------------------------------------------------- stages */

struct chain { /* a draw in progress; list[0..n) */
    struct scratch s;
    size_t n;
    bool sorted, by_id; /* by_id: list[i].id == i */
};

static void need_sorted(struct chain *c) {
    if (c->sorted) return;
    if (c->by_id)
        sort_all(&c->s, c->n);
    else
        select_top(c->s.list, c->n, c->n);
    c->sorted = true;
    c->by_id = false;
}

/* Entry of a token, or NULL when it was cut. */
static struct entry *entry_of(struct chain *c, int32_t id) {
    if (c->by_id) return &c->s.list[id];
    for (size_t i = 0; i < c->n; i++)
        if (c->s.list[i].id == id) return &c->s.list[i];
    return NULL;
}

static void penalties(struct chain *c, const surefoot_sampling *o, uint32_t n_vocab,
                      const int32_t *history, size_t n_history) {
    if (o->repeat_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0) return;
    size_t n = o->repeat_last_n < 0 ? n_history : sf_min((size_t)o->repeat_last_n, n_history);
    const int32_t *w = history + (n_history - n);
    for (size_t i = 0; i < n; i++)
        if ((uint32_t)w[i] < n_vocab && c->s.count[w[i]] < UINT16_MAX) c->s.count[w[i]]++;
    for (size_t i = 0; i < n; i++) {
        uint16_t times = (uint32_t)w[i] < n_vocab ? c->s.count[w[i]] : 0;
        if (times == 0) continue; /* done already */
        c->s.count[w[i]] = 0;
        struct entry *e = entry_of(c, w[i]);
        if (!e) continue;
        e->logit = e->logit > 0 ? e->logit / o->repeat_penalty : e->logit * o->repeat_penalty;
        e->logit = e->logit - o->frequency_penalty * (float)times - o->presence_penalty;
    }
    c->sorted = false;
}

static void dry(struct chain *c, const struct sf_sampler *s, uint32_t n_vocab,
                const int32_t *history, size_t n_history) {
    const surefoot_sampling *o = &s->opt;
    if (o->dry_multiplier <= 0) return;
    size_t n =
        o->dry_penalty_last_n < 0 ? n_history : sf_min((size_t)o->dry_penalty_last_n, n_history);
    struct sf_dry d = {.breaker = o->dry_breakers,
                       .n_breaker = o->n_dry_breakers,
                       .text = s->text,
                       .self = s->text_self,
                       .z = c->s.z};
    uint32_t *len = (uint32_t *)(void *)c->s.spare; /* free until the next sort */
    uint32_t allowed = (uint32_t)sf_max((size_t)o->dry_allowed_length, 1);
    if (sf_dry_lengths(&d, history + (n_history - n), n, len, n_vocab) < allowed) return;
    for (size_t i = 0; i < c->n; i++) {
        struct entry *e = &c->s.list[i];
        if (len[e->id] >= allowed)
            e->logit -= sf_dry_penalty(o->dry_multiplier, o->dry_base,
                                       (uint32_t)o->dry_allowed_length, len[e->id]);
    }
    c->sorted = false;
}

static void guard_penalties(struct chain *c, const struct sf_draw *d, uint32_t n_vocab) {
    for (size_t i = 0; i < d->n_penalty; i++) {
        if ((uint32_t)d->penalty[i].token >= n_vocab) continue;
        struct entry *e = entry_of(c, d->penalty[i].token);
        if (e) e->logit -= d->penalty[i].amount;
    }
    if (d->n_penalty) c->sorted = false;
}

/* exp(logit - largest) of entry i; the list is sorted. */
static float weight(const struct chain *c, const struct sf_kernels *k, size_t i) {
    float y;
    k->exp_sub(&y, &c->s.list[i].logit, c->s.list[0].logit, 1);
    return y;
}

static void top_k(struct chain *c, size_t k) {
    if (k == 0 || k >= c->n) return;
    if (!c->sorted) select_top(c->s.list, c->n, k);
    c->n = k;
    c->sorted = true;
    c->by_id = false;
}

/* The shortest head of the sorted list whose probability reaches p; at least one. */
static void top_p(struct chain *c, const struct sf_kernels *k, double p) {
    if (p >= 1) return;
    need_sorted(c);
    double total = 0, sum = 0;
    for (size_t i = 0; i < c->n; i++) total += (double)weight(c, k, i);
    for (size_t i = 0; i < c->n; i++) {
        sum += (double)weight(c, k, i);
        if (sum >= p * total) {
            c->n = i + 1;
            return;
        }
    }
}

static void min_p(struct chain *c, const struct sf_kernels *k, float p) {
    if (p <= 0) return;
    need_sorted(c);
    size_t n = 1;
    while (n < c->n && weight(c, k, n) >= p) n++;
    c->n = n;
}

/* Of the tokens whose probability reaches the threshold only the last one stays, if the coin says so.
 * A forbidden token (weight 0) is none of them. */
static void xtc(struct chain *c, const struct sf_kernels *k, const surefoot_sampling *o,
                const struct sf_draw *d) {
    if (o->xtc_probability <= 0 || o->xtc_threshold > 0.5f || c->n < 2) return;
    uint32_t coin = sf_philox_lane(o->seed, d->t, d->i, d->r, 1) >> 8;
    if ((double)coin * (1.0 / 16777216.0) >= (double)o->xtc_probability) return;
    need_sorted(c);
    double total = 0;
    size_t top = 0;
    for (size_t i = 0; i < c->n; i++) total += (double)weight(c, k, i);
    for (; top < c->n; top++) {
        float w = weight(c, k, top);
        if (!(w > 0 && (double)w >= (double)o->xtc_threshold * total)) break;
    }
    if (top < 2) return;
    c->s.list += top - 1;
    c->n -= top - 1;
}

/* temp - range .. temp + range by the entropy of the list over that of equal weights. */
static float dynamic(struct chain *c, const struct sf_kernels *k, const surefoot_sampling *o,
                     float temp) {
    need_sorted(c);
    double total = 0, sum = 0, most = 0;
    for (size_t i = 0; i < c->n && c->s.list[i].logit > -INFINITY; i++) {
        double w = (double)weight(c, k, i);
        total += w;
        sum += w * ((double)c->s.list[0].logit - (double)c->s.list[i].logit);
        most += 1;
    }
    if (most < 2) return temp; /* nothing to choose from */
    double part = (sf_det_log(total) + sum / total) / sf_det_log(most);
    part = part > 0 ? (part < 1 ? part : 1) : 0;
    double low = (double)temp - (double)o->dynatemp_range;
    if (low < 0) low = 0;
    double high = (double)temp + (double)o->dynatemp_range;
    return (float)(low + (high - low) * sf_det_pow(part, (double)o->dynatemp_exponent));
}

static void temperature(struct chain *c, const struct sf_kernels *k, const surefoot_sampling *o,
                        float temp, float floor) {
    if (o->dynatemp_range > 0) {
        temp = dynamic(c, k, o, temp);
        if (temp < floor) temp = floor;
        if (temp < 1e-5f) { /* what a division would come to, without its overflow */
            top_k(c, 1);
            return;
        }
    }
    for (size_t j = 0; j < c->n; j++) c->s.list[j].logit /= temp;
}

/* The list from the logits, bias added, forbidden tokens kept at -infinity. */
static surefoot_status load(struct chain *c, const struct sf_sampler *s, const float *logits,
                            uint32_t n_vocab, surefoot_error *err) {
    bool bad = false;
    for (uint32_t i = 0; i < n_vocab; i++) {
        bad |= !(logits[i] < INFINITY);
        c->s.list[i] = (struct entry){logits[i], (int32_t)i};
    }
    if (bad)
        return sf_fail(err, SUREFOOT_E_NUMERIC, 0, "the model produced a logit that is not finite");
    c->n = n_vocab;
    c->by_id = true;
    for (size_t i = 0; i < s->opt.n_logit_bias; i++)
        if ((uint32_t)s->opt.logit_bias[i].token < n_vocab)
            c->s.list[s->opt.logit_bias[i].token].logit += s->opt.logit_bias[i].bias;
    return SUREFOOT_OK;
}

/* The stages that read the text so far. */
static void repeats(struct chain *c, const struct sf_sampler *s, int which, uint32_t n_vocab,
                    const int32_t *history, size_t n_history) {
    if (which == SF_S_PENALTIES) penalties(c, &s->opt, n_vocab, history, n_history);
    if (which == SF_S_DRY) dry(c, s, n_vocab, history, n_history);
}

/* The others; temp > 0. */
static void stage(struct chain *c, const struct sf_kernels *k, const surefoot_sampling *o,
                  int which, const struct sf_draw *draw, float temp) {
    switch (which) {
    case SF_S_TOP_K:
        top_k(c, (size_t)o->top_k);
        break;
    case SF_S_TOP_P:
        top_p(c, k, (double)o->top_p);
        break;
    case SF_S_MIN_P:
        min_p(c, k, o->min_p);
        break;
    case SF_S_XTC:
        xtc(c, k, o, draw);
        break;
    case SF_S_TEMP:
        temperature(c, k, o, temp, draw->temp_floor);
        break;
    default:
        break;
    }
}

surefoot_status sf_sample(const struct sf_sampler *s, const struct sf_kernels *k, void *scratch,
                          const float *logits, uint32_t n_vocab, const int32_t *history,
                          size_t n_history, const struct sf_draw *draw, int32_t *token,
                          surefoot_error *err) {
    const surefoot_sampling *o = &s->opt;
    struct chain c = {.s = scratch_of(scratch, n_vocab)};
    float temp = o->temperature < draw->temp_floor ? draw->temp_floor : o->temperature;
    SF_TRY(load(&c, s, logits, n_vocab, err));

    /* Penalties that come first come before the guard's; greedy: truncation cannot change the first
     * of the total order, so only what changes logits is heard. */
    int at = 0;
    while (at < s->n_order && (s->order[at] == SF_S_PENALTIES || s->order[at] == SF_S_DRY))
        repeats(&c, s, s->order[at++], n_vocab, history, n_history);
    guard_penalties(&c, draw, n_vocab);
    for (; at < s->n_order; at++) {
        repeats(&c, s, s->order[at], n_vocab, history, n_history);
        if (temp > 0) stage(&c, k, o, s->order[at], draw, temp);
    }
    if (temp <= 0) {
        select_top(c.s.list, c.n, 1);
        c.n = 1;
    } else {
        need_sorted(&c);
    }
    if (c.s.list[0].logit == -INFINITY)
        return sf_fail(err, SUREFOOT_E_FAILED, 0, "every token is forbidden by logit bias or mask");
    double total = 0, sum = 0;
    for (size_t i = 0; i < c.n; i++) total += (double)weight(&c, k, i);
    double u = sf_philox_unit(o->seed, draw->t, draw->i, draw->r) * total;
    size_t pick = 0;
    for (size_t i = 0; i < c.n; i++) {
        float w = weight(&c, k, i);
        sum += (double)w;
        if (w > 0) pick = i;
        if (sum > u) break;
    }
    *token = c.s.list[pick].id;
    return SUREFOOT_OK;
}

float sf_logprob(const struct sf_kernels *k, void *scratch, const float *logits, uint32_t n_vocab,
                 int32_t token) {
    if (token < 0 || (uint32_t)token >= n_vocab) return NAN;
    float max = -INFINITY, lane[16] = {0};
    for (uint32_t i = 0; i < n_vocab; i++) {
        if (!(logits[i] < INFINITY)) return NAN;
        if (logits[i] > max) max = logits[i];
    }
    float *e = scratch; /* (n_vocab): the entries' memory is larger */
    k->exp_sub(e, logits, max, n_vocab);
    for (uint32_t i = 0; i < n_vocab; i++) lane[i % 16] += e[i];
    for (int step = 8; step > 0; step /= 2)
        for (int j = 0; j < step; j++) lane[j] += lane[j + step];
    return (float)((double)(logits[token] - max) - sf_det_log((double)lane[0]));
}
