/* SPDX-License-Identifier: MIT
 * jinja_print.c - values as text: str() and repr() as Python writes them, and JSON both ways.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_i.h"
#include "utf8.h"

/* ----------------------------------------------------------------------------------------- numbers */

/* The host may have set a locale in which the point is a comma. */
static char point(void) {
    char text[8];
    snprintf(text, sizeof text, "%.1f", 0.5);
    return text[1];
}

bool sf_jparse_real(const char *p, size_t n, double *out) {
    char text[400];
    size_t k = 0, digits = 0;
    val s = sf_jinja_str(p, n, NULL);
    s = sf_jstrip(&s, NULL, SF_JS_LEFT | SF_JS_RIGHT);
    if (s.n == 0 || s.n >= sizeof text) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_' && i > 0 && i + 1 < s.n && s.p[i - 1] >= '0' && s.p[i - 1] <= '9') continue;
        if (!((c >= '0' && c <= '9') || strchr("+-.eE", c)) || c == 0) return false;
        digits += c >= '0' && c <= '9';
        text[k++] = c == '.' ? point() : c;
    }
    text[k] = 0;
    char *end;
    *out = strtod(text, &end);
    return digits > 0 && *end == 0;
}

bool sf_jparse_int(const char *p, size_t n, int base, int64_t *out) {
    val s = sf_jinja_str(p, n, NULL);
    s = sf_jstrip(&s, NULL, SF_JS_LEFT | SF_JS_RIGHT);
    bool minus = s.n > 0 && s.p[0] == '-';
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    if (s.n > i + 2 && s.p[i] == '0' &&
        ((base == 16 && (s.p[i + 1] | 32) == 'x') || (base == 8 && (s.p[i + 1] | 32) == 'o') ||
         (base == 2 && (s.p[i + 1] | 32) == 'b')))
        i += 2;
    if (i == s.n) return false;
    int64_t x = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '_' && i + 1 < s.n && s.p[i + 1] != '_') continue;
        int d = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'z' ? (c | 32) - 'a' + 10
                                                     : 99;
        if (d >= base || __builtin_mul_overflow(x, (int64_t)base, &x) ||
            __builtin_sub_overflow(x, (int64_t)d, &x)) /* negative: one more fits */
            return false;
    }
    if (!minus && x == INT64_MIN) return false;
    *out = minus ? x : -x;
    return true;
}

int sf_jfloat_text(double f, char out[40]) {
    char e[40];
    int digits = 1;
    if (isnan(f)) return sprintf(out, "nan");
    if (isinf(f)) return sprintf(out, f < 0 ? "-inf" : "inf");
    do { /* the fewest digits that read back as the same number */
        snprintf(e, sizeof e, "%.*e", digits - 1, f);
    } while (strtod(e, NULL) != f && digits++ < 17);
    int exp = atoi(strchr(e, 'e') + 1);
    if (exp < -4 || exp >= 16) {
        char *x = strchr(e, 'e');
        *x = 0;
        for (char *c = e; *c; c++)
            if (*c != '-' && (*c < '0' || *c > '9')) *c = '.';
        return snprintf(out, 40, "%se%c%02d", e, exp < 0 ? '-' : '+', abs(exp));
    }
    int places = digits - 1 - exp;
    snprintf(out, 40, "%.*f", places > 1 ? places : 1, f);
    for (char *c = out; *c; c++)
        if (*c != '-' && (*c < '0' || *c > '9')) *c = '.';
    return (int)strlen(out);
}

/* -------------------------------------------------------------------------------------------- repr */

static const unsigned char *mark_at(const val *s, size_t i) {
    return s->mark && s->mark != SF_JINJA_DATA ? s->mark[i] ? SF_JINJA_DATA : NULL : s->mark;
}

static bool repr_str(struct sf_jrun *r, struct sf_jbuf *b, const val *s) {
    bool twice = memchr(s->p, '\'', s->n) && !memchr(s->p, '"', s->n);
    char quote = twice ? '"' : '\'', text[16];
    uint32_t cp;
    if (!sf_jtick(r, s->n / 4)) return false;
    sf_jbuf_put(b, &quote, 1, NULL);
    for (size_t i = 0, k; i < s->n; i += k) {
        k = sf_jchar(s->p + i, s->n - i, &cp);
        int n = 0;
        if (cp == (unsigned char)quote || cp == '\\')
            n = sprintf(text, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\t' || cp == '\r')
            n = sprintf(text, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
        else if (cp > 0x10FFFF)
            n = sprintf(text, "\\udc%02x", (unsigned)(cp - 0x110000u));
        else if (!sf_jprintable(cp))
            n = sprintf(text,
                        cp < 0x100     ? "\\x%02x"
                        : cp < 0x10000 ? "\\u%04x"
                                       : "\\U%08x",
                        (unsigned)cp);
        if (n > 0)
            sf_jbuf_put(b, text, (size_t)n, mark_at(s, i));
        else
            sf_jbuf_put(b, s->p + i, k,
                        s->mark && s->mark != SF_JINJA_DATA ? s->mark + i : s->mark);
    }
    sf_jbuf_put(b, &quote, 1, NULL);
    return true;
}

static bool repr_items(struct sf_jrun *r, struct sf_jbuf *b, const val *v, unsigned depth) {
    bool list = v->type == SF_JINJA_LIST;
    sf_jbuf_puts(b, list ? "[" : "(");
    for (size_t i = 0; i < v->list->n; i++) {
        if (i) sf_jbuf_puts(b, ", ");
        if (!sf_jrepr(r, b, &v->list->item[i], depth + 1)) return false;
    }
    return sf_jbuf_puts(b, list ? "]" : v->list->n == 1 ? ",)" : ")") || sf_jfail_mem(r);
}

static bool repr_dict(struct sf_jrun *r, struct sf_jbuf *b, const val *v, unsigned depth) {
    sf_jbuf_puts(b, v->type == SF_JINJA_NAMESPACE ? "<Namespace {" : "{");
    for (size_t i = 0; i < v->dict->n; i++) {
        if (i) sf_jbuf_puts(b, ", ");
        if (!sf_jrepr(r, b, &v->dict->item[i].key, depth + 1)) return false;
        sf_jbuf_puts(b, ": ");
        if (!sf_jrepr(r, b, &v->dict->item[i].value, depth + 1)) return false;
    }
    return sf_jbuf_puts(b, v->type == SF_JINJA_NAMESPACE ? "}>" : "}") || sf_jfail_mem(r);
}

bool sf_jrepr(struct sf_jrun *r, struct sf_jbuf *b, const val *v, unsigned depth) {
    char text[40];
    if (!sf_jtick(r, 1)) return false;
    if (depth > SF_JINJA_MAX_VALUE)
        return sf_jfail(r, SUREFOOT_E_LIMIT, "a value more than %d deep", SF_JINJA_MAX_VALUE);
    switch (v->type) {
    case SF_JINJA_UNDEFINED:
        return sf_jbuf_puts(b, "Undefined") || sf_jfail_mem(r);
    case SF_JINJA_NONE:
        return sf_jbuf_puts(b, "None") || sf_jfail_mem(r);
    case SF_JINJA_BOOL:
        return sf_jbuf_puts(b, v->i ? "True" : "False") || sf_jfail_mem(r);
    case SF_JINJA_INT:
        snprintf(text, sizeof text, "%lld", (long long)v->i);
        return sf_jbuf_puts(b, text) || sf_jfail_mem(r);
    case SF_JINJA_FLOAT:
        sf_jfloat_text(v->f, text);
        return sf_jbuf_puts(b, text) || sf_jfail_mem(r);
    case SF_JINJA_STR:
        return repr_str(r, b, v);
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        return repr_items(r, b, v, depth);
    case SF_JINJA_DICT:
    case SF_JINJA_NAMESPACE:
        return repr_dict(r, b, v, depth);
    case SF_JINJA_FUNCTION:
    case SF_JINJA_METHOD:
    case SF_JINJA_MACRO:
    case SF_JINJA_LOOP:
        break;
    }
    snprintf(text, sizeof text, "<%s>", sf_jtype_name(v));
    return sf_jbuf_puts(b, text) || sf_jfail_mem(r);
}

bool sf_jprint(struct sf_jrun *r, struct sf_jbuf *b, const val *v) {
    if (v->type == SF_JINJA_UNDEFINED) return true;
    if (v->type != SF_JINJA_STR) return sf_jrepr(r, b, v, 0);
    return sf_jtick(r, v->n / 64) && (sf_jbuf_put_val(b, v) || sf_jfail_mem(r));
}

bool sf_jstr(struct sf_jrun *r, const val *v, val *out) {
    if (v->type == SF_JINJA_STR) {
        *out = *v;
        return true;
    }
    struct sf_jbuf b = {.mem = r->mem};
    return sf_jprint(r, &b, v) && sf_jdone(r, &b, out);
}

/* ------------------------------------------------------------------------------------------ to JSON */

struct json {
    struct sf_jrun *r;
    struct sf_jbuf b;
    bool ascii, sorted, indented;
    val indent, item, colon; /* one step of indentation; what stands between */
};

static bool json_str(struct json *j, const val *s) {
    uint32_t cp;
    char text[16];
    if (!sf_jtick(j->r, s->n / 4)) return false;
    sf_jbuf_puts(&j->b, "\"");
    for (size_t i = 0, k; i < s->n; i += k) {
        static const char plain[] = "\"\\\n\r\t\f\b", letter[] = "\"\\nrtfb";
        k = sf_jchar(s->p + i, s->n - i, &cp);
        const char *e = cp && cp < 0x80 ? strchr(plain, (int)cp) : NULL;
        int n = 0;
        if (e)
            n = sprintf(text, "\\%c", letter[e - plain]);
        else if (cp < 0x20 || (j->ascii && cp >= 0x7F && cp < 0x10000))
            n = sprintf(text, "\\u%04x", (unsigned)cp);
        else if (j->ascii && cp >= 0x10000 && cp <= 0x10FFFF)
            n = sprintf(text, "\\u%04x\\u%04x", 0xD800 + (unsigned)((cp - 0x10000) >> 10),
                        0xDC00 + (unsigned)((cp - 0x10000) & 0x3FF));
        if (n > 0)
            sf_jbuf_put(&j->b, text, (size_t)n, mark_at(s, i));
        else
            sf_jbuf_put(&j->b, s->p + i, k,
                        s->mark && s->mark != SF_JINJA_DATA ? s->mark + i : s->mark);
    }
    sf_jbuf_puts(&j->b, "\"");
    return true;
}

static void json_line(struct json *j, unsigned depth) {
    if (!j->indented) return;
    sf_jbuf_puts(&j->b, "\n");
    while (depth-- > 0) sf_jbuf_put_val(&j->b, &j->indent);
}

static bool json_value(struct json *j, const val *v, unsigned depth);

static bool json_key(struct json *j, const val *k) {
    if (k->type == SF_JINJA_STR) return json_str(j, k);
    if (!sf_jnumber(k) && k->type != SF_JINJA_NONE)
        return sf_jfail(j->r, SUREFOOT_E_FAILED, "tojson: a key of type %s", sf_jtype_name(k));
    sf_jbuf_puts(&j->b, "\"");
    if (!json_value(j, k, 0)) return false;
    sf_jbuf_puts(&j->b, "\"");
    return true;
}

static bool json_dict(struct json *j, const val *v, unsigned depth) {
    size_t n = v->dict->n;
    struct sf_jinja_pair *p = v->dict->item;
    if (j->sorted && n > 1) {
        p = sf_jinja_take(j->r->mem, n, sizeof *p);
        if (!p) return sf_jfail_mem(j->r);
        memcpy(p, v->dict->item, n * sizeof *p);
        for (size_t i = 1; i < n; i++) /* few keys: by insertion */
            for (size_t k = i; k > 0; k--) {
                int c;
                if (!sf_jcompare(j->r, &p[k - 1].key, &p[k].key, &c)) return false;
                if (c <= 0) break;
                struct sf_jinja_pair x = p[k];
                p[k] = p[k - 1];
                p[k - 1] = x;
            }
    }
    sf_jbuf_puts(&j->b, "{");
    for (size_t i = 0; i < n; i++) {
        if (i) sf_jbuf_put_val(&j->b, &j->item);
        json_line(j, depth + 1);
        if (!json_key(j, &p[i].key)) return false;
        sf_jbuf_put_val(&j->b, &j->colon);
        if (!json_value(j, &p[i].value, depth + 1)) return false;
    }
    if (n) json_line(j, depth);
    sf_jbuf_puts(&j->b, "}");
    return true;
}

static bool json_value(struct json *j, const val *v, unsigned depth) {
    if (!sf_jtick(j->r, 1)) return false;
    if (depth > SF_JINJA_MAX_VALUE)
        return sf_jfail(j->r, SUREFOOT_E_LIMIT, "a value more than %d deep", SF_JINJA_MAX_VALUE);
    switch (v->type) {
    case SF_JINJA_NONE:
        return sf_jbuf_puts(&j->b, "null") || sf_jfail_mem(j->r);
    case SF_JINJA_BOOL:
        return sf_jbuf_puts(&j->b, v->i ? "true" : "false") || sf_jfail_mem(j->r);
    case SF_JINJA_FLOAT:
        if (isfinite(v->f)) return sf_jrepr(j->r, &j->b, v, 0);
        return sf_jbuf_puts(&j->b, isnan(v->f) ? "NaN"
                                   : v->f < 0  ? "-Infinity"
                                               : "Infinity") ||
               sf_jfail_mem(j->r);
    case SF_JINJA_INT:
        return sf_jrepr(j->r, &j->b, v, 0);
    case SF_JINJA_STR:
        return json_str(j, v);
    case SF_JINJA_DICT:
        return json_dict(j, v, depth);
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        sf_jbuf_puts(&j->b, "[");
        for (size_t i = 0; i < v->list->n; i++) {
            if (i) sf_jbuf_put_val(&j->b, &j->item);
            json_line(j, depth + 1);
            if (!json_value(j, &v->list->item[i], depth + 1)) return false;
        }
        if (v->list->n) json_line(j, depth);
        sf_jbuf_puts(&j->b, "]");
        return !j->b.bad || sf_jfail_mem(j->r);
    default:
        return sf_jfail(j->r, SUREFOOT_E_FAILED, "tojson: a value of type %s", sf_jtype_name(v));
    }
}

/* tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false): what the chat template
 * environment makes of json.dumps; not Jinja's own, which writes HTML. */
bool sf_jtojson(struct sf_jrun *r, const val *in, const struct sf_jargs *a, val *out) {
    struct json j = {.r = r, .b = {.mem = r->mem}};
    const val *indent = sf_jarg(a, 1, "indent"), *sep = sf_jarg(a, 2, "separators");
    if (!sf_jargs_check(r, "tojson", a, 4, "ensure_ascii,indent,separators,sort_keys"))
        return false;
    j.ascii = sf_jarg_bool(a, 0, "ensure_ascii", false);
    j.sorted = sf_jarg_bool(a, 3, "sort_keys", false);
    j.item = sf_jlit(", ");
    j.colon = sf_jlit(": ");
    j.indent = sf_jlit("");
    if (indent && indent->type != SF_JINJA_NONE) {
        j.indented = true;
        j.item = sf_jlit(",");
        struct sf_jbuf step = {.mem = r->mem};
        if (indent->type == SF_JINJA_STR)
            j.indent = *indent;
        else if (!sf_jint(indent) || indent->i > 64)
            return sf_jfail(r, SUREFOOT_E_FAILED, "tojson: indent is a string or a number to 64");
        else if (indent->i > 0) {
            sf_jbuf_fill(&step, ' ', (size_t)indent->i, NULL);
            if (!sf_jdone(r, &step, &j.indent)) return false;
        }
    }
    if (sep && sep->type != SF_JINJA_NONE) {
        if (!sf_jseq(sep) || sep->list->n != 2 || sep->list->item[0].type != SF_JINJA_STR ||
            sep->list->item[1].type != SF_JINJA_STR)
            return sf_jfail(r, SUREFOOT_E_FAILED, "tojson: separators are two strings");
        j.item = sep->list->item[0];
        j.colon = sep->list->item[1];
    }
    return json_value(&j, in, 0) && sf_jdone(r, &j.b, out);
}
