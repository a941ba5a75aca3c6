/* SPDX-License-Identifier: MIT
 * cli_answer.c - one generated answer on its way to the user; see cli_answer.h.
 */
#include "cli_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(void **p, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t more = *cap ? 2 * *cap : 256;
    while (more < need) more *= 2;
    void *q = realloc(*p, more * size);
    if (!q) return false;
    *p = q;
    *cap = more;
    return true;
}

static bool keep(struct sf_answer *a, const char *text, size_t n, const surefoot_token *tokens,
                 size_t n_tokens) {
    if (!room((void **)&a->text, &a->cap_text, a->n_text + n + 1, 1) ||
        !room((void **)&a->token, &a->cap_token, a->n_token + n_tokens, sizeof *a->token))
        return false;
    if (n) memcpy(a->text + a->n_text, text, n);
    if (n_tokens) memcpy(a->token + a->n_token, tokens, n_tokens * sizeof *tokens);
    a->n_text += n;
    a->n_token += n_tokens;
    a->text[a->n_text] = 0;
    return true;
}

int sf_answer_emit(void *user, const char *text, size_t n, const surefoot_token *tokens,
                   size_t n_tokens) {
    struct sf_answer *a = user;
    /* Kept first: what is shown must be in the history. */
    if (a->keep && !keep(a, text, n, tokens, n_tokens)) {
        a->no_memory = true;
        return 1;
    }
    if (a->show && !sf_out_text(a->cli, text, n)) return 1;
    return sf_cli_interrupted();
}

void sf_answer_clear(struct sf_answer *a) {
    a->n_text = a->n_token = 0;
    a->no_memory = false;
    if (a->text) a->text[0] = 0;
}

void sf_answer_free(struct sf_answer *a) {
    free(a->text);
    free(a->token);
    a->text = NULL;
    a->token = NULL;
    a->n_text = a->cap_text = a->n_token = a->cap_token = 0;
}

const char *sf_finish_name(surefoot_finish f) {
    switch (f) {
    case SUREFOOT_FINISH_NONE:
        return "none";
    case SUREFOOT_FINISH_EOS:
        return "eos";
    case SUREFOOT_FINISH_STOP:
        return "stop";
    case SUREFOOT_FINISH_LENGTH:
        return "length";
    case SUREFOOT_FINISH_CONTEXT:
        return "context";
    case SUREFOOT_FINISH_FALLBACK:
        return "fallback";
    case SUREFOOT_FINISH_CUT:
        return "cut";
    case SUREFOOT_FINISH_DEADLINE:
        return "deadline";
    case SUREFOOT_FINISH_ABORTED:
        return "aborted";
    }
    return "none";
}

static double per_second(uint64_t n, double seconds) {
    return seconds > 0 ? (double)n / seconds : 0;
}

void sf_answer_line(const struct sf_cli *c, bool guarded, const surefoot_stats *s) {
    char line[512], guard[256] = "off", reused[48] = "";
    if (guarded)
        snprintf(guard, sizeof guard,
                 "%.2f evals/tok, %u branches, %u drops, %u retries, %u fallbacks, z %.2f/%.2f",
                 s->n_delivered ? (double)s->evals / s->n_delivered : (double)s->evals, s->branches,
                 s->drops, s->retries, s->fallbacks, 1e-6 * (double)(s->budget - s->spent),
                 1e-6 * (double)s->budget);
    if (s->n_reused) snprintf(reused, sizeof reused, " (%u reused)", s->n_reused);
    snprintf(line, sizeof line, "prompt %u tok%s %.1f t/s · generated %u tok %.1f t/s · guard: %s",
             s->n_prompt, reused, per_second(s->n_prompt - s->n_reused, s->prompt_seconds),
             s->n_delivered, per_second(s->n_delivered, s->generate_seconds), guard);
    sf_cli_stats(c, line);
}

/* -------------------------------------------------------------------------------------- JSON */

void sf_put_key(const char *key) {
    sf_outf(",\"%s\":", key);
}

void sf_put_guard(const surefoot_policy *policy, const char *name, const surefoot_stats *s) {
    sf_put_key("guard");
    if (!policy) {
        sf_out_str("\"off\"");
        return;
    }
    surefoot_policy_info p = {.size = sizeof p};
    surefoot_policy_describe(policy, &p);
    sf_out_str("{\"policy\":");
    sf_out_json_str(name, strlen(name));
    sf_outf(",\"mode\":\"%s\",\"evals\":%" PRIu64 ",\"evals_bound\":%" PRIu64
            ",\"evals_per_token\":",
            p.mode == SUREFOOT_GUARD_FULL ? "full" : "lazy", s->evals, s->evals_bound);
    sf_out_json_real(s->n_delivered ? (double)s->evals / s->n_delivered : (double)s->evals, 6);
    sf_outf(",\"branches\":%u,\"drops\":%u,\"retries\":%u,\"revoked\":%u,\"cuts\":%u,"
            "\"fallbacks\":%u,\"drafts\":%u,\"deadline_misses\":%u,\"longest_gap_seconds\":%.6f",
            s->branches, s->drops, s->retries, s->revoked, s->cuts, s->fallbacks, s->drafts,
            s->deadline_misses, s->longest_gap_seconds);
    sf_outf(",\"doubts\":%u,\"doubted\":%u,\"kept_doubted\":%u", s->doubts, s->doubted,
            s->kept_doubted);
    sf_outf(",\"budget\":%.6f,\"spent\":%.6f,\"z\":%.6f}", 1e-6 * (double)s->budget,
            1e-6 * (double)s->spent, 1e-6 * (double)(s->budget - s->spent));
}

int sf_put_prompt_ids(const surefoot_model *m, const surefoot_prompt *prompt) {
    surefoot_error err = {0};
    size_t n = 0, n_free = 0;
    surefoot_prompt_ids(m, prompt, NULL, 0, &n, &n_free, NULL);
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    if (!ids) return sf_cli_fail(4, "no memory for a prompt of %zu tokens", n);
    surefoot_status s = surefoot_prompt_ids(m, prompt, ids, n, &n, &n_free, &err);
    if (s == SUREFOOT_OK) {
        sf_put_key("prompt_ids");
        sf_out_str("[");
        for (size_t i = 0; i < n; i++) sf_outf("%s%d", i ? "," : "", (int)ids[i]);
        sf_out_str("]");
        if (n_free < n) sf_outf(",\"n_free\":%zu", n_free);
    }
    free(ids);
    return sf_cli_status(s, &err);
}

static void put_logprobs(const struct sf_answer *a) {
    sf_put_key("logprobs");
    sf_out_str("[");
    for (size_t i = 0; i < a->n_token; i++) {
        const surefoot_token *t = &a->token[i];
        sf_outf("%s{\"id\":%d,\"logprob\":", i ? "," : "", (int)t->id);
        sf_out_json_real((double)t->logprob, 9);
        sf_out_str(",\"top\":[");
        for (int k = 0; k < t->n_top; k++) {
            sf_outf("%s[%d,", k ? "," : "", (int)t->top[k].id);
            sf_out_json_real((double)t->top[k].logprob, 9);
            sf_out_str("]");
        }
        sf_out_str("]}");
    }
    sf_out_str("]");
}

void sf_put_answer(const struct sf_answer *a, const surefoot_sampling *o, const surefoot_stats *s) {
    sf_put_key("ids");
    sf_out_str("[");
    for (size_t i = 0; i < a->n_token; i++) sf_outf("%s%d", i ? "," : "", (int)a->token[i].id);
    sf_out_str("]");
    if (o->logprobs) put_logprobs(a);
    sf_outf(",\"seed\":%" PRIu64, o->seed);
    sf_outf(",\"prompt_seconds\":%.6f,\"generate_seconds\":%.6f,\"first_token_seconds\":%.6f",
            s->prompt_seconds, s->generate_seconds, s->first_token_seconds);
}
