/* SPDX-License-Identifier: MIT
 * cmd_perplexity.c - `surefoot perplexity`: how well a model foretells a text, and how far it is from
 * a saved run of another one. Speaks to the library through surefoot.h alone.
 *
 * The text is cut into windows of the context's length, each begun with BOS where the model's rule
 * asks for it. Tokens in the second half of each window are scored: they have half a window before
 * them at least. Base files hold, per scored position, log-probabilities in 16 bits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define MAGIC  "surefoot kl 1\n" /* 14 bytes; then the header, the ids, the rows */
#define LOWEST (-32.0)           /* log-probabilities below are written as this  */
#define WINDOW 512

struct header { /* little-endian, as all the machines are that this is built for */
    uint32_t n_vocab, n_ctx, n_windows, n_scored; /* scored: positions of a window */
};

struct sums { /* of one quantity over positions */
    double sum, square;
};

struct work {
    struct sf_cli *cli;
    surefoot_model *model;
    surefoot_session *session;
    surefoot_model_info info;
    int32_t *ids;    /* of the text */
    int32_t *window; /* (n_ctx) */
    size_t n_ids, n_windows, first, n_ctx;
    double *lp;       /* (n_vocab) log-probabilities of a position */
    double *base;     /* (n_vocab) those of the base run           */
    uint16_t *packed; /* (n_vocab) */
    FILE *from, *to;  /* base files: read, written */
    char to_path[4096];
    /* results */
    uint64_t n; /* positions scored */
    struct sums nll, base_nll, kl, dp;
    uint64_t same_top;
    float *each; /* (n_windows * scored) divergence of every position */
    int code;    /* of a failure inside the callback */
    size_t at;   /* window in work */
};

static void add(struct sums *s, double v) {
    s->sum += v;
    s->square += v * v;
}

static double mean(const struct sums *s, uint64_t n) {
    return n ? s->sum / (double)n : 0;
}

/* Standard error of the mean. */
static double error_of(const struct sums *s, uint64_t n) {
    if (n < 2) return 0;
    double m = s->sum / (double)n, v = s->square / (double)n - m * m;
    return v > 0 ? sqrt(v / (double)(n - 1)) : 0;
}

/* ------------------------------------------------------------------------------- one position */

static size_t log_softmax(double *out, const float *logits, size_t n) {
    double total = 0;
    size_t top = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[top]) top = i;
    for (size_t i = 0; i < n; i++) total += exp((double)logits[i] - (double)logits[top]);
    double lse = (double)logits[top] + log(total);
    for (size_t i = 0; i < n; i++) out[i] = (double)logits[i] - lse;
    return top;
}

static bool write_row(struct work *w, size_t n) {
    float lowest = 0;
    for (size_t i = 0; i < n; i++)
        if (w->lp[i] < (double)lowest) lowest = (float)w->lp[i];
    if ((double)lowest < LOWEST) lowest = (float)LOWEST;
    for (size_t i = 0; i < n; i++) {
        double share = (double)lowest < 0 ? 1 - w->lp[i] / (double)lowest : 1;
        w->packed[i] = (uint16_t)(share <= 0 ? 0 : share >= 1 ? 65535 : share * 65535 + 0.5);
    }
    return fwrite(&lowest, sizeof lowest, 1, w->to) == 1 &&
           fwrite(w->packed, sizeof *w->packed, n, w->to) == n;
}

static bool read_row(struct work *w, size_t n, size_t *top) {
    float lowest;
    if (fread(&lowest, sizeof lowest, 1, w->from) != 1 ||
        fread(w->packed, sizeof *w->packed, n, w->from) != n ||
        !(lowest <= 0 && (double)lowest >= LOWEST))
        return false;
    double total = 0;
    *top = 0;
    for (size_t i = 0; i < n; i++) {
        w->base[i] = (double)lowest * (1 - w->packed[i] / 65535.0);
        total += exp(w->base[i]);
        if (w->packed[i] > w->packed[*top]) *top = i;
    }
    double rest = log(total); /* rounded ones do not quite sum to 1 */
    for (size_t i = 0; i < n; i++) w->base[i] -= rest;
    return true;
}

static void compare(struct work *w, size_t n, size_t top, size_t base_top, int32_t next) {
    double kl = 0;
    for (size_t i = 0; i < n; i++) kl += exp(w->base[i]) * (w->base[i] - w->lp[i]);
    kl = kl > 0 ? kl : 0; /* 16 bits may take it a little below */
    w->each[w->n] = (float)kl;
    add(&w->kl, kl);
    add(&w->base_nll, -w->base[next]);
    add(&w->dp, exp(w->lp[next]) - exp(w->base[next]));
    w->same_top += top == base_top;
}

static int on_logits(void *user, size_t pos, int32_t id, const float *logits, size_t n_vocab) {
    struct work *w = user;
    size_t base_top = 0, top = log_softmax(w->lp, logits, n_vocab);
    int32_t next = w->window[w->first + pos + 1];
    (void)id;
    add(&w->nll, -w->lp[next]);
    if (w->to && !write_row(w, n_vocab))
        w->code = sf_cli_fail(1, "%s: could not be written", w->cli->kl_base);
    if (w->from && !read_row(w, n_vocab, &base_top))
        w->code = sf_cli_fail(3, "%s: no more rows at position %llu: the file is damaged or cut",
                              w->cli->kl, (unsigned long long)w->n);
    if (w->code) return 1;
    if (w->from) compare(w, n_vocab, top, base_top, next);
    w->n++;
    return 0;
}

/* --------------------------------------------------------------------------------- base files */

static int open_from(struct work *w) {
    const char *path = w->cli->kl;
    char magic[sizeof MAGIC - 1];
    struct header h;
    int code = sf_cli_path("--kl", path);
    if (code) return code;
    w->from = fopen(path, "rb");
    if (!w->from || fread(magic, sizeof magic, 1, w->from) != 1 ||
        memcmp(magic, MAGIC, sizeof magic) != 0 || fread(&h, sizeof h, 1, w->from) != 1)
        return sf_cli_fail(3, "%s is no base run: --kl-base OUT writes one", path);
    if (h.n_vocab != w->info.n_vocab || h.n_ctx != w->n_ctx || h.n_windows != w->n_windows ||
        h.n_scored != w->n_ctx - 1 - w->first)
        return sf_cli_fail(
            3,
            "%s was made with a vocabulary of %u, windows of %u and %u of them; here "
            "it is %u, %zu and %zu: use the same text, -c and vocabulary",
            path, h.n_vocab, h.n_ctx, h.n_windows, w->info.n_vocab, w->n_ctx, w->n_windows);
    for (size_t i = 0; i < w->n_windows * w->n_ctx; i++) {
        int32_t id;
        if (fread(&id, sizeof id, 1, w->from) != 1)
            return sf_cli_fail(3, "%s: ends within its token ids", path);
        if (id != w->ids[i])
            return sf_cli_fail(3, "%s was made from another text: token %zu differs", path, i);
    }
    w->each = malloc((w->n_windows * h.n_scored + 1) * sizeof *w->each);
    return w->each ? 0 : sf_cli_fail(4, "no memory for the divergences");
}

static int open_to(struct work *w) {
    const char *path = w->cli->kl_base;
    struct header h = {.n_vocab = w->info.n_vocab,
                       .n_ctx = (uint32_t)w->n_ctx,
                       .n_windows = (uint32_t)w->n_windows,
                       .n_scored = (uint32_t)(w->n_ctx - 1 - w->first)};
    char size[32];
    if (!w->cli->force && access(path, F_OK) == 0)
        return sf_cli_fail(1, "'%s' is there already: --force writes over it", path);
    int n = snprintf(w->to_path, sizeof w->to_path, "%s.tmp-%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof w->to_path) {
        w->to_path[0] = 0;
        return sf_cli_fail(2, "--kl-base: the file name is too long");
    }
    sf_cli_note(w->cli, "%s will take %s", path,
                sf_cli_bytes(size, (double)h.n_windows * h.n_scored * (4.0 + 2.0 * h.n_vocab)));
    w->to = fopen(w->to_path, "wbx");
    if (!w->to || fwrite(MAGIC, sizeof MAGIC - 1, 1, w->to) != 1 ||
        fwrite(&h, sizeof h, 1, w->to) != 1 ||
        fwrite(w->ids, sizeof *w->ids, w->n_windows * w->n_ctx, w->to) != w->n_windows * w->n_ctx)
        return sf_cli_fail(1, "%s: could not be written", path);
    return 0;
}

static int finish_to(struct work *w) {
    bool good = !fflush(w->to) && !fsync(fileno(w->to));
    good = !fclose(w->to) && good;
    w->to = NULL;
    if (!good || rename(w->to_path, w->cli->kl_base))
        return sf_cli_fail(1, "%s: could not be written", w->cli->kl_base);
    w->to_path[0] = 0;
    return 0;
}

/* ------------------------------------------------------------------------------------ results */

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct work *w, double p) {
    return w->n ? (double)w->each[(size_t)(p / 100 * (double)(w->n - 1) + 0.5)] : 0;
}

static void tell_json(const struct work *w) {
    double ppl = exp(mean(&w->nll, w->n));
    sf_out_str("{\"perplexity\":");
    sf_out_json_real(ppl, 9);
    sf_out_str(",\"error\":");
    sf_out_json_real(ppl * error_of(&w->nll, w->n), 9);
    sf_outf(",\"nll\":%.9g,\"tokens\":%zu,\"scored\":%llu,\"windows\":%zu,\"n_ctx\":%zu",
            mean(&w->nll, w->n), w->n_ids, (unsigned long long)w->n, w->n_windows, w->n_ctx);
    if (w->from) {
        sf_outf(",\"kl\":{\"mean\":%.9g,\"error\":%.9g,\"base_perplexity\":%.9g,\"same_top\":%.9g,"
                "\"rms_dp\":%.9g",
                mean(&w->kl, w->n), error_of(&w->kl, w->n), exp(mean(&w->base_nll, w->n)),
                w->n ? (double)w->same_top / (double)w->n : 0,
                w->n ? sqrt(w->dp.square / (double)w->n) : 0);
        sf_outf(
            ",\"max\":%.6g,\"p99\":%.6g,\"p95\":%.6g,\"p90\":%.6g,\"median\":%.6g,\"p10\":%.6g}",
            percentile(w, 100), percentile(w, 99), percentile(w, 95), percentile(w, 90),
            percentile(w, 50), percentile(w, 10));
    }
    sf_out_str("}\n");
}

static void tell(const struct work *w) {
    double ppl = exp(mean(&w->nll, w->n));
    sf_outf("perplexity %.4f ± %.4f (%llu tokens scored in %zu windows of %zu)\n", ppl,
            ppl * error_of(&w->nll, w->n), (unsigned long long)w->n, w->n_windows, w->n_ctx);
    if (!w->from) return;
    sf_outf("base       %.4f (ratio %.6f)\n", exp(mean(&w->base_nll, w->n)),
            ppl / exp(mean(&w->base_nll, w->n)));
    sf_outf("KL         %.6f ± %.6f nats\n", mean(&w->kl, w->n), error_of(&w->kl, w->n));
    sf_outf("           max %.6f, 99 %% %.6f, 95 %% %.6f, 90 %% %.6f, median %.6f, 10 %% %.6f\n",
            percentile(w, 100), percentile(w, 99), percentile(w, 95), percentile(w, 90),
            percentile(w, 50), percentile(w, 10));
    sf_outf("same top   %.3f %%\n", w->n ? 100 * (double)w->same_top / (double)w->n : 0);
    sf_outf("rms dp     %.3f %%\n", w->n ? 100 * sqrt(w->dp.square / (double)w->n) : 0);
}

/* ---------------------------------------------------------------------------------------- run */

static int prepare(struct work *w) {
    struct sf_cli *c = w->cli;
    surefoot_session_options o;
    char *text;
    size_t n;
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "perplexity needs a model: -m FILE.gguf (none is built in)");
    int code = sf_cli_session_options(c, &o);
    if (!code) code = sf_cli_text(c, &text, &n);
    if (code) return code;
    if (c->ctx == SF_CLI_UNSET) c->ctx = WINDOW;
    code = sf_cli_open_model(c, &w->model);
    if (!code) {
        w->info.size = sizeof w->info;
        surefoot_model_describe(w->model, &w->info);
        code = sf_cli_tokenize(w->model, text, n, &w->ids, &w->n_ids);
    }
    free(text);
    if (code) return code;
    w->n_ctx = c->ctx ? (size_t)c->ctx : w->info.n_ctx_train;
    if (w->n_ctx < 4) return sf_cli_fail(2, "-c %zu: a window has at least 4 tokens", w->n_ctx);
    w->first = w->n_ctx / 2;
    w->n_windows = w->n_ids / w->n_ctx;
    if (!w->n_windows)
        return sf_cli_fail(
            2, "the text has %zu tokens, and a window %zu: give a longer text, or -c %zu", w->n_ids,
            w->n_ctx, w->n_ids < 4 ? 4 : w->n_ids);
    o.n_ctx = (uint32_t)w->n_ctx;
    if (c->batch == SF_CLI_UNSET && o.n_batch > w->n_ctx) o.n_batch = (uint32_t)w->n_ctx;
    w->window = malloc(w->n_ctx * sizeof *w->window);
    w->lp = malloc(w->info.n_vocab * sizeof *w->lp);
    w->base = malloc(w->info.n_vocab * sizeof *w->base);
    w->packed = malloc(w->info.n_vocab * sizeof *w->packed);
    if (!w->window || !w->lp || !w->base || !w->packed)
        return sf_cli_fail(4, "no memory for windows of %zu tokens", w->n_ctx);
    code = sf_cli_open_session(c, &w->session, w->model, &o);
    if (!code && c->kl) code = open_from(w);
    if (!code && c->kl_base) code = open_to(w);
    return code;
}

static int windows(struct work *w) {
    surefoot_error err = {0};
    for (size_t i = 0; i < w->n_windows; i++) {
        memcpy(w->window, w->ids + i * w->n_ctx, w->n_ctx * sizeof *w->window);
        if (w->info.add_bos && w->info.bos >= 0) w->window[0] = w->info.bos;
        surefoot_session_rewind(w->session, 0);
        surefoot_status s = surefoot_eval(w->session, w->window, w->first, 0, NULL, NULL, &err);
        if (s == SUREFOOT_OK)
            s = surefoot_eval(w->session, w->window + w->first, w->n_ctx - 1 - w->first, 0,
                              on_logits, w, &err);
        if (w->code) return w->code;
        if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
        sf_cli_say(w->cli, "window %zu of %zu: perplexity so far %.4f", i + 1, w->n_windows,
                   exp(mean(&w->nll, w->n)));
        if (sf_cli_progress(w->cli, "perplexity", i + 1, w->n_windows)) return 130;
    }
    return 0;
}

int sf_cmd_perplexity(struct sf_cli *c) {
    struct work w = {.cli = c};
    int code = c->kl && c->kl_base ? sf_cli_fail(2, "--kl and --kl-base: give one of them") : 0;
    if (!code) code = prepare(&w);
    if (!code) code = windows(&w);
    sf_cli_progress_end(c);
    if (!code && w.to) code = finish_to(&w);
    if (!code) {
        if (w.from) qsort(w.each, w.n, sizeof *w.each, by_value);
        if (c->json)
            tell_json(&w);
        else
            tell(&w);
    }
    if (w.to) fclose(w.to);
    if (w.to_path[0]) unlink(w.to_path);
    if (w.from) fclose(w.from);
    sf_cli_close_session(w.session);
    surefoot_model_close(w.model);
    free(w.ids);
    free(w.window);
    free(w.lp);
    free(w.base);
    free(w.packed);
    free(w.each);
    return code;
}
