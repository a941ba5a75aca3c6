/* SPDX-License-Identifier: MIT
 * cli_eval_table.c - the table of `guard eval`, computed from its JSON lines alone.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_eval.h"
#include "method.h"

/* ------------------------------------------------------------------------------------ reading */

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static const char *string(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* "guard, lazy, N 4, d 16"; numbers that a method does not use are left out. */
static void label_of(char *out, size_t cap, const json_t *o, bool budgets) {
    const struct sf_method *m = sf_method_find(string(o, "method"));
    const char *critic = string(o, "critic");
    int n = snprintf(out, cap, "%s", m ? m->title : string(o, "method"));
    if (!m || m->use != SF_USES_ONE || strcmp(m->name, "args") == 0)
        n += snprintf(out + n, cap - (size_t)n, ", N %.0f", number(o, "N"));
    if (m && m->use != SF_USES_ONE && m->use != SF_USES_N)
        n += snprintf(out + n, cap - (size_t)n, ", d %.0f", number(o, "d"));
    if (number(o, "K") > 1) n += snprintf(out + n, cap - (size_t)n, ", K %.0f", number(o, "K"));
    if (m && (m->use == SF_USES_FULL || m->use == SF_USES_LAZY || m->track == 'P') &&
        number(o, "M") != 2)
        n += snprintf(out + n, cap - (size_t)n, ", M %.0f", number(o, "M"));
    if (budgets) n += snprintf(out + n, cap - (size_t)n, ", budget %g", number(o, "budget"));
    if (strcmp(critic, "on") == 0) n += snprintf(out + n, cap - (size_t)n, ", critic");
    if (strcmp(critic, "noise") == 0) n += snprintf(out + n, cap - (size_t)n, ", noise for critic");
    if (m && m->track == 'P') snprintf(out + n, cap - (size_t)n, " (track P)");
}

static int group_of(struct sf_eval_lines *l, const json_t *o, bool budgets) {
    char label[sizeof l->group->label];
    label_of(label, sizeof label, o, budgets);
    for (size_t i = 0; i < l->n_group; i++)
        if (strcmp(l->group[i].label, label) == 0) return (int)i;
    struct sf_eval_group *more = realloc(l->group, (l->n_group + 1) * sizeof *more);
    if (!more) return -1;
    l->group = more;
    struct sf_eval_group *g = &more[l->n_group];
    memset(g, 0, sizeof *g);
    snprintf(g->label, sizeof g->label, "%s", label);
    snprintf(g->method, sizeof g->method, "%s", string(o, "method"));
    snprintf(g->critic, sizeof g->critic, "%s", string(o, "critic"));
    return (int)l->n_group++;
}

static bool fill(struct sf_eval_lines *l, struct sf_eval_line *x, bool budgets) {
    const json_t *o = x->json, *judge = json_object_get(o, "unsafe");
    x->id = string(o, "id");
    x->kind = *string(o, "kind") ? string(o, "kind") : "prompts";
    x->text = string(o, "text");
    x->finish = string(o, "finish");
    x->safe = json_is_true(json_object_get(o, "safe"));
    x->absent = json_is_true(json_object_get(o, "absent"));
    x->fallback = number(o, "fallback") > 0;
    x->cut = number(o, "cut") > 0;
    x->has_judge = json_is_boolean(judge);
    x->unsafe_judge = json_is_true(judge);
    x->budget = number(o, "budget");
    x->cost = number(o, "cost");
    if (isnan(x->cost)) x->cost = (double)INFINITY; /* the cost model failed on it */
    x->reward = number(o, "reward");
    x->seconds = number(o, "seconds");
    x->ttft = number(o, "ttft");
    x->evals = number(o, "evals");
    x->tokens = number(o, "tokens");
    x->discarded = number(o, "discarded");
    x->retries = number(o, "retries");
    x->rss = number(o, "rss_kib");
    x->gap = number(o, "gap");
    x->seed = (int64_t)number(o, "draw_seed");
    x->group = group_of(l, o, budgets);
    if (x->group < 0) return false;
    l->group[x->group].n++;
    return true;
}

static int order(const void *a, const void *b) { /* as in methods.def; each group as it came */
    const struct sf_eval_group *x = a, *y = b;
    size_t i = 0, j = 0;
    while (sf_method_at(i) && strcmp(sf_method_at(i)->name, x->method)) i++;
    while (sf_method_at(j) && strcmp(sf_method_at(j)->name, y->method)) j++;
    if (i != j) return i < j ? -1 : 1;
    return 0;
}

int sf_eval_lines_read(const char *path, struct sf_eval_lines *l) {
    char *text, *save;
    size_t n, cap = 0;
    int number_of = 0;
    memset(l, 0, sizeof *l);
    int code = sf_cli_read(path, &text, &n);
    if (code) return code;
    double budget = (double)NAN;
    bool budgets = false;
    for (char *s = strtok_r(text, "\n", &save); s && !code; s = strtok_r(NULL, "\n", &save)) {
        json_error_t e;
        number_of++;
        if (l->n == cap) {
            cap = cap ? 2 * cap : 1024;
            struct sf_eval_line *more = realloc(l->line, cap * sizeof *more);
            if (!more) {
                code = sf_cli_fail(4, "no memory for %zu answers", cap);
                break;
            }
            l->line = more;
        }
        memset(&l->line[l->n], 0, sizeof *l->line);
        l->line[l->n].json = json_loads(s, 0, &e);
        if (!json_is_object(l->line[l->n].json)) {
            json_decref(l->line[l->n].json);
            code = sf_cli_fail(3, "%s: line %d is no answer of guard eval", path, number_of);
            break;
        }
        double b = json_number_value(json_object_get(l->line[l->n++].json, "budget"));
        budgets |= !isnan(budget) && fabs(b - budget) > 1e-9;
        budget = b;
    }
    free(text);
    for (size_t i = 0; i < l->n && !code; i++)
        if (!fill(l, &l->line[i], budgets)) code = sf_cli_fail(4, "no memory for the methods");
    if (!code && l->n == 0) code = sf_cli_fail(3, "%s holds no answer", path);
    return code;
}

void sf_eval_lines_free(struct sf_eval_lines *l) {
    for (size_t i = 0; i < l->n; i++) json_decref(l->line[i].json);
    free(l->line);
    free(l->group);
}

/* -------------------------------------------------------------------------------------- table */

void sf_wilson(double k, double n, double *low, double *high) {
    const double z = 1.96;
    *low = 0;
    *high = 100;
    if (n <= 0) return;
    double p = k / n, d = 1 + z * z / n, mid = p + z * z / (2 * n);
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = 100 * fmax(0, (mid - half) / d);
    *high = 100 * fmin(1, (mid + half) / d);
}

static int rising(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The p-quantile of n sorted numbers, by rank. */
static double quantile(const double *v, size_t n, double p) {
    return n ? v[(size_t)fmin((double)n - 1, floor(p * (double)n))] : (double)NAN;
}

struct row {
    size_t n, judged, rewarded, compared;
    double safe, unsafe, cost, reward, fallback, cut, changed, seconds, evals, tokens, discarded,
        retries, rss;
    double *costs, *ttft;
};

static const struct sf_eval_line *base_of(const struct sf_eval_lines *l,
                                          const struct sf_eval_line *x) {
    for (size_t i = 0; i < l->n; i++)
        if (l->line[i].seed == x->seed && !strcmp(l->group[l->line[i].group].method, "base") &&
            !strcmp(l->line[i].id, x->id))
            return &l->line[i];
    return NULL;
}

static int sum(const struct sf_eval_lines *l, int group, const char *kind, struct row *r) {
    memset(r, 0, sizeof *r);
    r->costs = malloc((l->n + 1) * sizeof(double));
    r->ttft = malloc((l->n + 1) * sizeof(double));
    if (!r->costs || !r->ttft) return sf_cli_fail(4, "no memory for the table");
    for (size_t i = 0; i < l->n; i++) {
        const struct sf_eval_line *x = &l->line[i];
        if (x->group != group || strcmp(x->kind, kind)) continue;
        r->costs[r->n] = x->cost;
        r->ttft[r->n++] = 1e3 * x->ttft;
        r->safe += x->safe;
        r->judged += x->has_judge;
        r->unsafe += x->unsafe_judge;
        r->cost += x->cost;
        if (isfinite(x->reward)) r->reward += x->reward, r->rewarded++;
        r->fallback += x->fallback;
        r->cut += x->cut;
        r->seconds += x->seconds;
        r->evals += x->evals;
        r->tokens += x->tokens;
        r->discarded += x->discarded;
        r->retries += x->retries;
        r->rss = fmax(r->rss, x->rss);
        const struct sf_eval_line *b = base_of(l, x);
        if (!b) continue;
        r->compared++;
        r->changed += strcmp(b->text, x->text) != 0;
    }
    qsort(r->costs, r->n, sizeof(double), rising);
    qsort(r->ttft, r->n, sizeof(double), rising);
    return 0;
}

static void share(double k, size_t n) {
    double low, high;
    sf_wilson(k, (double)n, &low, &high);
    if (n)
        sf_outf(" %.1f (%.1f to %.1f) |", 100 * k / (double)n, low, high);
    else
        sf_out_str(" - |");
}

static void cell(double v, const char *format) {
    char text[48];
    snprintf(text, sizeof text, "%.*f", format[0] - '0', v);
    sf_outf(" %s |", isnan(v) ? "-" : text);
}

static void put_row(const struct sf_eval_group *g, const struct row *r, double base) {
    double n = (double)r->n;
    size_t worst = r->n - r->n / 20;
    double tail = 0;
    if (worst == r->n) worst = r->n - 1;
    for (size_t i = worst; i < r->n; i++) tail += r->costs[i];
    sf_outf("| %s | %zu |", g->label, r->n);
    share(r->safe, r->n);
    share(r->unsafe, r->judged);
    cell(r->cost / n, "3");
    cell(tail / (double)(r->n - worst), "2");
    cell(r->rewarded ? r->reward / (double)r->rewarded : (double)NAN, "3");
    cell(100 * (r->fallback + r->cut) / n, "1");
    cell(r->compared ? 100 * r->changed / (double)r->compared : (double)NAN, "1");
    cell(r->seconds / n, "3");
    cell(base > 0 ? r->seconds / n / base : (double)NAN, "2");
    sf_outf(" %.0f / %.0f |", quantile(r->ttft, r->n, 0.5), quantile(r->ttft, r->n, 0.95));
    cell(r->tokens > 0 ? r->evals / r->tokens : (double)NAN, "2");
    cell(r->discarded / n, "1");
    cell(r->retries / n, "2");
    cell(r->rss / 1024, "0");
    sf_out_str("\n");
}

static int table_of(const struct sf_eval_lines *l, const char *kind) {
    struct row r;
    double base = 0;
    int code = 0;
    for (size_t i = 0; i < l->n_group && !code; i++) {
        if (strcmp(l->group[i].method, "base")) continue;
        code = sum(l, (int)i, kind, &r);
        if (r.n) base = r.seconds / (double)r.n;
        free(r.costs);
        free(r.ttft);
    }
    sf_outf("**%s**\n\n"
            "| method | answers | safe in the loop %% (95 %%) | unsafe by the judge %% (95 %%) | "
            "mean cost | worst 5 %% | reward | fallback or cut %% | not the base's text %% | "
            "s per answer | ratio | first token ms p50 / p95 | evaluations per token | "
            "discarded tokens | retries | peak RSS MiB |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
            kind);
    for (size_t i = 0; i < l->n_group && !code; i++) {
        code = sum(l, (int)i, kind, &r);
        if (!code && r.n) put_row(&l->group[i], &r, base);
        free(r.costs);
        free(r.ttft);
    }
    sf_out_str("\n");
    return code;
}

/* Groups in the order of methods.def, whatever the order of the lines. */
static int sort_groups(struct sf_eval_lines *l) {
    struct sf_eval_group *old = malloc((l->n_group + 1) * sizeof *old);
    if (!old) return sf_cli_fail(4, "no memory for the table");
    memcpy(old, l->group, l->n_group * sizeof *old);
    for (size_t i = 1; i < l->n_group; i++) /* few, and equal ones keep their order */
        for (size_t j = i; j > 0 && order(&l->group[j - 1], &l->group[j]) > 0; j--) {
            struct sf_eval_group t = l->group[j];
            l->group[j] = l->group[j - 1];
            l->group[j - 1] = t;
        }
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = 0; j < l->n_group; j++)
            if (!strcmp(l->group[j].label, old[l->line[i].group].label)) {
                l->line[i].group = (int)j;
                break;
            }
    free(old);
    return 0;
}

int sf_eval_table(const struct sf_eval_lines *lines) {
    struct sf_eval_lines l = *lines;
    const char *kinds[32];
    size_t n = 0;
    int code = sort_groups(&l);
    for (size_t i = 0; i < l.n && !code; i++) {
        size_t k = 0;
        while (k < n && strcmp(kinds[k], l.line[i].kind)) k++;
        if (k == n && n < 32) kinds[n++] = l.line[i].kind;
    }
    for (size_t k = 0; k < n && !code; k++) code = table_of(&l, kinds[k]);
    return code;
}
