/* SPDX-License-Identifier: MIT
 * cli_eval.h - the JSON lines of `guard eval`, as the table and the pictures read them.
 */
#ifndef SF_CLI_EVAL_H
#define SF_CLI_EVAL_H

#include <jansson.h>

#include "cli.h"

/* One answer. Strings belong to the parsed line. */
struct sf_eval_line {
    json_t *json;
    const char *id, *kind, *text, *finish;
    int group;        /* index into groups */
    bool safe, fallback, cut, absent, has_judge, unsafe_judge;
    double cost, reward, seconds, ttft; /* reward NAN: none */
    double evals, tokens, discarded, retries, rss, budget, gap;
    int64_t seed;
};
struct sf_eval_group { /* one row: a method with its numbers */
    char label[160];
    char method[48], critic[16];
    size_t n; /* lines of it */
};
struct sf_eval_lines {
    struct sf_eval_line *line;
    size_t n;
    struct sf_eval_group *group;
    size_t n_group;
};
/* Reads all lines of a file ("-": stdin). 0, or an exit status after one line. */
int sf_eval_lines_read(const char *path, struct sf_eval_lines *out);
void sf_eval_lines_free(struct sf_eval_lines *l);

/* Wilson's 95 % interval of k out of n, in percent. */
void sf_wilson(double k, double n, double *low, double *high);
/* The table of results, in Markdown, on stdout. */
int sf_eval_table(const struct sf_eval_lines *l);
/* PREFIX-time.svg, PREFIX-reward.svg, PREFIX-z.svg. 0, or an exit status after one line. */
int sf_eval_svg(const struct sf_eval_lines *l, const char *prefix);

#endif
