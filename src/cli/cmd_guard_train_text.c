/* SPDX-License-Identifier: MIT
 * cmd_guard_train_text.c - guard train --kind ngram: a classifier from labelled text, its AUROC on
 * rows that it was not trained on, and the p0 that few harmless ones are above.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_rows.h"
#include "cli_train.h"
#include "ngram.h"

static uint64_t hash_of(const char *p, size_t n) { /* FNV-1a */
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 1099511628211u;
    return h ^ h >> 31;
}

/* Without --positive: the usual words for it. */
static bool is_harmful(const struct sf_cli *c, const char *label) {
    static const char *const usual[] = {"1", "true", "yes", "unsafe", "harmful", "toxic"};
    for (size_t i = 0; i < c->positive.n; i++)
        if (strcmp(label, c->positive.item[i]) == 0) return true;
    for (size_t i = 0; c->positive.n == 0 && i < sizeof usual / sizeof usual[0]; i++)
        if (strcmp(label, usual[i]) == 0) return true;
    return false;
}

static int progress(void *user, uint64_t done, uint64_t total) {
    return sf_cli_progress(user, "training", done, total);
}

static double percent(size_t part, size_t of) {
    return of ? 100.0 * (double)part / (double)of : 0;
}

/* What the cross-validation says of the rows of each value of --by, in order of first appearance. */
static void put_groups(const struct sf_cli *c, const struct sf_cli_rows *r,
                       const struct sf_ngram_row *row, const float *score, double p0) {
    bool *done = calloc(r->n + 1, sizeof *done);
    if (!done) return;
    if (c->json)
        sf_out_str(",\"by\":[");
    else
        sf_outf("%-40s %9s %8s %9s %8s\n", c->by, "harmful", "caught", "harmless", "touched");
    for (size_t i = 0, k = 0; i < r->n; i++) {
        size_t n[2] = {0, 0}, above[2] = {0, 0};
        if (done[i]) continue;
        for (size_t j = i; j < r->n; j++) {
            if (strcmp(r->row[i].cell[SF_COL_BY], r->row[j].cell[SF_COL_BY]) != 0) continue;
            done[j] = true;
            n[row[j].harmful]++;
            above[row[j].harmful] += (double)score[j] > p0;
        }
        const char *name = r->row[i].cell[SF_COL_BY];
        if (c->json) {
            sf_out_str(k++ ? ",{\"name\":" : "{\"name\":");
            sf_out_json_str(name, strlen(name));
            sf_outf(",\"harmful\":%zu,\"caught\":%zu,\"harmless\":%zu,\"touched\":%zu}", n[1],
                    above[1], n[0], above[0]);
        } else {
            sf_outf("%-40.40s %9zu %7.1f%% %9zu %7.2f%%\n", name, n[1], percent(above[1], n[1]),
                    n[0], percent(above[0], n[0]));
        }
    }
    if (c->json) sf_out_str("]");
    free(done);
}

static void put_report(const struct sf_cli *c, const struct sf_cli_rows *r,
                       const struct sf_ngram_row *row, const float *score,
                       const struct sf_ngram_report *rep) {
    if (c->json) {
        sf_outf("{\"harmful\":%zu,\"harmless\":%zu,\"auroc\":", rep->n_harmful, rep->n_harmless);
        sf_out_json_real(rep->auroc, 6);
        sf_out_str(",\"auroc_low\":");
        sf_out_json_real(rep->auroc_low, 6);
        sf_out_str(",\"auroc_high\":");
        sf_out_json_real(rep->auroc_high, 6);
        sf_out_str(",\"p0\":");
        sf_out_json_real(rep->p0, 9);
        sf_outf(",\"touched\":%zu,\"caught\":%zu", rep->touched, rep->caught);
        if (c->by) put_groups(c, r, row, score, rep->p0);
        sf_out_str("}\n");
        return;
    }
    sf_outf("rows %zu, %zu of them harmful\n", rep->n_harmful + rep->n_harmless, rep->n_harmful);
    sf_outf("AUROC on rows not trained on %.4f (95 %% interval %.4f to %.4f)\n", rep->auroc,
            rep->auroc_low, rep->auroc_high);
    sf_outf("p0 = %.6g touches %zu of %zu harmless rows (%.2f %%) and catches %zu of %zu harmful "
            "ones (%.1f %%)\n",
            rep->p0, rep->touched, rep->n_harmless, percent(rep->touched, rep->n_harmless),
            rep->caught, rep->n_harmful, percent(rep->caught, rep->n_harmful));
    if (c->by) put_groups(c, r, row, score, rep->p0);
}

static int train(struct sf_cli *c, const struct sf_cli_rows *r, struct sf_ngram_row *row,
                 float *score) {
    struct sf_ngram_options o;
    struct sf_ngram_report rep;
    struct sf_ngram *m;
    surefoot_error err = {0};
    for (size_t i = 0; i < r->n; i++) {
        const struct sf_cli_row *x = &r->row[i];
        int g = c->group ? SF_COL_GROUP : SF_COL_TEXT;
        row[i] = (struct sf_ngram_row){.text = x->cell[SF_COL_TEXT],
                                       .n = x->n[SF_COL_TEXT],
                                       .harmful = is_harmful(c, x->cell[SF_COL_LABEL]),
                                       .group = hash_of(x->cell[g], x->n[g])};
    }
    sf_ngram_options_init(&o);
    o.seed = c->seed;
    o.touch = (isnan(c->touch) ? 0.5 : c->touch) / 100;
    if (c->threads != SF_CLI_UNSET) o.n_threads = (int)c->threads;
    if (c->epochs != SF_CLI_UNSET) o.epochs = (int)c->epochs;
    if (c->bits != SF_CLI_UNSET) o.bits = (uint32_t)c->bits;
    if (c->window != SF_CLI_UNSET) o.window = (uint32_t)c->window;
    o.progress = progress;
    o.user = c;
    surefoot_status s = sf_ngram_train(&m, row, r->n, &o, score, &rep, &err);
    sf_cli_progress_end(c);
    if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
    snprintf(m->about, sizeof m->about, "%zu harmful and %zu harmless texts%s%.100s", rep.n_harmful,
             rep.n_harmless, c->about ? ": " : "", c->about ? c->about : "");
    s = sf_ngram_write(m, c->out, &err);
    sf_ngram_free(m);
    if (s != SUREFOOT_OK) return sf_cli_file_status(s, &err, c->out);
    put_report(c, r, row, score, &rep);
    return 0;
}

int sf_cli_train_ngram(struct sf_cli *c) {
    struct sf_cli_rows r = {0};
    const char *column[SF_COLS] = {c->text_col ? c->text_col : "text",
                                   c->label_col ? c->label_col : "label", c->group, c->by};
    int code = 0;
    if (c->csv.n == 0)
        return sf_cli_fail(2, "--kind ngram needs labelled text: --csv FILE --text COLUMN --label "
                              "COLUMN --out FILE");
    if (!c->out) return sf_cli_fail(2, "--out FILE: where the classifier goes");
    for (size_t i = 0; i < c->csv.n && !code; i++)
        code = sf_cli_rows_read(&r, c->csv.item[i], column);
    struct sf_ngram_row *row = calloc(r.n + 1, sizeof *row);
    float *score = calloc(r.n + 1, sizeof *score);
    if (!code && (!row || !score)) code = sf_cli_fail(4, "no memory for %zu rows", r.n);
    if (!code) code = train(c, &r, row, score);
    free(row);
    free(score);
    sf_cli_rows_free(&r);
    return code;
}
