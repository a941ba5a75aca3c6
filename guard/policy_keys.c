/* SPDX-License-Identifier: MIT
 * policy_keys.c - the keys of [guard]: defaults, bounds, and what they must satisfy together.
 * A bound that is compiled in is named in the message; a policy may only lower it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "policy.h"
#include "utf8.h"

surefoot_status sf_policy_fail(surefoot_error *err, int line, const char *fmt, ...) {
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (line <= 0) return sf_fail(err, SUREFOOT_E_POLICY, 0, "%s", text);
    return sf_fail(err, SUREFOOT_E_POLICY, (uint64_t)line, "line %d: %s", line, text);
}

void sf_policy_defaults(struct surefoot_policy *p) {
    p->mode = SUREFOOT_GUARD_LAZY;
    p->budget = SF_COST_UNIT;
    p->gamma = 1;
    p->candidates = (int)sf_min(4, SF_GUARD_MAX_CANDIDATES);
    p->keep = 1;
    p->lag = 1;
    p->block = (int)sf_min(16, SF_GUARD_MAX_BLOCK);
    p->retries = (int)sf_min(2, SF_GUARD_MAX_RETRIES);
    p->threshold = 0.5;
    p->threshold_high = -1;
    p->w_calm = -1;
    p->branch_temp = 0.8;
    p->beta = 5;
    p->scope_conversation = false;
    p->allow_logprobs = false;
    p->deadline_ms = 0;
    strcpy(p->fallback, "I'd rather not continue with that.");
}

/* What every setter is told. */
struct setting {
    const char *key, *value;
    int line;
    surefoot_error *err;
};

#define BAD(s, ...) bad(s, SUREFOOT_E_POLICY, __VA_ARGS__)

static surefoot_status bad(const struct setting *s, surefoot_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static surefoot_status bad(const struct setting *s, surefoot_status code, const char *fmt, ...) {
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sf_policy_fail(s->err, s->line, "%s = %.60s: %s", s->key, s->value, text);
    if (s->err) s->err->code = code;
    return code;
}

/* constant: name of the compile-time bound that max is, or NULL. */
static surefoot_status set_int(int *out, const struct setting *s, int min, int max,
                               const char *constant) {
    int64_t v;
    if (!sf_number_int(&v, s->value)) return BAD(s, "a whole number is needed");
    if (v > max && constant)
        return bad(s, SUREFOOT_E_LIMIT, "at most %d (%s, compiled in)", max, constant);
    if (v > max) return BAD(s, "at most %d", max);
    if (v < min) return BAD(s, "at least %d", min);
    *out = (int)v;
    return SUREFOOT_OK;
}

static surefoot_status set_double(double *out, const struct setting *s, double min, double max) {
    double v;
    if (!sf_number_double(&v, s->value)) return BAD(s, "a decimal number is needed, e.g. 0.5");
    if (!(v >= min && v <= max)) return BAD(s, "must be from %g to %g", min, max);
    *out = v;
    return SUREFOOT_OK;
}

static surefoot_status set_bool(bool *out, const struct setting *s, const char *no,
                                const char *yes) {
    if (strcmp(s->value, no) != 0 && strcmp(s->value, yes) != 0)
        return BAD(s, "'%s' or '%s' is needed", no, yes);
    *out = strcmp(s->value, yes) == 0;
    return SUREFOOT_OK;
}

static surefoot_status set_mode(struct surefoot_policy *p, const struct setting *s) {
    if (strcmp(s->value, "lazy") == 0) {
        p->mode = SUREFOOT_GUARD_LAZY;
    } else if (strcmp(s->value, "full") == 0) {
        p->mode = SUREFOOT_GUARD_FULL;
    } else if (strcmp(s->value, "off") == 0) {
        return BAD(s, "a policy cannot switch the guard off; only the option --guard off can");
    } else {
        return BAD(s, "'lazy' or 'full' is needed");
    }
    return SUREFOOT_OK;
}

static surefoot_status set_budget(struct surefoot_policy *p, const struct setting *s) {
    int64_t v;
    if (!sf_number_millionths(&v, s->value, false))
        return BAD(s, "a decimal number is needed, e.g. 1.0");
    if (v < 0) return BAD(s, "must not be negative");
    if (v > (int64_t)1000000000 * SF_COST_UNIT) return BAD(s, "at most 1e9");
    p->budget = v;
    return SUREFOOT_OK;
}

static surefoot_status set_fallback(struct surefoot_policy *p, const struct setting *s) {
    size_t n = strlen(s->value);
    if (n > SF_POLICY_MAX_FALLBACK)
        return BAD(s, "%zu bytes: at most %d", n, SF_POLICY_MAX_FALLBACK);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int k = sf_utf8_decode((const unsigned char *)s->value + i, n - i, &cp);
        if (k == 0) return BAD(s, "not valid UTF-8 at byte %zu", i);
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
            return BAD(s, "a control character at byte %zu", i);
        i += (size_t)k;
    }
    memcpy(p->fallback, s->value, n + 1);
    return SUREFOOT_OK;
}

surefoot_status sf_policy_set_key(struct surefoot_policy *p, const char *key, const char *value,
                                  int line, surefoot_error *err) {
    const struct setting s = {key, value, line, err};
#define IS(name) (strcmp(key, name) == 0)
    if (IS("mode")) return set_mode(p, &s);
    if (IS("budget")) return set_budget(p, &s);
    if (IS("gamma")) return set_double(&p->gamma, &s, 1e-6, 1);
    if (IS("candidates"))
        return set_int(&p->candidates, &s, 1, SF_GUARD_MAX_CANDIDATES, "SF_GUARD_MAX_CANDIDATES");
    if (IS("keep"))
        return set_int(&p->keep, &s, 1, SF_GUARD_MAX_CANDIDATES, "SF_GUARD_MAX_CANDIDATES");
    if (IS("lag")) return set_int(&p->lag, &s, 0, SF_GUARD_MAX_LAG, "SF_GUARD_MAX_LAG");
    if (IS("block")) return set_int(&p->block, &s, 1, SF_GUARD_MAX_BLOCK, "SF_GUARD_MAX_BLOCK");
    if (IS("retries"))
        return set_int(&p->retries, &s, 0, SF_GUARD_MAX_RETRIES, "SF_GUARD_MAX_RETRIES");
    if (IS("threshold")) return set_double(&p->threshold, &s, 0, 1);
    if (IS("threshold_high")) {
        p->threshold_high = -1;
        return strcmp(value, "auto") == 0 ? SUREFOOT_OK : set_double(&p->threshold_high, &s, 0, 1);
    }
    if (IS("w_calm")) {
        p->w_calm = -1;
        if (strcmp(value, "auto") == 0) return SUREFOOT_OK;
        return set_int(&p->w_calm, &s, 0, SF_GUARD_MAX_BLOCK, "SF_GUARD_MAX_BLOCK");
    }
    if (IS("branch_temp")) return set_double(&p->branch_temp, &s, 0, 10);
    if (IS("beta")) return set_double(&p->beta, &s, 0, 1000);
    if (IS("scope")) return set_bool(&p->scope_conversation, &s, "answer", "conversation");
    if (IS("allow_logprobs")) return set_bool(&p->allow_logprobs, &s, "no", "yes");
    if (IS("deadline_ms")) return set_int(&p->deadline_ms, &s, 0, 3600000, NULL);
    if (IS("fallback")) return set_fallback(p, &s);
#undef IS
    return sf_policy_fail(err, line,
                          "unknown key '%.40s' in [guard]: known are mode, budget, gamma, "
                          "candidates, keep, lag, block, retries, threshold, threshold_high, "
                          "w_calm, branch_temp, beta, scope, allow_logprobs, ...",
                          key);
}

/* The fallback is read alone, as an answer of its own: it must be free. */
static surefoot_status check_fallback(const struct surefoot_policy *p, int line,
                                      surefoot_error *err) {
    size_t n = strlen(p->fallback);
    if (!p->cost || n == 0) return SUREFOOT_OK;
    const struct sf_cost_ops *ops = p->cost->ops;
    void *state = sf_alloc(ops->state_bytes(p->cost));
    struct sf_charges *c = sf_alloc(sizeof *c);
    surefoot_status s = SUREFOOT_E_MEMORY;
    if (!state || !c) {
        sf_fail(err, s, 0, "no memory to check the fallback text");
    } else {
        const struct sf_piece piece = {.bytes = p->fallback, .n = n, .token = -1};
        ops->begin(p->cost, state);
        s = ops->read(p->cost, state, &piece, c, err);
        if (s == SUREFOOT_OK) s = ops->end(p->cost, state, c, err);
        const char *where = c->overflow ? p->fallback : NULL;
        for (int i = 0; i < c->n && !where; i++)
            if (c->c[i].amount > 0) where = p->fallback + c->c[i].begin;
        if (s == SUREFOOT_OK && where)
            s = sf_policy_fail(
                err, line, "the fallback text itself costs something at '%.40s': it must be free",
                where);
    }
    sf_free(state);
    sf_free(c);
    return s;
}

surefoot_status sf_policy_check(const struct surefoot_policy *p, int line, int fallback_line,
                                surefoot_error *err) {
    if (p->keep > p->candidates || p->candidates % p->keep != 0)
        return sf_policy_fail(err, line, "keep = %d does not divide candidates = %d", p->keep,
                              p->candidates);
    if (p->w_calm > p->block)
        return sf_policy_fail(err, line, "w_calm = %d is more than block = %d", p->w_calm,
                              p->block);
    if (p->threshold_high >= 0 && p->threshold_high < p->threshold)
        return sf_policy_fail(err, line, "threshold_high = %g is below threshold = %g",
                              p->threshold_high, p->threshold);
    return check_fallback(p, fallback_line, err);
}
