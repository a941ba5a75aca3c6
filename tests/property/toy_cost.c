/* SPDX-License-Identifier: MIT
 * toy_cost.c - cost and reward models of the toy process, true ones and lying ones; see toy.h.
 */
#include "toy.h"

#include <math.h>
#include <string.h>

#include "mutant.h"

static bool letter(char c) {
    return c >= 'a' && c <= 'z';
}

static char byte_at(const struct phrase_state *s, uint64_t i) {
    return s->tail[i % sizeof s->tail];
}

/* Phrase p ends right before byte `end`. */
static bool ends_with(const struct phrase_state *s, const char *p, uint64_t end) {
    size_t m = strlen(p);
    if (end < s->floor + m) return false;
    for (size_t i = 0; i < m; i++)
        if (byte_at(s, end - m + i) != p[i]) return false;
    return true;
}

/* Word phrases that end right before `end`, whose left side is no letter. */
static void charge_word(const struct toy_cost *c, const struct phrase_state *s, uint64_t end,
                        struct sf_charges *out) {
    for (int k = 0; k < c->n; k++) {
        size_t m = strlen(c->phrase[k]);
        if (!ends_with(s, c->phrase[k], end)) continue;
        uint64_t begin = end - m;
        if (begin > s->floor && letter(byte_at(s, begin - 1))) continue;
        sf_charges_add(out, c->weight[k], begin, end);
    }
}

static void charge_segment(const struct toy_cost *c, struct phrase_state *s,
                           struct sf_charges *out) {
    int x = 0;
    for (uint64_t i = s->settled; i < s->n; i++) x += byte_at(s, i) == 'x';
    if (x >= 2) sf_charges_add(out, c->weight[0], s->settled, s->n);
}

void toy_cost_byte(const struct toy_cost *c, struct phrase_state *s, char b,
                   struct sf_charges *out) {
    if (c->kind == TOY_WORD && s->n > s->floor && letter(byte_at(s, s->n - 1)) && !letter(b))
        charge_word(c, s, s->n, out);
    s->tail[s->n++ % sizeof s->tail] = b;
    if (c->kind == TOY_PHRASE)
        for (int k = 0; k < c->n; k++)
            if (ends_with(s, c->phrase[k], s->n))
                sf_charges_add(out, c->weight[k], s->n - strlen(c->phrase[k]), s->n);
    if (c->kind == TOY_SEGMENT && (b == '.' || s->n - s->settled >= 24)) {
        charge_segment(c, s, out);
        s->settled = s->n;
    }
}

void toy_cost_settle(const struct toy_cost *c, struct phrase_state *s) {
    uint64_t to = s->n;
    if (c->kind == TOY_SEGMENT) return;
    if (c->kind == TOY_WORD) {
        while (to > s->floor && s->n - to < 16 && letter(byte_at(s, to - 1))) to--;
        if (s->n - to >= 16) to = s->n; /* longer than any phrase */
    }
    for (int k = 0; c->kind == TOY_PHRASE && k < c->n; k++)
        for (size_t m = strlen(c->phrase[k]) - 1; m > 0; m--) {
            char part[16] = {0};
            memcpy(part, c->phrase[k], m);
            if (ends_with(s, part, s->n) && s->n - m < to) to = s->n - m;
        }
    if (to > s->settled) s->settled = SF_MUTANT(52, to, s->n);
}

static size_t state_bytes(const struct sf_cost *m) {
    SF_UNUSED(m);
    return sizeof(struct phrase_state);
}

static void begin(const struct sf_cost *m, void *state) {
    SF_UNUSED(m);
    memset(state, 0, sizeof(struct phrase_state));
}

static bool lies(const struct toy_cost *c) {
    return c->lie && c->lie_at >= 0 && (*c->calls)++ >= c->lie_at;
}

static surefoot_status misbehave(const struct toy_cost *c, struct phrase_state *s,
                                 struct sf_charges *out, surefoot_error *err) {
    switch (c->lie) {
    case TOY_FAILS:
        return sf_fail(err, SUREFOOT_E_FAILED, 0, "the cost model fails");
    case TOY_S_FALLS:
        s->settled = s->settled > 2 ? s->settled - 2 : 0;
        break;
    case TOY_S_AHEAD:
        s->settled = s->n + 1;
        break;
    case TOY_LATE_CHARGE:
        if (s->settled > 0) sf_charges_add(out, 1, s->settled - 1, s->n);
        break;
    case TOY_BAD_SPAN:
        sf_charges_add(out, 1, s->n, s->n + 1);
        break;
    case TOY_OVERFLOW:
        for (int i = 0; i <= SF_MAX_CHARGES && s->n > 0; i++)
            sf_charges_add(out, 1, s->n - 1, s->n);
        break;
    case TOY_NEGATIVE:
        if (s->n > s->settled) sf_charges_add(out, -SF_COST_UNIT, s->n - 1, s->n);
        break;
    case TOY_STUCK:
        break;
    case TOY_FORGETS:
        s->tail[(s->n + 63) % 64] ^= 1;
        break;
    case TOY_INFINITE:
        if (s->n > 0) sf_charges_add(out, SF_COST_UNSAFE, s->n - 1, s->n);
        break;
    }
    return SUREFOOT_OK;
}

static surefoot_status read_cost(const struct sf_cost *m, void *state, const struct sf_piece *p,
                                 struct sf_charges *out, surefoot_error *err) {
    const struct toy_cost *c = (const struct toy_cost *)m;
    struct phrase_state *s = state;
    if (p->boundary) s->floor = s->n;
    for (size_t i = 0; i < p->n; i++) toy_cost_byte(c, s, p->bytes[i], out);
    uint64_t was = s->settled;
    toy_cost_settle(c, s);
    if (c->lie == TOY_STUCK) s->settled = was;
    return lies(c) ? misbehave(c, s, out, err) : SUREFOOT_OK;
}

static surefoot_status end_cost(const struct sf_cost *m, void *state, struct sf_charges *out,
                                surefoot_error *err) {
    const struct toy_cost *c = (const struct toy_cost *)m;
    struct phrase_state *s = state;
    if (c->kind == TOY_WORD && s->n > s->floor && letter(byte_at(s, s->n - 1)))
        charge_word(c, s, s->n, out);
    if (c->kind == TOY_SEGMENT) charge_segment(c, s, out);
    return lies(c) ? misbehave(c, s, out, err) : SUREFOOT_OK;
}

static uint64_t settled(const struct sf_cost *m, const void *state) {
    SF_UNUSED(m);
    return ((const struct phrase_state *)state)->settled;
}

static size_t hold_bytes(const struct sf_cost *m) {
    return ((const struct toy_cost *)m)->hold;
}

static void close_cost(struct sf_cost *m) {
    SF_UNUSED(m);
}

void toy_cost_init(struct toy_cost *c, enum toy_kind kind) {
    static const struct sf_cost_ops ops = {.kind = "toy",
                                           .state_bytes = state_bytes,
                                           .begin = begin,
                                           .read = read_cost,
                                           .end = end_cost,
                                           .settled = settled,
                                           .hold_bytes = hold_bytes,
                                           .close = close_cost};
    memset(c, 0, sizeof *c);
    c->base.ops = &ops;
    c->kind = kind;
    c->hold = 32;
    c->lie_at = -1;
}

int64_t toy_price(const struct toy_cost *c, const char *text, size_t n, size_t n_free,
                  size_t before) {
    int64_t sum = 0;
    if (c->kind == TOY_SEGMENT) {
        for (size_t a = 0; a < n;) {
            size_t b = a;
            int x = 0;
            do x += text[b] == 'x';
            while (text[b++] != '.' && b < n && b - a < 24);
            if (x >= 2 && b > n_free && a < before) sum += c->weight[0];
            a = b;
        }
        return sum;
    }
    for (int k = 0; k < c->n; k++) {
        size_t m = strlen(c->phrase[k]);
        for (size_t a = 0; a + m <= n; a++) {
            if (memcmp(text + a, c->phrase[k], m) != 0 || a + m <= n_free || a >= before) continue;
            if (c->kind == TOY_WORD &&
                ((a > 0 && letter(text[a - 1])) || (a + m < n && letter(text[a + m]))))
                continue;
            sum += c->weight[k];
        }
    }
    return sum;
}

/* ------------------------------------------------------------------------------- reward */

static size_t reward_bytes(const struct sf_reward *m) {
    SF_UNUSED(m);
    return sizeof(int64_t);
}
static void reward_begin(const struct sf_reward *m, void *state) {
    SF_UNUSED(m);
    memset(state, 0, sizeof(int64_t));
}
static surefoot_status reward_read(const struct sf_reward *m, void *state, const struct sf_piece *p,
                                   float lp, surefoot_error *err) {
    const struct toy_reward *r = (const struct toy_reward *)m;
    int64_t n;
    SF_UNUSED(lp);
    if (r->fails) return sf_fail(err, SUREFOOT_E_FAILED, 0, "the reward model fails");
    memcpy(&n, state, sizeof n);
    for (size_t i = 0; i < p->n && !p->prompt; i++) n += p->bytes[i] == r->byte;
    memcpy(state, &n, sizeof n);
    return SUREFOOT_OK;
}
static double reward_value(const struct sf_reward *m, const void *state) {
    int64_t n;
    memcpy(&n, state, sizeof n);
    return ((const struct toy_reward *)m)->nan && n % 2 ? (double)NAN : (double)n;
}
static void reward_close(struct sf_reward *m) {
    SF_UNUSED(m);
}
void toy_reward_init(struct toy_reward *r, char byte) {
    static const struct sf_reward_ops ops = {.kind = "toy",
                                             .state_bytes = reward_bytes,
                                             .begin = reward_begin,
                                             .read = reward_read,
                                             .value = reward_value,
                                             .close = reward_close};
    *r = (struct toy_reward){.base.ops = &ops, .byte = byte};
}
