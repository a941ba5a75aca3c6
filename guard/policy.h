/* SPDX-License-Identifier: MIT
 * policy.h - what the user configures: the [guard] keys, an open cost model and reward model.
 */
#ifndef SF_POLICY_H
#define SF_POLICY_H

#include "budget.h"
#include "cost.h"

#define SF_POLICY_MAX_FALLBACK 256 /* bytes */

struct surefoot_policy { /* immutable once a guard is open on it */
    char *path;
    surefoot_guard_mode mode;
    int64_t budget;       /* d0, millionths */
    double gamma;         /* 0 < gamma <= 1 */
    int candidates, keep, lag, block, retries; /* N, K, lag, d, M */
    double threshold, threshold_high;          /* tau, tau_high (-1: auto) */
    int w_calm;                                /* -1: auto */
    double branch_temp, beta;
    bool scope_conversation, allow_logprobs;
    int deadline_ms;
    char fallback[SF_POLICY_MAX_FALLBACK + 1];
    char *cost_text, *reward_text; /* for people: "sum(words, names)" */
    struct sf_cost *cost;
    struct sf_reward *reward;
};

/* One parsed section, as handed to openers: key/value pairs with their lines. */
struct sf_policy_key {
    const char *key, *value;
    int line;
    bool used; /* set by whoever read it; unread keys are errors */
};
struct sf_policy_section {
    const char *name; /* "cost", "cost.words", "reward" */
    int line;
    struct sf_policy_key *key;
    size_t n_key;
};
struct sf_policy_env { /* where an opener finds the rest */
    const char *dir;   /* of the policy file, for relative paths */
    const struct sf_policy_section *section;
    size_t n_section;
    int depth;         /* of sum/max nesting, bounded */
};
/* Value of a key, marked used; NULL if absent. */
const char *sf_policy_value(struct sf_policy_section *s, const char *key);

/* costs.def / rewards.def: one line per kind; each kind is one file with one opener. */
typedef surefoot_status (*sf_cost_open_fn)(struct sf_cost **out, struct sf_policy_section *s,
                                           const struct sf_policy_env *env, surefoot_error *err);
typedef surefoot_status (*sf_reward_open_fn)(struct sf_reward **out, struct sf_policy_section *s,
                                             const struct sf_policy_env *env, surefoot_error *err);
/* Opens the section's `kind`; E_POLICY with the line for unknown kinds. */
surefoot_status sf_cost_open(struct sf_cost **out, struct sf_policy_section *s,
                             const struct sf_policy_env *env, surefoot_error *err);
surefoot_status sf_reward_open(struct sf_reward **out, struct sf_policy_section *s,
                               const struct sf_policy_env *env, surefoot_error *err);

/* Parses text (n bytes) as a policy whose files are relative to dir. Fuzz target. */
surefoot_status sf_policy_parse(struct surefoot_policy **out, const char *text, size_t n,
                                const char *dir, surefoot_error *err);

#endif
