/* SPDX-License-Identifier: MIT
 * cmd_guard_train_critic.c - makes a critic: rollouts of the model from a file of prompts and from what the
 * guard delivered, labelled by the policy; the network; its report. A run that was killed goes on from
 * its rollouts (OUT.rollouts).
 *
 * A line of --prompts is a prompt, or a JSON object with "prompt" and "family": prompts of one family
 * (paraphrases) are never in two parts. Without one, a prompt is a family of its own.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_train.h"
#include "cli_train_critic.h"
#include "generate.h"
#include "policy.h"

enum { BATCH = 8, MAX_ROLLOUTS = 20, UNITS = 32, MAX_CURVE = 12 };

struct prompt {
    char *text;
    uint32_t family;
};

struct work {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_policy *policy;
    surefoot_session *session;
    struct sf_generator gen;
    struct sf_guard *guard;
    struct sf_collector *collector;
    struct sf_cli_chain chain;
    struct sf_rollouts all;
    struct prompt *prompt;
    size_t n_prompt, n_family;
    char *file, **family; /* the prompts' bytes; names of families */
    uint32_t rollouts, n_predict;
    char fingerprint[SF_SHA256_TEXT], key[112], path[4096];
    int32_t *ids;
    bool chat;
    int32_t heard[1024]; /* what the guard delivered */
    size_t n_heard;
};

/* ----------------------------------------------------------------------------------- prompts */

static uint32_t family_of(struct work *w, const char *name) {
    for (size_t i = 0; i < w->n_family; i++)
        if (!strcmp(w->family[i], name)) return (uint32_t)i;
    w->family[w->n_family] = strdup(name);
    return (uint32_t)w->n_family++;
}

static int one_prompt(struct work *w, const char *line, size_t number) {
    struct prompt *p = &w->prompt[w->n_prompt];
    const char *text = line, *family = line;
    json_t *o = NULL;
    if (line[0] == '{') {
        json_error_t e;
        o = json_loads(line, 0, &e);
        text = json_string_value(json_object_get(o, "prompt"));
        family = json_string_value(json_object_get(o, "family"));
        if (!o || !text) {
            json_decref(o);
            return sf_cli_fail(3, "%s: line %zu is no JSON object with a prompt", w->cli->prompts,
                               number);
        }
        if (!family) family = text;
    }
    p->text = strdup(text);
    p->family = family_of(w, family);
    json_decref(o);
    if (!p->text || !w->family[p->family]) return sf_cli_fail(4, "no memory for the prompts");
    w->n_prompt++;
    return 0;
}

static int read_prompts(struct work *w) {
    size_t n, lines = 1, number = 0;
    int code = sf_cli_read(w->cli->prompts, &w->file, &n);
    if (code) return code;
    if (strlen(w->file) != n) return sf_cli_fail(3, "%s holds NUL bytes", w->cli->prompts);
    for (const char *p = w->file; *p; p++) lines += *p == '\n';
    w->prompt = calloc(lines, sizeof *w->prompt);
    w->family = calloc(lines, sizeof *w->family);
    if (!w->prompt || !w->family) return sf_cli_fail(4, "no memory for the prompts");
    for (char *line = w->file, *next; line && !code; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        size_t len = strlen(line);
        if (len && line[len - 1] == '\r') line[len - 1] = 0;
        number++;
        if (*line) code = one_prompt(w, line, number);
    }
    if (!code && w->n_prompt == 0) code = sf_cli_fail(3, "%s holds no prompt", w->cli->prompts);
    return code;
}

/* ----------------------------------------------------------------------------------- rollouts */

static int hear(void *user, const char *text, size_t n, const surefoot_token *tok, size_t n_tok) {
    struct work *w = user;
    (void)text;
    (void)n;
    for (size_t i = 0; i < n_tok && w->n_heard < sizeof w->heard / sizeof *w->heard; i++)
        w->heard[w->n_heard++] = tok[i].id;
    return sf_cli_interrupted();
}

static surefoot_status feed(struct work *w, size_t n, surefoot_error *err) {
    size_t reused;
    return sf_prompt_feed(w->session, w->ids, n, &reused, err);
}

/* All rollouts of one prompt are set up: from the prompt, and from a place in what the guard says to
 * it, if the guard had anything to do. */
static surefoot_status add_prompt(struct work *w, uint32_t i, surefoot_error *err) {
    size_t n = 0, n_free = 0;
    surefoot_message message = {"user", w->prompt[i].text};
    surefoot_prompt p = {.text = w->prompt[i].text, .n_text = strlen(w->prompt[i].text)};
    if (w->chat) p.messages = &message, p.n_messages = 1;
    const char *name = w->cli->chat_template;
    if (w->chat) p.chat_template = name;
    SF_TRY(surefoot_prompt_ids(w->model, &p, w->ids, surefoot_session_n_ctx(w->session), &n,
                               &n_free, err));
    w->chain.opt.seed = w->cli->seed * 1000003u + i;
    SF_TRY(sf_sampler_init(&w->session->sampler, &w->chain.opt, w->model->config.n_vocab, err));
    struct sf_guard_run run = {.gen = &w->gen,
                               .prompt = w->ids,
                               .n_prompt = n,
                               .n_free = n_free,
                               .n_predict = w->n_predict,
                               .emit = hear,
                               .user = w};
    surefoot_stats stats = {.size = sizeof stats};
    w->n_heard = 0;
    SF_TRY(feed(w, n, err));
    run.drop_space = sf_drops_space(w->session);
    sf_guard_reset(w->guard);
    surefoot_status s = sf_guard_generate(w->guard, &run, &stats, err);
    if (s == SUREFOOT_E_ABORTED || s == SUREFOOT_E_MEMORY) return s;
    SF_TRY(feed(w, n, err));
    uint32_t number = i * (w->rollouts + 1), family = w->prompt[i].family;
    for (uint32_t k = 0; k < w->rollouts; k++)
        SF_TRY(sf_collector_add(w->collector, &run, i, family, number + k, w->heard, 0, err));
    if (stats.branches == 0 || stats.finish == SUREFOOT_FINISH_FALLBACK || w->n_heard < 2)
        return SUREFOOT_OK;
    size_t cut = 1 + (size_t)(w->cli->seed + i * 7919u) % (w->n_heard - 1);
    return sf_collector_add(w->collector, &run, i, family, number + w->rollouts, w->heard, cut,
                            err);
}

static int collect(struct work *w) {
    surefoot_error err = {0};
    uint32_t done = 0;
    w->all.n_hidden = w->gen.n_hidden;
    w->all.seed = w->cli->seed;
    surefoot_status s = sf_rollouts_read(&w->all, w->path, w->key, &done, &err);
    if (s == SUREFOOT_OK && done > 0 && done < w->n_prompt) {
        sf_cli_note(w->cli, "%u of %zu prompts were rolled out before: going on from there", done,
                    w->n_prompt);
        s = sf_rollouts_append(&w->all, 0, w->path, w->key, done, &err);
    }
    while (s == SUREFOOT_OK && done < w->n_prompt) {
        size_t from = w->all.n_rollout;
        uint32_t end = done + BATCH < w->n_prompt ? done + BATCH : (uint32_t)w->n_prompt;
        for (uint32_t i = done; i < end && s == SUREFOOT_OK; i++) s = add_prompt(w, i, &err);
        if (s == SUREFOOT_OK) s = sf_collector_run(w->collector, &err);
        if (s == SUREFOOT_OK) s = sf_rollouts_append(&w->all, from, w->path, w->key, end, &err);
        done = end;
        if (s == SUREFOOT_OK && sf_cli_progress(w->cli, "rollouts", done, w->n_prompt))
            s = sf_fail(&err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    }
    sf_cli_progress_end(w->cli);
    return sf_cli_status(s, &err);
}

/* ----------------------------------------------------------------------------------- training */

static int on_epoch(void *user, int epoch, double train, double check) {
    struct work *w = user;
    sf_cli_say(w->cli, "epoch %d: loss %.4f, on the check part %.4f", epoch, train, check);
    return sf_cli_interrupted();
}

static struct sf_train_options train_options(struct work *w) {
    const struct sf_cli *c = w->cli;
    return (struct sf_train_options){.n_units =
                                         c->units == SF_CLI_UNSET ? UNITS : (uint32_t)c->units,
                                     .seed = c->seed,
                                     .n_threads = c->threads == SF_CLI_UNSET ? 0 : (int)c->threads,
                                     .budget = w->policy->budget,
                                     .tau = w->policy->threshold,
                                     .share = 1,
                                     .progress = on_epoch,
                                     .user = w};
}

static int curve_of(struct work *w, struct sf_train_curve curve[MAX_CURVE], size_t *n) {
    static const double share[] = {0.125, 0.25, 0.5, 1};
    static const uint32_t units[] = {8, 16, 64, 128};
    surefoot_error err = {0};
    surefoot_status s = SUREFOOT_OK;
    *n = 0;
    for (size_t i = 0; i < 8 && s == SUREFOOT_OK; i++) {
        struct sf_train_options o = train_options(w);
        struct sf_train_result result;
        struct surefoot_critic *k;
        struct sf_report r;
        if (i < 4) o.share = share[i];
        if (i >= 4) o.n_units = units[i - 4];
        s = sf_critic_train(&k, &w->all, &o, &result, &err);
        if (s == SUREFOOT_OK) s = sf_critic_report(&r, k, &w->all, &o, &err);
        sf_critic_close(k);
        if (s != SUREFOOT_OK) break;
        const struct sf_report_point *p = &r.point[1];
        curve[(*n)++] = (struct sf_train_curve){i < 4 ? "states" : "units",
                                                i < 4 ? (double)result.n_learn : o.n_units,
                                                p->measurable ? p->critic.auroc : (double)NAN,
                                                p->measurable ? p->critic.within : (double)NAN};
    }
    return sf_cli_status(s, &err);
}

static int train(struct work *w) {
    const struct sf_cli *c = w->cli;
    surefoot_error err = {0};
    struct sf_train_options o = train_options(w);
    struct sf_train_result result;
    struct surefoot_critic *k = NULL;
    struct sf_report r;
    struct sf_train_curve curve[MAX_CURVE];
    size_t n_curve = 0;
    char about[160];
    surefoot_status s = sf_critic_train(&k, &w->all, &o, &result, &err);
    if (s == SUREFOOT_OK) s = sf_critic_report(&r, k, &w->all, &o, &err);
    struct sf_critic_ties ties = {.model = w->fingerprint,
                                  .policy = w->policy->digest,
                                  .budget = w->policy->budget,
                                  .gamma = w->policy->gamma};
    snprintf(about, sizeof about, "%zu rollouts of %zu prompts, seed %" PRIu64, w->all.n_rollout,
             w->n_prompt, c->seed);
    if (s == SUREFOOT_OK) s = sf_critic_save(k, c->out, &ties, about, &err);
    int code = sf_cli_status(s, &err);
    if (!code && c->curve) code = curve_of(w, curve, &n_curve);
    if (!code && c->json) sf_train_json(&r, &result, k, curve, n_curve);
    if (!code && !c->json) {
        sf_train_print(c, &r, &result, k);
        for (size_t i = 0; i < n_curve; i++)
            sf_outf("curve: %s %g: AUROC %.3f, within prompt %.3f\n", curve[i].what, curve[i].x,
                    curve[i].auroc, curve[i].within);
    }
    if (!code && c->svg) code = sf_train_svg(c->svg, &r, curve, n_curve);
    sf_critic_close(k);
    if (!code && !c->keep_rollouts) remove(w->path);
    return code;
}

/* ----------------------------------------------------------------------------------- all of it */

static int check_options(struct sf_cli *c) {
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "guard train needs a model: -m FILE.gguf (none is built in)");
    if (!c->guard || !strcmp(c->guard, "off"))
        return sf_cli_fail(2, "guard train needs a policy: --guard POLICY.ini");
    if (!c->prompts) return sf_cli_fail(2, "guard train needs prompts: --prompts FILE");
    if (!c->out) return sf_cli_fail(2, "guard train needs a place for the critic: --out FILE");
    return 0;
}

static int open_all(struct work *w) {
    struct sf_cli *c = w->cli;
    surefoot_session_options o;
    surefoot_error err = {0};
    int code = check_options(c);
    if (!code) code = sf_cli_sampling(c, &w->chain);
    if (!code) code = sf_cli_session_options(c, &o);
    if (!code) code = sf_cli_open_policy(c, &w->policy);
    if (!code) code = read_prompts(w);
    if (!code) code = sf_cli_open_model(c, &w->model);
    if (!code) code = sf_cli_status(sf_model_fingerprint(w->model, w->fingerprint, &err), &err);
    if (code) return code;
    surefoot_model_info info = {.size = sizeof info};
    surefoot_model_describe(w->model, &info);
    w->chat = info.chat_template != NULL || c->chat_template;
    w->rollouts = c->rollouts == SF_CLI_UNSET ? 5 : (uint32_t)c->rollouts;
    w->n_predict = c->predict > 0 ? (uint32_t)c->predict : 160;
    int first = sf_guard_sequences(w->policy), slots = (int)(w->rollouts + 1) * BATCH;
    if (first + slots > 256) slots = 256 - first;
    if (o.n_ctx == 0) o.n_ctx = (uint32_t)(info.n_ctx_train < 512 ? info.n_ctx_train : 512);
    o.n_seq = (uint32_t)(first + slots);
    o.policy = w->policy;
    snprintf(w->path, sizeof w->path, "%s.rollouts", c->out);
    snprintf(w->key, sizeof w->key, "%.16s %.16s %zu %u %u %u %.3g %d", w->fingerprint,
             w->policy->digest, w->n_prompt, w->rollouts, w->n_predict, o.n_ctx,
             (double)w->chain.opt.temperature, w->chain.opt.top_k);
    code = sf_cli_open_session(c, &w->session, w->model, &o);
    if (code) return code;
    sf_generator_lm(&w->gen, w->session);
    w->ids = malloc(surefoot_session_n_ctx(w->session) * sizeof *w->ids);
    if (!w->ids) return sf_cli_fail(4, "no memory for a prompt");
    code = sf_cli_status(sf_guard_open(&w->guard, w->policy, &w->gen, &err), &err);
    w->all.n_hidden = w->gen.n_hidden;
    if (!code)
        code = sf_cli_status(sf_collector_open(&w->collector, &w->all, w->policy, &w->gen, first,
                                               slots, w->n_predict, &err),
                             &err);
    return code;
}

int sf_cli_train_critic(struct sf_cli *c) {
    struct work *w = calloc(1, sizeof *w);
    if (!w) return sf_cli_fail(4, "no memory for the training");
    w->cli = c;
    int code = open_all(w);
    if (!code) code = collect(w);
    if (!code) code = train(w);
    sf_collector_close(w->collector);
    sf_guard_close(w->guard);
    sf_rollouts_close(&w->all);
    sf_cli_close_session(w->session);
    surefoot_policy_close(w->policy);
    surefoot_model_close(w->model);
    for (size_t i = 0; i < w->n_prompt; i++) free(w->prompt[i].text);
    for (size_t i = 0; i < w->n_family; i++) free(w->family[i]);
    free(w->prompt);
    free(w->family);
    free(w->file);
    free(w->ids);
    free(w);
    return code;
}
