/* SPDX-License-Identifier: MIT
 * tokenizer_pre.c - pre-tokenisation: the rows of pre.def, compiled by PCRE2 (UTF, UCP) at open and
 * run with the JIT compiler where the system allows it.
 */
#include <stdio.h>
#include <string.h>

#include "tokenizer_i.h"

#define SF_PRE(names, flags, ...) {names, flags, {__VA_ARGS__}},
static const struct sf_pre rows[] = {
#include "pre.def"
};

static bool has_name(const char *names, struct sf_str name) {
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        if (n == name.n && memcmp(p, name.p, n) == 0) return true;
        p += n + strspn(p + n, " ");
    }
    return false;
}

static surefoot_status unknown_name(struct sf_str name, surefoot_error *err) {
    char list[160];
    size_t n = 0;
    for (size_t i = 0; i < SF_COUNT(rows); i++) {
        size_t len = strcspn(rows[i].names, " ");
        if (n + len + 2 > sizeof list) break;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%.*s", i ? " " : "", (int)len,
                              rows[i].names);
    }
    return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                   "tokenizer.ggml.pre '%.*s' is not supported; there are %s",
                   (int)sf_min(name.n, 32), name.p, list);
}

static void *re_alloc(size_t n, void *unused) {
    SF_UNUSED(unused);
    return sf_alloc(n);
}

static void re_free(void *p, void *unused) {
    SF_UNUSED(unused);
    sf_free(p);
}

surefoot_status sf_pre_open(struct sf_tokenizer *t, struct sf_str name, surefoot_error *err) {
    if (name.n == 0) name = (struct sf_str){"default", 7};
    for (size_t i = 0; i < SF_COUNT(rows) && !t->pre; i++)
        if (has_name(rows[i].names, name)) t->pre = &rows[i];
    if (!t->pre) return unknown_name(name, err);
    t->re_general = pcre2_general_context_create(re_alloc, re_free, NULL);
    pcre2_compile_context *cc = t->re_general ? pcre2_compile_context_create(t->re_general) : NULL;
    if (!cc) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the pre-tokeniser");
    t->re_jit = true;
    surefoot_status st = SUREFOOT_OK;
    for (; t->n_re < SF_PRE_MAX && t->pre->re[t->n_re]; t->n_re++) {
        int code;
        PCRE2_SIZE at;
        pcre2_code *re =
            pcre2_compile((PCRE2_SPTR)t->pre->re[t->n_re], PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, cc);
        if (!re) { /* the expressions are ours: only memory can be short, or PCRE2 lacks Unicode */
            st =
                sf_fail(err,
                        code == PCRE2_ERROR_HEAP_FAILED || code == 121 ? SUREFOOT_E_MEMORY
                                                                       : SUREFOOT_E_FAILED,
                        at, "PCRE2 cannot compile expression %d of pre-tokeniser '%.*s' (error %d)",
                        t->n_re, (int)strcspn(t->pre->names, " "), t->pre->names, code);
            break;
        }
        t->re[t->n_re] = re;
        /* Where writable memory may not be executed the interpreter gives the same answers. */
        if (pcre2_jit_compile(re, PCRE2_JIT_COMPLETE) != 0) t->re_jit = false;
    }
    pcre2_compile_context_free(cc);
    return st;
}

void sf_pre_close(struct sf_tokenizer *t) {
    for (int i = 0; i < t->n_re; i++) pcre2_code_free(t->re[i]);
    pcre2_general_context_free(t->re_general);
}

struct split {
    const struct sf_tokenizer *t;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    sf_word_fn fn;
    void *arg;
    surefoot_error *err;
};

/* [*from, *to) of the next match at or after at; *from = n when there is none. */
static surefoot_status next_match(const struct split *s, int level, const char *p, size_t n,
                                  size_t at, size_t *from, size_t *to) {
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    int rc = pcre2_match(s->t->re[level], (PCRE2_SPTR)p, n, at, options, s->match, s->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(s->t->re[level], (PCRE2_SPTR)p, n, at, options | PCRE2_NO_JIT, s->match,
                         s->limits);
    *from = *to = n;
    if (rc == PCRE2_ERROR_NOMATCH) return SUREFOOT_OK;
    if (rc < 0)
        return sf_fail(s->err, rc == PCRE2_ERROR_NOMEMORY ? SUREFOOT_E_MEMORY : SUREFOOT_E_FAILED,
                       at, "the pre-tokeniser gave up on the text (PCRE2 error %d)", rc);
    const PCRE2_SIZE *o = pcre2_get_ovector_pointer(s->match);
    *from = o[0];
    *to = o[1];
    return SUREFOOT_OK;
}

static surefoot_status split(const struct split *s, int level, const char *p, size_t n) {
    if (level == s->t->n_re) return s->fn(s->arg, p, n, s->err);
    for (size_t at = 0, from, to; at < n; at = to) {
        SF_TRY(next_match(s, level, p, n, at, &from, &to));
        if (from > at) SF_TRY(split(s, level + 1, p + at, from - at));
        if (to > from) SF_TRY(split(s, level + 1, p + from, to - from));
    }
    return SUREFOOT_OK;
}

surefoot_status sf_pre_split(const struct sf_tokenizer *t, struct sf_scratch *scratch,
                             const char *p, size_t n, sf_word_fn fn, void *arg,
                             surefoot_error *err) {
    if (!scratch->match) scratch->match = pcre2_match_data_create(1, t->re_general);
    if (!scratch->limits) scratch->limits = pcre2_match_context_create(t->re_general);
    if (!scratch->match || !scratch->limits)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the pre-tokeniser");
    /* Our expressions look at each character a few times; the bound is for a bug of ours. */
    size_t limit = sf_min((size_t)1 << 20, UINT32_MAX) + sf_min(n, UINT32_MAX / 64) * 32;
    pcre2_set_match_limit(scratch->limits, (uint32_t)limit);
    struct split s = {t, scratch->match, scratch->limits, fn, arg, err};
    return split(&s, 0, p, n);
}
