/* SPDX-License-Identifier: MIT
 * cmd_chat.c - the same as `run` in turns. Speaks to the library through surefoot.h alone.
 *
 * Every prompt is the whole conversation through the chat template; what the KV cache holds of it
 * already is not read again. Only delivered text becomes part of the conversation: an answer that
 * was stopped or cut is there up to its last delivered byte, and the cache follows the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_chat.h"

/* ------------------------------------------------------------------------------- conversation */

bool sf_talk_add(struct sf_talk *t, const char *role, const char *content, size_t n) {
    if (t->n_said == t->cap_said) {
        size_t cap = t->cap_said ? 2 * t->cap_said : 32;
        struct sf_said *more = realloc(t->said, cap * sizeof *more);
        if (!more) return false;
        t->said = more;
        t->cap_said = cap;
    }
    struct sf_said m = {.role = strdup(role), .content = malloc(n + 1)};
    if (!m.role || !m.content) {
        free(m.role);
        free(m.content);
        return false;
    }
    if (n) memcpy(m.content, content, n);
    m.content[n] = 0;
    t->said[t->n_said++] = m;
    return true;
}

void sf_talk_drop_last(struct sf_talk *t) {
    if (!t->n_said) return;
    struct sf_said *m = &t->said[--t->n_said];
    free(m->role);
    free(m->content);
    if (t->left_out > t->n_said) t->left_out = t->n_said;
}

void sf_talk_clear(struct sf_talk *t) {
    while (t->n_said) sf_talk_drop_last(t);
    t->left_out = 0;
    t->again = 0;
    t->has_last = false;
    t->total = (struct sf_talk_totals){0};
    if (t->guard) surefoot_guard_resume(t->guard, 0, 0);
}

bool sf_talk_prompt(const struct sf_talk *t, size_t from, size_t n, surefoot_prompt *p,
                    surefoot_message **list) {
    surefoot_message *m = malloc((n + 2) * sizeof *m);
    *list = m;
    *p = (surefoot_prompt){.messages = m,
                           .chat_template = t->template ? t->template : t->cli->chat_template};
    if (!m) {
        sf_cli_fail(4, "no memory for a conversation of %zu messages", n);
        return false;
    }
    if (t->system) m[p->n_messages++] = (surefoot_message){"system", t->system};
    for (size_t i = from; i < n; i++)
        m[p->n_messages++] = (surefoot_message){t->said[i].role, t->said[i].content};
    return true;
}

static bool is_user(const struct sf_said *m) {
    return !strcmp(m->role, "user");
}

int sf_talk_recount(struct sf_talk *t) {
    if (!t->guard) return 0;
    surefoot_policy_info info = {.size = sizeof info};
    surefoot_policy_describe(t->policy, &info);
    surefoot_guard_resume(t->guard, 0, 0);
    if (!info.scope_conversation) return 0;
    int64_t spent = 0;
    uint64_t steps = 0;
    int code = 0;
    for (size_t i = 0; i < t->n_said && !code; i++) {
        if (strcmp(t->said[i].role, "assistant")) continue;
        surefoot_prompt prompt;
        surefoot_message *list;
        surefoot_error err = {0};
        size_t n = 0, n_free = 0;
        if (!sf_talk_prompt(t, 0, i, &prompt, &list)) return 4;
        surefoot_prompt_ids(t->model, &prompt, NULL, 0, &n, &n_free, NULL);
        int32_t *ids = malloc((n + 1) * sizeof *ids);
        surefoot_status s = ids ? surefoot_prompt_ids(t->model, &prompt, ids, n, &n, &n_free, &err)
                                : SUREFOOT_E_MEMORY;
        surefoot_transcript told;
        surefoot_verdict verdict = {0};
        surefoot_transcript_init(&told);
        told.prompt_ids = ids;
        told.n_prompt_ids = n;
        told.n_free = n_free;
        told.text = t->said[i].content;
        told.n_text = strlen(told.text);
        told.spent = spent;
        told.steps = steps;
        if (s == SUREFOOT_OK)
            s = surefoot_audit(t->policy, t->model, &told, NULL, NULL, &verdict, &err);
        spent = verdict.spent;
        steps += verdict.steps;
        code = sf_cli_interrupted() ? 130 : sf_cli_status(s, &err);
        free(ids);
        free(list);
    }
    if (!code) surefoot_guard_resume(t->guard, spent, steps);
    return code;
}

/* ------------------------------------------------------------------------------------ context */

static uint32_t prompt_tokens(const struct sf_talk *t, size_t from, surefoot_error *err) {
    surefoot_prompt prompt;
    surefoot_message *list;
    size_t n = 0;
    if (!sf_talk_prompt(t, from, t->n_said, &prompt, &list)) return 0;
    surefoot_prompt_ids(t->model, &prompt, NULL, 0, &n, NULL, err);
    free(list);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Leaves out the oldest turns until there is room for the prompt and a part of the context for the
 * answer, and says so; the system message stays. 0, or an exit status: nothing is changed then. */
static int make_room(struct sf_talk *t) {
    surefoot_error err = {0};
    uint32_t n_ctx = surefoot_session_n_ctx(t->session), n;
    uint32_t room = n_ctx / 4 < t->chain.opt.n_predict ? n_ctx / 4 : t->chain.opt.n_predict;
    size_t from = t->left_out, turns = 0;
    while ((n = prompt_tokens(t, from, &err)) > 0 && (uint64_t)n + room > n_ctx) {
        size_t next = from + 1;
        while (next < t->n_said && !is_user(&t->said[next])) next++;
        if (next >= t->n_said) break; /* only the last message is left */
        from = next;
        turns++;
    }
    if (n == 0) return sf_cli_fail(surefoot_status_exit(err.code), "%s", err.text);
    if (n > n_ctx)
        return sf_cli_fail(1,
                           "this message %sneeds %u tokens and the context holds %u: use a shorter "
                           "one, or -c N",
                           t->system ? "with the system message " : "", n, n_ctx);
    if (turns)
        sf_cli_note(t->cli,
                    "the context of %u tokens is full: the oldest %zu turn%s (%zu messages in all) "
                    "are left out from here on; /save keeps them, -c N gives more room",
                    n_ctx, turns, turns > 1 ? "s" : "", from);
    t->left_out = from;
    return 0;
}

/* ------------------------------------------------------------------------------------- answer */

static uint64_t answer_number(const struct sf_talk *t) {
    uint64_t n = 0;
    for (size_t i = 0; i < t->n_said; i++) n += !strcmp(t->said[i].role, "assistant");
    return n;
}

static void count(struct sf_talk *t) {
    const surefoot_stats *s = &t->last;
    struct sf_talk_totals *a = &t->total;
    a->answers++;
    a->evaluated += s->n_prompt - s->n_reused;
    a->reused += s->n_reused;
    a->generated += s->n_delivered;
    a->evals += s->evals;
    a->branches += s->branches;
    a->drops += s->drops;
    a->retries += s->retries;
    a->fallbacks += s->fallbacks;
    a->cuts += s->cuts;
    t->has_last = true;
}

static int put_json(struct sf_talk *t, uint64_t number, const surefoot_prompt *prompt,
                    surefoot_status status, const surefoot_error *err) {
    const struct sf_answer *a = &t->answer;
    const surefoot_stats *s = &t->last;
    sf_outf("{\"turn\":%llu,\"text\":", (unsigned long long)number + 1);
    sf_out_json_str(a->text ? a->text : "", a->n_text);
    sf_outf(",\"finish\":\"%s\",\"n_prompt\":%u,\"n_reused\":%u,\"n_evaluated\":%u,"
            "\"n_generated\":%u,\"left_out\":%zu",
            sf_finish_name(s->finish), s->n_prompt, s->n_reused, s->n_prompt - s->n_reused,
            s->n_delivered, t->left_out);
    int code = sf_put_prompt_ids(t->model, prompt);
    sf_put_answer(a, &t->chain.opt, s);
    sf_put_guard(t->policy, t->guard_name, s);
    if (status != SUREFOOT_OK) {
        sf_put_key("error");
        sf_out_json_str(err->text, strlen(err->text));
    }
    sf_out_str("}\n");
    return code;
}

static void say_how_it_ended(const struct sf_talk *t) {
    const struct sf_cli *c = t->cli;
    switch (t->last.finish) {
    case SUREFOOT_FINISH_LENGTH:
        sf_cli_note(c, "the answer stops after %u tokens (-n N for more)", t->last.n_delivered);
        break;
    case SUREFOOT_FINISH_CONTEXT:
        sf_cli_note(c, "the context of %u tokens is full: the answer stops here (-c N for more)",
                    surefoot_session_n_ctx(t->session));
        break;
    case SUREFOOT_FINISH_ABORTED:
        sf_cli_note(c, "stopped; what was shown stays in the conversation");
        break;
    case SUREFOOT_FINISH_CUT:
    case SUREFOOT_FINISH_DEADLINE:
        sf_cli_note(c, "the guard ended the answer here (%s)", sf_finish_name(t->last.finish));
        break;
    default:
        break;
    }
}

/* What follows an answer: the line, the conversation, the exit status. */
static int settle(struct sf_talk *t, surefoot_status s, const surefoot_error *err) {
    const struct sf_cli *c = t->cli;
    struct sf_answer *a = &t->answer;
    bool stopped = s == SUREFOOT_E_ABORTED || t->last.finish == SUREFOOT_FINISH_ABORTED;
    bool ended = s == SUREFOOT_OK && !stopped; /* an empty answer of its own accord is one too */
    int code = 0;
    if (!ended && a->n_text == 0)
        sf_talk_drop_last(t);
    else if (!sf_talk_add(t, "assistant", a->text ? a->text : "", a->n_text))
        code = sf_cli_fail(4, "no memory for the conversation");
    if (a->no_memory) return sf_cli_fail(4, "no memory for the answer");
    if (sf_out_failed()) return 1; /* sf_out_finish says why */
    if (s != SUREFOOT_OK && !stopped) return sf_cli_status(s, err);
    if (stopped && a->n_text == 0)
        sf_cli_note(c,
                    "stopped before the first word: the message is not part of the conversation");
    else
        say_how_it_ended(t);
    if (stopped && sf_cli_interrupted()) return 130;
    return code;
}

int sf_talk_answer(struct sf_talk *t) {
    struct sf_cli *c = t->cli;
    surefoot_prompt prompt;
    surefoot_message *list = NULL;
    surefoot_error err = {0};
    int code = make_room(t);
    if (!code && t->policy && !t->guard) /* NULL would mean: unguarded */
        code = sf_cli_fail(1, "the guard is not open: no answer without it");
    if (code || !sf_talk_prompt(t, t->left_out, t->n_said, &prompt, &list)) {
        sf_talk_drop_last(t);
        return code ? code : 4;
    }
    uint64_t number = answer_number(t);
    t->chain.opt.seed = t->seed + number + (t->again << 32);
    t->last = (surefoot_stats){.size = sizeof t->last};
    sf_answer_clear(&t->answer);
    surefoot_status s = surefoot_generate(t->session, t->guard, &prompt, &t->chain.opt,
                                          sf_answer_emit, &t->answer, &t->last, &err);
    sf_cli_progress_end(c);
    if (s == SUREFOOT_E_ABORTED) t->last.finish = SUREFOOT_FINISH_ABORTED;
    bool began = t->last.finish != SUREFOOT_FINISH_NONE || t->answer.n_text || s == SUREFOOT_OK;
    if (began && c->json)
        code = put_json(t, number, &prompt, s, &err);
    else if (began)
        sf_out_str("\n");
    sf_out_flush();
    free(list);
    if (began) count(t);
    if (began && !sf_out_failed()) sf_answer_line(c, t->guard != NULL, &t->last);
    int end = settle(t, s, &err);
    return end ? end : code;
}

/* ---------------------------------------------------------------------------------- open, loop */

int sf_talk_open(struct sf_talk *t) {
    surefoot_error err = {0};
    surefoot_guard_close(t->guard);
    sf_cli_close_session(t->session);
    t->guard = NULL;
    t->session = NULL;
    t->options.policy = t->policy;
    int code = sf_cli_open_session(t->cli, &t->session, t->model, &t->options);
    if (!code && t->policy)
        code = sf_cli_status(surefoot_guard_open(&t->guard, t->session, t->policy, &err), &err);
    surefoot_critic_close(t->critic);
    t->critic = NULL;
    if (!code) code = sf_cli_open_critic(t->cli, &t->critic, t->model, t->policy);
    if (!code && t->critic) surefoot_guard_use_critic(t->guard, t->critic);
    return code;
}

/* chat without a template would be raw text with no turns in it: refused. */
static int check_template(struct sf_talk *t) {
    const struct sf_cli *c = t->cli;
    int code = sf_cli_template(c, &t->template);
    if (code || c->chat_template || t->info.chat_template) return code;
    if (t->info.has_chat_template)
        return sf_cli_fail(5, "%s: its %s; give --chat-template NAME|FILE", c->model,
                           t->info.chat_template_error);
    return sf_cli_fail(2, "%s has no chat template: give --chat-template NAME|FILE, or use run",
                       c->model);
}

static int open_all(struct sf_talk *t) {
    struct sf_cli *c = t->cli;
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "chat needs a model: -m FILE.gguf (none is built in)");
    int code = sf_cli_needs_policy(c);
    if (!code && c->logprobs != SF_CLI_UNSET && !c->json)
        code = sf_cli_fail(2, "--logprobs prints nothing without --json");
    if (!code) code = sf_cli_sampling(c, &t->chain);
    if (!code) code = sf_cli_session_options(c, &t->options);
    if (!code) code = sf_cli_open_policy(c, &t->policy);
    if (!code) code = sf_cli_open_model(c, &t->model);
    if (code) return code;
    t->seed = t->chain.opt.seed;
    t->info.size = sizeof t->info;
    surefoot_model_describe(t->model, &t->info);
    if ((code = check_template(t))) return code;
    if (c->batch == SF_CLI_UNSET) t->options.n_batch = 64; /* Ctrl-C is seen soon in prefill */
    t->options.progress = sf_cli_progress;
    t->options.user = c;
    t->guard_name = strdup(c->guard);
    t->system = c->system ? strdup(c->system) : NULL;
    if (!t->guard_name || (c->system && !t->system))
        return sf_cli_fail(4, "no memory for the conversation");
    if ((code = sf_talk_open(t))) return code;
    if (!t->policy) sf_cli_note(c, "guard off: nothing checks this text");
    t->answer = (struct sf_answer){.cli = c, .show = !c->json, .keep = true};
    return 0;
}

static void greet(const struct sf_talk *t) {
    char line[256];
    snprintf(line, sizeof line, "%.100s · guard %.60s · context %u tokens · /help", t->cli->model,
             t->guard_name, surefoot_session_n_ctx(t->session));
    sf_cli_stats(t->cli, line);
}

/* One message or command. */
static int turn(struct sf_talk *t, char *text, size_t n, bool *quit) {
    if (n == 0 || text[strspn(text, " \t\n")] == 0) return 0; /* nothing was said */
    if (strlen(text) != n)
        return sf_cli_fail(2, "the message holds a NUL byte, which a chat message cannot");
    if (text[0] == '/' && text[1] != '/') return sf_talk_command(t, text, quit);
    if (text[0] == '/') text++, n--; /* "//" is a text that begins with "/" */
    t->again = 0;
    if (!sf_talk_add(t, "user", text, n)) return sf_cli_fail(4, "no memory for the conversation");
    return sf_talk_answer(t);
}

static int talk(struct sf_talk *t) {
    struct sf_cli *c = t->cli;
    bool quit = false;
    int code = 0;
    struct sf_lines *lines = sf_lines_open(c, t->dialogue, !c->no_history);
    if (!lines) return sf_cli_fail(4, "no memory, or no terminal to edit lines on");
    if (t->dialogue) greet(t);
    if (!t->dialogue && isatty(STDIN_FILENO))
        sf_cli_note(c, "messages are read from the terminal, one a line; Ctrl-D ends them");
    while (!quit) {
        char *text;
        size_t n;
        enum sf_line is = sf_lines_next(lines, &text, &n);
        if (is == SF_LINE_END) break;
        if (is == SF_LINE_FAILED) {
            code = 1;
            break;
        }
        if (is == SF_LINE_TEXT)
            code = turn(t, text, n, &quit);
        else if (t->dialogue)
            sf_cli_note(c, "Ctrl-D or /quit leaves");
        else
            code = 130;
        if (sf_out_failed() || (code && !t->dialogue)) break;
        if (sf_cli_interrupted()) sf_cli_uninterrupt();
        code = 0; /* at a terminal a mistake has been told */
    }
    sf_lines_close(lines);
    return code;
}

int sf_cmd_chat(struct sf_cli *c) {
    struct sf_talk t = {.cli = c};
    t.dialogue = !c->json && c->stdout_tty && isatty(STDIN_FILENO);
    int code = open_all(&t);
    if (!code) code = talk(&t);
    surefoot_guard_close(t.guard);
    surefoot_critic_close(t.critic);
    sf_cli_close_session(t.session);
    surefoot_policy_close(t.policy);
    surefoot_model_close(t.model);
    while (t.n_said) sf_talk_drop_last(&t);
    free(t.said);
    free(t.system);
    free(t.guard_name);
    free(t.template);
    sf_answer_free(&t.answer);
    return code;
}
