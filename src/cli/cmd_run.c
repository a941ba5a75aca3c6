/* SPDX-License-Identifier: MIT
 * cmd_run.c - text in, text out, once. Speaks to the library through surefoot.h alone.
 *
 * Unguarded text is only ever asked for by name: without --guard the command refuses to run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

struct answer { /* what arrived, kept only for --json */
    const struct sf_cli *cli;
    const surefoot_model *model;
    char *text;
    size_t n_text, cap_text;
    surefoot_token *token;
    size_t n_token, cap_token;
    bool no_memory;
};

struct work {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_policy *policy;
    surefoot_session *session;
    surefoot_guard *guard;
    surefoot_model_info info;
    char *text; /* the prompt */
    size_t n_text;
    bool chat;      /* through a chat template */
    char *template; /* --chat-template: text of a file, or NULL */
    struct sf_cli_chain chain;
    struct answer answer;
};

/* ------------------------------------------------------------------------------------ output */

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

static int on_text(void *user, const char *text, size_t n, const surefoot_token *tokens,
                   size_t n_tokens) {
    struct answer *a = user;
    if (!a->cli->json) return !sf_out_text(a->cli, text, n) || sf_cli_interrupted();
    if (!room((void **)&a->text, &a->cap_text, a->n_text + n, 1) ||
        !room((void **)&a->token, &a->cap_token, a->n_token + n_tokens, sizeof *a->token)) {
        a->no_memory = true;
        return 1;
    }
    if (n) memcpy(a->text + a->n_text, text, n);
    if (n_tokens) memcpy(a->token + a->n_token, tokens, n_tokens * sizeof *tokens);
    a->n_text += n;
    a->n_token += n_tokens;
    return sf_cli_interrupted();
}

static const char *finish_name(surefoot_finish f) {
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

static void stats_line(const struct work *w, const surefoot_stats *s) {
    char line[512], guard[256] = "off";
    if (w->guard)
        snprintf(guard, sizeof guard,
                 "%.2f evals/tok, %u branches, %u drops, %u retries, %u fallbacks, z %.2f/%.2f",
                 s->n_delivered ? (double)s->evals / s->n_delivered : (double)s->evals, s->branches,
                 s->drops, s->retries, s->fallbacks, 1e-6 * (double)(s->budget - s->spent),
                 1e-6 * (double)s->budget);
    snprintf(line, sizeof line, "prompt %u tok %.1f t/s · generated %u tok %.1f t/s · guard: %s",
             s->n_prompt, per_second(s->n_prompt - s->n_reused, s->prompt_seconds), s->n_delivered,
             per_second(s->n_delivered, s->generate_seconds), guard);
    sf_cli_stats(w->cli, line);
}

static void put_key(const char *key) {
    sf_outf(",\"%s\":", key);
}

static void put_ids(const char *key, const int32_t *ids, size_t n) {
    put_key(key);
    sf_out_str("[");
    for (size_t i = 0; i < n; i++) sf_outf("%s%d", i ? "," : "", (int)ids[i]);
    sf_out_str("]");
}

static void put_logprobs(const struct answer *a) {
    put_key("logprobs");
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

static void put_guard(const struct work *w, const surefoot_stats *s) {
    put_key("guard");
    if (!w->guard) {
        sf_out_str("\"off\"");
        return;
    }
    surefoot_policy_info p = {.size = sizeof p};
    surefoot_policy_describe(w->policy, &p);
    sf_out_str("{\"policy\":");
    sf_out_json_str(w->cli->guard, strlen(w->cli->guard));
    sf_outf(",\"mode\":\"%s\",\"evals\":%" PRIu64 ",\"evals_bound\":%" PRIu64
            ",\"evals_per_token\":",
            p.mode == SUREFOOT_GUARD_FULL ? "full" : "lazy", s->evals, s->evals_bound);
    sf_out_json_real(s->n_delivered ? (double)s->evals / s->n_delivered : (double)s->evals, 6);
    sf_outf(",\"branches\":%u,\"drops\":%u,\"retries\":%u,\"revoked\":%u,\"cuts\":%u,"
            "\"fallbacks\":%u,\"drafts\":%u,\"deadline_misses\":%u,\"longest_gap_seconds\":%.6f",
            s->branches, s->drops, s->retries, s->revoked, s->cuts, s->fallbacks, s->drafts,
            s->deadline_misses, s->longest_gap_seconds);
    sf_outf(",\"budget\":%.6f,\"spent\":%.6f,\"z\":%.6f}", 1e-6 * (double)s->budget,
            1e-6 * (double)s->spent, 1e-6 * (double)(s->budget - s->spent));
}

/* The prompt's ids, and how many of them are not the answer's: what an audit needs. */
static int put_prompt_ids(struct work *w, const surefoot_prompt *prompt) {
    surefoot_error err = {0};
    size_t n = 0, n_free = 0;
    surefoot_prompt_ids(w->model, prompt, NULL, 0, &n, &n_free, NULL);
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    if (!ids) return sf_cli_fail(4, "no memory for a prompt of %zu tokens", n);
    surefoot_status s = surefoot_prompt_ids(w->model, prompt, ids, n, &n, &n_free, &err);
    if (s == SUREFOOT_OK) {
        put_ids("prompt_ids", ids, n);
        if (n_free < n) sf_outf(",\"n_free\":%zu", n_free);
    }
    free(ids);
    return sf_cli_status(s, &err);
}

static int put_json(struct work *w, const surefoot_prompt *prompt, const surefoot_stats *s,
                    surefoot_status status, const surefoot_error *err) {
    const struct answer *a = &w->answer;
    sf_out_str("{\"text\":");
    sf_out_json_str(a->text ? a->text : "", a->n_text);
    put_key("finish");
    sf_outf("\"%s\"", finish_name(s->finish));
    sf_outf(",\"n_prompt\":%u,\"n_generated\":%u", s->n_prompt, s->n_delivered);
    if (w->cli->echo) {
        put_key("prompt");
        sf_out_json_str(w->text, w->n_text);
    }
    int code = put_prompt_ids(w, prompt);
    if (code) return code;
    put_key("ids");
    sf_out_str("[");
    for (size_t i = 0; i < a->n_token; i++) sf_outf("%s%d", i ? "," : "", (int)a->token[i].id);
    sf_out_str("]");
    if (w->chain.opt.logprobs) put_logprobs(a);
    sf_outf(",\"seed\":%" PRIu64, w->chain.opt.seed);
    sf_outf(",\"prompt_seconds\":%.6f,\"generate_seconds\":%.6f,\"first_token_seconds\":%.6f",
            s->prompt_seconds, s->generate_seconds, s->first_token_seconds);
    put_guard(w, s);
    if (status != SUREFOOT_OK) {
        put_key("error");
        sf_out_json_str(err->text, strlen(err->text));
    }
    sf_out_str("}\n");
    return 0;
}

/* ------------------------------------------------------------------------------------- checks */

/* A policy file next to the model is named, never used on its own. */
static void name_policy_beside(const struct sf_cli *c) {
    char path[4096];
    const char *dot = strrchr(c->model, '.'), *slash = strrchr(c->model, '/');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - c->model) : strlen(c->model);
    snprintf(path, sizeof path, "%.*s.ini", (int)stem, c->model);
    if (access(path, R_OK) == 0)
        sf_cli_note(c, "a policy lies beside the model; to use it: --guard %s", path);
}

static int check_options(struct sf_cli *c) {
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "run needs a model: -m FILE.gguf (none is built in)");
    if (!c->guard) {
        name_policy_beside(c);
        return sf_cli_fail(2, "run needs a policy for this model: --guard POLICY.ini, or "
                              "--guard off for text that nothing checks");
    }
    if (c->logprobs != SF_CLI_UNSET && !c->json)
        return sf_cli_fail(2, "--logprobs prints nothing without --json");
    if (c->raw && (c->system || c->chat_template))
        return sf_cli_fail(2, "--raw leaves no place for %s",
                           c->system ? "--system-prompt" : "--chat-template");
    if (c->strict && !strcmp(c->guard, "off"))
        return sf_cli_fail(2, "--strict asks whether the guard fell back, and --guard is off");
    return 0;
}

/* Raw or through a template; what the model lacks is said here, before anything is generated. */
static int choose_layout(struct work *w) {
    const struct sf_cli *c = w->cli;
    if (c->raw) return 0;
    size_t n;
    if (c->chat_template && access(c->chat_template, R_OK) == 0) {
        int code = sf_cli_read(c->chat_template, &w->template, &n);
        if (code) return code;
        if (strlen(w->template) != n || !strchr(w->template, '{'))
            return sf_cli_fail(3, "%s is no chat template", c->chat_template);
    }
    if (!c->chat_template && !w->info.chat_template) {
        if (w->info.has_chat_template)
            return sf_cli_fail(5,
                               "%s: its %s; give --chat-template NAME|FILE, or --raw to continue "
                               "the text as it is",
                               c->model, w->info.chat_template_error);
        if (c->system)
            return sf_cli_fail(2,
                               "--system-prompt needs a chat template and %s has none; give "
                               "--chat-template NAME",
                               c->model);
        sf_cli_note(c, "%s has no chat template: the text is continued as it is (--raw says so)",
                    c->model);
        return 0;
    }
    if (!w->n_text && !c->system) return 0; /* an empty prompt is BOS alone */
    w->chat = true;
    if (memchr(w->text, 0, w->n_text))
        return sf_cli_fail(2,
                           "the prompt holds a NUL byte, which a chat message cannot; use --raw");
    return 0;
}

static int open_all(struct work *w) {
    struct sf_cli *c = w->cli;
    surefoot_session_options o;
    surefoot_error err = {0};
    int code = check_options(c);
    if (!code) code = sf_cli_sampling(c, &w->chain);
    if (!code) code = sf_cli_session_options(c, &o); /* usage errors before a long load */
    if (!code) code = sf_cli_open_policy(c, &w->policy);
    if (!code) code = sf_cli_text(c, &w->text, &w->n_text);
    if (!code) code = sf_cli_open_model(c, &w->model);
    if (code) return code;
    w->info.size = sizeof w->info;
    surefoot_model_describe(w->model, &w->info);
    code = choose_layout(w);
    if (code) return code;
    if (c->batch == SF_CLI_UNSET) o.n_batch = 64; /* so that Ctrl-C is seen soon in prefill */
    o.policy = w->policy;
    code = sf_cli_open_session(c, &w->session, w->model, &o);
    if (code) return code;
    if (w->policy)
        code = sf_cli_status(surefoot_guard_open(&w->guard, w->session, w->policy, &err), &err);
    else
        sf_cli_note(c, "guard off: nothing checks this text");
    return code;
}

/* -------------------------------------------------------------------------------------- run */

static int after(struct work *w, surefoot_status s, const surefoot_stats *stats,
                 const surefoot_error *err) {
    struct sf_cli *c = w->cli;
    if (w->answer.no_memory) return sf_cli_fail(4, "no memory to hold the answer for --json");
    if (sf_out_failed()) return 1; /* sf_out_finish says why */
    if (s != SUREFOOT_OK) return sf_cli_status(s, err);
    if (stats->finish == SUREFOOT_FINISH_ABORTED || sf_cli_interrupted()) return 130;
    if (stats->finish == SUREFOOT_FINISH_CONTEXT)
        sf_cli_note(c, "the context of %u tokens is full: the text stops here (-c N for more)",
                    surefoot_session_n_ctx(w->session));
    bool refused = stats->finish == SUREFOOT_FINISH_FALLBACK ||
                   stats->finish == SUREFOOT_FINISH_CUT ||
                   stats->finish == SUREFOOT_FINISH_DEADLINE;
    if (refused && c->strict)
        return sf_cli_fail(7, "the guard ended the answer (%s)", finish_name(stats->finish));
    return 0;
}

static int generate(struct work *w) {
    struct sf_cli *c = w->cli;
    surefoot_message message[2];
    surefoot_prompt prompt = {.text = w->text, .n_text = w->n_text};
    surefoot_stats stats = {.size = sizeof stats};
    surefoot_error err = {0};
    if (w->chat) {
        if (c->system) message[prompt.n_messages++] = (surefoot_message){"system", c->system};
        message[prompt.n_messages++] = (surefoot_message){"user", w->text};
        prompt.messages = message;
        prompt.chat_template = w->template ? w->template : c->chat_template;
    }
    if (c->echo && !c->json) sf_out_text(c, w->text, w->n_text);
    w->answer.cli = c;
    w->answer.model = w->model;
    surefoot_status s = surefoot_generate(w->session, w->guard, &prompt, &w->chain.opt, on_text,
                                          &w->answer, &stats, &err);
    if (s == SUREFOOT_E_ABORTED && stats.finish == SUREFOOT_FINISH_NONE)
        stats.finish = SUREFOOT_FINISH_ABORTED; /* in the prompt already */
    bool began = stats.finish != SUREFOOT_FINISH_NONE || stats.n_delivered || s == SUREFOOT_OK ||
                 s == SUREFOOT_E_ABORTED;
    int code = 0;
    if (c->json && began)
        code = put_json(w, &prompt, &stats, s, &err);
    else if (!c->json && (began || c->echo))
        sf_out_str("\n");
    sf_out_flush();
    if (began && !sf_out_failed()) stats_line(w, &stats);
    int end = after(w, s, &stats, &err);
    return end ? end : code;
}

int sf_cmd_run(struct sf_cli *c) {
    struct work w = {.cli = c};
    int code = open_all(&w);
    if (!code) code = generate(&w);
    surefoot_guard_close(w.guard);
    sf_cli_close_session(w.session);
    surefoot_policy_close(w.policy);
    surefoot_model_close(w.model);
    free(w.answer.text);
    free(w.answer.token);
    free(w.text);
    free(w.template);
    return code;
}
