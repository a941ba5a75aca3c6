/* SPDX-License-Identifier: MIT
 * jinja_lex.c - template text to tokens. White space follows the settings chat templates are written
 * for: trim_blocks (the newline behind a block or comment is dropped), lstrip_blocks (blanks from
 * the start of a line up to a block or comment are dropped), and '-' or '+' at a tag's ends.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_i.h"
#include "utf8.h"

struct lexer {
    struct sf_jinja_mem *mem;
    const char *p, *end; /* rest of the text */
    uint32_t line;
    bool line_start; /* what was read last ended a line */
    struct sf_jtokens *out;
    surefoot_error *err;
    surefoot_status status;
};

static bool fail(struct lexer *l, surefoot_status s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(struct lexer *l, surefoot_status s, const char *fmt, ...) {
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->status = sf_fail(l->err, s, l->line, "chat template, line %u: %s", l->line, text);
    return false;
}

static bool no_memory(struct lexer *l) {
    return fail(l, l->mem->over ? SUREFOOT_E_LIMIT : SUREFOOT_E_MEMORY,
                l->mem->over ? "the template is too large" : "no memory for the template");
}

static struct sf_jtoken *token(struct lexer *l, enum sf_jtok type) {
    struct sf_jtokens *o = l->out;
    if (o->n == o->cap) {
        size_t cap = sf_max(64, 2 * o->cap);
        struct sf_jtoken *t = sf_jinja_take(l->mem, cap, sizeof *t);
        if (!t) return no_memory(l), NULL;
        if (o->n) memcpy(t, o->t, o->n * sizeof *t);
        o->t = t;
        o->cap = cap;
    }
    struct sf_jtoken *t = &o->t[o->n++];
    *t = (struct sf_jtoken){.type = type, .line = l->line};
    return t;
}

static size_t left(const struct lexer *l) {
    return (size_t)(l->end - l->p);
}

static bool starts(const struct lexer *l, const char *what) {
    size_t n = strlen(what);
    return left(l) >= n && memcmp(l->p, what, n) == 0;
}

static void skip(struct lexer *l, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (l->p[i] == '\n') l->line++;
    l->p += n;
}

static void skip_space(struct lexer *l) {
    uint32_t cp;
    for (size_t k; l->p < l->end; skip(l, k)) {
        k = sf_jchar(l->p, left(l), &cp);
        if (!sf_jspace(cp)) return;
    }
}

/* Behind a tag's end: what is dropped there. minus: white space; trim: one newline. */
static void after_tag(struct lexer *l, bool minus, bool trim) {
    const char *from = l->p;
    if (minus)
        skip_space(l);
    else if (trim && starts(l, "\n"))
        skip(l, 1);
    l->line_start = l->p > from && l->p[-1] == '\n';
}

/* ------------------------------------------------------------------------------------------- text */

/* n bytes of text before a tag that begins with sign ('-', '+' or 0); variable: a {{ tag. */
static bool data(struct lexer *l, const char *p, size_t n, char sign, bool variable,
                 uint32_t line) {
    val s = sf_jinja_str(p, n, NULL);
    if (sign == '-') {
        s = sf_jstrip(&s, NULL, SF_JS_RIGHT);
    } else if (sign != '+' && !variable) {
        size_t k = n;
        while (k > 0 && p[k - 1] != '\n') k--;
        if (k > 0 || l->line_start) {
            val tail = sf_jsub(&s, k, n);
            if (sf_jstrip(&tail, NULL, SF_JS_RIGHT).n == 0) s.n = k;
        }
    }
    if (s.n == 0) return true;
    struct sf_jtoken *t = token(l, SF_JT_DATA);
    if (!t) return false;
    t->p = s.p;
    t->n = s.n;
    t->line = line;
    return true;
}

static bool comment(struct lexer *l) {
    uint32_t line = l->line;
    skip(l, 2);
    if (starts(l, "-") || starts(l, "+")) skip(l, 1);
    const char *from = l->p;
    while (l->p < l->end && !starts(l, "#}")) skip(l, 1);
    if (l->p == l->end) {
        l->line = line;
        return fail(l, SUREFOOT_E_FILE, "a comment is opened here and never closed");
    }
    char before = l->p > from ? l->p[-1] : 0;
    skip(l, 2);
    after_tag(l, before == '-', before != '+');
    return true;
}

/* At "{%": is it the tag `name`, and how long? *minus: it ends with -%}, *plus: with +%}. */
static size_t bare_tag(const struct lexer *l, const char *name, bool *minus, bool *plus) {
    const char *p = l->p + 2;
    size_t n = strlen(name);
    if (p < l->end && (*p == '-' || *p == '+')) p++;
    while (p < l->end && (*p == ' ' || *p == '\t' || *p == '\n')) p++;
    if ((size_t)(l->end - p) < n || memcmp(p, name, n) != 0) return 0;
    p += n;
    while (p < l->end && (*p == ' ' || *p == '\t' || *p == '\n')) p++;
    *minus = p < l->end && *p == '-';
    *plus = p < l->end && *p == '+';
    if (*minus || *plus) p++;
    if (l->end - p < 2 || p[0] != '%' || p[1] != '}') return 0;
    return (size_t)(p + 2 - l->p);
}

static bool raw(struct lexer *l, size_t tag, bool minus) {
    uint32_t line = l->line;
    bool plus = false;
    skip(l, tag);
    after_tag(l, minus, false);
    const char *from = l->p;
    for (uint32_t at = l->line; l->p < l->end; skip(l, 1)) {
        if (!starts(l, "{%")) continue;
        size_t n = bare_tag(l, "endraw", &minus, &plus);
        if (!n) continue;
        char sign = l->p[2] == '-' || l->p[2] == '+' ? l->p[2] : 0;
        if (!data(l, from, (size_t)(l->p - from), sign, false, at)) return false;
        skip(l, n);
        after_tag(l, minus, !plus);
        return true;
    }
    l->line = line;
    return fail(l, SUREFOOT_E_FILE, "'raw' is opened here and never closed");
}

/* ------------------------------------------------------------------------------------ inside tags */

static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* The escape at p (behind the backslash) to out: bytes written; *used: bytes of p read. */
static size_t escape(const char *p, size_t n, char *out, size_t *used) {
    static const char from[] = "ntrabfv\\'\"", to[] = "\n\t\r\a\b\f\v\\'\"";
    const char *known = n ? memchr(from, p[0], sizeof from - 1) : NULL;
    *used = 1;
    if (known) {
        out[0] = to[known - from];
        return 1;
    }
    if (n && p[0] == '\n') return 0;
    size_t digits = n == 0 ? 0 : p[0] == 'x' ? 2 : p[0] == 'u' ? 4 : p[0] == 'U' ? 8 : 0, base = 16;
    size_t at = 1;
    if (n && p[0] >= '0' && p[0] <= '7') digits = 3, base = 8, at = 0;
    uint32_t cp = 0;
    size_t k = 0;
    for (; k < digits && at + k < n && digit(p[at + k]) < (int)base; k++)
        cp = cp * (uint32_t)base + (uint32_t)digit(p[at + k]);
    bool whole = digits && (base == 8 ? k > 0 : k == digits);
    if (!whole || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) { /* stays as it is written */
        out[0] = '\\';
        *used = 0;
        return 1;
    }
    *used = at + k;
    return (size_t)sf_utf8_encode(cp, out);
}

static bool string(struct lexer *l) {
    char quote = *l->p;
    const char *p = l->p + 1;
    while (p < l->end && *p != quote) p += *p == '\\' && l->end - p > 1 ? 2 : 1;
    if (p >= l->end) return fail(l, SUREFOOT_E_FILE, "a string is opened here and never closed");
    size_t n = (size_t)(p - l->p - 1), o = 0;
    const char *q = l->p + 1;
    char *out = sf_jinja_take(l->mem, n + 1, 1); /* no escape is longer than how it is written */
    struct sf_jtoken *t = out ? token(l, SF_JT_STR) : NULL;
    if (!t) return out ? false : no_memory(l);
    for (size_t i = 0, used; i < n;) {
        if (q[i] != '\\') {
            out[o++] = q[i++];
            continue;
        }
        i++;
        o += escape(q + i, n - i, out + o, &used);
        i += sf_min(used, n - i);
    }
    t->p = out;
    t->n = o;
    skip(l, n + 2);
    return true;
}

static bool number(struct lexer *l) {
    char text[72];
    size_t n = 0, k = 0;
    const char *p = l->p;
    bool real = false;
    if (l->end - p > 1 && p[0] == '0' && strchr("xXoObB", p[1])) {
        int base = strchr("xX", p[1]) ? 16 : strchr("oO", p[1]) ? 8 : 2;
        for (k = 2; p + k < l->end && (digit(p[k]) < base || p[k] == '_') && n < 70; k++)
            if (p[k] != '_') text[n++] = p[k];
        struct sf_jtoken *t = token(l, SF_JT_INT);
        if (!t) return false;
        if (n == 0 || !sf_jparse_int(text, n, base, &t->i))
            return fail(l, SUREFOOT_E_FILE, "a number that cannot be read");
        skip(l, k);
        return true;
    }
    for (; p + k < l->end && n < 70; k++) {
        char c = p[k], next = p + k + 1 < l->end ? p[k + 1] : 0;
        char third = p + k + 2 < l->end ? p[k + 2] : 0;
        bool sign = next == '+' || next == '-';
        if (c == '_' && digit(next) < 10) continue;
        if (c == '.' && !real && digit(next) < 10)
            real = true;
        else if ((c == 'e' || c == 'E') && (digit(next) < 10 || (sign && digit(third) < 10))) {
            if (memchr(text, 'e', n)) break;
            real = true;
            text[n++] = 'e';
            if (sign) text[n++] = p[++k];
            continue;
        } else if (digit(c) >= 10)
            break;
        text[n++] = c;
    }
    struct sf_jtoken *t = token(l, real ? SF_JT_FLOAT : SF_JT_INT);
    if (!t) return false;
    if (real ? !sf_jparse_real(text, n, &t->f) : !sf_jparse_int(text, n, 10, &t->i))
        return fail(l, SUREFOOT_E_FILE, "a number that cannot be read, or is too large");
    skip(l, k);
    return true;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool operator_(struct lexer *l, int *depth, char *stack) {
    static const struct {
        char text[3];
        unsigned op;
    } two[] = {{"==", SF_JO_EQ}, {"!=", SF_JO_NE},       {"<=", SF_JO_LE},
               {">=", SF_JO_GE}, {"//", SF_JO_FLOORDIV}, {"**", SF_JO_POW}};
    char c = *l->p;
    for (size_t i = 0; i < SF_COUNT(two); i++) {
        if (!starts(l, two[i].text)) continue;
        struct sf_jtoken *t = token(l, SF_JT_OP);
        if (!t) return false;
        t->op = two[i].op;
        l->p += 2;
        return true;
    }
    if (c == 0 || !strchr("+-*/%~()[]{}<>=.:|,;", c)) {
        if ((unsigned char)c < 0x20 || (unsigned char)c >= 0x7F)
            return fail(l, SUREFOOT_E_FILE, "unexpected byte %02x", (unsigned char)c);
        return fail(l, SUREFOOT_E_FILE, "unexpected '%c'", c);
    }
    if (strchr("([{", c)) {
        if (*depth == SF_JINJA_MAX_NEST)
            return fail(l, SUREFOOT_E_LIMIT, "more than %d brackets in each other",
                        SF_JINJA_MAX_NEST);
        stack[(*depth)++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (strchr(")]}", c) && (*depth == 0 || stack[--*depth] != c)) {
        return fail(l, SUREFOOT_E_FILE, "unexpected '%c'", c);
    }
    struct sf_jtoken *t = token(l, SF_JT_OP);
    if (!t) return false;
    t->op = (unsigned char)c;
    l->p++;
    return true;
}

/* From behind "{{" or "{%" to behind its end. */
static bool tag(struct lexer *l, bool variable) {
    const char *close = variable ? "}}" : "%}";
    char stack[SF_JINJA_MAX_NEST];
    int depth = 0;
    uint32_t line = l->line;
    struct sf_jtoken *t = token(l, variable ? SF_JT_VAR : SF_JT_BLOCK);
    if (!t) return false;
    skip(l, 2);
    if (starts(l, "-") || starts(l, "+")) skip(l, 1);
    for (;;) {
        skip_space(l);
        if (l->p == l->end) {
            l->line = line;
            return fail(l, SUREFOOT_E_FILE, "'%s' is opened here and never closed",
                        variable ? "{{" : "{%");
        }
        bool minus = *l->p == '-', plus = !variable && *l->p == '+';
        size_t sign = minus || plus;
        if (depth == 0 && left(l) >= 2 + sign && memcmp(l->p + sign, close, 2) == 0) {
            if (!token(l, variable ? SF_JT_VAR_END : SF_JT_BLOCK_END)) return false;
            skip(l, 2 + sign);
            after_tag(l, minus, !variable && !plus);
            return true;
        }
        char c = *l->p;
        if (c == '"' || c == '\'') {
            if (!string(l)) return false;
        } else if (c >= '0' && c <= '9') {
            if (!number(l)) return false;
        } else if (is_word(c)) {
            t = token(l, SF_JT_NAME);
            if (!t) return false;
            t->p = l->p;
            while (l->p < l->end && is_word(*l->p)) l->p++;
            t->n = (size_t)(l->p - t->p);
        } else if (!operator_(l, &depth, stack)) {
            return false;
        }
    }
}

/* -------------------------------------------------------------------------------------------- all */

static bool all(struct lexer *l) {
    while (l->p < l->end) {
        const char *from = l->p;
        uint32_t line = l->line;
        while (l->p < l->end &&
               !(l->p[0] == '{' && l->end - l->p > 1 && strchr("{%#", l->p[1]) && l->p[1]))
            skip(l, 1);
        size_t n = (size_t)(l->p - from);
        if (l->p == l->end) return data(l, from, n, '+', true, line);
        char kind = l->p[1], sign = l->end - l->p > 2 ? l->p[2] : 0;
        if (sign != '-' && sign != '+') sign = 0;
        if (!data(l, from, n, sign, kind == '{', line)) return false;
        bool minus = false, plus = false;
        size_t bare = kind == '%' ? bare_tag(l, "raw", &minus, &plus) : 0;
        bool ok = kind == '#' ? comment(l) : bare ? raw(l, bare, minus) : tag(l, kind == '{');
        if (!ok) return false;
    }
    return true;
}

surefoot_status sf_jinja_lex(struct sf_jinja_mem *m, const char *text, size_t n,
                             struct sf_jtokens *out, surefoot_error *err) {
    struct lexer l = {.mem = m, .line = 1, .line_start = true, .out = out, .err = err};
    char *copy = sf_jinja_take(m, n + 1, 1);
    size_t k = 0;
    *out = (struct sf_jtokens){0};
    if (!copy) return no_memory(&l), l.status;
    for (size_t i = 0; i < n; i++) { /* newlines of every kind become one byte */
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n') continue;
        copy[k++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (k > 0 && copy[k - 1] == '\n') k--; /* the last one is no text */
    l.p = copy;
    l.end = copy + k;
    if (all(&l)) token(&l, SF_JT_EOF);
    return l.status;
}
