/* SPDX-License-Identifier: MIT
 * json_scan.c - JSON in place (RFC 8259); see json_scan.h. Loops, not recursion: depth is a counter
 * and a bit for each level that says whether it is an object.
 */
#include "json_scan.h"

#include <string.h>

#include "utf8.h"

static const char *blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

/* Behind the string at p, NULL if there is none. */
static const char *string_end(const char *p, const char *end) {
    if (p == end || *p != '"') return NULL;
    for (p++; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) return NULL;
        if (*p == '\\' && ++p == end) return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *scalar_end(const char *p, const char *end) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < SF_COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - p) >= n && memcmp(p, words[i], n) == 0) return p + n;
    }
    const char *from = p;
    while (p < end && ((*p >= '0' && *p <= '9') || memchr("+-.eE", *p, 5))) p++;
    return p > from ? p : NULL;
}

/* Behind the value at p, NULL if it is malformed. */
static const char *value_end(const char *p, const char *end) {
    unsigned char object[SF_JSON_DEPTH];
    int depth = 0;
    for (;;) {
        p = blank(p, end);
        if (p == end) return NULL;
        if (*p == '{' || *p == '[') {
            if (depth == SF_JSON_DEPTH) return NULL;
            object[depth++] = *p++ == '{';
            p = blank(p, end);
            if (p < end && *p == (object[depth - 1] ? '}' : ']')) {
                p++;
                depth--;
            } else if (object[depth - 1]) {
                goto key;
            } else {
                continue;
            }
        } else {
            p = *p == '"' ? string_end(p, end) : scalar_end(p, end);
            if (!p) return NULL;
        }
        for (;;) { /* behind a value */
            if (depth == 0) return p;
            p = blank(p, end);
            if (p == end) return NULL;
            if (*p == ',') break;
            if (*p != (object[depth - 1] ? '}' : ']')) return NULL;
            p++;
            depth--;
        }
        p++;
        if (!object[depth - 1]) continue;
    key:
        p = string_end(blank(p, end), end);
        if (!p) return NULL;
        p = blank(p, end);
        if (p == end || *p++ != ':') return NULL;
    }
}

bool sf_json_whole(struct sf_json *out, const char *text, size_t n) {
    const char *end = text + n, *p = blank(text, end), *to = value_end(p, end);
    *out = (struct sf_json){p, to ? (size_t)(to - p) : 0};
    return to && blank(to, end) == end;
}

void sf_json_walk(struct sf_json_walk *w, struct sf_json v, char open) {
    *w = (struct sf_json_walk){v.p, v.p + v.n, open == '{' ? '}' : ']', true, false};
    if (v.n < 2 || *v.p != open)
        w->bad = true;
    else
        w->p++;
}

bool sf_json_next(struct sf_json_walk *w, struct sf_json *key, struct sf_json *value) {
    if (w->bad) return false;
    const char *p = blank(w->p, w->end), *to;
    if (p < w->end && *p == w->close) return false;
    w->bad = true;
    if (!w->first) {
        if (p == w->end || *p != ',') return false;
        p = blank(p + 1, w->end);
    }
    if (w->close == '}') {
        to = string_end(p, w->end);
        if (!to) return false;
        if (key) *key = (struct sf_json){p, (size_t)(to - p)};
        p = blank(to, w->end);
        if (p == w->end || *p != ':') return false;
        p = blank(p + 1, w->end);
    }
    to = value_end(p, w->end);
    if (!to) return false;
    *value = (struct sf_json){p, (size_t)(to - p)};
    w->p = to;
    w->first = w->bad = false;
    return true;
}

struct sf_json sf_json_get(struct sf_json v, const char *key) {
    struct sf_json_walk w;
    struct sf_json k, value;
    for (sf_json_walk(&w, v, '{'); sf_json_next(&w, &k, &value);)
        if (sf_json_is(k, key)) return value;
    return (struct sf_json){NULL, 0};
}

bool sf_json_is(struct sf_json v, const char *text) {
    size_t n = strlen(text);
    return v.n == n + 2 && *v.p == '"' && memcmp(v.p + 1, text, n) == 0;
}

static bool hex4(const char *p, const char *end, uint32_t *out) {
    *out = 0;
    if (end - p < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return false;
        *out = *out << 4 | (uint32_t)d;
    }
    return true;
}

bool sf_json_text(struct sf_json v, char *out, size_t *n) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    *n = 0;
    if (v.n < 2 || *v.p != '"') return false;
    for (const char *p = v.p + 1, *end = v.p + v.n - 1; p < end;) {
        if (*p != '\\') {
            out[(*n)++] = *p++;
            continue;
        }
        if (++p == end) return false;
        const char *c = memchr(from, *p, sizeof from - 1);
        if (c) {
            out[(*n)++] = to[c - from];
            p++;
            continue;
        }
        uint32_t u, low;
        if (*p != 'u' || !hex4(p + 1, end, &u)) return false;
        p += 5;
        if (u >= 0xD800 && u < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
            hex4(p + 2, end, &low) && low >= 0xDC00 && low < 0xE000) {
            u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
        if (u >= 0xD800 && u < 0xE000) u = 0xFFFD;
        *n += (size_t)sf_utf8_encode(u, out + *n); /* at most 4 bytes for 6 of the escape */
    }
    return true;
}

bool sf_json_u64(struct sf_json v, uint64_t *out) {
    *out = 0;
    if (v.n == 0 || v.n > 19) return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9') return false;
        *out = *out * 10 + (uint64_t)(v.p[i] - '0');
    }
    return true;
}
