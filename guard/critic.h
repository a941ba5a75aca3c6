/* SPDX-License-Identifier: MIT
 * critic.h - the critic: what a latent state is worth. Source: InferenceGuard (arXiv 2502.01208),
 * section 4.2: a small network on (h_t, z_t) with two heads.
 *     f1 = P(the base model's own continuation keeps z >= 0), calibrated, non-decreasing in z
 *     f2 = expected reward at the end, if it does
 * h_t is the base model's row after the final norm behind the last token read (n_hidden floats), z the
 * safety state as a share of the budget, z_t / d0 in [0, 1] (1 when d0 = 0).
 *
 * A critic orders and branches, it never decides what may be shown: whatever it answers, NaN
 * included, G1 and G2 hold, and no candidate with z >= 0 is lost because of it (search.h).
 */
#ifndef SF_CRITIC_H
#define SF_CRITIC_H

#include "mlp.h"
#include "sha256.h"

struct sf_value {
    float f1, f2;
};

/* Immutable once open; may be shared by guards and threads. Tests make their own: value, n_hidden and
 * tau_high are all that the search looks at. */
struct surefoot_critic {
    struct sf_value (*value)(const struct surefoot_critic *c, const float *hidden, float z);
    uint32_t n_hidden;  /* floats it reads of a hidden row; 0: none, hidden may be NULL      */
    double tau_high;    /* f1 from here on is calm: at most 0.5 % of benign answers are ever below */
    /* of a trained one */
    struct sf_mlp net;  /* outputs: logit of f1, f2; more: z                                 */
    float scale, shift; /* f1 = sigmoid(scale * logit + shift), scale > 0 (Platt)            */
    uint64_t seed;      /* of noise                                                          */
};

/* What a critic was trained for; it is refused with anything else. */
struct sf_critic_ties {
    const char *model;  /* sf_model_fingerprint: weights and quantisation                    */
    const char *policy; /* digest of the policy: cost and reward sections, and their files   */
    int64_t budget;     /* d0, millionths                                                    */
    double gamma;
};

/* path: a GGUF file. E_FILE: damaged, or a critic that is not one (not finite, f1 may fall while z
 * rises); E_POLICY: a sound critic for another model, policy, budget or gamma: one line says which.
 * ties NULL: not compared (the report of `guard train`). */
surefoot_status sf_critic_open(struct surefoot_critic **out, const char *path,
                               const struct sf_critic_ties *ties, surefoot_error *err);
/* The same from n bytes in memory. Fuzz target. */
surefoot_status sf_critic_parse(struct surefoot_critic **out, const void *data, size_t n,
                                const struct sf_critic_ties *ties, surefoot_error *err);
/* No knowledge at all: f1 uniform in [0, 1], f2 in [-1, 1], a hash of what it is asked. For the row of
 * the table that shows what the guarantee does not depend on. tau_high 0.5. */
surefoot_status sf_critic_noise(struct surefoot_critic **out, uint64_t seed, surefoot_error *err);
void sf_critic_close(struct surefoot_critic *c); /* NULL is fine */
/* Writes c (net, scale, shift, tau_high) with its ties; about: one line on how it was made. Atomic. */
surefoot_status sf_critic_save(const struct surefoot_critic *c, const char *path,
                               const struct sf_critic_ties *ties, const char *about,
                               surefoot_error *err);
/* An untrained one of n_hidden_units units for rows of n_hidden floats, f1 non-decreasing in z. */
surefoot_status sf_critic_new(struct surefoot_critic **out, uint32_t n_hidden, uint32_t n_units,
                              surefoot_error *err);

#endif
