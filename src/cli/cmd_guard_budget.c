/* SPDX-License-Identifier: MIT
 * cmd_guard_budget.c - the bounds compiled in, what the search takes in memory, and with a model
 * how long its steps take here and which N and d keep a deadline. Through surefoot.h alone.
 *
 * The longest gap between two deliveries that a decision can cause, from measured step times:
 * the undisturbed candidate runs d tokens alone, then the N candidates run d tokens together, again
 * for each of M retries, and the last retry starts from the last delivered token, d tokens back:
 *     gap(N, d) = d * step(1) + d * (1 + M) * step(N) + d * step(N)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define BATCHES 9 /* 1, 2, 4 ... 128 and the bound itself */

struct steps {
    int n[BATCHES];
    double seconds[BATCHES];
    size_t count;
};

static const int blocks[] = {1, 2, 4, 8, 16, 32, 64};

static double gap(double one, double all, int d, int retries) {
    return d * one + d * (2 + retries) * all;
}

static int measure(struct sf_cli *c, const surefoot_model *m, int most, struct steps *t) {
    surefoot_session_options o;
    surefoot_session *s = NULL;
    surefoot_error err = {0};
    enum { GEN = 8 };
    int code = sf_cli_session_options(c, &o);
    if (code) return code;
    o.n_seq = (uint32_t)most;
    o.n_ctx = 128;
    code = sf_cli_open_session(c, &s, m, &o);
    for (int n = 1; n <= most && !code; n = n < most && 2 * n > most ? most : 2 * n) {
        double best = 0, seconds;
        for (int i = 0; i < 4 && !code; i++) { /* the first warms up */
            code =
                sf_cli_status(surefoot_workload(s, 0, GEN, (uint32_t)n, 32, &seconds, &err), &err);
            if (i && (best <= 0 || seconds < best)) best = seconds;
        }
        t->n[t->count] = n;
        t->seconds[t->count++] = best / GEN;
        if (sf_cli_interrupted()) code = 130;
        if (n == most) break;
    }
    sf_cli_close_session(s);
    return code;
}

static void put_bounds(const struct sf_cli *c, const surefoot_guard_budget *b) {
    char size[32];
    if (c->json) {
        sf_outf("{\"max_candidates\":%d,\"max_block\":%d,\"max_retries\":%d,\"max_hold\":%d,"
                "\"max_evals_per_token\":%d,\"search_bytes\":%zu",
                b->max_candidates, b->max_block, b->max_retries, b->max_hold,
                b->max_evals_per_token, b->search_bytes);
        return;
    }
    sf_outf("compiled in (a policy may only lower them)\n"
            "  SF_GUARD_MAX_CANDIDATES       %6d  N\n"
            "  SF_GUARD_MAX_BLOCK            %6d  d, tokens\n"
            "  SF_GUARD_MAX_RETRIES          %6d  M\n"
            "  SF_GUARD_MAX_HOLD             %6d  held-back bytes\n"
            "  SF_GUARD_MAX_EVALS_PER_TOKEN  %6d  1 + N (2 + M)\n"
            "memory of the search            %s\n",
            b->max_candidates, b->max_block, b->max_retries, b->max_hold, b->max_evals_per_token,
            sf_cli_bytes(size, (double)b->search_bytes));
}

static int put_policy(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m) {
    surefoot_policy_info i = {.size = sizeof i};
    surefoot_policy_describe(p, &i);
    int b = 1 + i.candidates * (2 + i.retries);
    size_t with = 0, without = 0;
    char size[32];
    if (m) {
        surefoot_session_options o;
        surefoot_error err = {0};
        int code = sf_cli_session_options(c, &o);
        if (code) return code;
        surefoot_status s = surefoot_session_bytes(&without, m, &o, &err);
        o.policy = p;
        if (s == SUREFOOT_OK) s = surefoot_session_bytes(&with, m, &o, &err);
        if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
    }
    if (c->json) {
        sf_outf(",\"policy\":{\"candidates\":%d,\"keep\":%d,\"block\":%d,\"retries\":%d,"
                "\"evals_per_token\":%d,\"deadline_ms\":%d",
                i.candidates, i.keep, i.block, i.retries, b, i.deadline_ms);
        if (m) sf_outf(",\"session_bytes\":%zu,\"search_share_bytes\":%zu", with, with - without);
        sf_out_str("}");
        return 0;
    }
    sf_outf("policy %s: N %d, K %d, d %d, M %d, at most %d evaluations per token\n", c->guard,
            i.candidates, i.keep, i.block, i.retries, b);
    if (m)
        sf_outf("its pages and rows in a session  %s\n",
                sf_cli_bytes(size, (double)(with - without)));
    return 0;
}

/* Pairs (N, d), their longest gap, and whether it keeps the deadline (0: none asked). */
static void put_steps(const struct sf_cli *c, const struct steps *t, const surefoot_guard_budget *b,
                      int deadline_ms) {
    double one = t->seconds[0];
    bool any = false, first = true;
    if (c->json)
        sf_out_str(",\"steps\":[");
    else
        sf_out_str("measured step time\n");
    for (size_t i = 0; i < t->count; i++) {
        double ms = 1e3 * t->seconds[i];
        if (c->json)
            sf_outf("%s{\"batch\":%d,\"ms\":%.4f}", i ? "," : "", t->n[i], ms);
        else
            sf_outf("  batch %3d  %10.3f ms, %.3f ms a row\n", t->n[i], ms, ms / t->n[i]);
    }
    if (c->json)
        sf_out_str("],\"gaps\":[");
    else
        sf_outf("longest gap between deliveries in ms, M %d%s\n       N", b->max_retries,
                deadline_ms ? "; * keeps the deadline" : "");
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks && blocks[k] <= b->max_block && !c->json;
         k++)
        sf_outf("  d = %-6d", blocks[k]);
    if (!c->json) sf_out_str("\n");
    for (size_t i = 0; i < t->count; i++) {
        if (!c->json) sf_outf("  %6d", t->n[i]);
        for (size_t k = 0; k < sizeof blocks / sizeof *blocks && blocks[k] <= b->max_block; k++) {
            double ms = 1e3 * gap(one, t->seconds[i], blocks[k], b->max_retries);
            bool meets = deadline_ms && ms <= deadline_ms;
            any = any || meets;
            if (c->json)
                sf_outf("%s{\"candidates\":%d,\"block\":%d,\"gap_ms\":%.3f%s}", first ? "" : ",",
                        t->n[i], blocks[k], ms,
                        !deadline_ms ? ""
                        : meets      ? ",\"meets\":true"
                                     : ",\"meets\":false");
            else
                sf_outf("  %8.1f%s", ms, meets ? " *" : "  ");
            first = false;
        }
        if (!c->json) sf_out_str("\n");
    }
    if (c->json) sf_out_str("]");
    if (deadline_ms && !any)
        sf_cli_note(c, "not even N = 1, d = 1 keeps a deadline of %d ms on this machine",
                    deadline_ms);
}

int sf_cmd_guard_budget(struct sf_cli *c) {
    surefoot_guard_budget b = {.size = sizeof b};
    surefoot_policy *p = NULL;
    surefoot_model *m = NULL;
    struct steps t = {.count = 0};
    if (c->deadline_ms != SF_CLI_UNSET && !c->model)
        return sf_cli_fail(2, "--deadline-ms needs measured steps: -m FILE.gguf");
    surefoot_guard_budget_describe(&b);
    int code = sf_cli_open_policy(c, &p);
    if (!code && c->model) code = sf_cli_open_model(c, &m);
    if (!code && m) code = measure(c, m, b.max_candidates, &t);
    if (!code) {
        put_bounds(c, &b);
        if (p) code = put_policy(c, p, m);
        if (t.count) put_steps(c, &t, &b, c->deadline_ms == SF_CLI_UNSET ? 0 : (int)c->deadline_ms);
        if (c->json) sf_out_str("}\n");
    }
    surefoot_policy_close(p);
    surefoot_model_close(m);
    return code;
}
