/* SPDX-License-Identifier: MIT
 * jinja_methods.c - the methods of strings, lists and dicts. What would change data in place is
 * refused, except that lists can grow and shrink: published templates count on it.
 */
#include <utf8proc.h>

#include "jinja_i.h"

typedef const struct sf_jargs args;
typedef bool (*method_fn)(struct sf_jrun *r, const val *s, args *a, val *out);
struct row {
    const char *name;
    method_fn fn;
};

static bool want_str(struct sf_jrun *r, args *a, size_t i, const char *who, const val **out) {
    *out = i < a->n ? &a->pos[i] : NULL;
    if (*out && (*out)->type == SF_JINJA_STR) return true;
    if (!*out) return sf_jfail(r, SUREFOOT_E_FAILED, "%s wants a string", who);
    return sf_jfail(r, SUREFOOT_E_FAILED, "%s wants a string, not %s", who, sf_jtype_name(*out));
}

/* ------------------------------------------------------------------------------------ whole strings */

static bool strip(struct sf_jrun *r, const val *s, args *a, unsigned sides, val *out) {
    const val *chars = sf_jarg(a, 0, "chars");
    if (chars && chars->type == SF_JINJA_NONE) chars = NULL;
    if (chars && chars->type != SF_JINJA_STR)
        return sf_jfail(r, SUREFOOT_E_FAILED, "strip wants a string, not %s", sf_jtype_name(chars));
    *out = sf_jstrip(s, chars, sides);
    return sf_jtick(r, s->n / 32);
}

static bool m_strip(struct sf_jrun *r, const val *s, args *a, val *out) {
    return strip(r, s, a, SF_JS_LEFT | SF_JS_RIGHT, out);
}

static bool m_lstrip(struct sf_jrun *r, const val *s, args *a, val *out) {
    return strip(r, s, a, SF_JS_LEFT, out);
}

static bool m_rstrip(struct sf_jrun *r, const val *s, args *a, val *out) {
    return strip(r, s, a, SF_JS_RIGHT, out);
}

static bool m_upper(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_UPPER, out);
}

static bool m_lower(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_LOWER, out);
}

static bool m_casefold(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_FOLD, out);
}

static bool m_title(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_TITLE, out);
}

static bool m_capitalize(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_CAPITAL, out);
}

static bool m_swapcase(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return sf_jcase(r, s, SF_JC_SWAP, out);
}

static bool m_replace(struct sf_jrun *r, const val *s, args *a, val *out) {
    const val *old, *by;
    int64_t count = -1;
    return want_str(r, a, 0, "replace", &old) && want_str(r, a, 1, "replace", &by) &&
           sf_jarg_int(r, a, 2, "count", &count) && sf_jreplace(r, s, old, by, count, out);
}

static bool m_format(struct sf_jrun *r, const val *s, args *a, val *out) {
    return sf_jformat_braces(r, s, a, out);
}

static bool m_join(struct sf_jrun *r, const val *s, args *a, val *out) {
    struct sf_jinja_list l;
    struct sf_jbuf b = {.mem = r->mem};
    if (a->n != 1) return sf_jfail(r, SUREFOOT_E_FAILED, "join wants one list");
    if (!sf_jiterate(r, &a->pos[0], &l)) return false;
    for (size_t i = 0; i < l.n; i++) {
        if (l.item[i].type != SF_JINJA_STR)
            return sf_jfail(r, SUREFOOT_E_FAILED, "join wants strings, not %s",
                            sf_jtype_name(&l.item[i]));
        if (i) sf_jbuf_put_val(&b, s);
        sf_jbuf_put_val(&b, &l.item[i]);
        if (!sf_jtick(r, 1 + (s->n + l.item[i].n) / 64)) return false;
    }
    return sf_jdone(r, &b, out);
}

/* --------------------------------------------------------------------------------- looking for text */

/* The part of s between the characters start and end (arguments i and i + 1), in bytes. */
static bool part(struct sf_jrun *r, const val *s, args *a, size_t i, size_t *from, size_t *to) {
    size_t n = sf_jchars(s);
    int64_t b = 0, e = (int64_t)n;
    if (!sf_jarg_int(r, a, i, "start", &b) || !sf_jarg_int(r, a, i + 1, "end", &e) ||
        !sf_jtick(r, s->n / 16))
        return false;
    if (b < 0) b = b + (int64_t)n < 0 ? 0 : b + (int64_t)n;
    if (e < 0) e = e + (int64_t)n < 0 ? 0 : e + (int64_t)n;
    *from = b > (int64_t)n ? SIZE_MAX : sf_joffset(s, (size_t)b);
    *to = e > (int64_t)n ? s->n : sf_joffset(s, (size_t)e);
    return true;
}

static bool edge(struct sf_jrun *r, const val *s, args *a, bool end, val *out) {
    size_t from, to;
    const val *one = a->n ? &a->pos[0] : NULL;
    struct sf_jinja_list l = {.item = a->pos, .n = 1};
    *out = sf_jinja_bool(false);
    if (!one || (one->type != SF_JINJA_STR && one->type != SF_JINJA_TUPLE))
        return sf_jfail(r, SUREFOOT_E_FAILED, "%s wants a string or a tuple of strings",
                        end ? "endswith" : "startswith");
    if (one->type == SF_JINJA_TUPLE) l = *one->list;
    if (!part(r, s, a, 1, &from, &to)) return false;
    for (size_t i = 0; i < l.n; i++) {
        const val *w = &l.item[i];
        if (w->type != SF_JINJA_STR)
            return sf_jfail(r, SUREFOOT_E_FAILED, "startswith and endswith want strings");
        if (from > to || w->n > to - from) continue;
        if (memcmp(s->p + (end ? to - w->n : from), w->p, w->n) == 0) out->i = 1;
    }
    return true;
}

static bool m_startswith(struct sf_jrun *r, const val *s, args *a, val *out) {
    return edge(r, s, a, false, out);
}

static bool m_endswith(struct sf_jrun *r, const val *s, args *a, val *out) {
    return edge(r, s, a, true, out);
}

static bool place(struct sf_jrun *r, const val *s, args *a, bool last, bool must, val *out) {
    size_t from, to, k = SIZE_MAX;
    const val *w;
    if (!want_str(r, a, 0, "find", &w) || !part(r, s, a, 1, &from, &to)) return false;
    if (from <= to && from != SIZE_MAX) {
        val in = sf_jsub(s, 0, to);
        k = last ? sf_jrfind(&in, w, to) : sf_jfind(&in, w, from);
        if (k != SIZE_MAX && k < from) k = SIZE_MAX;
    }
    if (k == SIZE_MAX && must)
        return sf_jfail(r, SUREFOOT_E_FAILED, "index: the text is not in the string");
    val head = sf_jsub(s, 0, k == SIZE_MAX ? 0 : k);
    *out = sf_jinja_int(k == SIZE_MAX ? -1 : (int64_t)sf_jchars(&head));
    return true;
}

static bool m_find(struct sf_jrun *r, const val *s, args *a, val *out) {
    return place(r, s, a, false, false, out);
}

static bool m_rfind(struct sf_jrun *r, const val *s, args *a, val *out) {
    return place(r, s, a, true, false, out);
}

static bool m_index(struct sf_jrun *r, const val *s, args *a, val *out) {
    return place(r, s, a, false, true, out);
}

static bool m_rindex(struct sf_jrun *r, const val *s, args *a, val *out) {
    return place(r, s, a, true, true, out);
}

static bool m_count(struct sf_jrun *r, const val *s, args *a, val *out) {
    size_t from, to, n = 0;
    const val *w;
    if (!want_str(r, a, 0, "count", &w) || !part(r, s, a, 1, &from, &to)) return false;
    if (from > to || from == SIZE_MAX) {
        *out = sf_jinja_int(0);
        return true;
    }
    val in = sf_jsub(s, from, to);
    if (w->n == 0)
        n = sf_jchars(&in) + 1;
    else
        for (size_t at = 0; (at = sf_jfind(&in, w, at)) != SIZE_MAX; at += w->n) n++;
    *out = sf_jinja_int((int64_t)n);
    return true;
}

static bool m_removeprefix(struct sf_jrun *r, const val *s, args *a, val *out) {
    const val *w;
    if (!want_str(r, a, 0, "removeprefix", &w)) return false;
    bool yes = w->n <= s->n && memcmp(s->p, w->p, w->n) == 0;
    *out = sf_jsub(s, yes ? w->n : 0, s->n);
    return true;
}

static bool m_removesuffix(struct sf_jrun *r, const val *s, args *a, val *out) {
    const val *w;
    if (!want_str(r, a, 0, "removesuffix", &w)) return false;
    bool yes = w->n <= s->n && memcmp(s->p + s->n - w->n, w->p, w->n) == 0;
    *out = sf_jsub(s, 0, yes ? s->n - w->n : s->n);
    return true;
}

/* ---------------------------------------------------------------------------------------- splitting */

static bool backwards(struct sf_jrun *r, val *list) {
    struct sf_jinja_list *l = list->list;
    for (size_t i = 0; i < l->n / 2; i++) {
        val x = l->item[i];
        l->item[i] = l->item[l->n - 1 - i];
        l->item[l->n - 1 - i] = x;
    }
    return sf_jtick(r, l->n);
}

/* At white space: runs of it separate, none at the ends. */
static bool split_words(struct sf_jrun *r, const val *s, int64_t most, bool right, val *out) {
    unsigned side = right ? SF_JS_RIGHT : SF_JS_LEFT;
    val rest = sf_jstrip(s, NULL, side);
    while (rest.n > 0) {
        size_t cut = right ? 0 : rest.n; /* the edge of the next word */
        uint32_t cp;
        for (size_t i = 0, k; most != 0 && i < rest.n; i += k) {
            k = sf_jchar(rest.p + i, rest.n - i, &cp);
            if (!sf_jspace(cp)) continue;
            cut = right ? i + k : i;
            if (!right) break;
        }
        if (!sf_jtick(r, 1 + (right ? rest.n / 4 : 0))) return false;
        val word = right ? sf_jsub(&rest, cut, rest.n) : sf_jsub(&rest, 0, cut);
        val more = right ? sf_jsub(&rest, 0, cut) : sf_jsub(&rest, cut, rest.n);
        if (most == 0) word = rest, more.n = 0;
        if (!sf_jpush(r, out, word)) return false;
        most -= most > 0;
        rest = sf_jstrip(&more, NULL, side);
        if (most != 0 || rest.n == 0) continue;
        if (!sf_jpush(r, out, rest)) return false;
        break;
    }
    return !right || backwards(r, out);
}

static bool split(struct sf_jrun *r, const val *s, args *a, bool right, val *out) {
    int64_t most = -1;
    const val *sep = sf_jarg(a, 0, "sep");
    if (!sf_jarg_int(r, a, 1, "maxsplit", &most) || !sf_jlist(r, out, 0) || !sf_jtick(r, s->n / 16))
        return false;
    if (!sep || sep->type == SF_JINJA_NONE) return split_words(r, s, most, right, out);
    if (sep->type != SF_JINJA_STR || sep->n == 0)
        return sf_jfail(r, SUREFOOT_E_FAILED, "split wants a separator that is not empty");
    size_t at = 0, end = s->n;
    while (most-- != 0) {
        size_t k = right ? sf_jrfind(s, sep, end) : sf_jfind(s, sep, at);
        if (k == SIZE_MAX || !sf_jtick(r, 1)) break;
        if (!sf_jpush(r, out, right ? sf_jsub(s, k + sep->n, end) : sf_jsub(s, at, k)))
            return false;
        if (right)
            end = k;
        else
            at = k + sep->n;
    }
    return sf_jpush(r, out, sf_jsub(s, at, end)) && (!right || backwards(r, out));
}

static bool m_split(struct sf_jrun *r, const val *s, args *a, val *out) {
    return split(r, s, a, false, out);
}

static bool m_rsplit(struct sf_jrun *r, const val *s, args *a, val *out) {
    return split(r, s, a, true, out);
}

static bool m_splitlines(struct sf_jrun *r, const val *s, args *a, val *out) {
    bool keep = sf_jarg_bool(a, 0, "keepends", false);
    size_t from = 0;
    uint32_t cp;
    if (!sf_jlist(r, out, 0) || !sf_jtick(r, s->n / 8)) return false;
    for (size_t i = 0, k; i < s->n; i += k) {
        k = sf_jchar(s->p + i, s->n - i, &cp);
        bool line = (cp >= 10 && cp <= 13) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 ||
                    cp == 0x2028 || cp == 0x2029;
        if (!line) continue;
        if (cp == '\r' && i + 1 < s->n && s->p[i + 1] == '\n') k = 2;
        if (!sf_jpush(r, out, sf_jsub(s, from, keep ? i + k : i))) return false;
        from = i + k;
    }
    return from == s->n || sf_jpush(r, out, sf_jsub(s, from, s->n));
}

static bool partition(struct sf_jrun *r, const val *s, args *a, bool right, val *out) {
    const val *w;
    if (!want_str(r, a, 0, "partition", &w) || !sf_jlist(r, out, 3)) return false;
    if (w->n == 0) return sf_jfail(r, SUREFOOT_E_FAILED, "partition wants a separator");
    out->type = SF_JINJA_TUPLE;
    size_t k = right ? sf_jrfind(s, w, s->n) : sf_jfind(s, w, 0);
    val none = sf_jlit(""), head = k == SIZE_MAX ? (right ? none : *s) : sf_jsub(s, 0, k);
    val tail = k == SIZE_MAX ? (right ? *s : none) : sf_jsub(s, k + w->n, s->n);
    return sf_jpush(r, out, head) &&
           sf_jpush(r, out, k == SIZE_MAX ? none : sf_jsub(s, k, k + w->n)) &&
           sf_jpush(r, out, tail);
}

static bool m_partition(struct sf_jrun *r, const val *s, args *a, val *out) {
    return partition(r, s, a, false, out);
}

static bool m_rpartition(struct sf_jrun *r, const val *s, args *a, val *out) {
    return partition(r, s, a, true, out);
}

/* ------------------------------------------------------------------------------- kinds and padding */

enum kind { ALPHA, DIGIT, ALNUM, SPACE, UPPER, LOWER };

static bool is_kind(uint32_t c, enum kind k) {
    utf8proc_int32_t x = (utf8proc_int32_t)c;
    if (c > 0x10FFFF) return false;
    utf8proc_category_t g = utf8proc_category(x);
    bool alpha = g >= UTF8PROC_CATEGORY_LU && g <= UTF8PROC_CATEGORY_LO;
    bool digit = g == UTF8PROC_CATEGORY_ND;
    return k == ALPHA   ? alpha
           : k == DIGIT ? digit
           : k == ALNUM ? alpha || digit || g == UTF8PROC_CATEGORY_NL || g == UTF8PROC_CATEGORY_NO
                        : sf_jspace(c);
}

static bool all(struct sf_jrun *r, const val *s, enum kind k, val *out) {
    bool yes = s->n > 0, cased = false;
    uint32_t cp;
    for (size_t i = 0; yes && i < s->n;) {
        i += sf_jchar(s->p + i, s->n - i, &cp);
        if (k < UPPER) {
            yes = is_kind(cp, k);
            continue;
        }
        bool up = cp <= 0x10FFFF && utf8proc_isupper((utf8proc_int32_t)cp);
        bool low = cp <= 0x10FFFF && utf8proc_islower((utf8proc_int32_t)cp);
        cased |= up || low;
        yes = k == UPPER ? !low : !up;
    }
    *out = sf_jinja_bool(yes && (k < UPPER || cased));
    return sf_jtick(r, s->n / 8);
}

static bool m_isalpha(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, ALPHA, out);
}

static bool m_isdigit(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, DIGIT, out);
}

static bool m_isalnum(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, ALNUM, out);
}

static bool m_isspace(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, SPACE, out);
}

static bool m_isupper(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, UPPER, out);
}

static bool m_islower(struct sf_jrun *r, const val *s, args *a, val *out) {
    SF_UNUSED(a);
    return all(r, s, LOWER, out);
}

/* side: 'l' text at the left, 'r' at the right, 'c' in the middle, 'z' zeros behind the sign. */
static bool pad(struct sf_jrun *r, const val *s, args *a, char side, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    int64_t width = 0, n = (int64_t)sf_jchars(s);
    val fill = sf_jlit(side == 'z' ? "0" : " ");
    if (!sf_jarg_int(r, a, 0, "width", &width)) return false;
    if (side != 'z' && !sf_jarg_str(r, a, 1, "fillchar", &fill)) return false;
    if (width > 100000 || sf_jchars(&fill) != 1)
        return sf_jfail(r, SUREFOOT_E_FAILED, "padding wants a width to 100000 and one character");
    int64_t more = width > n ? width - n : 0;
    int64_t left = side == 'l' ? 0 : side == 'c' ? more / 2 + (more & width & 1) : more;
    bool sign = side == 'z' && s->n > 0 && (s->p[0] == '-' || s->p[0] == '+');
    val head = sf_jsub(s, 0, sign), tail = sf_jsub(s, sign, s->n);
    sf_jbuf_put_val(&b, &head);
    for (int64_t i = 0; i < left; i++) sf_jbuf_put_val(&b, &fill);
    sf_jbuf_put_val(&b, &tail);
    for (int64_t i = left; i < more; i++) sf_jbuf_put_val(&b, &fill);
    return sf_jtick(r, (size_t)more) && sf_jdone(r, &b, out);
}

static bool m_ljust(struct sf_jrun *r, const val *s, args *a, val *out) {
    return pad(r, s, a, 'l', out);
}

static bool m_rjust(struct sf_jrun *r, const val *s, args *a, val *out) {
    return pad(r, s, a, 'r', out);
}

static bool m_center(struct sf_jrun *r, const val *s, args *a, val *out) {
    return pad(r, s, a, 'c', out);
}

static bool m_zfill(struct sf_jrun *r, const val *s, args *a, val *out) {
    return pad(r, s, a, 'z', out);
}

/* ---------------------------------------------------------------------------------- lists and dicts */

static bool l_index(struct sf_jrun *r, const val *l, args *a, val *out) {
    for (size_t i = 0; a->n && i < l->list->n; i++)
        if (sf_jequal(&l->list->item[i], &a->pos[0], 0)) {
            *out = sf_jinja_int((int64_t)i);
            return sf_jtick(r, i);
        }
    return sf_jfail(r, SUREFOOT_E_FAILED, "index: the value is not in the list");
}

static bool l_count(struct sf_jrun *r, const val *l, args *a, val *out) {
    *out = sf_jinja_int(0);
    for (size_t i = 0; a->n && i < l->list->n; i++)
        out->i += sf_jequal(&l->list->item[i], &a->pos[0], 0);
    return sf_jtick(r, l->list->n);
}

static bool l_append(struct sf_jrun *r, const val *l, args *a, val *out) {
    val list = *l;
    *out = sf_jinja_none();
    if (a->n != 1) return sf_jfail(r, SUREFOOT_E_FAILED, "append wants one value");
    return sf_jpush(r, &list, a->pos[0]);
}

static bool l_extend(struct sf_jrun *r, const val *l, args *a, val *out) {
    struct sf_jinja_list more;
    val list = *l;
    *out = sf_jinja_none();
    if (a->n != 1) return sf_jfail(r, SUREFOOT_E_FAILED, "extend wants one list");
    if (!sf_jiterate(r, &a->pos[0], &more)) return false;
    for (size_t i = 0; i < more.n; i++)
        if (!sf_jpush(r, &list, more.item[i])) return false;
    return true;
}

/* The list's items move: loops that run over them hold the array as it was. */
static bool l_pop(struct sf_jrun *r, const val *l, args *a, val *out) {
    struct sf_jinja_list *p = l->list;
    int64_t i = -1;
    if (!sf_jarg_int(r, a, 0, "index", &i)) return false;
    if (i < 0) i += (int64_t)p->n;
    if (i < 0 || i >= (int64_t)p->n)
        return sf_jfail(r, SUREFOOT_E_FAILED, "pop: the list has no such item");
    *out = p->item[i];
    val *rest = sf_jinja_take(r->mem, p->n, sizeof *rest);
    if (!rest) return sf_jfail_mem(r);
    memcpy(rest, p->item, (size_t)i * sizeof *rest);
    memcpy(rest + i, p->item + i + 1, (p->n - 1 - (size_t)i) * sizeof *rest);
    p->cap = p->n;
    p->item = rest;
    p->n--;
    return sf_jtick(r, p->n / 4);
}

static bool l_copy(struct sf_jrun *r, const val *l, args *a, val *out) {
    struct sf_jargs none = {0};
    SF_UNUSED(a);
    return sf_jfilter(r, "list", 4, l, &none, out);
}

static bool d_get(struct sf_jrun *r, const val *d, args *a, val *out) {
    if (a->n < 1 || a->n > 2)
        return sf_jfail(r, SUREFOOT_E_FAILED, "get wants a key, and perhaps a default");
    const val *v = sf_jinja_get(d->dict, &a->pos[0]);
    *out = v ? *v : a->n > 1 ? a->pos[1] : sf_jinja_none();
    return sf_jtick(r, d->dict->n / 4);
}

static bool d_keys(struct sf_jrun *r, const val *d, args *a, val *out) {
    struct sf_jargs none = {0};
    SF_UNUSED(a);
    return sf_jfilter(r, "list", 4, d, &none, out);
}

static bool d_values(struct sf_jrun *r, const val *d, args *a, val *out) {
    SF_UNUSED(a);
    if (!sf_jlist(r, out, 0)) return false;
    for (size_t i = 0; i < d->dict->n; i++)
        if (!sf_jpush(r, out, d->dict->item[i].value)) return false;
    return sf_jtick(r, d->dict->n);
}

static bool d_items(struct sf_jrun *r, const val *d, args *a, val *out) {
    SF_UNUSED(a);
    struct sf_jargs none = {0};
    return sf_jfilter(r, "items", 5, d, &none, out);
}

static bool d_copy(struct sf_jrun *r, const val *d, args *a, val *out) {
    SF_UNUSED(a);
    if (!sf_jinja_dict_new(r->mem, out, d->dict->n)) return sf_jfail_mem(r);
    for (size_t i = 0; i < d->dict->n; i++)
        if (!sf_jinja_append(r->mem, out->dict, d->dict->item[i].key, d->dict->item[i].value))
            return sf_jfail_mem(r);
    return sf_jtick(r, d->dict->n);
}

static bool refused(struct sf_jrun *r, const val *o, args *a, val *out) {
    SF_UNUSED(a);
    SF_UNUSED(out);
    return sf_jfail(r, SUREFOOT_E_UNSUPPORTED,
                    "a method that changes a %s in place: a template may not", sf_jtype_name(o));
}

static const struct row str_rows[] = {{"strip", m_strip},
                                      {"lstrip", m_lstrip},
                                      {"rstrip", m_rstrip},
                                      {"split", m_split},
                                      {"rsplit", m_rsplit},
                                      {"splitlines", m_splitlines},
                                      {"startswith", m_startswith},
                                      {"endswith", m_endswith},
                                      {"replace", m_replace},
                                      {"join", m_join},
                                      {"upper", m_upper},
                                      {"lower", m_lower},
                                      {"casefold", m_casefold},
                                      {"title", m_title},
                                      {"capitalize", m_capitalize},
                                      {"swapcase", m_swapcase},
                                      {"find", m_find},
                                      {"rfind", m_rfind},
                                      {"index", m_index},
                                      {"rindex", m_rindex},
                                      {"count", m_count},
                                      {"format", m_format},
                                      {"removeprefix", m_removeprefix},
                                      {"removesuffix", m_removesuffix},
                                      {"partition", m_partition},
                                      {"rpartition", m_rpartition},
                                      {"isalpha", m_isalpha},
                                      {"isdigit", m_isdigit},
                                      {"isdecimal", m_isdigit},
                                      {"isnumeric", m_isdigit},
                                      {"isalnum", m_isalnum},
                                      {"isspace", m_isspace},
                                      {"isupper", m_isupper},
                                      {"islower", m_islower},
                                      {"ljust", m_ljust},
                                      {"rjust", m_rjust},
                                      {"center", m_center},
                                      {"zfill", m_zfill},
                                      {NULL, NULL}};
static const struct row list_rows[] = {
    {"index", l_index},   {"count", l_count}, {"append", l_append}, {"extend", l_extend},
    {"pop", l_pop},       {"copy", l_copy},   {"insert", refused},  {"remove", refused},
    {"reverse", refused}, {"sort", refused},  {"clear", refused},   {NULL, NULL}};
static const struct row tuple_rows[] = {{"index", l_index}, {"count", l_count}, {NULL, NULL}};
static const struct row dict_rows[] = {
    {"get", d_get},          {"items", d_items},  {"keys", d_keys}, {"values", d_values},
    {"copy", d_copy},        {"update", refused}, {"pop", refused}, {"popitem", refused},
    {"setdefault", refused}, {"clear", refused},  {NULL, NULL}};

static method_fn find(const val *self, const char *name, size_t n) {
    const struct row *row = self->type == SF_JINJA_STR     ? str_rows
                            : self->type == SF_JINJA_LIST  ? list_rows
                            : self->type == SF_JINJA_TUPLE ? tuple_rows
                            : self->type == SF_JINJA_DICT  ? dict_rows
                                                           : NULL;
    for (; row && row->name; row++)
        if (sf_jname(name, n, row->name)) return row->fn;
    return NULL;
}

bool sf_jhas_method(const val *self, const char *name, size_t n) {
    if (self->type == SF_JINJA_LOOP)
        return sf_jname(name, n, "cycle") || sf_jname(name, n, "changed");
    return find(self, name, n) != NULL;
}

bool sf_jmethod(struct sf_jrun *r, const val *self, const char *name, size_t n, args *a, val *out) {
    if (self->type == SF_JINJA_LOOP) return sf_jloop_method(r, self->loop, name, n, a, out);
    method_fn fn = find(self, name, n);
    return fn ? sf_jtick(r, 1) && fn(r, self, a, out)
              : sf_jfail(r, SUREFOOT_E_FAILED, "there is no method '%.*s'", (int)sf_min(n, 40),
                         name);
}
