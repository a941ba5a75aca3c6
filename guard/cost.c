/* SPDX-License-Identifier: MIT
 * cost.c - the tables of cost and reward models, and the arithmetic of charges; see cost.h.
 */
#include "cost.h"

#include <string.h>

#include "policy.h"

void sf_charges_add(struct sf_charges *out, int64_t amount, uint64_t begin, uint64_t end) {
    if (amount == 0) return;
    if (out->n == SF_MAX_CHARGES) {
        out->overflow = true;
        return;
    }
    out->c[out->n++] = (struct sf_charge){amount, begin, end};
}

int64_t sf_cost_scale(int64_t amount, int64_t weight) {
    if (amount == SF_COST_UNSAFE || weight == SF_COST_UNIT) return amount;
    __extension__ unsigned __int128 p = (unsigned __int128)(uint64_t)amount * (uint64_t)weight;
    p = (p + SF_COST_UNIT - 1) / SF_COST_UNIT;
    return p >= (uint64_t)SF_COST_UNSAFE ? SF_COST_UNSAFE : (int64_t)p;
}

/* ---------------------------------------------------------------------------------- the tables */

/* The section's `kind`, and the marks that keep it from being opened twice. */
static surefoot_status take_kind(const char **kind, struct sf_policy_section *s,
                                 const struct sf_policy_env *env, const char *known,
                                 surefoot_error *err) {
    int line;
    if (s->opened)
        return sf_policy_fail(err, s->line, "[%s] is used twice, or contains itself", s->name);
    if (env->depth > SF_POLICY_MAX_DEPTH)
        return sf_policy_fail(err, s->line, "[%s] is nested deeper than %d", s->name,
                              SF_POLICY_MAX_DEPTH);
    s->opened = true;
    *kind = sf_policy_value(s, "kind", &line);
    if (!*kind)
        return sf_policy_fail(err, line, "[%s] has no `kind`: known are %s", s->name, known);
    return SUREFOOT_OK;
}

static surefoot_status unknown_kind(struct sf_policy_section *s, const char *known,
                                    surefoot_error *err) {
    int line;
    const char *kind = sf_policy_value(s, "kind", &line);
    return sf_policy_fail(err, line, "kind = %.40s: known are %s", kind, known);
}

surefoot_status sf_cost_open(struct sf_cost **out, struct sf_policy_section *s,
                             const struct sf_policy_env *env, surefoot_error *err) {
#define SF_COST(kind, open) " " kind
    static const char known[] =
#include "costs.def"
        ;
#undef SF_COST
    const char *kind;
    *out = NULL;
    SF_TRY(take_kind(&kind, s, env, known + 1, err));
#define SF_COST(name, open)                                                                        \
    if (strcmp(kind, name) == 0) return open(out, s, env, err);
#include "costs.def"
#undef SF_COST
    return unknown_kind(s, known + 1, err);
}

surefoot_status sf_reward_open(struct sf_reward **out, struct sf_policy_section *s,
                               const struct sf_policy_env *env, surefoot_error *err) {
#define SF_REWARD(kind, open) " " kind
    static const char known[] =
#include "rewards.def"
        ;
#undef SF_REWARD
    const char *kind;
    *out = NULL;
    SF_TRY(take_kind(&kind, s, env, known + 1, err));
#define SF_REWARD(name, open)                                                                      \
    if (strcmp(kind, name) == 0) return open(out, s, env, err);
#include "rewards.def"
#undef SF_REWARD
    return unknown_kind(s, known + 1, err);
}
