/* SPDX-License-Identifier: MIT
 * jinja_json.c - JSON text to values (RFC 8259). Strings are data.
 */
#include "jinja_i.h"
#include "utf8.h"

enum { DEEPEST = 100 };

struct reader {
    struct sf_jinja_mem *m;
    const char *from, *p, *end;
    surefoot_error *err;
    surefoot_status status;
};

static bool fail(struct reader *j, const char *what) {
    size_t at = (size_t)(j->p - j->from);
    if (j->status == SUREFOOT_OK)
        j->status = sf_fail(j->err, SUREFOOT_E_USAGE, at, "JSON, byte %zu: %s", at, what);
    return false;
}

static bool no_room(struct reader *j) {
    if (j->status == SUREFOOT_OK)
        j->status = sf_fail(j->err, j->m->over ? SUREFOOT_E_LIMIT : SUREFOOT_E_MEMORY, 0,
                            "no room for the JSON text's values");
    return false;
}

static void space(struct reader *j) {
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static bool take(struct reader *j, char c) {
    space(j);
    if (j->p == j->end || *j->p != c) return false;
    j->p++;
    return true;
}

static bool hex4(struct reader *j, uint32_t *cp) {
    *cp = 0;
    if (j->end - j->p < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *j->p++;
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return false;
        *cp = *cp << 4 | (uint32_t)d;
    }
    return true;
}

/* Behind a backslash: bytes to out, 0: no such escape. */
static size_t escape(struct reader *j, char *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t cp, low;
    if (j->p == j->end) return 0;
    const char *e = *j->p ? strchr(from, *j->p) : NULL;
    char c = *j->p++;
    if (e) {
        *out = to[e - from];
        return 1;
    }
    if (c != 'u' || !hex4(j, &cp)) return 0;
    if (cp >= 0xD800 && cp < 0xDC00) {
        if (j->end - j->p < 6 || j->p[0] != '\\' || j->p[1] != 'u') return 0;
        j->p += 2;
        if (!hex4(j, &low) || low < 0xDC00 || low > 0xDFFF) return 0;
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    } else if (cp >= 0xDC00 && cp < 0xE000) {
        return 0;
    }
    return (size_t)sf_utf8_encode(cp, out);
}

static bool string(struct reader *j, val *out) {
    const char *stop = j->p;
    while (stop < j->end && *stop != '"') stop += *stop == '\\' && j->end - stop > 1 ? 2 : 1;
    if (stop >= j->end) return fail(j, "a string that is not closed");
    char *text = sf_jinja_take(j->m, (size_t)(stop - j->p) + 1, 1); /* escapes only shrink */
    size_t n = 0;
    if (!text) return no_room(j);
    while (j->p < stop) {
        unsigned char c = (unsigned char)*j->p;
        if (c < 0x20) return fail(j, "a control character in a string");
        if (c != '\\') {
            text[n++] = *j->p++;
            continue;
        }
        j->p++;
        size_t k = escape(j, text + n);
        if (k == 0) return fail(j, "an escape that means nothing");
        n += k;
    }
    j->p = stop + 1;
    *out = sf_jinja_str(text, n, SF_JINJA_DATA);
    return true;
}

static bool number(struct reader *j, val *out) {
    const char *from = j->p, *q = j->p;
    bool real = false;
    if (q < j->end && *q == '-') q++;
    const char *first = q;
    while (q < j->end && *q >= '0' && *q <= '9') q++;
    if (q == first || (*first == '0' && q > first + 1)) return fail(j, "no value");
    if (q < j->end && *q == '.') {
        const char *dot = q++;
        while (q < j->end && *q >= '0' && *q <= '9') q++;
        if (q == dot + 1) return fail(j, "no digit behind the point");
        real = true;
    }
    if (q < j->end && (*q == 'e' || *q == 'E')) {
        q++;
        if (q < j->end && (*q == '+' || *q == '-')) q++;
        const char *digit = q;
        while (q < j->end && *q >= '0' && *q <= '9') q++;
        if (q == digit) return fail(j, "no digit in the exponent");
        real = true;
    }
    size_t n = (size_t)(q - from);
    *out = sf_jinja_int(0);
    if (real || !sf_jparse_int(from, n, 10, &out->i)) {
        double f;
        if (!sf_jparse_real(from, n, &f)) return fail(j, "a number that is too long");
        *out = sf_jinja_float(f);
    }
    j->p = q;
    return true;
}

static bool value(struct reader *j, unsigned depth, val *out);

static bool list(struct reader *j, unsigned depth, val *out) {
    if (!sf_jinja_list_new(j->m, out, 0)) return no_room(j);
    if (take(j, ']')) return true;
    do {
        val v;
        if (!value(j, depth + 1, &v)) return false;
        if (!sf_jinja_push(j->m, out->list, v)) return no_room(j);
    } while (take(j, ','));
    return take(j, ']') || fail(j, "',' or ']' expected");
}

static bool object(struct reader *j, unsigned depth, val *out) {
    if (!sf_jinja_dict_new(j->m, out, 0)) return no_room(j);
    if (take(j, '}')) return true;
    do {
        val key, v;
        if (!take(j, '"')) return fail(j, "a key expected");
        if (!string(j, &key)) return false;
        if (!take(j, ':')) return fail(j, "':' expected");
        if (!value(j, depth + 1, &v)) return false;
        if (out->dict->n > 4096) return fail(j, "an object of more than 4096 keys");
        if (!sf_jinja_put(j->m, out->dict, key, v)) return no_room(j);
    } while (take(j, ','));
    return take(j, '}') || fail(j, "',' or '}' expected");
}

static bool value(struct reader *j, unsigned depth, val *out) {
    static const struct {
        const char *word;
        val v;
    } row[] = {{"null", {.type = SF_JINJA_NONE}},
               {"true", {.type = SF_JINJA_BOOL, .i = 1}},
               {"false", {.type = SF_JINJA_BOOL, .i = 0}}};
    if (depth > DEEPEST) return fail(j, "lists and objects more than 100 deep");
    if (take(j, '"')) return string(j, out);
    if (take(j, '[')) return list(j, depth, out);
    if (take(j, '{')) return object(j, depth, out);
    for (size_t i = 0; i < SF_COUNT(row); i++) {
        size_t n = strlen(row[i].word);
        if ((size_t)(j->end - j->p) < n || memcmp(j->p, row[i].word, n) != 0) continue;
        j->p += n;
        *out = row[i].v;
        return true;
    }
    return number(j, out);
}

surefoot_status sf_jinja_from_json(struct sf_jinja_mem *m, const char *text, size_t n, val *out,
                                   surefoot_error *err) {
    struct reader j = {.m = m, .from = text, .p = text, .end = text + n, .err = err};
    *out = sf_jinja_none();
    if (value(&j, 0, out)) {
        space(&j);
        if (j.p != j.end) fail(&j, "text behind the value");
    }
    return j.status;
}
