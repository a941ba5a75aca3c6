/* SPDX-License-Identifier: MIT
 * critic.c - value of a latent state, and its file; see critic.h. Training is in train.c.
 */
#include "critic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "philox.h"

#define KIND "surefoot-critic"
enum { VERSION = 1, F1 = 0, F2 = 1, N_OUT = 2 };

static struct sf_value trained(const struct surefoot_critic *c, const float *hidden, float z) {
    float y[N_OUT];
    sf_mlp_forward(&c->net, hidden, &z, y);
    return (struct sf_value){sf_mlp_sigmoid(c->scale * y[F1] + c->shift), y[F2]};
}

static struct sf_value noise(const struct surefoot_critic *c, const float *hidden, float z) {
    uint32_t bits[9] = {0}, t = 0;
    memcpy(bits, &z, sizeof z);
    memcpy(bits + 1, hidden, sf_min(c->n_hidden, 8) * sizeof *hidden);
    for (int i = 0; i < 9; i++) t = sf_philox(c->seed, t, bits[i], (uint32_t)i);
    return (struct sf_value){(float)sf_philox_unit(c->seed, t, 1, 0),
                             2 * (float)sf_philox_unit(c->seed, t, 2, 0) - 1};
}

static surefoot_status new_critic(struct surefoot_critic **out, surefoot_error *err) {
    *out = sf_alloc(sizeof **out);
    if (!*out) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a critic");
    return SUREFOOT_OK;
}

surefoot_status sf_critic_noise(struct surefoot_critic **out, uint64_t seed, surefoot_error *err) {
    SF_TRY(new_critic(out, err));
    (*out)->value = noise;
    (*out)->n_hidden = 1;
    (*out)->tau_high = 0.5;
    (*out)->seed = seed;
    return SUREFOOT_OK;
}

surefoot_status sf_critic_new(struct surefoot_critic **out, uint32_t n_hidden, uint32_t n_units,
                              surefoot_error *err) {
    SF_TRY(new_critic(out, err));
    surefoot_status s = sf_mlp_open(&(*out)->net, n_hidden, 1, n_units, N_OUT, err);
    if (s != SUREFOOT_OK) {
        sf_critic_close(*out);
        *out = NULL;
        return s;
    }
    (*out)->value = trained;
    (*out)->n_hidden = n_hidden;
    (*out)->scale = 1;
    (*out)->tau_high = 1;
    return SUREFOOT_OK;
}

void sf_critic_close(struct surefoot_critic *c) {
    if (!c) return;
    sf_mlp_close(&c->net);
    sf_free(c);
}

/* ------------------------------------------------------------------------------- in a file */

static struct sf_str str(const char *s) {
    return (struct sf_str){s, strlen(s)};
}

/* Integers and gamma as text: every bit of them counts, and GGUF's reader has no signed 64. */
static void number_texts(const struct sf_critic_ties *t, char budget[32], char gamma[32]) {
    snprintf(budget, 32, "%" PRId64, t->budget);
    snprintf(gamma, 32, "%.17g", t->gamma);
}

surefoot_status sf_critic_save(const struct surefoot_critic *c, const char *path,
                               const struct sf_critic_ties *ties, const char *about,
                               surefoot_error *err) {
    struct sf_gguf_writer *w;
    char budget[32], gamma[32];
    number_texts(ties, budget, gamma);
    SF_TRY(sf_gguf_writer_open(&w, path, err));
    sf_gguf_put_str(w, "general.architecture", str(KIND));
    sf_gguf_put_str(w, "general.description", str(about));
    sf_gguf_put_u32(w, "critic.version", VERSION);
    sf_gguf_put_str(w, "critic.model", str(ties->model));
    sf_gguf_put_str(w, "critic.policy", str(ties->policy));
    sf_gguf_put_str(w, "critic.budget", str(budget));
    sf_gguf_put_str(w, "critic.gamma", str(gamma));
    sf_gguf_put_f32(w, "critic.scale", c->scale);
    sf_gguf_put_f32(w, "critic.shift", c->shift);
    sf_gguf_put_f32(w, "critic.tau_high", (float)c->tau_high);
    sf_mlp_put(&c->net, w, "critic");
    surefoot_status s = sf_gguf_writer_begin(w, err);
    if (s == SUREFOOT_OK) s = sf_mlp_write(&c->net, w, err);
    if (s == SUREFOOT_OK) return sf_gguf_writer_close(w, err);
    sf_gguf_writer_drop(w);
    return s;
}

static surefoot_status check_kind(const struct sf_gguf *g, surefoot_error *err) {
    struct sf_str kind = {0};
    uint64_t version = 0;
    bool found;
    SF_TRY(sf_gguf_get_str(g, "general.architecture", &kind, &found, err));
    if (!found || kind.n != strlen(KIND) || memcmp(kind.p, KIND, kind.n) != 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "a GGUF file, but no critic: `surefoot guard train` makes them");
    SF_TRY(sf_gguf_get_u64(g, "critic.version", UINT32_MAX, &version, NULL, err));
    if (version != VERSION)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "a critic of version %" PRIu64 ", this is for %d",
                       version, VERSION);
    return SUREFOOT_OK;
}

static surefoot_status read_number(const struct sf_gguf *g, const char *key, double least,
                                   double most, double *out, surefoot_error *err) {
    bool found;
    SF_TRY(sf_gguf_get_f64(g, key, out, &found, err));
    if (!found || !(*out >= least && *out <= most))
        return sf_fail(err, SUREFOOT_E_FILE, 0, "critic: %s is missing or not in %g..%g", key,
                       least, most);
    return SUREFOOT_OK;
}

/* key holds exactly `want`. */
static surefoot_status tied(const struct sf_gguf *g, const char *key, const char *want,
                            const char *what, surefoot_error *err) {
    struct sf_str have = {0};
    bool found;
    SF_TRY(sf_gguf_get_str(g, key, &have, &found, err));
    if (found && have.n == strlen(want) && memcmp(have.p, want, have.n) == 0) return SUREFOOT_OK;
    return sf_fail(err, SUREFOOT_E_POLICY, 0,
                   "this critic was trained for another %s: train one with `surefoot guard train`, "
                   "or use --critic off",
                   what);
}

static surefoot_status check_ties(const struct sf_gguf *g, const struct sf_critic_ties *t,
                                  surefoot_error *err) {
    char budget[32], gamma[32];
    if (!t) return SUREFOOT_OK;
    number_texts(t, budget, gamma);
    SF_TRY(tied(g, "critic.model", t->model, "model or quantisation", err));
    SF_TRY(tied(g, "critic.policy", t->policy, "policy (cost or reward, or their files)", err));
    SF_TRY(tied(g, "critic.budget", budget, "budget", err));
    return tied(g, "critic.gamma", gamma, "gamma", err);
}

static surefoot_status read_critic(struct surefoot_critic *c, const struct sf_gguf *g,
                                   surefoot_error *err) {
    double scale, shift;
    SF_TRY(read_number(g, "critic.scale", 0, 1e6, &scale, err));
    SF_TRY(read_number(g, "critic.shift", -1e6, 1e6, &shift, err));
    SF_TRY(read_number(g, "critic.tau_high", 0, 1, &c->tau_high, err));
    SF_TRY(sf_mlp_read(&c->net, g, "critic", err));
    if (c->net.n_more != 1 || c->net.n_out != N_OUT)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "critic: a network of %u + %u inputs, %u outputs",
                       c->net.n_x, c->net.n_more, c->net.n_out);
    if (!sf_mlp_monotone(&c->net, F1))
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "critic: f1 may fall while the safety state rises, which no critic may");
    c->scale = (float)scale;
    c->shift = (float)shift;
    c->n_hidden = c->net.n_x;
    c->value = trained;
    return SUREFOOT_OK;
}

surefoot_status sf_critic_parse(struct surefoot_critic **out, const void *data, size_t n,
                                const struct sf_critic_ties *ties, surefoot_error *err) {
    struct sf_gguf g = {0};
    SF_TRY(new_critic(out, err));
    surefoot_status s = sf_gguf_parse(&g, data, n, err);
    if (s == SUREFOOT_OK) s = check_kind(&g, err);
    if (s == SUREFOOT_OK) s = read_critic(*out, &g, err);
    if (s == SUREFOOT_OK) s = check_ties(&g, ties, err);
    sf_gguf_close(&g);
    if (s == SUREFOOT_OK) return s;
    sf_critic_close(*out);
    *out = NULL;
    return s;
}

surefoot_status sf_critic_open(struct surefoot_critic **out, const char *path,
                               const struct sf_critic_ties *ties, surefoot_error *err) {
    struct sf_map map;
    *out = NULL;
    SF_TRY(sf_map_open(&map, path, err));
    surefoot_status s = sf_critic_parse(out, map.data, map.size, ties, err);
    sf_map_close(&map);
    return s;
}
