/* SPDX-License-Identifier: MIT
 * jinja_format.c - "..." % values, "...".format(values) and strftime_now.
 */
#include <math.h>
#include <stdio.h>

#include "jinja_i.h"

enum { WIDEST = 10000 };

struct spec {                 /* of one value */
    int64_t width, precision; /* precision -1: none */
    bool left, zero, alternate, comma;
    char align, sign, type;
    val fill;
};

static void number_point(char *s) { /* whatever the host's locale has for it */
    for (; *s; s++)
        if (*s == ',') *s = '.';
}

/* Digits of an integer in a base, behind its sign; no more than 66 bytes. */
static void digits(int64_t i, const struct spec *f, char *out) {
    char text[72];
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    unsigned base = f->type == 'x' || f->type == 'X' ? 16
                    : f->type == 'o'                 ? 8
                    : f->type == 'b'                 ? 2
                                                     : 10;
    const char *set = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    int n = 0, k = 0, count = 0;
    do {
        if (f->comma && base == 10 && count && count % 3 == 0) text[n++] = ',';
        text[n++] = set[u % base];
        count++;
    } while ((u /= base) != 0 && n < 70);
    if (i < 0) out[k++] = '-';
    if (i >= 0 && f->sign && f->sign != '-') out[k++] = f->sign;
    if (f->alternate && base != 10) {
        out[k++] = '0';
        out[k++] = f->type;
    }
    while (n > 0) out[k++] = text[--n];
    out[k] = 0;
}

/* The value's text, without padding. */
static bool body(struct sf_jrun *r, const val *v, const struct spec *f, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    char text[512] = "";
    char c = f->type;
    if (c == 's' || c == 'r') {
        if (c == 's' ? !sf_jprint(r, &b, v) : !sf_jrepr(r, &b, v, 0)) return false;
        if (!sf_jdone(r, &b, out)) return false;
        if (f->precision >= 0) *out = sf_jsub(out, 0, sf_joffset(out, (size_t)f->precision));
        return true;
    }
    if (c == 'c' && v->type == SF_JINJA_STR) {
        *out = *v;
        return true;
    }
    if (!sf_jnumber(v))
        return sf_jfail(r, SUREFOOT_E_FAILED, "format '%c' wants a number, not %s", c,
                        sf_jtype_name(v));
    if (strchr("dixXob", c)) {
        if (v->type == SF_JINJA_FLOAT && (!isfinite(v->f) || fabs(v->f) > 9.2e18))
            return sf_jfail(r, SUREFOOT_E_FAILED, "format '%c' wants a whole number", c);
        digits(v->type == SF_JINJA_FLOAT ? (int64_t)v->f : v->i, f, text);
    } else if (strchr("fFeEgG%", c)) {
        char how[16];
        double x = sf_jreal(v) * (c == '%' ? 100 : 1);
        int places = f->precision < 0 ? 6 : f->precision > 60 ? 60 : (int)f->precision;
        snprintf(how, sizeof how, "%%%s.*%c",
                 f->sign && f->sign != '-' ? (f->sign == ' ' ? " " : "+") : "", c == '%' ? 'f' : c);
        snprintf(text, sizeof text - 1, how, places, x);
        number_point(text);
        if (c == '%') strcat(text, "%");
    } else {
        return sf_jfail(r, SUREFOOT_E_FAILED, "there is no format '%c'", c);
    }
    sf_jbuf_puts(&b, text);
    return sf_jdone(r, &b, out);
}

static bool put(struct sf_jrun *r, struct sf_jbuf *b, const val *v, const struct spec *f) {
    val text, space = sf_jlit(f->zero ? "0" : " ");
    if (!body(r, v, f, &text)) return false;
    int64_t n = (int64_t)sf_jchars(&text), more = f->width > n ? f->width - n : 0;
    bool number = !strchr("src", f->type);
    char align = f->align ? f->align : f->left ? '<' : f->zero && number ? '=' : 0;
    if (!align) align = '>';
    const val *fill = f->fill.n ? &f->fill : &space;
    size_t sign =
        align == '=' && text.n && (text.p[0] == '-' || text.p[0] == '+' || text.p[0] == ' ');
    val head = sf_jsub(&text, 0, sign), rest = sf_jsub(&text, sign, text.n);
    int64_t before = align == '<' ? 0 : align == '^' ? more / 2 : more;
    sf_jbuf_put_val(b, &head);
    for (int64_t i = 0; i < before; i++) sf_jbuf_put_val(b, fill);
    sf_jbuf_put_val(b, &rest);
    for (int64_t i = before; i < more; i++) sf_jbuf_put_val(b, fill);
    return (sf_jtick(r, (size_t)more / 8) && !b->bad) || sf_jfail_mem(r);
}

static bool number_at(const val *s, size_t *i, int64_t *out) {
    *out = 0;
    bool any = false;
    for (; *i < s->n && s->p[*i] >= '0' && s->p[*i] <= '9'; (*i)++, any = true)
        if ((*out = *out * 10 + (s->p[*i] - '0')) > WIDEST) *out = WIDEST;
    return any;
}

/* ------------------------------------------------------------------------------------------ percent */

struct supply { /* of values for % */
    const val *args;
    size_t at;
};

static bool next(struct sf_jrun *r, struct supply *s, val *out) {
    bool tuple = s->args->type == SF_JINJA_TUPLE;
    size_t n = tuple ? s->args->list->n : 1;
    if (s->at >= n)
        return sf_jfail(r, SUREFOOT_E_FAILED, "the format wants more than %zu values", n);
    *out = tuple ? s->args->list->item[s->at] : *s->args;
    s->at++;
    return true;
}

static bool percent_one(struct sf_jrun *r, const val *s, size_t *at, struct supply *from,
                        struct sf_jbuf *b) {
    struct spec f = {.precision = -1, .fill = sf_jlit("")};
    size_t i = *at;
    val v;
    bool named = false;
    if (i < s->n && s->p[i] == '(') {
        const char *end = memchr(s->p + i, ')', s->n - i);
        if (!end || from->args->type != SF_JINJA_DICT)
            return sf_jfail(r, SUREFOOT_E_FAILED, "a named format wants a dict");
        val key = sf_jsub(s, i + 1, (size_t)(end - s->p));
        const val *found = sf_jinja_get(from->args->dict, &key);
        if (!found) return sf_jfail(r, SUREFOOT_E_FAILED, "the format's name is not in the dict");
        v = *found;
        named = true;
        from->at = 1;
        i = (size_t)(end - s->p) + 1;
    }
    for (; i < s->n && s->p[i] && strchr("-+ 0#", s->p[i]); i++) {
        if (s->p[i] == '-') f.left = true;
        if (s->p[i] == '+' || s->p[i] == ' ') f.sign = f.sign == '+' ? '+' : s->p[i];
        if (s->p[i] == '0') f.zero = true;
        if (s->p[i] == '#') f.alternate = true;
    }
    number_at(s, &i, &f.width);
    if (i < s->n && s->p[i] == '.') {
        i++;
        number_at(s, &i, &f.precision);
    }
    if (i >= s->n) return sf_jfail(r, SUREFOOT_E_FAILED, "the format ends behind '%%'");
    f.type = s->p[i] == 'i' || s->p[i] == 'u' ? 'd' : s->p[i];
    *at = i + 1;
    if (!strchr("sdrxXofFeEgGc", f.type) || !f.type)
        return sf_jfail(r, SUREFOOT_E_FAILED, "there is no format of that kind");
    if (f.left || strchr("src", f.type)) f.zero = false;
    if (!named && !next(r, from, &v)) return false;
    return put(r, b, &v, &f);
}

bool sf_jformat_percent(struct sf_jrun *r, const val *s, const val *args, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    struct supply from = {.args = args};
    for (size_t i = 0, k; i < s->n; i = k) {
        const char *p = memchr(s->p + i, '%', s->n - i);
        k = p ? (size_t)(p - s->p) : s->n;
        val text = sf_jsub(s, i, k);
        sf_jbuf_put_val(&b, &text);
        if (!p) break;
        k++;
        if (k < s->n && s->p[k] == '%') {
            sf_jbuf_put(&b, "%", 1, s->mark ? SF_JINJA_DATA : NULL);
            k++;
        } else if (!percent_one(r, s, &k, &from, &b)) {
            return false;
        }
        if (!sf_jtick(r, 1)) return false;
    }
    bool spare = args->type == SF_JINJA_TUPLE ? from.at < args->list->n
                                              : from.at == 0 && args->type != SF_JINJA_DICT;
    if (spare) return sf_jfail(r, SUREFOOT_E_FAILED, "more values than the format wants");
    return sf_jdone(r, &b, out);
}

/* ------------------------------------------------------------------------------------------- braces */

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static bool parse_spec(struct sf_jrun *r, const val *s, const val *v, struct spec *f) {
    size_t i = 0, k = 0;
    uint32_t cp;
    *f = (struct spec){.precision = -1, .fill = sf_jlit("")};
    if (s->n) k = sf_jchar(s->p, s->n, &cp);
    if (k && k < s->n && s->p[k] && strchr("<>=^", s->p[k])) {
        f->fill = sf_jsub(s, 0, k);
        f->align = s->p[k];
        i = k + 1;
    } else if (s->n && s->p[0] && strchr("<>=^", s->p[0])) {
        f->align = s->p[0];
        i = 1;
    }
    if (i < s->n && s->p[i] && strchr("+- ", s->p[i])) f->sign = s->p[i++];
    if (i < s->n && s->p[i] == '#') f->alternate = true, i++;
    if (i < s->n && s->p[i] == '0') f->zero = true, i++;
    number_at(s, &i, &f->width);
    if (i < s->n && s->p[i] == ',') f->comma = true, i++;
    if (i < s->n && s->p[i] == '.') {
        i++;
        if (!number_at(s, &i, &f->precision))
            return sf_jfail(r, SUREFOOT_E_FAILED, "a format's precision is missing");
    }
    if (i < s->n) f->type = s->p[i++];
    if (i < s->n) return sf_jfail(r, SUREFOOT_E_FAILED, "a format that cannot be read");
    if (!f->type)
        f->type = v->type == SF_JINJA_INT && s->n                  ? 'd'
                  : v->type == SF_JINJA_FLOAT && f->precision >= 0 ? 'g'
                                                                   : 's';
    if (f->type == 's' && !sf_jnumber(v)) {
        if (!f->align) f->align = '<';
        f->zero = false;
    }
    return true;
}

static bool lookup(struct sf_jrun *r, const val *name, const struct sf_jargs *a, size_t *place,
                   val *out) {
    size_t i = 0;
    int64_t number;
    while (i < name->n && name->p[i] != '.' && name->p[i] != '[') i++;
    val head = sf_jsub(name, 0, i);
    bool digit = head.n && sf_jparse_int(head.p, head.n, 10, &number);
    const val *v = NULL;
    if (head.n == 0 || digit) {
        size_t k = digit ? (size_t)number : (*place)++;
        if (k < a->n) v = &a->pos[k];
    } else {
        for (size_t k = 0; k < a->n_kw; k++)
            if (a->kw[k].n == head.n && memcmp(a->kw[k].name, head.p, head.n) == 0) v = &a->kw[k].v;
    }
    if (!v)
        return sf_jfail(r, SUREFOOT_E_FAILED, "format has no value for '{%.*s}'",
                        (int)sf_min(name->n, 40), name->p);
    *out = *v;
    while (i < name->n) {
        bool dot = name->p[i++] == '.';
        size_t end = i;
        while (end < name->n &&
               (dot ? name->p[end] != '.' && name->p[end] != '[' : name->p[end] != ']'))
            end++;
        val key = sf_jsub(name, i, end), of = *out;
        if (!dot && sf_jparse_int(key.p, key.n, 10, &number)) key = sf_jinja_int(number);
        if (!sf_jitem(r, &of, &key, out)) return false;
        i = end + !dot;
    }
    return true;
}

bool sf_jformat_braces(struct sf_jrun *r, const val *s, const struct sf_jargs *a, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    size_t place = 0;
    for (size_t i = 0; i < s->n;) {
        val one = sf_jsub(s, i, i + 1);
        char c = s->p[i++];
        if (!sf_jtick(r, 1)) return false;
        if (c != '{' && c != '}') {
            sf_jbuf_put_val(&b, &one);
            continue;
        }
        if (i < s->n && s->p[i] == c) { /* doubled: itself */
            sf_jbuf_put_val(&b, &one);
            i++;
            continue;
        }
        const char *end = c == '{' && i < s->n ? memchr(s->p + i, '}', s->n - i) : NULL;
        if (!end) return sf_jfail(r, SUREFOOT_E_FAILED, "format: a single '%c'", c);
        val field = sf_jsub(s, i, (size_t)(end - s->p)), v;
        i = (size_t)(end - s->p) + 1;
        const char *colon = memchr(field.p, ':', field.n);
        size_t n = colon ? (size_t)(colon - field.p) : field.n;
        val spec = sf_jsub(&field, colon ? n + 1 : n, field.n), name = sf_jsub(&field, 0, n);
        bool repr = n >= 2 && field.p[n - 2] == '!' && field.p[n - 1] == 'r';
        if (n >= 2 && field.p[n - 2] == '!') name.n -= 2;
        struct spec f;
        if (!lookup(r, &name, a, &place, &v)) return false;
        if (repr) {
            struct sf_jbuf text = {.mem = r->mem};
            if (!sf_jrepr(r, &text, &v, 0) || !sf_jdone(r, &text, &v)) return false;
        }
        if (!parse_spec(r, &spec, &v, &f) || !put(r, &b, &v, &f)) return false;
    }
    return sf_jdone(r, &b, out);
}

/* --------------------------------------------------------------------------------------------- time */

static const char *const day_name[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const month_name[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};

static int weekday(int y, int m, int d) { /* 0: Sunday; Gregorian */
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    if (m < 3) y--;
    return ((y + y / 4 - y / 100 + y / 400 + shift[m - 1] + d) % 7 + 7) % 7;
}

static int day_of_year(const struct sf_jinja_clock *c) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    return before[c->month - 1] + c->day + (leap && c->month > 2);
}

static bool one_field(char field, const struct sf_jinja_clock *c, char out[64]) {
    int wd = weekday(c->year, c->month, c->day), half = c->hour % 12 ? c->hour % 12 : 12;
    switch (field) {
#define FIELD(letter, ...)                                                                         \
    case letter:                                                                                   \
        return snprintf(out, 64, __VA_ARGS__) > 0
        FIELD('Y', "%d", c->year);
        FIELD('y', "%02d", c->year % 100);
        FIELD('m', "%02d", c->month);
        FIELD('d', "%02d", c->day);
        FIELD('e', "%2d", c->day);
        FIELD('H', "%02d", c->hour);
        FIELD('I', "%02d", half);
        FIELD('M', "%02d", c->minute);
        FIELD('S', "%02d", c->second);
        FIELD('f', "000000");
        FIELD('p', "%s", c->hour < 12 ? "AM" : "PM");
        FIELD('A', "%s", day_name[wd]);
        FIELD('a', "%.3s", day_name[wd]);
        FIELD('B', "%s", month_name[c->month - 1]);
        FIELD('b', "%.3s", month_name[c->month - 1]);
        FIELD('h', "%.3s", month_name[c->month - 1]);
        FIELD('j', "%03d", day_of_year(c));
        FIELD('w', "%d", wd);
        FIELD('u', "%d", wd ? wd : 7);
        FIELD('F', "%d-%02d-%02d", c->year, c->month, c->day);
        FIELD('T', "%02d:%02d:%02d", c->hour, c->minute, c->second);
        FIELD('X', "%02d:%02d:%02d", c->hour, c->minute, c->second);
        FIELD('R', "%02d:%02d", c->hour, c->minute);
        FIELD('D', "%02d/%02d/%02d", c->month, c->day, c->year % 100);
        FIELD('x', "%02d/%02d/%02d", c->month, c->day, c->year % 100);
        FIELD('c', "%.3s %.3s %2d %02d:%02d:%02d %d", day_name[wd], month_name[c->month - 1],
              c->day, c->hour, c->minute, c->second, c->year);
        FIELD('%', "%%");
        FIELD('n', "\n");
        FIELD('t', "\t");
#undef FIELD
    case 'z': /* no time zone is known */
    case 'Z':
        out[0] = 0;
        return true;
    default:
        return false;
    }
}

bool sf_jstrftime(struct sf_jrun *r, const val *s, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    char text[64];
    for (size_t i = 0; i < s->n; i++) {
        val one = sf_jsub(s, i, i + 1);
        if (s->p[i] != '%' || i + 1 == s->n) {
            sf_jbuf_put_val(&b, &one);
            continue;
        }
        bool bare = s->p[i + 1] == '-' && i + 2 < s->n; /* %-d: without the leading zero */
        if (!one_field(s->p[i + 1 + bare], r->clock, text)) {
            sf_jbuf_put_val(&b, &one);
            continue;
        }
        const char *p = text;
        if (bare)
            while ((*p == '0' || *p == ' ') && p[1]) p++;
        sf_jbuf_puts(&b, p);
        i += 1 + bare;
    }
    return sf_jdone(r, &b, out);
}
