/* SPDX-License-Identifier: MIT
 * cmd_bench.c - tokens per second. pp: a prompt is read; tg: n_seq sequences of random tokens are
 * continued (sampling is not timed); gtg: guarded generation as a user gets it, its text checked
 * again afterwards by the policy alone. Through surefoot.h alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_bench.h"
#include "cli_board.h"

#define LIST 32

struct plan {
    int64_t prompt[LIST], gen[LIST], threads[LIST], depth[LIST], seq[LIST];
    size_t n_prompt, n_gen, n_threads, n_depth, n_seq;
};

/* One guarded answer: its text for the check, the waits for the percentiles. */
struct heard {
    char *text;
    size_t n, cap;
    double last; /* when text last arrived; of the first delivery: the start */
    bool began;
    double *wait; /* seconds a token was waited for; tokens that come together share the wait */
    size_t n_wait, cap_wait;
    bool no_memory;
};

static struct sf_bench_row *new_row(struct sf_bench *b, int kind, uint32_t n, uint32_t depth,
                                    uint32_t n_seq, int threads) {
    if (b->n_row == b->cap_row) return NULL;
    struct sf_bench_row *r = &b->row[b->n_row];
    size_t reps = b->cli->reps == SF_CLI_UNSET ? 5 : (size_t)b->cli->reps;
    *r = (struct sf_bench_row){
        .n_depth = depth, .n_seq = n_seq, .n_threads = threads, .when = time(NULL)};
    r->kind = kind;
    if (kind == SF_BENCH_PP)
        r->n_prompt = n;
    else
        r->n_gen = n;
    r->seconds = calloc(2 * reps, sizeof *r->seconds);
    if (!r->seconds) return NULL;
    r->ts = r->seconds + reps;
    return r;
}

static size_t repetitions(const struct sf_bench *b) {
    return b->cli->reps == SF_CLI_UNSET ? 5 : (size_t)b->cli->reps;
}

static int open_session(struct sf_bench *b, const struct sf_bench_row *r, uint32_t spare,
                        surefoot_session **s) {
    surefoot_session_options o = b->options;
    uint32_t need = r->n_prompt + r->n_gen + r->n_depth + 1 + spare;
    if (o.n_ctx < need) o.n_ctx = need;
    o.n_seq = r->kind == SF_BENCH_TG ? r->n_seq : 1;
    o.n_threads = r->n_threads;
    o.policy = r->kind == SF_BENCH_GTG ? b->policy : NULL;
    return sf_cli_open_session(b->cli, s, b->model, &o);
}

static int plain(struct sf_bench *b, struct sf_bench_row *r) {
    surefoot_session *s = NULL;
    surefoot_error err = {0};
    double seconds;
    int code = open_session(b, r, 0, &s);
    uint32_t tokens = r->n_prompt + r->n_gen * r->n_seq;
    /* warm-up: pages touched, caches and clocks up */
    uint32_t warm = r->n_prompt < 64 ? r->n_prompt : 64;
    if (!code)
        code = sf_cli_status(
            surefoot_workload(s, warm, r->n_gen ? 1 : 0, r->n_seq, 0, &seconds, &err), &err);
    for (size_t i = 0; i < repetitions(b) && !code; i++) {
        code = sf_cli_status(
            surefoot_workload(s, r->n_prompt, r->n_gen, r->n_seq, r->n_depth, &seconds, &err),
            &err);
        if (code) break;
        if (seconds <= 0) seconds = 1e-9;
        r->seconds[r->n] = seconds;
        r->ts[r->n++] = tokens / seconds;
        if (sf_cli_interrupted()) code = 130;
    }
    sf_cli_close_session(s);
    if (!code && r->kind == SF_BENCH_TG && r->read_rate > 0)
        r->share =
            sf_bench_mean(r->ts, r->n) / r->n_seq * (double)b->info.decode_bytes / r->read_rate;
    return code;
}

/* ------------------------------------------------------------------------------------ guarded */

static bool room(void **p, size_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t more = *cap ? *cap : 256;
    while (more < need) more *= 2;
    void *q = realloc(*p, more * size);
    if (q) {
        *p = q;
        *cap = more;
    }
    return q != NULL;
}

static int hear(void *user, const char *text, size_t n, const surefoot_token *tokens,
                size_t n_tokens) {
    struct heard *h = user;
    double now = sf_cli_now(), wait = now - h->last;
    (void)tokens;
    if (!room((void **)&h->text, &h->cap, h->n + n, 1) ||
        !room((void **)&h->wait, &h->cap_wait, h->n_wait + n_tokens, sizeof *h->wait)) {
        h->no_memory = true;
        return 1;
    }
    if (n) memcpy(h->text + h->n, text, n);
    h->n += n;
    if (n_tokens) { /* the first delivery waits for the prompt, which is not counted */
        for (size_t i = 0; i < n_tokens && h->began; i++)
            h->wait[h->n_wait++] = wait / (double)n_tokens;
        h->began = true;
        h->last = now;
    }
    return sf_cli_interrupted();
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, double share) {
    if (!n) return 0;
    size_t i = (size_t)ceil(share * (double)n);
    return sorted[i ? i - 1 : 0];
}

/* Prompt of a guarded run: BOS, then depth fixed tokens. */
static size_t prompt_of(const struct sf_bench *b, uint32_t depth, int32_t *ids) {
    uint64_t rng = 1;
    size_t n = 0;
    if (b->info.bos >= 0 || !depth) ids[n++] = b->info.bos >= 0 ? b->info.bos : 0;
    for (uint32_t i = 0; i < depth; i++) {
        rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ids[n++] = (int32_t)((rng >> 33) % b->info.n_vocab);
    }
    return n;
}

static int check_text(struct sf_bench *b, struct sf_bench_row *r, const int32_t *ids, size_t n_ids,
                      const struct heard *h) {
    surefoot_error err = {0};
    surefoot_verdict v = {0};
    size_t n = 0;
    surefoot_detokenize(b->model, ids, n_ids, NULL, 0, &n, NULL);
    char *prompt = malloc(n + 1);
    if (!prompt) return sf_cli_fail(4, "no memory for the prompt's text");
    surefoot_status s = surefoot_detokenize(b->model, ids, n_ids, prompt, n, &n, &err);
    if (s == SUREFOOT_OK)
        s = surefoot_check(b->policy, NULL, prompt, n, h->text ? h->text : "", h->n, NULL, 0, NULL,
                           NULL, &v, &err);
    free(prompt);
    if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
    r->violations += !v.safe;
    return 0;
}

static int guarded_once(struct sf_bench *b, struct sf_bench_row *r, surefoot_session *s,
                        surefoot_guard *g, const int32_t *ids, size_t n_ids, uint64_t seed,
                        struct heard *h) {
    surefoot_error err = {0};
    surefoot_stats st = {.size = sizeof st};
    surefoot_prompt prompt = {.ids = ids, .n_ids = n_ids};
    surefoot_logit_bias bias[2]; /* the text goes on to its full length */
    surefoot_sampling o;
    surefoot_sampling_init(&o);
    o.seed = seed;
    o.n_predict = r->n_gen;
    if (b->info.eos >= 0) bias[o.n_logit_bias++] = (surefoot_logit_bias){b->info.eos, -INFINITY};
    if (b->info.bos >= 0 && b->info.bos != b->info.eos)
        bias[o.n_logit_bias++] = (surefoot_logit_bias){b->info.bos, -INFINITY};
    o.logit_bias = bias;
    h->n = 0;
    h->began = false;
    surefoot_session_rewind(s, 0);
    surefoot_status status = surefoot_generate(s, g, &prompt, &o, hear, h, &st, &err);
    if (h->no_memory) return sf_cli_fail(4, "no memory for the text of a guarded run");
    if (status != SUREFOOT_OK) return sf_cli_status(status, &err);
    if (sf_cli_interrupted()) return 130;
    double seconds = st.generate_seconds > 0 ? st.generate_seconds : 1e-9;
    r->seconds[r->n] = seconds;
    r->ts[r->n++] = st.n_delivered / seconds;
    r->evals += st.evals;
    r->delivered += st.n_delivered;
    r->fallbacks += st.fallbacks;
    r->cuts += st.cuts;
    r->misses += st.deadline_misses;
    if (st.longest_gap_seconds * 1e3 > r->longest_ms) r->longest_ms = st.longest_gap_seconds * 1e3;
    return check_text(b, r, ids, n_ids, h);
}

static int guarded(struct sf_bench *b, struct sf_bench_row *r) {
    surefoot_session *s = NULL;
    surefoot_guard *g = NULL;
    surefoot_error err = {0};
    struct heard h = {0};
    int32_t *ids = malloc((r->n_depth + 2) * sizeof *ids);
    if (!ids) return sf_cli_fail(4, "no memory for a prompt of %u tokens", r->n_depth);
    size_t n_ids = prompt_of(b, r->n_depth, ids);
    int code = open_session(b, r, 96, &s); /* drafts past the last token */
    if (!code) code = sf_cli_status(surefoot_guard_open(&g, s, b->policy, &err), &err);
    if (!code) surefoot_guard_use_critic(g, b->critic);
    for (size_t i = 0; i < repetitions(b) && !code; i++)
        code = guarded_once(b, r, s, g, ids, n_ids, b->cli->seed + i, &h);
    surefoot_guard_close(g);
    sf_cli_close_session(s);
    if (h.n_wait) qsort(h.wait, h.n_wait, sizeof *h.wait, by_value);
    r->p50_ms = 1e3 * percentile(h.wait, h.n_wait, 0.50);
    r->p99_ms = 1e3 * percentile(h.wait, h.n_wait, 0.99);
    for (size_t i = 0; i < b->n_row; i++) {
        const struct sf_bench_row *tg = &b->row[i];
        if (tg->kind == SF_BENCH_TG && tg->n_gen == r->n_gen && tg->n_seq == 1 &&
            tg->n_depth == r->n_depth && tg->n_threads == r->n_threads)
            r->ratio_to_tg = sf_bench_mean(r->ts, r->n) / sf_bench_mean(tg->ts, tg->n);
    }
    free(h.text);
    free(h.wait);
    free(ids);
    return code;
}

/* --------------------------------------------------------------------------------------- main */

static int measure(struct sf_bench *b, int kind, int64_t n, int64_t depth, int64_t n_seq,
                   int64_t threads, double read_rate) {
    struct sf_bench_row *r =
        new_row(b, kind, (uint32_t)n, (uint32_t)depth, (uint32_t)n_seq, (int)threads);
    if (!r) return sf_cli_fail(4, "no memory for so many rows");
    char name[64];
    r->read_rate = read_rate;
    sf_cli_say(b->cli, "%s, %d threads", sf_bench_name(r, true, name), r->n_threads);
    struct sf_board before, after;
    sf_board_read(&before, "");
    int code = kind == SF_BENCH_GTG ? guarded(b, r) : plain(b, r);
    sf_board_read(&after, "");
    if (!code && sf_board_slowed(&before, &after))
        sf_cli_note(b->cli,
                    "the clock fell during %s (%.0f to %.0f MHz); this row is of a hot or "
                    "underpowered board",
                    name, before.clock, after.clock);
    if (code)
        free(r->seconds);
    else
        b->n_row++;
    return code;
}

static int rows(struct sf_bench *b, const struct plan *p) {
    int code = 0;
    for (size_t t = 0; t < p->n_threads && !code; t++) {
        double rate = b->cli->no_bandwidth ? 0 : sf_cli_bandwidth((int)p->threads[t]);
        for (size_t d = 0; d < p->n_depth && !code; d++) {
            int64_t depth = p->depth[d], threads = p->threads[t];
            for (size_t i = 0; i < p->n_prompt && !code; i++)
                if (p->prompt[i])
                    code = measure(b, SF_BENCH_PP, p->prompt[i], depth, 1, threads, rate);
            for (size_t i = 0; i < p->n_gen && !code; i++)
                for (size_t q = 0; q < p->n_seq && !code; q++)
                    if (p->gen[i])
                        code = measure(b, SF_BENCH_TG, p->gen[i], depth, p->seq[q], threads, rate);
            for (size_t i = 0; i < p->n_gen && !code && b->policy; i++)
                if (p->gen[i]) code = measure(b, SF_BENCH_GTG, p->gen[i], depth, 1, threads, rate);
        }
        if (sf_cli_interrupted()) code = 130;
    }
    return code;
}

static int lists(const struct sf_cli *c, struct plan *p) {
    char threads[16];
    snprintf(threads, sizeof threads, "%d", surefoot_default_threads());
#define OR(given, other) (given ? given : other)
    int code =
        sf_cli_ranges("-p", OR(c->prompt_list, "512"), 0, 1 << 20, p->prompt, LIST, &p->n_prompt);
    if (!code)
        code = sf_cli_ranges("-n", OR(c->gen_list, "128"), 0, 1 << 20, p->gen, LIST, &p->n_gen);
    if (!code)
        code = sf_cli_ranges("-t", OR(c->thread_list, threads), 1, 256, p->threads, LIST,
                             &p->n_threads);
    if (!code)
        code = sf_cli_ranges("-d", OR(c->depth_list, "0"), 0, 1 << 20, p->depth, LIST, &p->n_depth);
    if (!code) code = sf_cli_ranges("-npl", OR(c->seq_list, "1"), 1, 256, p->seq, LIST, &p->n_seq);
#undef OR
    return code;
}

/* "llama 1B Q4_0" */
static void describe(struct sf_bench *b) {
    double n = (double)b->info.n_params;
    char line[256];
    snprintf(b->model_type, sizeof b->model_type,
             n >= 9.5e8 ? "%s %.0fB %s"
             : n >= 1e6 ? "%s %.0fM %s"
                        : "%s %.0fK %s",
             b->info.family,
             n >= 9.5e8 ? n * 1e-9
             : n >= 1e6 ? n * 1e-6
                        : n * 1e-3,
             b->info.file_type);
    snprintf(b->cpu, sizeof b->cpu, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) || !strncmp(line, "Model\t", 6)) {
            const char *v = strchr(line, ':');
            if (v) snprintf(b->cpu, sizeof b->cpu, "%.*s", (int)strcspn(v + 2, "\n"), v + 2);
            break;
        }
    if (f) fclose(f);
}

int sf_cmd_bench(struct sf_cli *c) {
    static const char *const formats[] = {"md", "csv", "json", "jsonl"};
    const char *format = c->format ? c->format : c->json ? "json" : "md";
    struct sf_bench b = {.cli = c, .info = {.size = sizeof b.info}, .cap_row = 512};
    struct plan p = {0};
    bool known = false;
    for (size_t i = 0; i < 4; i++) known = known || !strcmp(format, formats[i]);
    if (!known) return sf_cli_fail(2, "-o: '%.20s' is none of md, csv, json, jsonl", format);
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "bench needs a model: -m FILE.gguf (none is built in)");
    int code = lists(c, &p);
    if (!code) code = sf_cli_session_options(c, &b.options);
    if (!code && c->batch == SF_CLI_UNSET) b.options.n_batch = 256;
    if (!code) code = sf_cli_open_policy(c, &b.policy);
    if (!code) code = sf_cli_open_model(c, &b.model);
    if (!code) code = sf_cli_open_critic(c, &b.critic, b.model, b.policy);
    if (!code && !(b.row = calloc(b.cap_row, sizeof *b.row)))
        code = sf_cli_fail(4, "no memory for the rows");
    if (!code) {
        surefoot_model_describe(b.model, &b.info);
        describe(&b);
        code = rows(&b, &p);
        if (b.n_row) sf_bench_print(&b, format); /* what was measured before a failure too */
    }
    for (size_t i = 0; i < b.n_row; i++) free(b.row[i].seconds);
    free(b.row);
    surefoot_critic_close(b.critic);
    surefoot_policy_close(b.policy);
    surefoot_model_close(b.model);
    return code;
}
