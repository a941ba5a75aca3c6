/* SPDX-License-Identifier: MIT
 * cli_answer.h - one generated answer on its way to the user: shown as it comes or kept, its
 * statistics as a line or as JSON. Shared by `run` and `chat`.
 */
#ifndef SF_CLI_ANSWER_H
#define SF_CLI_ANSWER_H

#include "cli.h"

struct sf_answer { /* .cli, .show and .keep are set by the caller, the rest is zero at first */
    const struct sf_cli *cli;
    bool show; /* to stdout as it comes                          */
    bool keep; /* .text and .token hold it afterwards            */
    char *text;
    size_t n_text, cap_text;
    surefoot_token *token;
    size_t n_token, cap_token;
    bool no_memory;
};
/* A surefoot_emit_fn; user: struct sf_answer. Nonzero after Ctrl-C, a failed write, or no memory. */
int sf_answer_emit(void *user, const char *text, size_t n, const surefoot_token *tokens,
                   size_t n_tokens);
void sf_answer_clear(struct sf_answer *a); /* empty, its memory kept for the next */
void sf_answer_free(struct sf_answer *a);

const char *sf_finish_name(surefoot_finish f);
/* "prompt N tok X t/s · generated N tok X t/s · guard: ..." on stderr. */
void sf_answer_line(const struct sf_cli *c, bool guarded, const surefoot_stats *s);

/* JSON, each with a comma in front. */
void sf_put_key(const char *key);
void sf_put_guard(const surefoot_policy *p, const char *name, const surefoot_stats *s);
/* The prompt's ids, and n_free where some are the answer's: what an audit needs. */
int sf_put_prompt_ids(const surefoot_model *m, const surefoot_prompt *prompt);
/* ids, logprobs where o asked for them, seed, seconds. */
void sf_put_answer(const struct sf_answer *a, const surefoot_sampling *o, const surefoot_stats *s);

#endif
