/* SPDX-License-Identifier: MIT
 * cmd_run.c - text in, text out, once. Speaks to the library through surefoot.h alone.
 *
 * Unguarded text is only ever asked for by name: without --guard the command refuses to run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_answer.h"

struct work {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_policy *policy;
    surefoot_session *session;
    surefoot_guard *guard;
    surefoot_critic *critic;
    surefoot_model_info info;
    char *text; /* the prompt */
    size_t n_text;
    bool chat;      /* through a chat template */
    char *template; /* --chat-template: text of a file, or NULL */
    struct sf_cli_chain chain;
    struct sf_answer answer; /* kept only for --json */
};

/* ------------------------------------------------------------------------------------ output */

static int put_json(struct work *w, const surefoot_prompt *prompt, const surefoot_stats *s,
                    surefoot_status status, const surefoot_error *err) {
    const struct sf_answer *a = &w->answer;
    sf_out_str("{\"text\":");
    sf_out_json_str(a->text ? a->text : "", a->n_text);
    sf_put_key("finish");
    sf_outf("\"%s\"", sf_finish_name(s->finish));
    sf_outf(",\"n_prompt\":%u,\"n_generated\":%u", s->n_prompt, s->n_delivered);
    if (w->cli->echo) {
        sf_put_key("prompt");
        sf_out_json_str(w->text, w->n_text);
    }
    int code = sf_put_prompt_ids(w->model, prompt);
    if (code) return code;
    sf_put_answer(a, &w->chain.opt, s);
    sf_put_guard(w->policy, w->cli->guard, s);
    if (status != SUREFOOT_OK) {
        sf_put_key("error");
        sf_out_json_str(err->text, strlen(err->text));
    }
    sf_out_str("}\n");
    return 0;
}

/* ------------------------------------------------------------------------------------- checks */

static int check_options(struct sf_cli *c) {
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "run needs a model: -m FILE.gguf (none is built in)");
    int code = sf_cli_needs_policy(c);
    if (code) return code;
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
    int code = sf_cli_template(c, &w->template);
    if (code) return code;
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
    o.progress = sf_cli_progress;
    o.user = c;
    code = sf_cli_open_session(c, &w->session, w->model, &o);
    if (code) return code;
    if (w->policy)
        code = sf_cli_status(surefoot_guard_open(&w->guard, w->session, w->policy, &err), &err);
    else
        sf_cli_note(c, "guard off: nothing checks this text");
    if (!code) code = sf_cli_open_critic(c, &w->critic, w->model, w->policy);
    if (!code && w->critic) surefoot_guard_use_critic(w->guard, w->critic);
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
        return sf_cli_fail(7, "the guard ended the answer (%s)", sf_finish_name(stats->finish));
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
    w->answer = (struct sf_answer){.cli = c, .show = !c->json, .keep = c->json};
    surefoot_status s = surefoot_generate(w->session, w->guard, &prompt, &w->chain.opt,
                                          sf_answer_emit, &w->answer, &stats, &err);
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
    if (began && !sf_out_failed()) sf_answer_line(c, w->guard != NULL, &stats);
    int end = after(w, s, &stats, &err);
    return end ? end : code;
}

int sf_cmd_run(struct sf_cli *c) {
    struct work w = {.cli = c};
    int code = open_all(&w);
    if (!code) code = generate(&w);
    surefoot_guard_close(w.guard);
    surefoot_critic_close(w.critic);
    sf_cli_close_session(w.session);
    surefoot_policy_close(w.policy);
    surefoot_model_close(w.model);
    sf_answer_free(&w.answer);
    free(w.text);
    free(w.template);
    return code;
}
