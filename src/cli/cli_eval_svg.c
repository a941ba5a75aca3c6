/* SPDX-License-Identifier: MIT
 * cli_eval_svg.c - pictures of what `guard eval` measured, on its risky prompts (where it has any):
 * safety against time, reward against cost, z over tokens.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_eval.h"

enum { W = 860, H = 460, LEFT = 64, RIGHT = 300, TOP = 30, BOTTOM = 52, Z_TOKENS = 120 };
static const char *const colour[] = {"#4477aa", "#cc3311", "#228833", "#aa3377", "#ccbb44",
                                     "#66ccee", "#000000", "#ee7733", "#888888", "#009988",
                                     "#882255", "#332288", "#999933", "#ddaa33"};
#define COLOUR(i) colour[(i) % (sizeof colour / sizeof *colour)]

struct axis {
    double low, high;
    bool log;
};
struct mean {
    size_t n, rewarded;
    double safe, cost, reward, seconds;
};

static double place(const struct axis *a, double v, double from, double to) {
    double x = a->log ? log(v / a->low) / log(a->high / a->low) : (v - a->low) / (a->high - a->low);
    return from + (to - from) * fmin(1, fmax(0, x));
}

static void escaped(FILE *f, const char *s) {
    for (; *s; s++)
        if (*s == '&' || *s == '<' || *s == '>')
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
}

static FILE *begin(const char *prefix, const char *name, const char *title, char path[4096]) {
    snprintf(path, 4096, "%s-%s.svg", prefix, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        sf_cli_fail(1, "could not write to '%s': %s", path, strerror(errno));
        return NULL;
    }
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<title>%s</title>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
            W, H, title, W, H);
    return f;
}

static void axes(FILE *f, const struct axis *x, const struct axis *y, const char *xs,
                 const char *ys) {
    for (int i = 0; i <= 5; i++) {
        double v = x->log ? x->low * pow(x->high / x->low, i / 5.0)
                          : x->low + (x->high - x->low) * i / 5.0;
        double px = place(x, v, LEFT, W - RIGHT), u = y->low + (y->high - y->low) * i / 5.0;
        double py = place(y, u, H - BOTTOM, TOP);
        fprintf(f,
                "<path d=\"M%.1f %dV%d M%d %.1fH%d\" stroke=\"#ddd\"/>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
                px, TOP, H - BOTTOM, LEFT, py, W - RIGHT, px, H - BOTTOM + 16, v, LEFT - 6, py + 4,
                u);
    }
    fprintf(f,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n"
            "<text x=\"%d\" y=\"%d\">%s</text>\n",
            (LEFT + W - RIGHT) / 2, H - 14, xs, LEFT, TOP - 10, ys);
}

static void legend(FILE *f, size_t i, const char *label) {
    int y = TOP + 6 + 15 * (int)i;
    fprintf(f, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">",
            W - RIGHT + 18, y, COLOUR(i), W - RIGHT + 28, y + 4);
    escaped(f, label);
    fputs("</text>\n", f);
}

static int end(FILE *f, const char *path) {
    fputs("</svg>\n", f);
    bool bad = ferror(f) != 0;
    return (fclose(f) != 0 || bad) ? sf_cli_fail(1, "could not write to '%s'", path) : 0;
}

static bool drawn(const struct sf_eval_lines *l, const struct sf_eval_line *x) {
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->line[i].kind, "risky")) return !strcmp(x->kind, "risky");
    return true;
}

static void widen(struct axis *a, double v) {
    if (!isfinite(v)) return;
    a->low = fmin(a->low, v);
    a->high = fmax(a->high, v);
}

static int points(const struct sf_eval_lines *l, const struct mean *m, const char *prefix,
                  bool time) {
    double base = 0;
    char path[4096];
    for (size_t i = 0; i < l->n_group; i++)
        if (m[i].n && !strcmp(l->group[i].method, "base")) base = m[i].seconds / (double)m[i].n;
    if (base <= 0) base = 1;
    struct axis x = {(double)INFINITY, -(double)INFINITY, time},
                y = {(double)INFINITY, -(double)INFINITY, false};
    for (int pass = 0; pass < 2; pass++) {
        FILE *f = NULL;
        if (pass == 1) {
            if (time) y = (struct axis){fmin(y.low, 90), 100, false};
            double px = (x.high - x.low) * 0.06, py = (y.high - y.low) * 0.06;
            if (!time) x.low = fmax(0, x.low - px), x.high += px > 0 ? px : 1;
            if (!time) y.low -= py > 0 ? py : 1, y.high += py > 0 ? py : 1;
            if (time) x.low *= 0.8, x.high *= 1.3;
            f = begin(prefix, time ? "time" : "reward",
                      time ? "Safe answers against time" : "Reward against cost", path);
            if (!f) return 1;
            axes(f, &x, &y,
                 time ? "seconds per answer, as a multiple of the base model's" : "mean cost",
                 time ? "safe in the loop, %" : "mean reward");
        }
        for (size_t i = 0; i < l->n_group; i++) {
            double n = (double)m[i].n;
            if (!m[i].n || (!time && !m[i].rewarded)) continue;
            double vx = time ? m[i].seconds / n / base : m[i].cost / n;
            double vy = time ? 100 * m[i].safe / n : m[i].reward / (double)m[i].rewarded;
            if (pass == 0) {
                if (vx > 0 || !time) widen(&x, vx);
                widen(&y, vy);
                continue;
            }
            fprintf(f,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"%s\" fill-opacity=\"0.8\"/>\n",
                    place(&x, vx, LEFT, W - RIGHT), place(&y, vy, H - BOTTOM, TOP), COLOUR(i));
            legend(f, i, l->group[i].label);
        }
        if (pass == 1) return end(f, path);
    }
    return 0;
}

/* Mean of z / d0 after t tokens; a text that has ended keeps its last z. */
static int curves(const struct sf_eval_lines *l, const struct mean *m, const char *prefix) {
    double(*z)[Z_TOKENS + 1] = calloc(l->n_group + 1, sizeof *z);
    char path[4096];
    if (!z) return sf_cli_fail(4, "no memory for a picture");
    struct axis x = {0, Z_TOKENS, false}, y = {0, 1, false};
    for (size_t i = 0; i < l->n; i++) {
        const struct sf_eval_line *a = &l->line[i];
        const json_t *rise = json_object_get(a->json, "spent");
        if (!drawn(l, a)) continue;
        double spent = 0, d0 = a->budget > 0 ? a->budget : 1;
        size_t at = 0, n = json_array_size(rise);
        for (int t = 0; t <= Z_TOKENS; t++) {
            for (; at < n; at++) {
                const json_t *pair = json_array_get(rise, at);
                if (json_integer_value(json_array_get(pair, 0)) > t) break;
                spent = json_number_value(json_array_get(pair, 1));
            }
            z[a->group][t] += (a->budget - spent) / d0;
        }
    }
    for (size_t i = 0; i < l->n_group; i++)
        for (int t = 0; t <= Z_TOKENS && m[i].n; t++) widen(&y, z[i][t] /= (double)m[i].n);
    FILE *f = begin(prefix, "z", "Safety state over tokens", path);
    if (f) {
        axes(f, &x, &y, "tokens of the answer", "mean of z / d0");
        for (size_t i = 0; i < l->n_group; i++) {
            if (!m[i].n) continue;
            fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" points=\"",
                    COLOUR(i));
            for (int t = 0; t <= Z_TOKENS; t++)
                fprintf(f, "%.1f,%.1f ", place(&x, t, LEFT, W - RIGHT),
                        place(&y, z[i][t], H - BOTTOM, TOP));
            fputs("\"/>\n", f);
            legend(f, i, l->group[i].label);
        }
    }
    free(z);
    return f ? end(f, path) : 1;
}

int sf_eval_svg(const struct sf_eval_lines *l, const char *prefix) {
    struct mean *m = calloc(l->n_group + 1, sizeof *m);
    if (!m) return sf_cli_fail(4, "no memory for a picture");
    for (size_t i = 0; i < l->n; i++) {
        const struct sf_eval_line *a = &l->line[i];
        struct mean *g = &m[a->group];
        if (!drawn(l, a)) continue;
        g->n++;
        g->safe += a->safe;
        g->cost += isfinite(a->cost) ? a->cost : 0;
        g->seconds += a->seconds;
        if (isfinite(a->reward)) g->reward += a->reward, g->rewarded++;
    }
    int code = points(l, m, prefix, true);
    if (!code) code = points(l, m, prefix, false);
    if (!code) code = curves(l, m, prefix);
    free(m);
    return code;
}
