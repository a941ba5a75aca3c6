/* SPDX-License-Identifier: MIT
 * cli_chat.h - a conversation in progress: what `chat` (cmd_chat.c) and its slash commands
 * (cli_chat_commands.c, cli_chat_file.c) share.
 */
#ifndef SF_CLI_CHAT_H
#define SF_CLI_CHAT_H

#include "cli_answer.h"
#include "cli_lines.h"

struct sf_said { /* one message; both strings malloc'ed */
    char *role, *content;
};

struct sf_talk_totals { /* since the start or the last /reset */
    uint64_t answers, evaluated, reused, generated, evals;
    uint64_t branches, drops, retries, fallbacks, cuts;
};

struct sf_talk {
    struct sf_cli *cli;
    bool dialogue; /* at a terminal: mistakes are told and the chat goes on        */
    surefoot_model *model;
    surefoot_policy *policy; /* NULL: off */
    surefoot_session *session;
    surefoot_guard *guard;
    surefoot_critic *critic; /* NULL: none */
    surefoot_session_options options;
    surefoot_model_info info;
    char *template;   /* --chat-template: text of a file, or NULL */
    char *guard_name; /* malloc'ed                                */
    struct sf_cli_chain chain;
    uint64_t seed; /* of the first answer */
    /* the conversation: only delivered text */
    char *system; /* malloc'ed, NULL: none */
    struct sf_said *said;
    size_t n_said, cap_said;
    size_t left_out; /* messages at the front that the context has no room for */
    uint64_t again;  /* times the last answer was asked for again */
    struct sf_answer answer;
    surefoot_stats last;
    bool has_last;
    struct sf_talk_totals total;
};

/* Both strings are copied. false: no memory. */
bool sf_talk_add(struct sf_talk *t, const char *role, const char *content, size_t n);
void sf_talk_drop_last(struct sf_talk *t);
void sf_talk_clear(struct sf_talk *t); /* all messages but the system one; z starts anew */
/* Answers the last message, which is the user's: shown, counted, added. 0, or an exit status after a
 * line; without a delivered byte the user's message is taken back too. */
int sf_talk_answer(struct sf_talk *t);
/* The prompt of the first n messages, those left out at its front not counted. *list is malloc'ed. */
bool sf_talk_prompt(const struct sf_talk *t, size_t from, size_t n, surefoot_prompt *p,
                    surefoot_message **list);
/* Under scope = conversation: z from an audit of every answer there is. 0, or an exit status. */
int sf_talk_recount(struct sf_talk *t);
/* Session and guard for t->policy; the old ones are closed. */
int sf_talk_open(struct sf_talk *t);

/* A line that starts with '/'. *quit: the chat is over. 0, or an exit status after a line. */
int sf_talk_command(struct sf_talk *t, char *line, bool *quit);

/* /save (an existing file only with force) and /load: JSON, {"messages":[...]}. What a file says is
 * content: it is read anew, z is counted anew. */
int sf_talk_save(struct sf_talk *t, const char *path, bool force);
int sf_talk_load(struct sf_talk *t, const char *path);

#endif
