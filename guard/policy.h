/* SPDX-License-Identifier: MIT
 * policy.h - what the user configures: the [guard] keys, an open cost model and reward model.
 */
#ifndef SF_POLICY_H
#define SF_POLICY_H

#include "budget.h"
#include "cost.h"
#include "sha256.h"

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
    /* SHA-256 of the keys of [cost], [cost.*] and [reward] and of the bytes of the files they name. */
    char digest[SF_SHA256_TEXT];
};

/* One parsed section, as handed to openers: key/value pairs with their lines. */
struct sf_policy_key {
    char *key, *value;
    int line;
    bool used; /* set by whoever read it; unread keys are errors */
};
struct sf_policy_section {
    char *name; /* "cost", "cost.words", "reward" */
    int line;
    bool opened; /* each section is opened once: no cycles, no copies; unopened ones are errors */
    struct sf_policy_key *key;
    size_t n_key;
};
#define SF_POLICY_MAX_SECTIONS 64
#define SF_POLICY_MAX_KEYS 64 /* in one section */
#define SF_POLICY_MAX_DEPTH 4 /* of sum/max nesting */
struct sf_policy_env { /* where an opener finds the rest */
    const char *dir;   /* of the policy file, for relative paths; NULL: no file may be named */
    const surefoot_file *file; /* files in memory that may be named; NULL: those of dir */
    size_t n_file;
    struct sf_policy_section *section;
    size_t n_section;
    int depth; /* of sum/max nesting so far */
    struct sf_sha256 *digest; /* of all files read so far; sf_policy_read adds to it. Whoever reads a
                               * file in another way adds its bytes (sf_sha256_add_sized) itself  */
};
/* Value of a key, marked used; NULL if absent. *line (may be NULL): where it stands, else s->line. */
const char *sf_policy_value(struct sf_policy_section *s, const char *key, int *line);
/* "line 7: file = /x: ..." is what every message of a policy looks like. E_POLICY; .where = line. */
surefoot_status sf_policy_fail(surefoot_error *err, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* dir/value in a new string (sf_free). value: not empty, relative, no "..", no control characters. */
surefoot_status sf_policy_path(char **out, const struct sf_policy_env *env, const char *value,
                               int line, surefoot_error *err);
/* The bytes of the small file that `file = value` names, from dir or from memory, in a new buffer with
 * a NUL behind (sf_free). E_POLICY with the line where it is missing, refused or larger than max. */
surefoot_status sf_policy_read(char **out, size_t *n, const struct sf_policy_env *env,
                               const char *value, int line, size_t max, surefoot_error *err);

/* The key `weight` of a reward: any number, 1 where it is absent. */
surefoot_status sf_reward_weight(double *out, struct sf_policy_section *s, surefoot_error *err);

/* Strict decimal numbers, the same in every locale: [+-] digits [. digits] [e [+-] digits], nothing
 * before or behind, at most 15 significant digits, magnitude at most 1e12. nan, inf, hex, empty:
 * false. A positive number too small for a double's fast path, or for millionths, is not lost:
 * millionths round down (toward -inf) or up as asked. */
bool sf_number_double(double *out, const char *text);
bool sf_number_millionths(int64_t *out, const char *text, bool round_up);
bool sf_number_int(int64_t *out, const char *text); /* digits only, with an optional sign */

/* costs.def / rewards.def: one line per kind; each kind is one file with one opener. An opener reads
 * every key it knows (but `kind` and, for parts, `weight`); what stays unread is reported as unknown. */
typedef surefoot_status (*sf_cost_open_fn)(struct sf_cost **out, struct sf_policy_section *s,
                                           const struct sf_policy_env *env, surefoot_error *err);
typedef surefoot_status (*sf_reward_open_fn)(struct sf_reward **out, struct sf_policy_section *s,
                                             const struct sf_policy_env *env, surefoot_error *err);
#define SF_COST(kind, open)                                                                        \
    surefoot_status open(struct sf_cost **out, struct sf_policy_section *s,                        \
                         const struct sf_policy_env *env, surefoot_error *err);
#include "costs.def"
#undef SF_COST
#define SF_REWARD(kind, open)                                                                      \
    surefoot_status open(struct sf_reward **out, struct sf_policy_section *s,                      \
                         const struct sf_policy_env *env, surefoot_error *err);
#include "rewards.def"
#undef SF_REWARD
/* Opens the section's `kind`; E_POLICY with the line for unknown kinds. */
surefoot_status sf_cost_open(struct sf_cost **out, struct sf_policy_section *s,
                             const struct sf_policy_env *env, surefoot_error *err);
surefoot_status sf_reward_open(struct sf_reward **out, struct sf_policy_section *s,
                               const struct sf_policy_env *env, surefoot_error *err);

/* Parses text (n bytes) as a policy whose files are relative to dir (NULL: it may name none), opens
 * its cost and reward models, and checks the fallback text against them. Fuzz target. */
surefoot_status sf_policy_parse(struct surefoot_policy **out, const char *text, size_t n,
                                const char *dir, surefoot_error *err);
/* The same where the files lie in memory. */
surefoot_status sf_policy_parse_files(struct surefoot_policy **out, const char *text, size_t n,
                                      const surefoot_file *file, size_t n_file,
                                      surefoot_error *err);
void sf_policy_free(struct surefoot_policy *p); /* NULL is fine */
/* The [guard] section alone. Bounds of one key; line 0: not from a file. */
surefoot_status sf_policy_set_key(struct surefoot_policy *p, const char *key, const char *value,
                                  int line, surefoot_error *err);
/* What one key cannot tell: K divides N, w_calm <= d, tau <= tau_high, the fallback costs nothing. */
surefoot_status sf_policy_check(const struct surefoot_policy *p, int line, int fallback_line,
                                surefoot_error *err);
void sf_policy_defaults(struct surefoot_policy *p);

#endif
