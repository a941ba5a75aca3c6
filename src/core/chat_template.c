/* SPDX-License-Identifier: MIT
 * chat_template.c - a chat template (Jinja) reduced to a canonical form, so that two templates that
 * differ only in how they are written compare equal. Nothing is executed.
 *
 * The white space rules of Jinja with trim_blocks and lstrip_blocks are applied, text between tags
 * becomes a printed string, x.y becomes x['y'], x.strip() becomes x|trim, string literals lose
 * their quotes' kind and their escapes, {{ a + b }} becomes {{ a }}{{ b }}, and adjacent printed
 * strings are joined. Marks are bytes that no template has (one that has them is not read):
 *     1 string 2      3 printed expression 4      5 statement 6      7 between words
 */
#include <string.h>

#include "chat.h"

#define MAX_TEMPLATE ((size_t)1 << 16)

struct canon {
    char *o;
    size_t at;
};

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static void put(struct canon *c, const char *p, size_t n) {
    memcpy(c->o + c->at, p, n);
    c->at += n;
}

static void put1(struct canon *c, char x) {
    c->o[c->at++] = x;
}

/* A printed string; joined to one just before it. */
static void print_text(struct canon *c, const char *p, size_t n) {
    if (n == 0) return;
    if (c->at >= 2 && c->o[c->at - 1] == 4 && c->o[c->at - 2] == 2)
        c->at -= 2;
    else
        put(c, "\3\1", 2);
    put(c, p, n);
    put(c, "\2\4", 2);
}

/* String literal at p[0] (a quote): its value appended to out. Length read, 0: not closed. */
static size_t literal(const char *p, size_t n, char *out, size_t *len) {
    size_t i = 1;
    *len = 0;
    for (; i < n && p[i] != p[0]; i++) {
        char x = p[i];
        if (x == '\\' && i + 1 < n) {
            x = p[++i];
            x = x == 'n' ? '\n' : x == 't' ? '\t' : x == 'r' ? '\r' : x;
        }
        out[(*len)++] = x;
    }
    return i < n ? i + 1 : 0;
}

/* The words of an expression or statement, separated by 7. false: a string is not closed. */
static bool words(struct canon *c, const char *p, size_t n) {
    bool any = false;
    for (size_t i = 0, len, w; i < n; i += w) {
        w = 1;
        if (is_space(p[i])) continue;
        if (any) put1(c, 7);
        any = true;
        if (p[i] == '\'' || p[i] == '"') {
            put1(c, 1);
            w = literal(p + i, n - i, c->o + c->at, &len);
            if (w == 0) return false;
            c->at += len;
            put1(c, 2);
        } else if (is_word(p[i])) {
            while (i + w < n && is_word(p[i + w])) w++;
            put(c, p + i, w);
        } else if (p[i] == '.' && i + 1 < n && is_word(p[i + 1])) {
            while (i + w < n && is_word(p[i + w])) w++;
            if (w == 6 && n - i >= 8 && memcmp(p + i, ".strip()", 8) == 0) {
                put(c, "|\7trim", 6);
                w = 8;
            } else if (i + w < n && p[i + w] == '(') { /* a method */
                put(c, p + i, w);
            } else {
                put(c, "[\7\1", 3);
                put(c, p + i + 1, w - 1);
                put(c, "\2\7]", 3);
            }
        } else {
            put1(c, p[i]);
        }
    }
    return true;
}

/* Length of the word at p (a string with its marks); words are written by words(). */
static size_t word_length(const char *p, size_t n) {
    const char *end = memchr(p, *p == 1 ? 2 : 7, n);
    return !end ? n : (size_t)(end - p) + (*p == 1);
}

/* An operator that binds less than + does: then the expression stays whole. */
static bool weak(const char *p, size_t n) {
    static const char *const ops[] = {"if", "or", "and", "not", "in", "is", "~", "=", "<", ">"};
    for (size_t k = 0; k < SF_COUNT(ops); k++)
        if (n == strlen(ops[k]) && memcmp(p, ops[k], n) == 0) return true;
    return false;
}

static void print_one(struct canon *c, const char *p, size_t n) {
    if (n >= 2 && *p == 1 && word_length(p, n) == n) {
        print_text(c, p + 1, n - 2);
        return;
    }
    put1(c, 3);
    put(c, p, n);
    put1(c, 4);
}

/* {{ a + 'b' + c }} as separate prints. */
static void print_words(struct canon *c, const char *p, size_t n) {
    int depth = 0;
    bool whole = false;
    for (size_t i = 0; i < n; i += word_length(p + i, n - i) + 1) {
        bool one = word_length(p + i, n - i) == 1;
        if (one && strchr("([{", p[i])) depth++;
        if (one && strchr(")]}", p[i])) depth--;
        whole = whole || (depth == 0 && weak(p + i, word_length(p + i, n - i)));
    }
    size_t from = 0;
    for (size_t i = 0; i < n && !whole; i += word_length(p + i, n - i) + 1) {
        bool one = word_length(p + i, n - i) == 1;
        if (one && strchr("([{", p[i])) depth++;
        if (one && strchr(")]}", p[i])) depth--;
        if (depth != 0 || !one || p[i] != '+' || i <= from) continue; /* or a sign */
        print_one(c, p + from, i - 1 - from);
        from = sf_min(i + 2, n);
    }
    print_one(c, p + from, n - from);
}

/* Length of the tag at p, from "{%" up to and with "%}"; quotes are respected. 0: not closed. */
static size_t tag(const char *p, size_t n) {
    char close = p[1] == '{' ? '}' : p[1], quote = 0;
    for (size_t i = 2; i + 1 < n; i++) {
        if (close != '#' && quote && p[i] == '\\') {
            i++;
        } else if (close != '#' && quote) {
            if (p[i] == quote) quote = 0;
        } else if (close != '#' && (p[i] == '\'' || p[i] == '"')) {
            quote = p[i];
        } else if (p[i] == close && p[i + 1] == '}') {
            return i + 2;
        }
    }
    return 0;
}

/* Text p[0..n) behind a tag (or the start) and before the next (or the end, n_next 0): what stands
 * of it after the rules for white space. */
static void text(struct canon *c, const char *p, size_t n, char before, bool dash, const char *next,
                 size_t n_next) {
    bool line_start = before == 0;
    if (dash) {
        while (n > 0 && is_space(*p)) p++, n--;
    } else if ((before == '%' || before == '#') && n > 0 && *p == '\n') {
        p++, n--; /* trim_blocks */
        line_start = true;
    }
    if (n_next >= 3 && next[2] == '-') {
        while (n > 0 && is_space(p[n - 1])) n--;
    } else if (n_next >= 3 && next[1] != '{' && next[2] != '+') { /* lstrip_blocks */
        size_t k = n;
        while (k > 0 && (p[k - 1] == ' ' || p[k - 1] == '\t')) k--;
        if (k == 0 ? line_start : p[k - 1] == '\n') n = k;
    } else if (n_next == 0 && n > 0 && p[n - 1] == '\n') {
        n--; /* one newline at the end of a template is dropped */
    }
    print_text(c, p, n);
}

/* One tag, p[0..len) from brace to brace. */
static bool one_tag(struct canon *c, const char *p, size_t len, size_t room) {
    char kind = p[1];
    const char *q = p + 2;
    size_t m = len - 4, mark = c->at;
    if (m > 0 && (q[m - 1] == '-' || q[m - 1] == '+')) m--;
    if (m > 0 && (*q == '-' || *q == '+')) q++, m--;
    if (kind == '#') return true;
    if (kind == '%') put1(c, 5);
    if (!words(c, q, m)) return false;
    if (kind == '%') {
        put1(c, 6);
        return true;
    }
    /* the words go to the far end and are taken apart from there */
    size_t w = c->at - mark;
    if (room - c->at < 2 * w + 16) return false;
    memmove(c->o + room - w, c->o + mark, w);
    c->at = mark;
    print_words(c, c->o + room - w, w);
    return true;
}

size_t sf_chat_canon(const char *tmpl, size_t n, char *out) {
    struct canon c = {out, 0};
    char before = 0;
    bool dash = false;
    if (n > MAX_TEMPLATE) return 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)tmpl[i] < 8) return 0;
    for (size_t i = 0; i < n;) {
        size_t k = i;
        while (k < n && !(tmpl[k] == '{' && k + 1 < n && strchr("{%#", tmpl[k + 1]))) k++;
        size_t len = k < n ? tag(tmpl + k, n - k) : 0;
        if (k < n && len < 4) return 0;
        text(&c, tmpl + i, k - i, before, dash, tmpl + k, n - k);
        if (k == n) break;
        if (!one_tag(&c, tmpl + k, len, SF_CHAT_CANON(n))) return 0;
        before = tmpl[k + 1];
        dash = tmpl[k + len - 3] == '-';
        i = k + len;
    }
    return c.at;
}

uint64_t sf_chat_hash(const char *canon, size_t n) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)canon[i]) * 0x100000001B3u;
    return h;
}
