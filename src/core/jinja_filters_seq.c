/* SPDX-License-Identifier: MIT
 * jinja_filters_seq.c - the filters for lists and dicts. Those that are lazy in Python give lists.
 */
#include "jinja_i.h"

typedef const struct sf_jargs args;

/* a.b.0 of v, as map(attribute=...) and sort(attribute=...) name it. */
static bool path(struct sf_jrun *r, const val *v, const val *name, val *out) {
    *out = *v;
    if (name->type == SF_JINJA_INT) return sf_jitem(r, v, name, out);
    if (name->type != SF_JINJA_STR)
        return sf_jfail(r, SUREFOOT_E_FAILED, "an attribute's name is a string");
    for (size_t at = 0; at <= name->n;) {
        const char *dot = memchr(name->p + at, '.', name->n - at);
        size_t end = dot ? (size_t)(dot - name->p) : name->n;
        val key = sf_jsub(name, at, end), of = *out;
        int64_t i;
        bool digits = key.n > 0 && sf_jparse_int(key.p, key.n, 10, &i) && key.p[0] != '-';
        if (digits) key = sf_jinja_int(i);
        if (of.type == SF_JINJA_UNDEFINED)
            return sf_jfail(r, SUREFOOT_E_FAILED, "'%.*s' is undefined", (int)sf_min(of.n, 60),
                            of.p);
        if (!sf_jitem(r, &of, &key, out)) return false;
        at = end + 1;
    }
    return true;
}

static bool new_list(struct sf_jrun *r, const val *in, struct sf_jinja_list *l, val *out) {
    return sf_jiterate(r, in, l) && sf_jlist(r, out, 0);
}

static bool f_length(struct sf_jrun *r, const val *in, args *a, val *out) {
    size_t n;
    SF_UNUSED(a);
    if (!sf_jlength(r, in, &n)) return false;
    *out = sf_jinja_int((int64_t)n);
    return true;
}

static bool f_list(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    SF_UNUSED(a);
    if (!new_list(r, in, &l, out)) return false;
    for (size_t i = 0; i < l.n; i++)
        if (!sf_jpush(r, out, l.item[i])) return false;
    return true;
}

static bool f_first(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    SF_UNUSED(a);
    if (!sf_jiterate(r, in, &l)) return false;
    *out = l.n ? l.item[0]
               : (val){.type = SF_JINJA_UNDEFINED, .aux = 2, .p = "in an empty list", .n = 16};
    return true;
}

static bool f_last(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    SF_UNUSED(a);
    if (!sf_jiterate(r, in, &l)) return false;
    *out = l.n ? l.item[l.n - 1]
               : (val){.type = SF_JINJA_UNDEFINED, .aux = 2, .p = "in an empty list", .n = 16};
    return true;
}

static bool f_join(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    struct sf_jbuf b = {.mem = r->mem};
    val sep = sf_jlit("");
    const val *attribute = sf_jarg(a, 1, "attribute");
    if (!sf_jargs_check(r, "join", a, 2, "d,attribute") || !sf_jarg_str(r, a, 0, "d", &sep) ||
        !sf_jiterate(r, in, &l))
        return false;
    for (size_t i = 0; i < l.n; i++) {
        val v = l.item[i];
        if (i) sf_jbuf_put_val(&b, &sep);
        if (attribute && attribute->type != SF_JINJA_NONE && !path(r, &l.item[i], attribute, &v))
            return false;
        if (!sf_jprint(r, &b, &v) || !sf_jtick(r, 1 + sep.n / 16)) return false;
    }
    return sf_jdone(r, &b, out);
}

static bool f_reverse(struct sf_jrun *r, const val *in, args *a, val *out) {
    val step = sf_jinja_int(-1);
    struct sf_jinja_list l;
    SF_UNUSED(a);
    if (in->type == SF_JINJA_STR) return sf_jslice(r, in, NULL, NULL, &step, out);
    if (!new_list(r, in, &l, out)) return false;
    for (size_t i = l.n; i-- > 0;)
        if (!sf_jpush(r, out, l.item[i])) return false;
    return true;
}

static bool pair(struct sf_jrun *r, val a, val b, val *out) {
    if (!sf_jlist(r, out, 2)) return false;
    out->type = SF_JINJA_TUPLE;
    return sf_jpush(r, out, a) && sf_jpush(r, out, b);
}

static bool f_items(struct sf_jrun *r, const val *in, args *a, val *out) {
    SF_UNUSED(a);
    if (!sf_jlist(r, out, 0)) return false;
    if (in->type == SF_JINJA_UNDEFINED) return true;
    if (in->type != SF_JINJA_DICT)
        return sf_jfail(r, SUREFOOT_E_FAILED, "items wants a dict, not %s", sf_jtype_name(in));
    for (size_t i = 0; i < in->dict->n; i++) {
        val p;
        if (!pair(r, in->dict->item[i].key, in->dict->item[i].value, &p) || !sf_jpush(r, out, p))
            return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------------------- order */

struct keyed {
    val key, v;
};

/* What orders v: its attributes (several, separated by commas), letters without case. */
static bool key_of(struct sf_jrun *r, const val *v, const val *attribute, bool cased, val *out) {
    *out = *v;
    if (attribute && attribute->type == SF_JINJA_STR && memchr(attribute->p, ',', attribute->n)) {
        val all;
        if (!sf_jlist(r, &all, 0)) return false;
        for (size_t at = 0; at <= attribute->n;) {
            const char *comma = memchr(attribute->p + at, ',', attribute->n - at);
            size_t end = comma ? (size_t)(comma - attribute->p) : attribute->n;
            val name = sf_jsub(attribute, at, end), one, key;
            if (!path(r, v, &name, &one) || !key_of(r, &one, NULL, cased, &key) ||
                !sf_jpush(r, &all, key))
                return false;
            at = end + 1;
        }
        *out = all;
        return true;
    }
    if (attribute && attribute->type != SF_JINJA_NONE && !path(r, v, attribute, out)) return false;
    if (cased || out->type != SF_JINJA_STR) return true;
    val text = *out;
    return sf_jcase(r, &text, SF_JC_LOWER, out);
}

/* Merges the sorted halves [a, m) and [m, b) of v; equal ones stay in their order. */
static bool merge(struct sf_jrun *r, struct keyed *v, struct keyed *to, size_t a, size_t m,
                  size_t b, bool reverse) {
    for (size_t i = a, j = m, o = a; o < b; o++) {
        int c = 0;
        if (i < m && j < b && !sf_jcompare(r, &v[i].key, &v[j].key, &c)) return false;
        bool left = j >= b || (i < m && (reverse ? c >= 0 : c <= 0 || c == 2));
        to[o] = left ? v[i++] : v[j++];
    }
    return true;
}

static bool sort_keyed(struct sf_jrun *r, struct keyed *v, size_t n, bool reverse) {
    struct keyed *other = sf_jinja_take(r->mem, n, sizeof *other), *from = v, *to = other;
    if (n && !other) return sf_jfail_mem(r);
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t a = 0; a < n; a += 2 * width)
            if (!merge(r, from, to, a, sf_min(a + width, n), sf_min(a + 2 * width, n), reverse))
                return false;
        struct keyed *x = from;
        from = to;
        to = x;
    }
    if (from != v) memcpy(v, from, n * sizeof *v);
    return true;
}

static bool keys(struct sf_jrun *r, const struct sf_jinja_list *l, const val *attribute, bool cased,
                 struct keyed **out) {
    *out = sf_jinja_take(r->mem, l->n, sizeof **out);
    if (!*out) return sf_jfail_mem(r);
    for (size_t i = 0; i < l->n; i++) {
        (*out)[i].v = l->item[i];
        if (!key_of(r, &l->item[i], attribute, cased, &(*out)[i].key)) return false;
    }
    return true;
}

static bool f_sort(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    struct keyed *k;
    if (!sf_jargs_check(r, "sort", a, 3, "reverse,case_sensitive,attribute") ||
        !new_list(r, in, &l, out) ||
        !keys(r, &l, sf_jarg(a, 2, "attribute"), sf_jarg_bool(a, 1, "case_sensitive", false), &k) ||
        !sort_keyed(r, k, l.n, sf_jarg_bool(a, 0, "reverse", false)))
        return false;
    for (size_t i = 0; i < l.n; i++)
        if (!sf_jpush(r, out, k[i].v)) return false;
    return true;
}

static bool f_dictsort(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    val all, by = sf_jlit("key"), place;
    struct keyed *k;
    if (!sf_jargs_check(r, "dictsort", a, 3, "case_sensitive,by,reverse") ||
        !sf_jarg_str(r, a, 1, "by", &by) || !f_items(r, in, a, &all))
        return false;
    if (!sf_jis(&by, "key") && !sf_jis(&by, "value"))
        return sf_jfail(r, SUREFOOT_E_FAILED, "dictsort: by is 'key' or 'value'");
    place = sf_jinja_int(sf_jis(&by, "value"));
    if (!new_list(r, &all, &l, out) ||
        !keys(r, &l, &place, sf_jarg_bool(a, 0, "case_sensitive", false), &k) ||
        !sort_keyed(r, k, l.n, sf_jarg_bool(a, 2, "reverse", false)))
        return false;
    for (size_t i = 0; i < l.n; i++)
        if (!sf_jpush(r, out, k[i].v)) return false;
    return true;
}

static bool extreme(struct sf_jrun *r, const val *in, args *a, int sign, val *out) {
    struct sf_jinja_list l;
    struct keyed *k;
    size_t best = 0;
    if (!sf_jargs_check(r, "min and max", a, 2, "case_sensitive,attribute") ||
        !sf_jiterate(r, in, &l) ||
        !keys(r, &l, sf_jarg(a, 1, "attribute"), sf_jarg_bool(a, 0, "case_sensitive", false), &k))
        return false;
    for (size_t i = 1; i < l.n; i++) {
        int c;
        if (!sf_jcompare(r, &k[i].key, &k[best].key, &c)) return false;
        if (c * sign > 0 && c != 2) best = i;
    }
    *out = l.n ? l.item[best]
               : (val){.type = SF_JINJA_UNDEFINED, .aux = 2, .p = "in an empty list", .n = 16};
    return true;
}

static bool f_max(struct sf_jrun *r, const val *in, args *a, val *out) {
    return extreme(r, in, a, 1, out);
}

static bool f_min(struct sf_jrun *r, const val *in, args *a, val *out) {
    return extreme(r, in, a, -1, out);
}

static bool f_unique(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    struct keyed *k;
    val seen;
    bool old;
    if (!sf_jargs_check(r, "unique", a, 2, "case_sensitive,attribute") ||
        !new_list(r, in, &l, out) || !sf_jlist(r, &seen, 0) ||
        !keys(r, &l, sf_jarg(a, 1, "attribute"), sf_jarg_bool(a, 0, "case_sensitive", false), &k))
        return false;
    for (size_t i = 0; i < l.n; i++) {
        if (!sf_jcontains(r, &seen, &k[i].key, &old)) return false;
        if (!old && (!sf_jpush(r, &seen, k[i].key) || !sf_jpush(r, out, l.item[i]))) return false;
    }
    return true;
}

/* groupby(attribute, default=none, case_sensitive=false): (what they share, those) in order. */
static bool f_groupby(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    struct keyed *k;
    const val *attribute = sf_jarg(a, 0, "attribute"), *otherwise = sf_jarg(a, 1, "default");
    bool cased = sf_jarg_bool(a, 2, "case_sensitive", false);
    if (!attribute) return sf_jfail(r, SUREFOOT_E_FAILED, "groupby wants an attribute");
    if (!new_list(r, in, &l, out) || !keys(r, &l, attribute, cased, &k)) return false;
    for (size_t i = 0; i < l.n; i++)
        if (otherwise && k[i].key.type == SF_JINJA_UNDEFINED) k[i].key = *otherwise;
    if (!sort_keyed(r, k, l.n, false)) return false;
    for (size_t i = 0, from; i < l.n;) {
        val group, both, shown;
        if (!sf_jlist(r, &group, 0)) return false;
        for (from = i; i < l.n && sf_jequal(&k[i].key, &k[from].key, 0); i++)
            if (!sf_jpush(r, &group, k[i].v)) return false;
        if (!path(r, &k[from].v, attribute, &shown)) return false;
        if (otherwise && shown.type == SF_JINJA_UNDEFINED) shown = *otherwise;
        if (!pair(r, shown, group, &both) || !sf_jpush(r, out, both)) return false;
    }
    return true;
}

static bool f_sum(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    const val *attribute = sf_jarg(a, 0, "attribute"), *start = sf_jarg(a, 1, "start");
    *out = start ? *start : sf_jinja_int(0);
    if (!sf_jargs_check(r, "sum", a, 2, "attribute,start") || !sf_jiterate(r, in, &l)) return false;
    for (size_t i = 0; i < l.n; i++) {
        val v = l.item[i], so_far = *out;
        if (attribute && attribute->type != SF_JINJA_NONE && !path(r, &l.item[i], attribute, &v))
            return false;
        if (!sf_jbinary(r, '+', &so_far, &v, out)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ pieces */

/* batch(linecount, fill_with=none) */
static bool f_batch(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    const val *fill = sf_jarg(a, 1, "fill_with");
    int64_t n = 0;
    val row = sf_jinja_none();
    if (!sf_jarg_int(r, a, 0, "linecount", &n) || !new_list(r, in, &l, out)) return false;
    if (n < 1 || n > 100000) return sf_jfail(r, SUREFOOT_E_FAILED, "batch wants 1 to 100000");
    for (size_t i = 0; i < l.n; i++) {
        if (i % (size_t)n == 0 && (!sf_jlist(r, &row, 0) || !sf_jpush(r, out, row))) return false;
        if (!sf_jpush(r, &row, l.item[i])) return false;
    }
    if (fill && fill->type != SF_JINJA_NONE && l.n > 0)
        while (row.list->n < (size_t)n)
            if (!sf_jpush(r, &row, *fill)) return false;
    return true;
}

/* slice(slices, fill_with=none) */
static bool f_slice(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    const val *fill = sf_jarg(a, 1, "fill_with");
    int64_t n = 0;
    if (!sf_jarg_int(r, a, 0, "slices", &n) || !new_list(r, in, &l, out)) return false;
    if (n < 1 || n > 100000) return sf_jfail(r, SUREFOOT_E_FAILED, "slice wants 1 to 100000");
    size_t each = l.n / (size_t)n, more = l.n % (size_t)n, at = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        val row;
        if (!sf_jlist(r, &row, 0)) return false;
        for (size_t k = 0; k < each + (i < more); k++)
            if (!sf_jpush(r, &row, l.item[at++])) return false;
        if (fill && fill->type != SF_JINJA_NONE && i >= more && more > 0 &&
            !sf_jpush(r, &row, *fill))
            return false;
        if (!sf_jpush(r, out, row)) return false;
    }
    return true;
}

/* map(name, args...), map(attribute=..., default=...) */
static bool f_map(struct sf_jrun *r, const val *in, args *a, val *out) {
    struct sf_jinja_list l;
    const val *attribute = sf_jarg(a, SIZE_MAX, "attribute");
    const val *otherwise = sf_jarg(a, SIZE_MAX, "default");
    if (!new_list(r, in, &l, out)) return false;
    if (!attribute && (a->n == 0 || a->pos[0].type != SF_JINJA_STR))
        return sf_jfail(r, SUREFOOT_E_FAILED, "map wants a filter's name, or attribute=...");
    struct sf_jargs rest = *a;
    if (!attribute) rest.pos++, rest.n--;
    for (size_t i = 0; i < l.n; i++) {
        val v;
        if (attribute ? !path(r, &l.item[i], attribute, &v)
                      : !sf_jfilter(r, a->pos[0].p, a->pos[0].n, &l.item[i], &rest, &v))
            return false;
        if (attribute && otherwise && v.type == SF_JINJA_UNDEFINED) v = *otherwise;
        if (!sf_jpush(r, out, v)) return false;
    }
    return true;
}

/* select(test, args...), reject(...), selectattr(attribute, test, args...), rejectattr(...) */
static bool choose(struct sf_jrun *r, const val *in, args *a, bool attr, bool keep, val *out) {
    struct sf_jinja_list l;
    struct sf_jargs rest = *a;
    if (!new_list(r, in, &l, out)) return false;
    if (attr && a->n == 0)
        return sf_jfail(r, SUREFOOT_E_FAILED, "selectattr and rejectattr want an attribute's name");
    const val *name = a->n > (size_t)attr ? &a->pos[attr] : NULL;
    if (name && name->type != SF_JINJA_STR)
        return sf_jfail(r, SUREFOOT_E_FAILED, "the name of a test is a string");
    if (name) rest.pos += 1 + attr, rest.n -= 1 + (size_t)attr;
    for (size_t i = 0; i < l.n; i++) {
        val v = l.item[i];
        bool yes;
        if (attr && !path(r, &l.item[i], &a->pos[0], &v)) return false;
        if (!name)
            yes = sf_jtrue(&v);
        else if (!sf_jtest(r, name->p, name->n, &v, &rest, &yes))
            return false;
        if (yes == keep && !sf_jpush(r, out, l.item[i])) return false;
    }
    return true;
}

static bool f_select(struct sf_jrun *r, const val *in, args *a, val *out) {
    return choose(r, in, a, false, true, out);
}

static bool f_reject(struct sf_jrun *r, const val *in, args *a, val *out) {
    return choose(r, in, a, false, false, out);
}

static bool f_selectattr(struct sf_jrun *r, const val *in, args *a, val *out) {
    return choose(r, in, a, true, true, out);
}

static bool f_rejectattr(struct sf_jrun *r, const val *in, args *a, val *out) {
    return choose(r, in, a, true, false, out);
}

const struct sf_jfilter_row sf_jfilters_seq[] = {{"length", f_length},
                                                 {"count", f_length},
                                                 {"list", f_list},
                                                 {"first", f_first},
                                                 {"last", f_last},
                                                 {"join", f_join},
                                                 {"items", f_items},
                                                 {"map", f_map},
                                                 {"select", f_select},
                                                 {"reject", f_reject},
                                                 {"selectattr", f_selectattr},
                                                 {"rejectattr", f_rejectattr},
                                                 {"sort", f_sort},
                                                 {"dictsort", f_dictsort},
                                                 {"reverse", f_reverse},
                                                 {"unique", f_unique},
                                                 {"min", f_min},
                                                 {"max", f_max},
                                                 {"sum", f_sum},
                                                 {"batch", f_batch},
                                                 {"slice", f_slice},
                                                 {"groupby", f_groupby},
                                                 {NULL, NULL}};
