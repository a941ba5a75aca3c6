/* SPDX-License-Identifier: MIT
 * cli_bench_out.c - the rows of `bench` as a Markdown table, CSV, JSON or JSON lines. Column names
 * and JSON keys are those that llama-bench's users and scripts know; ours follow behind them.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_bench.h"

double sf_bench_mean(const double *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    return n ? sum / (double)n : 0;
}

double sf_bench_stddev(const double *v, size_t n) {
    double mean = sf_bench_mean(v, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

const char *sf_bench_name(const struct sf_bench_row *r, bool with_seq, char out[64]) {
    static const char *const prefix[] = {"pp", "tg", "gtg"};
    int n =
        snprintf(out, 64, "%s%u", prefix[r->kind], r->kind == SF_BENCH_PP ? r->n_prompt : r->n_gen);
    if (with_seq && r->n_seq > 1) n += snprintf(out + n, 64 - (size_t)n, " x%u", r->n_seq);
    if (r->n_depth) snprintf(out + n, 64 - (size_t)n, " @ d%u", r->n_depth);
    return out;
}

/* ------------------------------------------------------------------------------------ fields */

/* One row as named fields; the three machine formats differ only in how a field is written. */
struct sink {
    bool csv, header; /* CSV: names or values; else JSON */
    size_t n;
};

static void field(struct sink *s, const char *key) {
    if (s->n++) sf_out_str(s->csv ? "," : ", ");
    if (!s->csv)
        sf_outf("\"%s\": ", key);
    else if (s->header)
        sf_out_str(key);
}

static void text(struct sink *s, const char *key, const char *v) {
    field(s, key);
    if (s->csv && !s->header) {
        sf_out_str("\"");
        for (; *v; v++) sf_outf(*v == '"' ? "\"\"" : "%c", *v);
        sf_out_str("\"");
    } else if (!s->csv) {
        sf_out_json_str(v, strlen(v));
    }
}

static void whole(struct sink *s, const char *key, uint64_t v) {
    field(s, key);
    if (!s->header) sf_outf("%" PRIu64, v);
}

/* known: false writes null (CSV: nothing) */
static void real(struct sink *s, const char *key, double v, bool known) {
    field(s, key);
    if (s->header) return;
    if (known && isfinite(v))
        sf_outf("%.6f", v);
    else if (!s->csv)
        sf_out_str("null");
}

static void list(struct sink *s, const char *key, const double *v, size_t n, bool ns) {
    field(s, key);
    sf_out_str("[");
    for (size_t i = 0; i < n; i++)
        sf_outf(ns ? "%s%.0f" : "%s%.6f", i ? ", " : "", ns ? v[i] * 1e9 : v[i]);
    sf_out_str("]");
}

static void guard_fields(struct sink *s, const struct sf_bench *b, const struct sf_bench_row *r) {
    bool g = r->kind == SF_BENCH_GTG;
    text(s, "guard", g ? b->cli->guard : "off");
    real(s, "evals_per_token", r->delivered ? (double)r->evals / (double)r->delivered : 0,
         g && r->delivered);
    real(s, "ratio_to_tg", r->ratio_to_tg, g && r->ratio_to_tg > 0);
    real(s, "p50_ms", r->p50_ms, g);
    real(s, "p99_ms", r->p99_ms, g);
    real(s, "longest_gap_ms", r->longest_ms, g);
    whole(s, "deadline_misses", r->misses);
    whole(s, "violations", r->violations);
    whole(s, "fallbacks", r->fallbacks);
    whole(s, "cuts", r->cuts);
    whole(s, "n_delivered", g ? r->delivered : (uint64_t)r->n_gen * r->n_seq * r->n);
}

static void fields(struct sink *s, const struct sf_bench *b, const struct sf_bench_row *r) {
    static const char *const kv[] = {"f16", "f32", "q8_0"};
    char name[64], when[32] = "";
    double ns[2] = {sf_bench_mean(r->seconds, r->n) * 1e9, sf_bench_stddev(r->seconds, r->n) * 1e9};
    struct tm tm;
    if (gmtime_r(&r->when, &tm)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    text(s, "build_commit", surefoot_version());
    whole(s, "build_number", 0);
    text(s, "cpu_info", b->cpu);
    text(s, "gpu_info", "");
    text(s, "backends", "CPU");
    text(s, "isa", b->info.isa);
    text(s, "model_filename", b->cli->model);
    text(s, "model_type", b->model_type);
    whole(s, "model_size", b->info.weight_bytes);
    whole(s, "model_n_params", b->info.n_params);
    whole(s, "n_batch", b->options.n_batch);
    whole(s, "n_ubatch", b->options.n_batch);
    whole(s, "n_threads", (uint64_t)r->n_threads);
    text(s, "type_k", kv[b->options.type_k]);
    text(s, "type_v", kv[b->options.type_v]);
    whole(s, "n_gpu_layers", 0);
    text(s, "test", sf_bench_name(r, false, name));
    whole(s, "n_prompt", r->n_prompt);
    whole(s, "n_gen", r->n_gen);
    whole(s, "n_depth", r->n_depth);
    whole(s, "n_seq", r->n_seq);
    text(s, "test_time", when);
    whole(s, "avg_ns", (uint64_t)ns[0]);
    whole(s, "stddev_ns", (uint64_t)ns[1]);
    real(s, "avg_ts", sf_bench_mean(r->ts, r->n), true);
    real(s, "stddev_ts", sf_bench_stddev(r->ts, r->n), true);
    if (!s->csv) {
        list(s, "samples_ns", r->seconds, r->n, true);
        list(s, "samples_ts", r->ts, r->n, false);
    }
    real(s, "read_gb_per_second", r->read_rate * 1e-9, r->read_rate > 0);
    real(s, "share_of_read", r->share, r->share > 0);
    guard_fields(s, b, r);
}

/* -------------------------------------------------------------------------------------- table */

static void bandwidth_line(const struct sf_bench *b, bool to_stderr) {
    char line[256], name[64];
    const struct sf_bench_row *best = NULL;
    for (size_t i = 0; i < b->n_row; i++)
        if (b->row[i].share > 0 && (!best || b->row[i].share > best->share)) best = &b->row[i];
    const struct sf_bench_row *any = best ? best : b->n_row ? &b->row[b->n_row - 1] : NULL;
    if (!any || any->read_rate <= 0) return;
    int n = snprintf(line, sizeof line, "memory read %.1f GB/s (%d thread%s)",
                     any->read_rate * 1e-9, any->n_threads, any->n_threads == 1 ? "" : "s");
    if (best)
        snprintf(line + n, sizeof line - (size_t)n, "; decoding reached %.0f %% of it (%s)",
                 100 * best->share, sf_bench_name(best, true, name));
    if (to_stderr)
        sf_cli_stats(b->cli, line);
    else
        sf_outf("%s\n\n", line);
}

static void cell(const char *fmt, double v, bool known) {
    char out[48] = "";
    if (known) snprintf(out, sizeof out, fmt, v);
    sf_outf(" %8s |", out);
}

static void table(const struct sf_bench *b) {
    char name[64], size[32], rate[64], params[32];
    bool guarded = b->policy != NULL;
    size_t wide = strlen(b->model_type);
    if (wide < 5) wide = 5;
    sf_cli_count(params, (double)b->info.n_params);
    sf_outf("| %-*s | %10s | %10s | %-7s | %7s | %14s | %20s |", (int)wide, "model", "size",
            "params", "backend", "threads", "test", "t/s");
    if (guarded)
        sf_outf(" %8s | %8s | %8s | %8s | %8s | %8s |", "evals/t", "vs tg", "p50 ms", "p99 ms",
                "misses", "violat.");
    sf_outf("\n| %.*s | ---------: | ---------: | ------- | ------: | -------------: | "
            "-------------------: |",
            (int)wide,
            "-----------------------------------------------------------------------------------");
    for (int i = 0; guarded && i < 6; i++) sf_out_str(" -------: |");
    sf_out_str("\n");
    for (size_t i = 0; i < b->n_row; i++) {
        const struct sf_bench_row *r = &b->row[i];
        bool g = r->kind == SF_BENCH_GTG;
        snprintf(rate, sizeof rate, "%.2f ± %.2f", sf_bench_mean(r->ts, r->n),
                 sf_bench_stddev(r->ts, r->n));
        sf_outf("| %-*s | %10s | %10s | CPU     | %7d | %14s | %*s |", (int)wide, b->model_type,
                sf_cli_bytes(size, (double)b->info.weight_bytes), params, r->n_threads,
                sf_bench_name(r, true, name), 21, rate); /* ± is two bytes */
        if (guarded) {
            cell("%.2f", r->delivered ? (double)r->evals / (double)r->delivered : 0,
                 g && r->delivered);
            cell("%.2f", r->ratio_to_tg, g && r->ratio_to_tg > 0);
            cell("%.2f", r->p50_ms, g);
            cell("%.2f", r->p99_ms, g);
            cell("%.0f", (double)r->misses, g);
            cell("%.0f", (double)r->violations, g);
        }
        sf_out_str("\n");
    }
    sf_outf("\nbuild: %s (%s), kernel level %s\n", surefoot_version(), surefoot_compiler(),
            b->info.isa);
}

void sf_bench_print(const struct sf_bench *b, const char *format) {
    bool csv = !strcmp(format, "csv"), json = !strcmp(format, "json");
    bool md = !strcmp(format, "md");
    bandwidth_line(b, !md);
    if (md) {
        table(b);
        return;
    }
    if (csv) {
        struct sink s = {.csv = true, .header = true};
        static const struct sf_bench_row none;
        fields(&s, b, &none);
        sf_out_str("\n");
    }
    if (json) sf_out_str("[\n");
    for (size_t i = 0; i < b->n_row; i++) {
        struct sink s = {.csv = csv};
        if (!csv) sf_out_str(json ? "  {" : "{");
        fields(&s, b, &b->row[i]);
        if (!csv) sf_out_str("}");
        sf_out_str(json && i + 1 < b->n_row ? ",\n" : "\n");
    }
    if (json) sf_out_str("]\n");
}
