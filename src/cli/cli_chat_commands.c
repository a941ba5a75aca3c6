/* SPDX-License-Identifier: MIT
 * cli_chat_commands.c - the slash commands of `chat`. Results go to stderr, with --json to stdout.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli_chat.h"

typedef int (*command_fn)(struct sf_talk *t, char *rest);

static int system_message(struct sf_talk *t, char *rest) {
    if (!*rest) {
        sf_cli_tell(t->cli, "%s%s", t->system ? "system: " : "no system message",
                    t->system ? t->system : "");
        return 0;
    }
    char *copy = strcmp(rest, "-") ? strdup(rest) : NULL;
    if (!copy && strcmp(rest, "-")) return sf_cli_fail(4, "no memory for the system message");
    free(t->system);
    t->system = copy;
    t->left_out = 0; /* counted anew with the next message */
    return 0;
}

static int tell_guard(const struct sf_talk *t) {
    if (!t->policy) {
        sf_cli_tell(t->cli, "guard off: nothing checks this text");
        return 0;
    }
    surefoot_policy_info p = {.size = sizeof p};
    surefoot_policy_describe(t->policy, &p);
    sf_cli_tell(t->cli,
                "guard %s: %s, cost %s, budget %g per %s, candidates %d, block %d, retries %d",
                t->guard_name, p.mode == SUREFOOT_GUARD_FULL ? "full" : "lazy", p.cost, p.budget,
                p.scope_conversation ? "conversation" : "answer", p.candidates, p.block, p.retries);
    if (t->has_last)
        sf_cli_tell(t->cli, "last answer: z %.2f/%.2f",
                    1e-6 * (double)(t->last.budget - t->last.spent), 1e-6 * (double)t->last.budget);
    return 0;
}

/* Another policy from here on. It is never turned off here: that takes the flag. */
static int guard(struct sf_talk *t, char *rest) {
    if (!*rest) return tell_guard(t);
    if (!strcmp(rest, "off"))
        return t->policy ? sf_cli_fail(2, "the guard is turned off only when the chat is started: "
                                          "--guard off")
                         : 0;
    if (!t->dialogue)
        return sf_cli_fail(2, "/guard POLICY is for a terminal; here --guard chooses the policy");
    char *name = strdup(rest);
    if (!name) return sf_cli_fail(4, "no memory for the policy's name");
    const char *before_arg = t->cli->guard;
    surefoot_policy *next = NULL, *before = t->policy;
    t->cli->guard = name;
    int code = sf_cli_open_policy(t->cli, &next);
    if (code) {
        t->cli->guard = before_arg;
        free(name);
        return code;
    }
    t->policy = next;
    code = sf_talk_open(t);
    if (!code) code = sf_talk_recount(t);
    if (code) { /* back to what was */
        surefoot_guard_close(t->guard);
        t->guard = NULL;
        t->policy = before;
        t->cli->guard = before_arg;
        surefoot_policy_close(next);
        free(name);
        if (sf_talk_open(t) || sf_talk_recount(t)) exit(sf_out_finish(4)); /* never unguarded */
        return code;
    }
    surefoot_policy_close(before);
    free(t->guard_name);
    t->guard_name = name;
    return tell_guard(t);
}

static int reset(struct sf_talk *t, char *rest) {
    (void)rest;
    sf_talk_clear(t);
    sf_cli_note(t->cli, "a new conversation%s", t->system ? "; the system message stays" : "");
    return 0;
}

/* The last answer once more, with other random numbers. What was delivered stays spent. */
static int again(struct sf_talk *t, char *rest) {
    (void)rest;
    if (t->n_said < 2 || strcmp(t->said[t->n_said - 1].role, "assistant") ||
        strcmp(t->said[t->n_said - 2].role, "user"))
        return sf_cli_fail(2, "/regen: there is no answer to give again");
    char *asked = strdup(t->said[t->n_said - 2].content);
    if (!asked) return sf_cli_fail(4, "no memory for the conversation");
    struct sf_said old = t->said[--t->n_said]; /* until there is another */
    size_t n = t->n_said;
    t->again++;
    int code = sf_talk_answer(t);
    bool good = true;
    if (t->n_said < n) { /* nothing came, and the message was taken back: both return */
        good = sf_talk_add(t, "user", asked, strlen(asked)) &&
               sf_talk_add(t, "assistant", old.content, strlen(old.content));
    }
    free(asked);
    free(old.role);
    free(old.content);
    return good ? code : sf_cli_fail(4, "no memory for the conversation");
}

static int stats(struct sf_talk *t, char *rest) {
    (void)rest;
    const struct sf_talk_totals *a = &t->total;
    const surefoot_stats *s = &t->last;
    uint32_t n_ctx = surefoot_session_n_ctx(t->session);
    uint32_t held = t->has_last ? s->n_prompt + s->n_delivered : 0;
    double z = t->has_last ? 1e-6 * (double)(s->budget - s->spent) : 0;
    if (t->cli->json) {
        sf_outf("{\"stats\":{\"messages\":%zu,\"left_out\":%zu,\"context\":%u,\"context_used\":%u,"
                "\"answers\":%" PRIu64 ",\"prompt_evaluated\":%" PRIu64
                ",\"prompt_reused\":%" PRIu64 ",\"generated\":%" PRIu64,
                t->n_said, t->left_out, n_ctx, held, a->answers, a->evaluated, a->reused,
                a->generated);
        sf_outf(",\"evals\":%" PRIu64 ",\"branches\":%" PRIu64 ",\"drops\":%" PRIu64
                ",\"retries\":%" PRIu64 ",\"fallbacks\":%" PRIu64 ",\"cuts\":%" PRIu64,
                a->evals, a->branches, a->drops, a->retries, a->fallbacks, a->cuts);
        if (t->guard && t->has_last) sf_outf(",\"z\":%.6f", z);
        sf_out_str("}}\n");
        sf_out_flush();
        return 0;
    }
    sf_cli_tell(t->cli, "%zu messages, %zu of them left out; context %u of %u tokens", t->n_said,
                t->left_out, held, n_ctx);
    sf_cli_tell(t->cli,
                "%" PRIu64 " answers: prompt tokens %" PRIu64 " evaluated, %" PRIu64
                " reused from the cache; %" PRIu64 " generated",
                a->answers, a->evaluated, a->reused, a->generated);
    if (t->has_last)
        sf_cli_tell(t->cli, "last answer: prompt %u tokens, %u reused, %u evaluated; %u generated",
                    s->n_prompt, s->n_reused, s->n_prompt - s->n_reused, s->n_delivered);
    if (t->guard)
        sf_cli_tell(t->cli,
                    "guard: %" PRIu64 " evaluations, %" PRIu64 " branches, %" PRIu64
                    " drops, %" PRIu64 " retries, %" PRIu64 " fallbacks, %" PRIu64 " cuts",
                    a->evals, a->branches, a->drops, a->retries, a->fallbacks, a->cuts);
    return t->guard ? tell_guard(t) : 0;
}

static int save(struct sf_talk *t, char *rest) {
    bool force = !strncmp(rest, "--force ", 8);
    if (force) rest += 8 + strspn(rest + 8, " ");
    if (!*rest || *rest == '-') return sf_cli_fail(2, "/save [--force] FILE: where to?");
    return sf_talk_save(t, rest, force);
}

static int load(struct sf_talk *t, char *rest) {
    if (!*rest) return sf_cli_fail(2, "/load FILE: which one?");
    return sf_talk_load(t, rest);
}

static int help(struct sf_talk *t, char *rest);

static const struct {
    const char *name, *arg, *what;
    command_fn fn; /* NULL: leaves */
} commands[] = {
    {"/system", "[TEXT|-]", "shows, sets or (-) removes the system message", system_message},
    {"/guard", "[POLICY]", "shows the guard, or takes another policy from here on", guard},
    {"/regen", "", "gives the last answer again, with other random numbers", again},
    {"/reset", "", "a new conversation; the system message stays", reset},
    {"/save", "[--force] FILE", "keeps the conversation as JSON", save},
    {"/load", "FILE", "goes on with a saved conversation", load},
    {"/stats", "", "tokens read, reused and generated, and what the guard did", stats},
    {"/help", "", "this list", help},
    {"/quit", "", "leaves, as Ctrl-D does", NULL},
    {"/exit", "", NULL, NULL},
    {"/bye", "", NULL, NULL},
    {"/clear", "", NULL, reset}};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static int help(struct sf_talk *t, char *rest) {
    (void)rest;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].what)
            sf_cli_tell(t->cli, "%s %s%s%s", commands[i].name, commands[i].arg,
                        *commands[i].arg ? "  " : " ", commands[i].what);
    sf_cli_tell(t->cli, "A line that ends in \\ goes on in the next; // begins a text with /; "
                        "Ctrl-C stops an answer, Ctrl-D leaves.");
    return 0;
}

int sf_talk_command(struct sf_talk *t, char *line, bool *quit) {
    const char *names[N_COMMANDS];
    size_t n = strcspn(line, " \t\n");
    char *rest = line + n;
    rest += strspn(rest, " \t\n");
    for (size_t end = strlen(rest); end && strchr(" \t\n", rest[end - 1]);) rest[--end] = 0;
    line[n] = 0;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(line, names[i])) continue;
        if (!*commands[i].arg && *rest)
            return sf_cli_fail(2, "%s takes no words behind it", names[i]);
        *quit = !commands[i].fn;
        return *quit ? 0 : commands[i].fn(t, rest);
    }
    const char *near_name = sf_cli_nearest(line, names, N_COMMANDS);
    return sf_cli_fail(2, "no command %.40s%s%s; /help lists them (// begins a text with /)", line,
                       near_name ? "; did you mean " : "", near_name ? near_name : "");
}
