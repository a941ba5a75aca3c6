/* SPDX-License-Identifier: MIT
 * cli_bench.h - rows of `bench`: measured in cmd_bench.c, printed in cli_bench_out.c.
 */
#ifndef SF_CLI_BENCH_H
#define SF_CLI_BENCH_H

#include <time.h>

#include "cli.h"

#define SF_BENCH_REPS 1000

struct sf_bench_row {
    enum { SF_BENCH_PP, SF_BENCH_TG, SF_BENCH_GTG } kind;
    uint32_t n_prompt, n_gen, n_depth, n_seq;
    int n_threads;
    time_t when;
    size_t n;              /* samples */
    double *seconds, *ts;  /* (n) of each repetition; ts: tokens per second, all sequences */
    double read_rate;      /* bytes per second this machine reads with so many threads, 0 unknown */
    double share;          /* of read_rate that decoding reached, 0 unknown */
    /* gtg only: sums over the repetitions */
    uint64_t evals, delivered, fallbacks, cuts, misses, violations;
    double ratio_to_tg;    /* 0: no such tg row */
    double p50_ms, p99_ms, longest_ms;
};

struct sf_bench {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_model_info info;
    surefoot_policy *policy; /* NULL: no gtg rows */
    surefoot_critic *critic; /* NULL: none */
    surefoot_session_options options;
    char model_type[96], cpu[128];
    struct sf_bench_row *row;
    size_t n_row, cap_row;
};

double sf_bench_mean(const double *v, size_t n);
double sf_bench_stddev(const double *v, size_t n); /* of a sample: divided by n - 1 */
/* "pp512", "tg128 @ d64"; with_seq: "tg128 x4" too */
const char *sf_bench_name(const struct sf_bench_row *r, bool with_seq, char out[64]);
/* format: "md", "csv", "json" or "jsonl" */
void sf_bench_print(const struct sf_bench *b, const char *format);

#endif
