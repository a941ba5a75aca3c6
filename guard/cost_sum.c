/* SPDX-License-Identifier: MIT
 * cost_sum.c - `sum` and `max` of other cost models, each with its own weight.
 *
 *     sum: every charge of every part, times the part's weight.
 *     max: the rise of the largest running total, charged where the charge that raised it stands.
 *
 * Parts that read only text are read one character at a time, so that for `max` the order of their
 * charges is the order of the text and not of the cut. The rest read whole pieces, after them.
 * S is the smallest S of the parts.
 */
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "policy.h"
#include "utf8.h"

enum { MAX_PARTS = 16 };

struct part {
    struct sf_cost *cost;
    int64_t weight; /* millionths */
    size_t offset;  /* of its state behind struct state, SF_ALIGN aligned */
    bool text_only;
    char name[48];
};
struct mixed {
    struct sf_cost base;
    bool is_max, text_only;
    int n;
    size_t state_bytes;
    struct part part[MAX_PARTS];
};
struct state {                         /* then the states of the parts */
    int64_t total[MAX_PARTS], largest; /* max: running totals so far, and the largest */
};

static const struct mixed *mixed_of(const struct sf_cost *m) {
    return (const struct mixed *)m;
}

static void *part_state(void *state, const struct part *p) {
    return (char *)state + p->offset;
}

static size_t state_bytes(const struct sf_cost *m) {
    return mixed_of(m)->state_bytes;
}

static bool text_only(const struct sf_cost *m) {
    return mixed_of(m)->text_only;
}

static void begin(const struct sf_cost *m, void *state) {
    const struct mixed *x = mixed_of(m);
    memset(state, 0, sizeof(struct state));
    for (int i = 0; i < x->n; i++)
        x->part[i].cost->ops->begin(x->part[i].cost, part_state(state, &x->part[i]));
}

/* What part i charged becomes what the whole charges. */
static void pass_on(const struct mixed *x, struct state *s, int i, const struct sf_charges *c,
                    struct sf_charges *out) {
    out->overflow |= c->overflow;
    for (int k = 0; k < c->n; k++) {
        int64_t amount = sf_cost_scale(c->c[k].amount > 0 ? c->c[k].amount : 0, x->part[i].weight);
        if (x->is_max) {
            s->total[i] = sf_cost_add(s->total[i], amount);
            int64_t rise = s->total[i] > s->largest ? s->total[i] - s->largest : 0;
            if (amount == SF_COST_UNSAFE) rise = SF_COST_UNSAFE;
            s->largest = sf_cost_add(s->largest, rise);
            amount = rise;
        }
        sf_charges_add(out, amount, c->c[k].begin, c->c[k].end);
    }
}

static surefoot_status read_parts(const struct mixed *x, struct state *s, bool text,
                                  const struct sf_piece *p, struct sf_charges *out,
                                  surefoot_error *err) {
    struct sf_charges c;
    for (int i = 0; i < x->n; i++) {
        const struct part *part = &x->part[i];
        if (part->text_only != text) continue;
        c.n = 0;
        c.overflow = false;
        SF_TRY(part->cost->ops->read(part->cost, part_state(s, part), p, &c, err));
        pass_on(x, s, i, &c, out);
    }
    return SUREFOOT_OK;
}

static surefoot_status read(const struct sf_cost *m, void *state, const struct sf_piece *p,
                            struct sf_charges *out, surefoot_error *err) {
    const struct mixed *x = mixed_of(m);
    struct sf_piece one = *p;
    size_t at = 0;
    do { /* an empty piece is read too: it may carry a boundary */
        uint32_t cp;
        int k = sf_utf8_decode((const unsigned char *)p->bytes + at, p->n - at, &cp);
        one.bytes = p->bytes + at;
        one.n = sf_min(k > 0 ? (size_t)k : 1, p->n - at);
        at += one.n;
        SF_TRY(read_parts(x, state, true, &one, out, err));
        one.boundary = false;
    } while (at < p->n);
    return read_parts(x, state, false, p, out, err);
}

static surefoot_status end(const struct sf_cost *m, void *state, struct sf_charges *out,
                           surefoot_error *err) {
    const struct mixed *x = mixed_of(m);
    struct sf_charges c;
    for (int i = 0; i < x->n; i++) {
        const struct part *part = &x->part[i];
        c.n = 0;
        c.overflow = false;
        SF_TRY(part->cost->ops->end(part->cost, part_state(state, part), &c, err));
        pass_on(x, state, i, &c, out);
    }
    return SUREFOOT_OK;
}

static uint64_t settled(const struct sf_cost *m, const void *state) {
    const struct mixed *x = mixed_of(m);
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < x->n; i++) {
        const struct part *p = &x->part[i];
        uint64_t s = p->cost->ops->settled(p->cost, (const char *)state + p->offset);
        if (s < least) least = s;
    }
    return least;
}

static size_t hold_bytes(const struct sf_cost *m) {
    const struct mixed *x = mixed_of(m);
    size_t most = 0;
    for (int i = 0; i < x->n; i++)
        most = sf_max(most, x->part[i].cost->ops->hold_bytes(x->part[i].cost));
    return most;
}

static size_t coverage(const struct sf_cost *m, char *text, size_t cap) {
    const struct mixed *x = mixed_of(m);
    size_t n = 0;
    for (int i = 0; i < x->n; i++) {
        const struct sf_cost *c = x->part[i].cost;
        char *at = n < cap ? text + n : NULL;
        int k = snprintf(at, at ? cap - n : 0, "%s%s: ", i ? "\n" : "", x->part[i].name);
        n += k > 0 ? (size_t)k : 0;
        if (c->ops->coverage)
            n += c->ops->coverage(c, n < cap ? text + n : NULL, n < cap ? cap - n : 0);
    }
    return n;
}

static void close_mixed(struct sf_cost *m) {
    struct mixed *x = (struct mixed *)m;
    for (int i = 0; i < x->n; i++) x->part[i].cost->ops->close(x->part[i].cost);
    sf_free(x);
}

/* ---------------------------------------------------------------------------------------- open */

static surefoot_status open_part(struct mixed *x, const char *name, int line,
                                 const struct sf_policy_env *env, surefoot_error *err) {
    struct part *p = &x->part[x->n];
    struct sf_policy_section *s = NULL;
    for (size_t i = 0; i < env->n_section; i++)
        if (strncmp(env->section[i].name, "cost.", 5) == 0 &&
            strcmp(env->section[i].name + 5, name) == 0)
            s = &env->section[i];
    if (!s) return sf_policy_fail(err, line, "no section [cost.%s]", name);
    int weight_line;
    const char *weight = sf_policy_value(s, "weight", &weight_line);
    p->weight = SF_COST_UNIT;
    if (weight && (!sf_number_millionths(&p->weight, weight, true) || p->weight < 0))
        return sf_policy_fail(err, weight_line,
                              "weight = %.40s: a decimal number of at least 0 is needed", weight);
    struct sf_policy_env inner = *env;
    inner.depth++;
    SF_TRY(sf_cost_open(&p->cost, s, &inner, err));
    snprintf(p->name, sizeof p->name, "%s", name);
    x->n++; /* from here on close_mixed closes it */
    size_t hold = p->cost->ops->hold_bytes(p->cost);
    if (hold > SF_GUARD_MAX_HOLD)
        return sf_policy_fail(err, s->line,
                              "[%s] holds back up to %zu bytes: at most %d (SF_GUARD_MAX_HOLD)",
                              s->name, hold, SF_GUARD_MAX_HOLD);
    p->text_only = p->cost->ops->text_only(p->cost);
    x->text_only &= p->text_only;
    p->offset = x->state_bytes;
    size_t bytes = sf_round_up(p->cost->ops->state_bytes(p->cost), SF_ALIGN);
    if (!sf_size_add(&x->state_bytes, x->state_bytes, bytes))
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "the cost models' states are too large");
    return SUREFOOT_OK;
}

/* "words, head": names between commas. */
static surefoot_status open_parts(struct mixed *x, struct sf_policy_section *s,
                                  const struct sf_policy_env *env, surefoot_error *err) {
    int line;
    const char *p = sf_policy_value(s, "parts", &line);
    if (!p) return sf_policy_fail(err, line, "[%s] has no `parts`", s->name);
    for (;;) {
        char name[48];
        p += strspn(p, " \t");
        size_t n = strcspn(p, ", \t");
        const char *next = p + n + strspn(p + n, " \t");
        if (n == 0 || n >= sizeof name || (*next != ',' && *next != 0))
            return sf_policy_fail(err, line, "parts: names between commas are needed, at '%.40s'",
                                  p);
        if (x->n == MAX_PARTS)
            return sf_policy_fail(err, line, "parts: at most %d", (int)MAX_PARTS);
        memcpy(name, p, n);
        name[n] = 0;
        SF_TRY(open_part(x, name, line, env, err));
        if (*next == 0) return SUREFOOT_OK;
        p = next + 1;
    }
}

static surefoot_status open_mixed(struct sf_cost **out, struct sf_policy_section *s,
                                  const struct sf_policy_env *env, bool is_max,
                                  surefoot_error *err) {
#define OPS(name)                                                                                  \
    { name, text_only, state_bytes, begin, read, end, settled, hold_bytes, coverage, close_mixed }
    static const struct sf_cost_ops ops[2] = {OPS("sum"), OPS("max")};
#undef OPS
    struct mixed *x = sf_alloc(sizeof *x);
    if (!x) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a cost model");
    x->base.ops = &ops[is_max];
    x->is_max = is_max;
    x->text_only = true;
    x->state_bytes = sf_round_up(sizeof(struct state), SF_ALIGN);
    surefoot_status status = open_parts(x, s, env, err);
    if (status != SUREFOOT_OK) {
        close_mixed(&x->base);
        return status;
    }
    *out = &x->base;
    return SUREFOOT_OK;
}

surefoot_status sf_cost_sum_open(struct sf_cost **out, struct sf_policy_section *s,
                                 const struct sf_policy_env *env, surefoot_error *err) {
    return open_mixed(out, s, env, false, err);
}

surefoot_status sf_cost_max_open(struct sf_cost **out, struct sf_policy_section *s,
                                 const struct sf_policy_env *env, surefoot_error *err) {
    return open_mixed(out, s, env, true, err);
}
