/* SPDX-License-Identifier: MIT
 * cli_train_report.c - how well a critic foresees: as a table, as JSON, as a picture.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_train_critic.h"

static const char *num(char out[16], double v) {
    snprintf(out, 16, isfinite(v) ? "%.3f" : "-", v);
    return out;
}

static void row(const char *who, const struct sf_measure *m) {
    char a[8][16];
    sf_outf("    %-22s %s (%s to %s)  within %s  Brier skill %s  PR area %s  recall %s  ECE %s\n",
            who, num(a[0], m->auroc), num(a[1], m->low), num(a[2], m->high), num(a[3], m->within),
            num(a[4], m->brier_skill), num(a[5], m->pr_area), num(a[6], m->recall),
            num(a[7], m->ece));
}

void sf_train_print(const struct sf_cli *c, const struct sf_report *r,
                    const struct sf_train_result *t, const struct surefoot_critic *k) {
    (void)c;
    sf_outf("critic: %u units on rows of %u, epoch %d of %d, %zu states learnt, %zu checked\n",
            k->net.n_hidden, k->n_hidden, t->fit.best, t->fit.epochs, t->n_learn, t->n_check);
    sf_outf("tau_high %.3f: %.2f %% of %zu benign answers are ever below it (their 0.5 %% point "
            "is %.3f)\n",
            k->tau_high, 100 * t->calm_below, t->n_calm, t->tau_low);
    sf_outf("f1 on prompts and families it never saw, states with nothing charged, z = d0; AUROC "
            "and its 95 %% interval over prompts:\n");
    for (int i = 0; i < SF_TRAIN_POINTS; i++) {
        const struct sf_report_point *p = &r->point[i];
        sf_outf("  %s: %zu unsafe, %zu safe, %zu prompts\n", p->name, p->unsafe, p->safe,
                p->prompts);
        if (!p->measurable) {
            sf_outf("    not measurable (200, 200 and 100 are needed)\n");
            continue;
        }
        row("critic", &p->critic);
        row("prompt's row alone", &p->prompt);
        row("position alone", &p->position);
        sf_outf("    %-22s 0.500, as all are the same\n", "z alone");
        sf_outf("    critic minus prompt    %+.3f (%+.3f to %+.3f)\n",
                p->critic.auroc - p->prompt.auroc, p->ahead_low, p->ahead_high);
    }
    sf_outf("f2 at half of the answer: R2 %.3f over %zu safe answers\n", r->r2, r->n_r2);
}

static void real(const char *key, double v) {
    sf_outf("\"%s\":", key);
    sf_out_json_real(v, 6);
}

static void measure(const char *key, const struct sf_measure *m) {
    sf_outf(",\"%s\":{", key);
    real("auroc", m->auroc);
    sf_out_str(",");
    real("low", m->low);
    sf_out_str(",");
    real("high", m->high);
    sf_out_str(",");
    real("within_prompt", m->within);
    sf_out_str(",");
    real("brier_skill", m->brier_skill);
    sf_out_str(",");
    real("pr_area", m->pr_area);
    sf_out_str(",");
    real("recall_at_1_percent", m->recall);
    sf_out_str(",");
    real("ece", m->ece);
    sf_out_str("}");
}

void sf_train_json(const struct sf_report *r, const struct sf_train_result *t,
                   const struct surefoot_critic *k, const struct sf_train_curve *curve,
                   size_t n_curve) {
    sf_outf("{\"units\":%u,\"n_hidden\":%u,\"epochs\":%d,\"best\":%d,\"learn\":%zu,\"check\":%zu,",
            k->net.n_hidden, k->n_hidden, t->fit.epochs, t->fit.best, t->n_learn, t->n_check);
    real("tau_high", k->tau_high);
    sf_out_str(",");
    real("benign_half_percent_point", t->tau_low);
    sf_outf(",\"benign\":%zu,", t->n_calm);
    real("benign_below", t->calm_below);
    sf_out_str(",\"points\":[");
    for (int i = 0; i < SF_TRAIN_POINTS; i++) {
        const struct sf_report_point *p = &r->point[i];
        sf_outf("%s{\"at\":\"%s\",\"unsafe\":%zu,\"safe\":%zu,\"prompts\":%zu,\"measurable\":%s",
                i ? "," : "", p->name, p->unsafe, p->safe, p->prompts,
                p->measurable ? "true" : "false");
        if (p->measurable) {
            measure("critic", &p->critic);
            measure("prompt", &p->prompt);
            measure("position", &p->position);
            sf_out_str(",");
            real("ahead_low", p->ahead_low);
            sf_out_str(",");
            real("ahead_high", p->ahead_high);
        }
        sf_out_str("}");
    }
    sf_out_str("],");
    real("f2_r2", r->r2);
    sf_outf(",\"f2_n\":%zu,\"curve\":[", r->n_r2);
    for (size_t i = 0; i < n_curve; i++) {
        sf_outf("%s{\"%s\":", i ? "," : "", curve[i].what);
        sf_out_json_real(curve[i].x, 6);
        sf_out_str(",");
        real("auroc", curve[i].auroc);
        sf_out_str(",");
        real("within_prompt", curve[i].within);
        sf_out_str("}");
    }
    sf_out_str("]}\n");
}

/* ------------------------------------------------------------------------------- the picture */

enum { W = 860, H = 420, LEFT = 60, TOP = 40, PLOT = 280, GROUP = 92 };

static double at(double auroc) { /* y of 0.4 .. 1 */
    double v = fmin(1, fmax(0.4, auroc));
    return TOP + PLOT * (1 - (v - 0.4) / 0.6);
}

static void bar(FILE *f, double x, const struct sf_measure *m, const char *colour) {
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"20\" height=\"%.1f\" fill=\"%s\"/>\n", x,
            at(m->auroc), at(0.4) - at(m->auroc), colour);
    if (isfinite(m->low))
        fprintf(f, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#000\" stroke-width=\"1.5\"/>\n", x + 10,
                at(m->low), at(m->high));
}

static void points(FILE *f, const struct sf_report *r) {
    static const char *const colour[] = {"#4477aa", "#ccbb44", "#bbbbbb"};
    static const char *const who[] = {"critic", "prompt's row alone", "position alone"};
    for (int i = 0; i < SF_TRAIN_POINTS; i++) {
        const struct sf_report_point *p = &r->point[i];
        double x = LEFT + 12 + GROUP * i;
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" font-size=\"10\">%s</text>\n", x, TOP + PLOT + 16,
                p->name);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" font-size=\"10\" fill=\"#666\">%zu / %zu</text>\n", x,
                TOP + PLOT + 30, p->unsafe, p->safe);
        if (!p->measurable) {
            fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\">not</text>\n", x, at(0.5));
            fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\">measurable</text>\n", x,
                    at(0.5) + 12);
            continue;
        }
        bar(f, x, &p->critic, colour[0]);
        bar(f, x + 22, &p->prompt, colour[1]);
        bar(f, x + 44, &p->position, colour[2]);
    }
    for (int k = 0; k < 3; k++)
        fprintf(f,
                "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                "<text x=\"%d\" y=\"%d\">%s</text>\n",
                LEFT + 12 + 170 * k, H - 30, colour[k], LEFT + 30 + 170 * k, H - 20, who[k]);
}

static void curves(FILE *f, const struct sf_train_curve *curve, size_t n) {
    double x = LEFT + GROUP * SF_TRAIN_POINTS + 40;
    if (n == 0) return;
    fprintf(f, "<text x=\"%.1f\" y=\"%d\">learning curve, at half</text>\n", x, TOP - 8);
    for (size_t i = 0; i < n; i++) {
        fprintf(f,
                "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\">%s %g: AUROC %.3f, within prompt "
                "%.3f</text>\n",
                x, TOP + 14.0 + 16.0 * (double)i, curve[i].what, curve[i].x, curve[i].auroc,
                curve[i].within);
    }
}

int sf_train_svg(const char *path, const struct sf_report *r, const struct sf_train_curve *curve,
                 size_t n_curve) {
    FILE *f = fopen(path, "w");
    if (!f) return sf_cli_fail(1, "could not write to '%s': %s", path, strerror(errno));
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<title>How well the critic foresees"
            "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
            "<text x=\"%d\" y=\"%d\">AUROC of f1 (unsafe / safe answers below)</text>\n",
            W, H, W, H, LEFT, TOP - 16);
    for (int i = 4; i <= 10; i++)
        fprintf(f, "<path d=\"M%d %.1fH%d\" stroke=\"%s\"/><text x=\"%d\" y=\"%.1f\">%.1f</text>\n",
                LEFT, at(i / 10.0), LEFT + GROUP * SF_TRAIN_POINTS + 10, i == 5 ? "#000" : "#ddd",
                LEFT - 28, at(i / 10.0) + 4, i / 10.0);
    points(f, r);
    curves(f, curve, n_curve);
    fprintf(f, "</svg>\n");
    if (fclose(f) != 0) return sf_cli_fail(1, "could not write to '%s': %s", path, strerror(errno));
    return 0;
}
