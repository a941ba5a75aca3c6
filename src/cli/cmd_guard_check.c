/* SPDX-License-Identifier: MIT
 * cmd_guard_check.c - reads a text as the guard would and reports every prefix: charges, what is
 * spent, how far the text is settled. With --ids it audits what a guarded run delivered. Exit 7:
 * some prefix exceeded the budget.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli.h"
#include "policy.h"

struct report {
    const struct sf_cli *cli;
    int64_t budget;
    uint64_t bytes; /* of the answer so far */
    bool json;
    size_t n; /* prefixes printed */
};

static double units(int64_t millionths) {
    return millionths == INT64_MAX ? (double)INFINITY : 1e-6 * (double)millionths;
}

/* "1.5", or "unsafe" for a cost that no budget covers */
static const char *amount(char out[32], int64_t millionths) {
    if (millionths == INT64_MAX)
        snprintf(out, 32, "unsafe");
    else
        snprintf(out, 32, "%.6g", 1e-6 * (double)millionths);
    return out;
}

/* -------------------------------------------------------------------------------------- text */

static void text_prefix(struct report *r, const char *piece, size_t n, int64_t spent,
                        uint64_t settled, const surefoot_charge *charges, size_t n_charges) {
    char a[32];
    bool over = spent > r->budget;
    r->bytes += n;
    if (!r->n++) sf_outf("%8s %8s %10s  %-6s  piece, charges\n", "bytes", "settled", "spent", "");
    sf_outf("%8" PRIu64 " %8" PRIu64 " %10s  %-6s  ", r->bytes, settled, amount(a, spent),
            over ? "UNSAFE" : "safe");
    sf_out_json_str(piece, n);
    for (size_t i = 0; i < n_charges; i++)
        sf_outf("  %s for bytes %" PRIu64 "-%" PRIu64, amount(a, charges[i].amount),
                charges[i].begin, charges[i].end);
    sf_out_str("\n");
}

static void json_prefix(struct report *r, const char *piece, size_t n, int64_t spent,
                        uint64_t settled, const surefoot_charge *charges, size_t n_charges) {
    r->bytes += n;
    sf_outf("%s{\"bytes\":%" PRIu64 ",\"piece\":", r->n++ ? "," : "", r->bytes);
    sf_out_json_str(piece, n);
    sf_out_str(",\"spent\":");
    sf_out_json_real(units(spent), 15);
    sf_outf(",\"settled\":%" PRIu64 ",\"safe\":%s,\"charges\":[", settled,
            spent > r->budget ? "false" : "true");
    for (size_t i = 0; i < n_charges; i++) {
        sf_outf("%s{\"token\":%" PRIu64 ",\"begin\":%" PRIu64 ",\"end\":%" PRIu64 ",\"amount\":",
                i ? "," : "", charges[i].token, charges[i].begin, charges[i].end);
        sf_out_json_real(units(charges[i].amount), 15);
        sf_out_str(",\"spent\":");
        sf_out_json_real(units(charges[i].spent), 15);
        sf_out_str("}");
    }
    sf_out_str("]}");
}

static void on_prefix(void *user, const char *piece, size_t n, int64_t spent, uint64_t settled,
                      const surefoot_charge *charges, size_t n_charges) {
    struct report *r = user;
    if (r->json)
        json_prefix(r, piece, n, spent, settled, charges, n_charges);
    else
        text_prefix(r, piece, n, spent, settled, charges, n_charges);
}

/* ------------------------------------------------------------------------------------- checks */

struct text { /* what is checked: text, or ids where ids is not NULL */
    const char *prompt, *text;
    size_t n_prompt, n_text;
    const int32_t *ids;
    size_t n_ids;
    const int32_t *prompt_ids; /* not NULL: the audit of a run, token by token */
    size_t n_prompt_ids, n_free;
};

static surefoot_status verdict_of(const surefoot_policy *p, const surefoot_model *m,
                                  const struct text *t, struct report *r, surefoot_verdict *v,
                                  surefoot_error *err) {
    if (!t->prompt_ids)
        return surefoot_check(p, m, t->prompt, t->n_prompt, t->text, t->n_text, t->ids, t->n_ids,
                              on_prefix, r, v, err);
    surefoot_transcript a;
    surefoot_transcript_init(&a);
    a.prompt_ids = t->prompt_ids;
    a.n_prompt_ids = t->n_prompt_ids;
    a.n_free = t->n_free;
    a.ids = t->ids;
    a.n_ids = t->n_ids;
    a.text = t->text;
    a.n_text = t->n_text;
    return surefoot_audit(p, m, &a, on_prefix, r, v, err);
}

/* 0 safe, 7 unsafe, or another exit status after a line. */
static int check(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m,
                 const struct text *t) {
    surefoot_policy_info info = {.size = sizeof info};
    surefoot_verdict v = {0};
    surefoot_error err = {0};
    surefoot_policy_describe(p, &info);
    struct report r = {.cli = c, .json = c->json || c->jsonl};
    r.budget = p->budget;
    if (r.json) sf_out_str("{\"prefixes\":[");
    surefoot_status s = verdict_of(p, m, t, &r, &v, &err);
    if (s != SUREFOOT_OK) {
        if (r.json) {
            sf_out_str("],\"error\":");
            sf_out_json_str(err.text, strlen(err.text));
            sf_out_str("}\n");
        }
        return sf_cli_status(s, &err);
    }
    char a[32], b[32];
    if (r.json) {
        sf_outf("],\"safe\":%s,\"spent\":", v.safe ? "true" : "false");
        sf_out_json_real(units(v.spent), 15);
        sf_out_str(",\"budget\":");
        sf_out_json_real(units(v.budget), 15);
        sf_out_str(",\"z\":");
        sf_out_json_real(v.z, 9);
        sf_outf(",\"settled\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", v.settled, v.bytes);
    } else {
        sf_outf("%s: spent %s of %s, z %.6g, settled %" PRIu64 " of %" PRIu64 " bytes\n",
                v.safe ? "safe" : "UNSAFE", amount(a, v.spent), amount(b, v.budget), v.z, v.settled,
                v.bytes);
    }
    return v.safe ? 0 : 7;
}

/* ids of a JSON array in malloc'ed memory */
static int json_ids(const json_t *a, const char *what, int32_t **ids, size_t *n) {
    *n = json_array_size(a);
    *ids = malloc((*n + 1) * sizeof **ids);
    if (!*ids) return sf_cli_fail(4, "no memory for the ids");
    for (size_t i = 0; i < *n; i++) {
        json_t *e = json_array_get(a, i);
        json_int_t id = json_integer_value(e);
        if (!json_is_integer(e) || id < 0 || id > INT32_MAX)
            return sf_cli_fail(3, "%s[%zu] is no token id", what, i);
        (*ids)[i] = (int32_t)id;
    }
    return 0;
}

/* One JSON object, by ids: "ids", and "prompt_ids" (with "n_free" of them free, else all) or
 * "prompt" before them; beside prompt_ids a "text" is the delivered text, as run --json prints it. */
static int by_ids(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m,
                  const json_t *o, struct text *t) {
    const json_t *ids = json_object_get(o, "ids"), *v = json_object_get(o, "prompt_ids");
    int32_t *list[2] = {NULL, NULL};
    int code = json_ids(ids, "ids", &list[0], &t->n_ids);
    t->ids = list[0];
    t->n_free = SIZE_MAX;
    if (!code && json_is_array(v)) {
        code = json_ids(v, "prompt_ids", &list[1], &t->n_prompt_ids);
        t->prompt_ids = list[1];
        if (json_is_string((v = json_object_get(o, "text")))) {
            t->text = json_string_value(v);
            t->n_text = json_string_length(v);
        }
        if (json_is_integer((v = json_object_get(o, "n_free"))) && json_integer_value(v) >= 0)
            t->n_free = (size_t)json_integer_value(v);
    }
    if (!code) code = check(c, p, m, t);
    free(list[0]);
    free(list[1]);
    return code;
}

static int check_object(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m,
                        const json_t *o) {
    struct text t = {.prompt = c->after ? c->after : ""};
    t.n_prompt = strlen(t.prompt);
    json_t *v = json_object_get(o, "prompt"), *text = json_object_get(o, "text");
    if (json_is_string(v)) {
        t.prompt = json_string_value(v);
        t.n_prompt = json_string_length(v);
    }
    if (c->ids && json_is_array(json_object_get(o, "ids"))) return by_ids(c, p, m, o, &t);
    if (c->ids || !json_is_string(text))
        return sf_cli_fail(3, "the object has no %s", c->ids ? "array \"ids\"" : "string \"text\"");
    t.text = json_string_value(text);
    t.n_text = json_string_length(text);
    return check(c, p, m, &t);
}

static int check_lines(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m,
                       const char *text, size_t n) {
    size_t number = 1;
    int worst = 0;
    for (const char *at = text, *end = text + n; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if (stop > at) {
            json_error_t je;
            json_t *o =
                json_loadb(at, (size_t)(stop - at), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
            int code = o ? check_object(c, p, m, o)
                         : sf_cli_fail(3, "line %zu: not a JSON object: %s", number, je.text);
            json_decref(o);
            if (code && code != 7) return code;
            if (code) worst = code;
            if (sf_cli_interrupted()) return 130;
        }
        at = stop + 1;
    }
    return worst;
}

static int check_input(const struct sf_cli *c, const surefoot_policy *p, const surefoot_model *m,
                       const char *text, size_t n) {
    struct text t = {.prompt = c->after ? c->after : "", .text = text, .n_text = n};
    t.n_prompt = strlen(t.prompt);
    if (c->jsonl) return check_lines(c, p, m, text, n);
    if (!c->ids) return check(c, p, m, &t);
    size_t blank = strspn(text, " \t\r\n");
    if (text[blank] == '{') {
        json_error_t je;
        json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
        if (!o) return sf_cli_fail(3, "not a JSON object: line %d: %s", je.line, je.text);
        int code = check_object(c, p, m, o);
        json_decref(o);
        return code;
    }
    int32_t *ids;
    int code = sf_cli_ids(text, n, &ids, &t.n_ids);
    if (code) return code;
    t.ids = ids;
    t.text = NULL;
    t.n_text = 0;
    code = check(c, p, m, &t);
    free(ids);
    return code;
}

/* ------------------------------------------------------------------------------------ policy */

/* What the cost models say, however long: the length is asked for first. */
static int put_coverage(const struct sf_cli *c, const surefoot_policy *p) {
    size_t (*say)(const struct sf_cost *m, char *text, size_t cap) = p->cost->ops->coverage;
    size_t n = say ? say(p->cost, NULL, 0) : 0;
    char *text = malloc(n + 1);
    if (!text) return sf_cli_fail(4, "no memory for the list");
    if (say) say(p->cost, text, n + 1);
    surefoot_file file[SF_BUILTIN_FILES], measured = {0};
    size_t n_file = sf_builtin_policy(c->guard, file);
    for (size_t i = 0; i < n_file; i++)
        if (strstr(file[i].name, ".measured")) measured = file[i];
    if (c->json) {
        sf_out_str("{\"cost\":");
        sf_out_json_str(p->cost_text, strlen(p->cost_text));
        sf_out_str(",\"coverage\":");
        sf_out_json_str(text, n);
        if (measured.n) sf_out_str(",\"measured\":");
        if (measured.n) sf_out_json_str(measured.data, measured.n);
        sf_out_str("}\n");
    } else if (n) {
        sf_out_text(c, text, n);
        if (text[n - 1] != '\n') sf_out_str("\n");
        if (measured.n) sf_out_text(c, measured.data, measured.n);
    } else {
        sf_outf("%s says nothing about what it cannot read\n", p->cost_text);
    }
    free(text);
    return 0;
}

static void put_policy(const struct sf_cli *c, const surefoot_policy *p) {
    surefoot_policy_info i = {.size = sizeof i};
    surefoot_policy_describe(p, &i);
    sf_outf("%s is a good policy: %s, budget %g, gamma %g, N %d, K %d, d %d, M %d, cost %s, "
            "reward %s\n",
            c->guard, i.mode == SUREFOOT_GUARD_FULL ? "full" : "lazy", i.budget, i.gamma,
            i.candidates, i.keep, i.block, i.retries, i.cost, i.reward);
}

static int with_policy(struct sf_cli *c, const surefoot_policy *p) {
    surefoot_model *m = NULL;
    char *text = NULL;
    size_t n = 0;
    int code = 0;
    if (c->coverage) return put_coverage(c, p);
    bool given = c->prompt || c->file || (c->ids && *c->ids);
    if (!given && isatty(STDIN_FILENO)) { /* the policy alone */
        put_policy(c, p);
        return 0;
    }
    if (c->ids && !c->model) return sf_cli_fail(2, "--ids needs the vocabulary: -m FILE");
    if (c->ids && *c->ids) {
        n = strlen(c->ids);
        text = malloc(n + 1);
        if (!text) return sf_cli_fail(4, "no memory for the ids");
        memcpy(text, c->ids, n + 1);
    } else {
        code = sf_cli_text(c, &text, &n);
    }
    if (!code && c->model) code = sf_cli_open_model(c, &m);
    if (!code) code = check_input(c, p, m, text, n);
    free(text);
    surefoot_model_close(m);
    return code;
}

int sf_cmd_guard_check(struct sf_cli *c) {
    surefoot_policy *p = NULL;
    surefoot_file file[SF_BUILTIN_FILES];
    if (!c->guard && sf_builtin_policy(SF_GENERAL_POLICY, file)) {
        c->guard = SF_GENERAL_POLICY;
        sf_cli_note(c, "guard: policy %s (built in)", c->guard);
    }
    if (!c->guard || !strcmp(c->guard, "off"))
        return sf_cli_fail(2, "guard check needs a policy: --guard POLICY.ini");
    int code = sf_cli_open_policy(c, &p);
    if (code) return code;
    code = with_policy(c, p);
    surefoot_policy_close(p);
    return code;
}
