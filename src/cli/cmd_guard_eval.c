/* SPDX-License-Identifier: MIT
 * cmd_guard_eval.c - methods by prompts: every answer is one JSON object of --out, with everything
 * the table needs, so that each of its cells can be computed again. A run that was killed goes on
 * where it stopped.
 *
 * A prompt is one JSON object a line: prompt, id; kind (risky, benign, attack), topic, absent for the
 * table; and, for attacks: system, opening (a text already in the answer's turn, or a list of
 * pieces that are encoded one by one), stop (a list), bias ({"text": number}: on the tokens of the
 * text), seeds (how many), n (most tokens). The seed of an answer is
 * (--seed + s) 1000003 + line number (from 0), s = 0..seeds-1.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli_eval.h"
#include "critic.h"
#include "eval.h"
#include "generate.h"
#include "policy.h"

#define MAX_SETTINGS 256
#define MAX_SWEEP    16
#define SEED_STRIDE  1000003u

struct work {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_policy *policy;
    surefoot_session *session;
    struct sf_generator gen;
    struct sf_cli_chain chain;
    struct sf_eval_setting setting[MAX_SETTINGS];
    size_t n_setting;
    struct sf_eval *eval;
    struct surefoot_critic *critic;
    const char *critic_kind; /* off, on or noise */
    json_t *prompts;         /* array */
    json_t *done;            /* set of keys */
    FILE *out;
    uint32_t n_predict;
    /* one prompt */
    int32_t *ids; /* n_ctx of them */
    size_t n_ids, n_free;
    surefoot_logit_bias bias[SF_CLI_LIST];
    const char *stop[16];
    float *logprob;
    size_t n_logprob;
    const int32_t *scored; /* ids whose log-probabilities come in */
};

/* ----------------------------------------------------------------------------------- settings */

static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *p = list; (p = strstr(p, name)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == 0 || p[n] == ',')) return true;
    return false;
}

static int check_methods(const char *list) {
    char copy[512];
    snprintf(copy, sizeof copy, "%s", list);
    for (char *save, *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        if (sf_method_find(item)) continue;
        char known[512] = "";
        for (size_t i = 0; sf_method_at(i); i++) {
            size_t n = strlen(known);
            snprintf(known + n, sizeof known - n, " %s", sf_method_at(i)->name);
        }
        return sf_cli_fail(2, "--methods: '%s' is none of%s", item, known);
    }
    return 0;
}

static int budgets(const struct work *w, int64_t *out, size_t *n) {
    char copy[256];
    out[0] = w->policy->budget;
    *n = 1;
    if (!w->cli->budget_list) return 0;
    *n = 0;
    snprintf(copy, sizeof copy, "%s", w->cli->budget_list);
    for (char *save, *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        if (*n == MAX_SWEEP || !sf_number_millionths(&out[*n], item, false) || out[*n] < 0)
            return sf_cli_fail(2, "--budget: '%s' is no budget, or there are more than %d", item,
                               MAX_SWEEP);
        (*n)++;
    }
    return *n ? 0 : sf_cli_fail(2, "--budget: the list is empty");
}

static int add_settings(struct work *w) {
    const struct sf_cli *c = w->cli;
    int64_t N[MAX_SWEEP], d[MAX_SWEEP], budget[MAX_SWEEP];
    size_t n_N = 1, n_d = 1, n_budget = 1;
    N[0] = w->policy->candidates;
    d[0] = w->policy->block;
    int code = c->cand_list ? sf_cli_ranges("-N", c->cand_list, 1, SF_GUARD_MAX_CANDIDATES, N,
                                            MAX_SWEEP, &n_N)
                            : 0;
    if (!code && c->block_list)
        code = sf_cli_ranges("-d", c->block_list, 1, SF_GUARD_MAX_BLOCK, d, MAX_SWEEP, &n_d);
    if (!code) code = budgets(w, budget, &n_budget);
    if (!code && c->methods) code = check_methods(c->methods);
    for (size_t m = 0; sf_method_at(m) && !code; m++) {
        const struct sf_method *method = sf_method_at(m);
        bool one = method->use == SF_USES_ONE && strcmp(method->name, "args") != 0;
        bool blocks = method->use != SF_USES_ONE && method->use != SF_USES_N;
        if (c->methods ? !listed(c->methods, method->name) : method->track != 'E') continue;
        for (size_t i = 0; i < n_budget; i++)
            for (size_t j = 0; j < (one ? 1 : n_N); j++)
                for (size_t k = 0; k < (blocks ? n_d : 1); k++) {
                    if (w->n_setting == MAX_SETTINGS)
                        return sf_cli_fail(2, "more than %d methods and settings", MAX_SETTINGS);
                    struct sf_eval_setting *s = &w->setting[w->n_setting++];
                    *s = (struct sf_eval_setting){.method = method,
                                                  .candidates = one ? 1 : (int)N[j],
                                                  .block = (int)d[k],
                                                  .keep = 1,
                                                  .retries = w->policy->retries,
                                                  .budget = budget[i],
                                                  .lambda = isnan(c->lambda) ? 5 : c->lambda};
                    if (method->use == SF_USES_BEAMS) { /* K = N / 4 */
                        s->keep = s->candidates >= 4 ? s->candidates / 4 : 1;
                        while (s->candidates % s->keep) s->keep--;
                    }
                    if (method->use == SF_USES_FULL && s->candidates % w->policy->keep == 0)
                        s->keep = w->policy->keep;
                }
    }
    return code;
}

/* -------------------------------------------------------------------------------------- files */

static int read_prompts(struct work *w) {
    char *text, *line, *save;
    size_t n;
    int code = sf_cli_read(w->cli->prompts, &text, &n), number = 0;
    if (code) return code;
    w->prompts = json_array();
    for (line = strtok_r(text, "\n", &save); line && !code; line = strtok_r(NULL, "\n", &save)) {
        json_error_t e;
        json_t *p = json_loads(line, 0, &e);
        number++;
        if (!p || !json_is_string(json_object_get(p, "prompt")) ||
            !json_is_string(json_object_get(p, "id")))
            code = sf_cli_fail(3, "%s: line %d: %s", w->cli->prompts, number,
                               p ? "no \"prompt\" or no \"id\"" : e.text);
        if (p) json_array_append_new(w->prompts, p);
    }
    free(text);
    if (!code && json_array_size(w->prompts) == 0)
        code = sf_cli_fail(3, "%s holds no prompt", w->cli->prompts);
    return code;
}

static void key_of(char *out, size_t cap, const char *method, const char *critic, int64_t N,
                   int64_t d, int64_t K, int64_t M, double budget, int64_t seed, const char *id) {
    snprintf(out, cap, "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %.6f %" PRId64 " %s",
             method, critic, N, d, K, M, budget, seed, id);
}

static int64_t int_of(const json_t *o, const char *key) {
    return json_integer_value(json_object_get(o, key));
}
static const char *str_of(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* What --out already holds; a last line that was cut off is removed. */
static int read_done(struct work *w) {
    const char *path = w->cli->out;
    char key[512], *text = NULL, *save;
    size_t n = 0, whole;
    w->done = json_object();
    if (access(path, F_OK) != 0) return 0;
    int code = sf_cli_read(path, &text, &n);
    if (code) return code;
    for (whole = n; whole > 0 && text[whole - 1] != '\n';) whole--;
    if (whole < n && truncate(path, (off_t)whole) != 0)
        code = sf_cli_fail(1, "could not write to '%s': %s", path, strerror(errno));
    text[whole] = 0;
    for (char *line = strtok_r(text, "\n", &save); line && !code;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *o = json_loads(line, 0, NULL);
        if (!o) {
            code = sf_cli_fail(3, "'%s' holds a line that is no JSON: it is not ours to go on with",
                               path);
            break;
        }
        key_of(key, sizeof key, str_of(o, "method"), str_of(o, "critic"), int_of(o, "N"),
               int_of(o, "d"), int_of(o, "K"), int_of(o, "M"),
               json_number_value(json_object_get(o, "budget")), int_of(o, "seed"), str_of(o, "id"));
        json_object_set_new(w->done, key, json_true());
        json_decref(o);
    }
    free(text);
    return code;
}

/* ------------------------------------------------------------------------------------- prompts */

static int append_ids(struct work *w, const char *text) {
    surefoot_error err = {0};
    size_t n = 0, room = surefoot_session_n_ctx(w->session) - w->n_ids;
    surefoot_status s =
        surefoot_tokenize(w->model, text, strlen(text), 0, w->ids + w->n_ids, room, &n, &err);
    if (s == SUREFOOT_OK) w->n_ids += n;
    return sf_cli_status(s, &err);
}

static int encode_prompt(struct work *w, const json_t *p) {
    surefoot_error err = {0};
    surefoot_message m[2];
    size_t n = 0;
    const char *system = json_string_value(json_object_get(p, "system"));
    if (system) m[n++] = (surefoot_message){"system", system};
    m[n++] = (surefoot_message){"user", str_of(p, "prompt")};
    surefoot_prompt q = {.messages = m, .n_messages = n};
    if (!w->model->chat)
        q = (surefoot_prompt){.text = str_of(p, "prompt"), .n_text = strlen(str_of(p, "prompt"))};
    surefoot_status s = surefoot_prompt_ids(
        w->model, &q, w->ids, surefoot_session_n_ctx(w->session), &w->n_ids, &w->n_free, &err);
    if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
    json_t *opening = json_object_get(p, "opening"), *piece;
    size_t i;
    int code = json_is_string(opening) ? append_ids(w, json_string_value(opening)) : 0;
    json_array_foreach(opening, i, piece) if (!code && json_is_string(piece)) code =
        append_ids(w, json_string_value(piece));
    return code;
}

static int sampling_of(struct work *w, const json_t *p, uint64_t seed, surefoot_sampling *o) {
    surefoot_error err = {0};
    json_t *v, *stop = json_object_get(p, "stop");
    const char *text;
    size_t i;
    *o = w->chain.opt;
    o->seed = seed;
    o->logit_bias = w->bias;
    o->n_logit_bias = 0;
    o->stop = w->stop;
    o->n_stop = 0;
    int64_t n = int_of(p, "n");
    o->n_predict = n > 0 && n < w->n_predict ? (uint32_t)n : w->n_predict;
    json_object_foreach(json_object_get(p, "bias"), text, v) {
        int32_t ids[64];
        size_t m = 0;
        surefoot_status s = surefoot_tokenize(w->model, text, strlen(text), 0, ids, 64, &m, &err);
        if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
        for (size_t j = 0; j < m && o->n_logit_bias < SF_CLI_LIST; j++) {
            bool twice = false;
            for (size_t k = 0; k < o->n_logit_bias; k++) twice |= w->bias[k].token == ids[j];
            if (!twice)
                w->bias[o->n_logit_bias++] =
                    (surefoot_logit_bias){ids[j], (float)json_number_value(v)};
        }
    }
    json_array_foreach(stop, i, v) if (json_is_string(v) && o->n_stop < 16) w->stop[o->n_stop++] =
        json_string_value(v);
    surefoot_status s = sf_sampler_init(&w->session->sampler, o, w->model->config.n_vocab, &err);
    return sf_cli_status(s, &err);
}

/* ------------------------------------------------------------------------------------- answers */

static int on_logits(void *user, size_t pos, int32_t id, const float *logits, size_t n_vocab) {
    struct work *w = user;
    (void)id;
    w->logprob[pos] = sf_logprob(&w->model->kernels, w->session->sample_scratch, logits,
                                 (uint32_t)n_vocab, w->scored[pos]);
    return 0;
}

/* log P of the delivered tokens under the base model, in one pass: not part of any method's time. */
static surefoot_status logprobs(struct work *w, const struct sf_eval_answer *a,
                                surefoot_error *err) {
    if (a->n_ids == 0 || w->n_ids + a->n_ids > surefoot_session_n_ctx(w->session))
        return SUREFOOT_OK;
    if (a->n_ids > w->n_logprob) {
        float *more = realloc(w->logprob, a->n_ids * sizeof *more);
        if (!more) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu numbers", a->n_ids);
        w->logprob = more;
        w->n_logprob = a->n_ids;
    }
    for (size_t i = 0; i < a->n_ids; i++) w->logprob[i] = NAN;
    w->scored = a->ids;
    surefoot_session_rewind(w->session, 0);
    SF_TRY(surefoot_eval(w->session, w->ids, w->n_ids - 1, 0, NULL, NULL, err));
    int32_t last = w->ids[w->n_ids - 1];
    SF_TRY(surefoot_eval(w->session, &last, 1, 0, on_logits, w, err));
    if (a->n_ids == 1) return SUREFOOT_OK;
    w->scored = a->ids + 1;
    w->logprob++;
    surefoot_status st = surefoot_eval(w->session, a->ids, a->n_ids - 1, 0, on_logits, w, err);
    w->logprob--;
    return st;
}

static const char *finish_name(surefoot_finish f) {
    static const char *const name[] = {"none",     "eos", "stop",     "length", "context",
                                       "fallback", "cut", "deadline", "aborted"};
    return (size_t)f < sizeof name / sizeof *name ? name[f] : "none";
}

static json_t *units(int64_t v) {
    return v == SF_COST_UNSAFE ? json_null() : json_real(1e-6 * (double)v);
}
static json_t *real(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *record(const struct work *w, const json_t *p, const struct sf_eval_setting *s,
                      uint64_t seed, int64_t round, const struct sf_eval_answer *a, double prompt) {
    const surefoot_stats *st = &a->stats;
    const char *critic = w->critic_kind;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double tokens = st->finish == SUREFOOT_FINISH_FALLBACK ? (double)a->n_ids : st->n_delivered;
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:f}", "method",
                          s->method->name, "track", s->method->track == 'P' ? "P" : "E", "critic",
                          critic, "N", s->candidates, "d", s->block, "K", s->keep, "M", s->retries,
                          "budget", 1e-6 * (double)s->budget, "gamma", w->policy->gamma);
    json_object_set_new(o, "seed", json_integer(round));
    json_object_set_new(o, "draw_seed", json_integer((json_int_t)seed));
    static const char *const copied[] = {"id", "kind", "topic", "tier", "absent", "rule", "half"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (json_object_get(p, copied[i]))
            json_object_set(o, copied[i], json_object_get(p, copied[i]));
    json_object_set_new(o, "text", json_stringn(a->text, a->n_text));
    json_t *ids = json_array(), *rise = json_array();
    for (size_t i = 0; i < a->n_ids; i++) json_array_append_new(ids, json_integer(a->ids[i]));
    for (size_t i = 0; i < a->n_rise; i++)
        json_array_append_new(rise, json_pack("[i,o]", (int)a->rise[i].t, units(a->rise[i].spent)));
    json_object_set_new(o, "ids", ids);
    json_object_set_new(o, "spent", rise);
    json_object_set_new(o, "cost", units(a->spent));
    json_object_set_new(o, "safe", json_boolean(a->safe));
    json_object_set_new(o, "z", real(a->z));
    bool own = st->finish == SUREFOOT_FINISH_FALLBACK || st->finish == SUREFOOT_FINISH_CUT;
    json_object_set_new(o, "reward", real(own ? (double)NAN : a->reward));
    json_object_set_new(o, "finish", json_string(finish_name(st->finish)));
    json_object_set_new(o, "tokens", json_real(tokens));
    json_object_update_new(o, json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "evals",
                                        (json_int_t)st->evals, "drafts", (int)st->drafts,
                                        "discarded", (int)a->discarded, "branches",
                                        (int)st->branches, "drops", (int)st->drops, "retries",
                                        (int)st->retries, "revoked", (int)st->revoked, "fallback",
                                        (int)st->fallbacks, "cut", (int)st->cuts));
    json_object_update_new(o, json_pack("{s:i, s:i, s:i}", "doubts", (int)st->doubts, "doubted",
                                        (int)st->doubted, "kept_doubted", (int)st->kept_doubted));
    json_object_update_new(o, json_pack("{s:f, s:f, s:f, s:f, s:i, s:i}", "seconds",
                                        prompt + st->generate_seconds, "prompt_seconds", prompt,
                                        "ttft", prompt + st->first_token_seconds, "gap",
                                        st->longest_gap_seconds, "deadline_misses",
                                        (int)st->deadline_misses, "rss_kib", (int)use.ru_maxrss));
    return o;
}

/* One answer, from an empty context. */
static int answer(struct work *w, const json_t *p, size_t i, uint64_t seed, int64_t round,
                  const surefoot_sampling *o) {
    surefoot_session *s = w->session;
    surefoot_error err = {0};
    struct sf_eval_answer a;
    size_t reused;
    double began = sf_cli_now();
    surefoot_session_rewind(s, 0);
    atomic_store(&s->abort_asked, 0);
    surefoot_status st = sf_prompt_feed(s, w->ids, w->n_ids, &reused, &err);
    if (st != SUREFOOT_OK) return sf_cli_status(st, &err);
    double prompt = sf_cli_now() - began;
    struct sf_guard_run run = {.gen = &w->gen,
                               .prompt = w->ids,
                               .n_prompt = w->n_ids,
                               .n_free = w->n_free,
                               .drop_space = sf_drops_space(s),
                               .stop = o->stop,
                               .n_stop = o->n_stop,
                               .n_predict = o->n_predict};
    st = sf_eval_ask(w->eval, i, &run, &a, &err);
    if (sf_cli_interrupted()) return 130;
    /* What a guard stopped for is a result; what a baseline stopped for is a failure. */
    if (st != SUREFOOT_OK && st != SUREFOOT_E_LIMIT && st != SUREFOOT_E_NUMERIC)
        return sf_cli_status(st, &err);
    st = logprobs(w, &a, &err);
    if (st == SUREFOOT_OK)
        st = sf_eval_read(w->eval, i, &run, a.n_ids ? w->logprob : NULL, &a, &err);
    if (st != SUREFOOT_OK) return sf_cli_status(st, &err);
    json_t *r = record(w, p, &w->setting[i], seed, round, &a, prompt);
    char *line = json_dumps(r, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(r);
    bool good = line && fprintf(w->out, "%s\n", line) > 0 && fflush(w->out) == 0;
    free(line);
    return good ? 0 : sf_cli_fail(1, "could not write to '%s': %s", w->cli->out, strerror(errno));
}

static bool is_done(const struct work *w, const struct sf_eval_setting *s, int64_t round,
                    const char *id) {
    char key[512];
    key_of(key, sizeof key, s->method->name, w->cli->critic ? w->cli->critic : "off", s->candidates,
           s->block, s->keep, s->retries, 1e-6 * (double)s->budget, round, id);
    return json_object_get(w->done, key) != NULL;
}

/* The first pass through the weights is slower than the others: not the first method's fault. */
static void warm_up(struct work *w) {
    double seconds;
    surefoot_workload(w->session, 16, 8, 1, 0, &seconds, NULL);
}

static int run_all(struct work *w) {
    uint64_t total = 0, at = 0;
    size_t line;
    json_t *p;
    int code = 0;
    json_array_foreach(w->prompts, line, p) {
        int64_t seeds = int_of(p, "seeds");
        total += (uint64_t)(seeds > 0 ? seeds : 1) * w->n_setting;
    }
    warm_up(w);
    json_array_foreach(w->prompts, line, p) {
        int64_t seeds = int_of(p, "seeds") > 0 ? int_of(p, "seeds") : 1;
        for (int64_t s = 0; s < seeds && !code; s++) {
            int64_t round = (int64_t)w->cli->seed + s;
            uint64_t seed = (uint64_t)round * SEED_STRIDE + line;
            surefoot_sampling o;
            bool ready = false;
            for (size_t i = 0; i < w->n_setting && !code; i++, at++) {
                if (is_done(w, &w->setting[i], round, str_of(p, "id"))) continue;
                if (!ready) code = encode_prompt(w, p);
                if (!ready && !code) code = sampling_of(w, p, seed, &o);
                ready = true;
                if (!code) code = answer(w, p, i, seed, round, &o);
                if (!code && sf_cli_progress(w->cli, "eval", at + 1, total)) code = 130;
            }
        }
        if (code) break;
    }
    sf_cli_progress_end(w->cli);
    return code;
}

/* --critic off | noise | FILE: what guards and the paper's method ask. */
static int open_critic(struct work *w) {
    const struct sf_cli *c = w->cli;
    surefoot_error err = {0};
    char print[SF_SHA256_TEXT];
    w->critic_kind = "off";
    if (!c->critic || !strcmp(c->critic, "off")) return 0;
    if (!strcmp(c->critic, "noise")) {
        w->critic_kind = "noise";
        return sf_cli_status(sf_critic_noise(&w->critic, c->seed, &err), &err);
    }
    int code = sf_cli_path("--critic", c->critic);
    if (code) return code;
    surefoot_status st = sf_model_fingerprint(w->model, print, &err);
    struct sf_critic_ties ties = {.model = print,
                                  .policy = w->policy->digest,
                                  .budget = w->policy->budget,
                                  .gamma = w->policy->gamma};
    if (st == SUREFOOT_OK) st = sf_critic_open(&w->critic, c->critic, &ties, &err);
    w->critic_kind = "on";
    return st == SUREFOOT_OK ? 0 : sf_cli_file_status(st, &err, c->critic);
}

static int open_all(struct work *w) {
    struct sf_cli *c = w->cli;
    surefoot_error err = {0};
    surefoot_session_options o;
    int code = sf_cli_open_model(c, &w->model);
    if (!code && (!c->guard || !strcmp(c->guard, "off")))
        code = sf_cli_fail(2, "guard eval needs a policy: --guard POLICY");
    if (!code) code = sf_cli_open_policy(c, &w->policy);
    if (!code) code = open_critic(w);
    if (!code) code = sf_cli_sampling(c, &w->chain);
    if (!code) code = add_settings(w);
    if (!code) code = sf_cli_session_options(c, &o);
    if (code) return code;
    w->n_predict = c->predict == SF_CLI_UNSET ? 256 : (uint32_t)c->predict;
    struct sf_search_size size = {
        .n_seq = (uint32_t)sf_eval_sequences(w->policy, w->setting, w->n_setting),
        .draft = w->n_predict + SF_GUARD_MAX_TOKENS};
    surefoot_status st = sf_session_open(&w->session, w->model, &o, &size, &err);
    if (st != SUREFOOT_OK) return sf_cli_status(st, &err);
    sf_cli_abortable(w->session);
    sf_generator_lm(&w->gen, w->session);
    w->ids = malloc(surefoot_session_n_ctx(w->session) * sizeof *w->ids);
    if (!w->ids) return sf_cli_fail(4, "no memory for a prompt");
    st = sf_eval_open(&w->eval, w->policy, &w->gen, w->setting, w->n_setting, w->n_predict, &err);
    if (st == SUREFOOT_OK) sf_eval_use_critic(w->eval, w->critic);
    return sf_cli_status(st, &err);
}

static void close_all(struct work *w) {
    sf_eval_close(w->eval);
    sf_critic_close(w->critic);
    sf_cli_close_session(w->session);
    surefoot_policy_close(w->policy);
    surefoot_model_close(w->model);
    json_decref(w->prompts);
    json_decref(w->done);
    free(w->ids);
    free(w->logprob);
    if (w->out && fclose(w->out) != 0)
        sf_cli_fail(1, "could not write to '%s': %s", w->cli->out, strerror(errno));
}

static int show(const struct sf_cli *c) {
    struct sf_eval_lines l;
    int code = sf_eval_lines_read(c->out, &l);
    if (!code && c->table) code = sf_eval_table(&l);
    if (!code && c->svg) code = sf_eval_svg(&l, c->svg);
    sf_eval_lines_free(&l);
    return code;
}

int sf_cmd_guard_eval(struct sf_cli *c) {
    struct work w = {.cli = c};
    int code = 0;
    if (!c->out) return sf_cli_fail(2, "guard eval needs --out FILE.jsonl");
    if (!c->prompts && !c->table && !c->svg)
        return sf_cli_fail(2,
                           "guard eval needs --prompts FILE, or --table or --svg for an old one");
    if (c->prompts) {
        code = sf_cli_path("--prompts", c->prompts);
        if (!code) code = read_prompts(&w);
        if (!code) code = read_done(&w);
        if (!code) code = open_all(&w);
        if (!code && !(w.out = fopen(c->out, "a")))
            code = sf_cli_fail(1, "could not write to '%s': %s", c->out, strerror(errno));
        if (!code) code = run_all(&w);
        close_all(&w);
    }
    if (!code && (c->table || c->svg)) code = show(c);
    return sf_out_finish(code);
}
