/* SPDX-License-Identifier: MIT
 * jinja_filters.c - finding filters, reading arguments, and the filters for texts and numbers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_i.h"

typedef const struct sf_jargs args;

/* --------------------------------------------------------------------------------------- arguments */

const val *sf_jarg(args *a, size_t i, const char *name) {
    if (i < a->n) return &a->pos[i];
    for (size_t k = 0; name && k < a->n_kw; k++)
        if (sf_jname(a->kw[k].name, a->kw[k].n, name)) return &a->kw[k].v;
    return NULL;
}

bool sf_jarg_int(struct sf_jrun *r, args *a, size_t i, const char *name, int64_t *out) {
    const val *v = sf_jarg(a, i, name);
    if (!v || v->type == SF_JINJA_NONE) return true;
    if (!sf_jint(v))
        return sf_jfail(r, SUREFOOT_E_FAILED, "%s is a whole number, not a value of type %s", name,
                        sf_jtype_name(v));
    *out = v->i;
    return true;
}

bool sf_jarg_str(struct sf_jrun *r, args *a, size_t i, const char *name, val *out) {
    const val *v = sf_jarg(a, i, name);
    return !v || sf_jstr(r, v, out);
}

bool sf_jarg_bool(args *a, size_t i, const char *name, bool otherwise) {
    const val *v = sf_jarg(a, i, name);
    return v ? sf_jtrue(v) : otherwise;
}

static bool listed(const char *names, const char *p, size_t n) {
    for (const char *s = names; *s;) {
        size_t len = strcspn(s, ",");
        if (len == n && memcmp(s, p, n) == 0) return true;
        s += len + (s[len] == ',');
    }
    return false;
}

bool sf_jargs_check(struct sf_jrun *r, const char *who, args *a, size_t most, const char *names) {
    if (a->n > most)
        return sf_jfail(r, SUREFOOT_E_FAILED, "%s takes at most %zu arguments, not %zu", who, most,
                        a->n);
    for (size_t i = 0; i < a->n_kw; i++)
        if (!listed(names, a->kw[i].name, a->kw[i].n))
            return sf_jfail(r, SUREFOOT_E_FAILED, "%s takes no argument '%.*s'", who,
                            (int)sf_min(a->kw[i].n, 40), a->kw[i].name);
    return true;
}

static bool find_in(const struct sf_jfilter_row *row, struct sf_jrun *r, const char *name, size_t n,
                    const val *in, args *a, val *out, bool *found) {
    for (; row->name; row++)
        if (sf_jname(name, n, row->name)) {
            *found = true;
            return row->fn(r, in, a, out);
        }
    return true;
}

bool sf_jfilter(struct sf_jrun *r, const char *name, size_t n, const val *in, args *a, val *out) {
    bool found = false;
    val copy = *in; /* out may be in */
    if (!sf_jtick(r, 1) || !find_in(sf_jfilters_text, r, name, n, &copy, a, out, &found))
        return false;
    if (!found && !find_in(sf_jfilters_seq, r, name, n, &copy, a, out, &found)) return false;
    return found || sf_jfail(r, SUREFOOT_E_UNSUPPORTED, "there is no filter '%.*s'",
                             (int)sf_min(n, 40), name);
}

/* ------------------------------------------------------------------------------------------- texts */

static bool f_string(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jstr(r, in, out);
}

static bool f_same(struct sf_jrun *r, const val *in, args *a,
                   val *out) { /* safe: text is no HTML */
    SF_UNUSED(r);
    SF_UNUSED(a);
    *out = *in;
    return true;
}

static bool f_trim(struct sf_jrun *r, const val *in, args *a, val *out) {
    val s, chars;
    const val *c = sf_jarg(a, 0, "chars");
    if (!sf_jargs_check(r, "trim", a, 1, "chars") || !sf_jstr(r, in, &s)) return false;
    if (c && c->type != SF_JINJA_NONE && !sf_jstr(r, c, &chars)) return false;
    *out = sf_jstrip(&s, c && c->type != SF_JINJA_NONE ? &chars : NULL, SF_JS_LEFT | SF_JS_RIGHT);
    return sf_jtick(r, s.n / 16);
}

static bool case_(struct sf_jrun *r, const val *in, enum sf_jcase how, val *out) {
    val s;
    return sf_jstr(r, in, &s) && sf_jcase(r, &s, how, out);
}

static bool f_upper(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    return case_(r, in, SF_JC_UPPER, out);
}

static bool f_lower(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    return case_(r, in, SF_JC_LOWER, out);
}

static bool f_capitalize(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    return case_(r, in, SF_JC_CAPITAL, out);
}

/* Words begin behind white space and - ( { [ < here, unlike in the method title. */
static bool f_title(struct sf_jrun *r, const val *in, args *a, val *out) {
    val s, part;
    struct sf_jbuf b = {.mem = r->mem};
    uint32_t cp;
    SF_UNUSED(a);
    if (!sf_jstr(r, in, &s)) return false;
    for (size_t i = 0, from = 0, k; i < s.n; i += k) {
        k = sf_jchar(s.p + i, s.n - i, &cp);
        bool edge = sf_jspace(cp) || (cp < 0x80 && cp && strchr("-({[<", (int)cp));
        if (!edge && i + k < s.n) continue;
        val word = sf_jsub(&s, from, i + k);
        if (!sf_jcase(r, &word, SF_JC_CAPITAL, &part)) return false;
        sf_jbuf_put_val(&b, &part);
        from = i + k;
    }
    return sf_jdone(r, &b, out);
}

static bool f_replace(struct sf_jrun *r, const val *in, args *a, val *out) {
    val s, old, by;
    int64_t count = -1;
    if (!sf_jargs_check(r, "replace", a, 3, "old,new,count") || !sf_jstr(r, in, &s)) return false;
    if (!sf_jarg(a, 0, "old") || !sf_jarg(a, 1, "new"))
        return sf_jfail(r, SUREFOOT_E_FAILED, "replace wants an old and a new text");
    return sf_jarg_str(r, a, 0, "old", &old) && sf_jarg_str(r, a, 1, "new", &by) &&
           sf_jarg_int(r, a, 2, "count", &count) && sf_jreplace(r, &s, &old, &by, count, out);
}

static bool f_escape(struct sf_jrun *r, const val *in, args *a, val *out) {
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct sf_jbuf b = {.mem = r->mem};
    val s;
    SF_UNUSED(a);
    if (!sf_jstr(r, in, &s) || !sf_jtick(r, s.n / 8)) return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *e = s.p[i] ? strchr(from, s.p[i]) : NULL;
        val one = sf_jsub(&s, i, i + 1);
        if (!e)
            sf_jbuf_put_val(&b, &one);
        else
            sf_jbuf_puts(&b, to[e - from]);
    }
    return sf_jdone(r, &b, out);
}

/* indent(width=4, first=false, blank=false) */
static bool f_indent(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    val s, step = sf_jlit("    "), nl = sf_jlit("\n");
    const val *w = sf_jarg(a, 0, "width");
    bool first = sf_jarg_bool(a, 1, "first", false), blank = sf_jarg_bool(a, 2, "blank", false);
    if (!sf_jargs_check(r, "indent", a, 3, "width,first,blank") || !sf_jstr(r, in, &s))
        return false;
    if (w && w->type == SF_JINJA_STR) {
        step = *w;
    } else if (w) {
        struct sf_jbuf fill = {.mem = r->mem};
        if (!sf_jint(w) || w->i > 1000)
            return sf_jfail(r, SUREFOOT_E_FAILED, "indent: width is a text or a number to 1000");
        if (w->i > 0) sf_jbuf_fill(&fill, ' ', (size_t)w->i, NULL);
        if (!sf_jdone(r, &fill, &step)) return false;
    }
    for (size_t at = 0, line = 0; at <= s.n; line++) {
        size_t end = sf_jfind(&s, &nl, at);
        if (end == SIZE_MAX) end = s.n;
        if (!sf_jtick(r, 1 + (end - at) / 16)) return false;
        if (line) sf_jbuf_puts(&b, "\n");
        if (line == 0 ? first : blank || end > at) sf_jbuf_put_val(&b, &step);
        val text = sf_jsub(&s, at, end);
        sf_jbuf_put_val(&b, &text);
        at = end + 1;
    }
    return sf_jdone(r, &b, out);
}

static bool f_center(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    int64_t width = 80;
    val s;
    if (!sf_jstr(r, in, &s) || !sf_jarg_int(r, a, 0, "width", &width)) return false;
    int64_t pad = width - (int64_t)sf_jchars(&s);
    if (pad > 100000) return sf_jfail(r, SUREFOOT_E_LIMIT, "center: a width above 100000");
    if (pad < 0) pad = 0;
    int64_t left = pad / 2 + (pad & width & 1);
    sf_jbuf_fill(&b, ' ', (size_t)left, NULL);
    sf_jbuf_put_val(&b, &s);
    sf_jbuf_fill(&b, ' ', (size_t)(pad - left), NULL);
    return sf_jdone(r, &b, out);
}

/* truncate(length=255, killwords=false, end='...', leeway=5) */
static bool f_truncate(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    int64_t length = 255, leeway = 5;
    val s, tail = sf_jlit("..."), space = sf_jlit(" ");
    if (!sf_jstr(r, in, &s) || !sf_jarg_int(r, a, 0, "length", &length) ||
        !sf_jarg_str(r, a, 2, "end", &tail) || !sf_jarg_int(r, a, 3, "leeway", &leeway))
        return false;
    int64_t chars = (int64_t)sf_jchars(&s), keep = length - (int64_t)sf_jchars(&tail);
    if (keep < 0 || leeway < 0 || leeway > INT32_MAX || length > INT32_MAX)
        return sf_jfail(r, SUREFOOT_E_FAILED, "truncate: length is at least that of the end");
    if (chars <= length + leeway) {
        *out = s;
        return true;
    }
    val head = sf_jsub(&s, 0, sf_joffset(&s, (size_t)keep));
    if (!sf_jarg_bool(a, 1, "killwords", false)) {
        size_t k = sf_jrfind(&head, &space, head.n);
        if (k != SIZE_MAX) head = sf_jsub(&head, 0, k);
    }
    sf_jbuf_put_val(&b, &head);
    sf_jbuf_put_val(&b, &tail);
    return sf_jdone(r, &b, out);
}

static bool f_wordcount(struct sf_jrun *r, const val *in, args *a, val *out) {
    val s;
    int64_t n = 0;
    uint32_t cp;
    bool word = false;
    SF_UNUSED(a);
    if (!sf_jstr(r, in, &s) || !sf_jtick(r, s.n / 8)) return false;
    for (size_t i = 0; i < s.n;) { /* runs of \w */
        i += sf_jchar(s.p + i, s.n - i, &cp);
        bool in_word = cp > 0x7F ? !sf_jspace(cp) && sf_jprintable(cp)
                                 : cp == '_' || (cp >= '0' && cp <= '9') ||
                                       ((cp | 32) >= 'a' && (cp | 32) <= 'z');
        n += in_word && !word;
        word = in_word;
    }
    *out = sf_jinja_int(n);
    return true;
}

static bool f_urlencode(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    val s;
    char text[8];
    SF_UNUSED(a);
    if (!sf_jstr(r, in, &s) || !sf_jtick(r, s.n / 8)) return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        val one = sf_jsub(&s, i, i + 1);
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                     (c && strchr("_.-~/", c));
        snprintf(text, sizeof text, "%%%02X", c);
        if (plain)
            sf_jbuf_put_val(&b, &one);
        else
            sf_jbuf_puts(&b, text);
    }
    return sf_jdone(r, &b, out);
}

static bool f_format(struct sf_jrun *r, const val *in, args *a, val *out) {
    val s, all;
    if (!sf_jstr(r, in, &s)) return false;
    if (a->n && a->n_kw)
        return sf_jfail(r, SUREFOOT_E_FAILED, "format takes values by place or by name, not both");
    if (a->n_kw) {
        if (!sf_jinja_dict_new(r->mem, &all, 0)) return sf_jfail_mem(r);
        for (size_t i = 0; i < a->n_kw; i++)
            if (!sf_jput(r, &all, sf_jinja_str(a->kw[i].name, a->kw[i].n, NULL), a->kw[i].v))
                return false;
    } else {
        if (!sf_jlist(r, &all, 0)) return false;
        all.type = SF_JINJA_TUPLE;
        for (size_t i = 0; i < a->n; i++)
            if (!sf_jpush(r, &all, a->pos[i])) return false;
    }
    return sf_jformat_percent(r, &s, &all, out);
}

static bool f_pprint(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    SF_UNUSED(a);
    return sf_jrepr(r, &b, in, 0) && sf_jdone(r, &b, out);
}

/* ----------------------------------------------------------------------------------------- numbers */

static bool f_int(struct sf_jrun *r, const val *in, args *a, val *out) {
    int64_t base = 10;
    const val *otherwise = sf_jarg(a, 0, "default");
    double f;
    if (!sf_jargs_check(r, "int", a, 2, "default,base") || !sf_jarg_int(r, a, 1, "base", &base))
        return false;
    *out = otherwise ? *otherwise : sf_jinja_int(0);
    if (base < 2 || base > 36) return true;
    if (sf_jint(in)) {
        *out = sf_jinja_int(in->i);
    } else if (in->type == SF_JINJA_FLOAT) {
        if (!isfinite(in->f)) return true;
        if (fabs(in->f) >= 9.2e18) return sf_jfail(r, SUREFOOT_E_LIMIT, "a number beyond 64 bits");
        *out = sf_jinja_int((int64_t)in->f);
    } else if (in->type == SF_JINJA_STR) {
        int64_t i;
        if (sf_jparse_int(in->p, in->n, (int)base, &i))
            *out = sf_jinja_int(i);
        else if (sf_jparse_real(in->p, in->n, &f) && fabs(f) < 9.2e18)
            *out = sf_jinja_int((int64_t)f);
    } else if (in->type == SF_JINJA_UNDEFINED) {
        return sf_jfail(r, SUREFOOT_E_FAILED, "'%.*s' is undefined", (int)sf_min(in->n, 60), in->p);
    }
    return true;
}

static bool f_float(struct sf_jrun *r, const val *in, args *a, val *out) {
    const val *otherwise = sf_jarg(a, 0, "default");
    double f;
    if (!sf_jargs_check(r, "float", a, 1, "default")) return false;
    *out = otherwise ? *otherwise : sf_jinja_float(0);
    if (sf_jnumber(in))
        *out = sf_jinja_float(sf_jreal(in));
    else if (in->type == SF_JINJA_STR && sf_jparse_real(in->p, in->n, &f))
        *out = sf_jinja_float(f);
    return true;
}

static bool f_abs(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    if (!sf_jnumber(in) || (sf_jint(in) && in->i == INT64_MIN))
        return sf_jfail(r, SUREFOOT_E_FAILED, "abs wants a number, not %s", sf_jtype_name(in));
    *out = in->type == SF_JINJA_FLOAT ? sf_jinja_float(fabs(in->f))
                                      : sf_jinja_int(in->i < 0 ? -in->i : in->i);
    return true;
}

/* round(precision=0, method='common'): to even at a tie, in decimal, as Python does. */
static bool f_round(struct sf_jrun *r, const val *in, args *a, val *out) {
    int64_t precision = 0;
    val method = sf_jlit("common");
    char text[400];
    double scale = 1, f;
    if (!sf_jargs_check(r, "round", a, 2, "precision,method") ||
        !sf_jarg_int(r, a, 0, "precision", &precision) || !sf_jarg_str(r, a, 1, "method", &method))
        return false;
    if (!sf_jnumber(in) || precision > 40 || precision < -40)
        return sf_jfail(r, SUREFOOT_E_FAILED, "round wants a number, to at most 40 digits");
    f = sf_jreal(in);
    for (int64_t i = 0; i < (precision < 0 ? -precision : precision); i++) scale *= 10;
    *out = *in;
    if (sf_jis(&method, "common")) {
        if (in->type != SF_JINJA_FLOAT && precision >= 0) {
            *out = sf_jinja_int(in->i);
            return true;
        }
        if (!isfinite(f)) return true;
        snprintf(text, sizeof text, "%.*f", precision > 0 ? (int)precision : 0,
                 precision < 0 ? f / scale : f);
        f = strtod(text, NULL) * (precision < 0 ? scale : 1);
        *out = in->type == SF_JINJA_FLOAT ? sf_jinja_float(f) : sf_jinja_int((int64_t)f);
        return true;
    }
    if (!sf_jis(&method, "ceil") && !sf_jis(&method, "floor"))
        return sf_jfail(r, SUREFOOT_E_FAILED, "round: method is common, ceil or floor");
    f = precision < 0 ? f / scale : f * scale;
    f = method.p[0] == 'c' ? ceil(f) : floor(f);
    *out = sf_jinja_float(precision < 0 ? f * scale : f / scale);
    return true;
}

static bool f_default(struct sf_jrun *r, const val *in, args *a, val *out) {
    const val *d = sf_jarg(a, 0, "default_value");
    if (!sf_jargs_check(r, "default", a, 2, "default_value,boolean")) return false;
    bool missing =
        in->type == SF_JINJA_UNDEFINED || (sf_jarg_bool(a, 1, "boolean", false) && !sf_jtrue(in));
    *out = !missing ? *in : d ? *d : sf_jlit("");
    return true;
}

static bool f_attr(struct sf_jrun *r, const val *in, args *a, val *out) {
    val name = sf_jlit("");
    if (!sf_jarg_str(r, a, 0, "name", &name)) return false;
    if (in->type == SF_JINJA_DICT && !sf_jhas_method(in, name.p, name.n)) { /* not its items */
        *out = (val){.type = SF_JINJA_UNDEFINED, .aux = 1, .p = name.p, .n = name.n};
        return true;
    }
    return sf_jattr(r, in, name.p, name.n, out);
}

const struct sf_jfilter_row sf_jfilters_text[] = {{"trim", f_trim},
                                                  {"tojson", sf_jtojson},
                                                  {"string", f_string},
                                                  {"safe", f_same},
                                                  {"upper", f_upper},
                                                  {"lower", f_lower},
                                                  {"capitalize", f_capitalize},
                                                  {"title", f_title},
                                                  {"replace", f_replace},
                                                  {"default", f_default},
                                                  {"d", f_default},
                                                  {"indent", f_indent},
                                                  {"int", f_int},
                                                  {"float", f_float},
                                                  {"abs", f_abs},
                                                  {"round", f_round},
                                                  {"escape", f_escape},
                                                  {"e", f_escape},
                                                  {"forceescape", f_escape},
                                                  {"center", f_center},
                                                  {"truncate", f_truncate},
                                                  {"wordcount", f_wordcount},
                                                  {"urlencode", f_urlencode},
                                                  {"format", f_format},
                                                  {"pprint", f_pprint},
                                                  {"attr", f_attr},
                                                  {NULL, NULL}};
