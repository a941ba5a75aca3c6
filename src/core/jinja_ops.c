/* SPDX-License-Identifier: MIT
 * jinja_ops.c - what operators do: attributes, indexes, slices, joining, arithmetic.
 */
#include <math.h>

#include "jinja_i.h"
#include "sleef_det.h"

/* --------------------------------------------------------------------------------- inside of values */

static bool method(struct sf_jrun *r, const val *o, const char *name, size_t n, val *out) {
    val *self = sf_jinja_take(r->mem, 1, sizeof *self);
    if (!self) return sf_jfail_mem(r);
    *self = *o;
    *out = (val){.type = SF_JINJA_METHOD, .p = name, .n = n, .self = self};
    return true;
}

bool sf_jattr(struct sf_jrun *r, const val *o, const char *name, size_t n, val *out) {
    val key = sf_jinja_str(name, n, NULL);
    const val *found = NULL;
    if (sf_jhas_method(o, name, n)) return method(r, o, name, n, out);
    if (o->type == SF_JINJA_LOOP) return sf_jloop_attr(r, o, name, n, out);
    if (o->type == SF_JINJA_DICT || o->type == SF_JINJA_NAMESPACE) {
        found = sf_jinja_get(o->dict, &key);
        if (!sf_jtick(r, o->dict->n / 4)) return false;
    }
    *out = (val){.type = SF_JINJA_UNDEFINED, .aux = 1, .p = name, .n = n};
    if (found) *out = *found;
    if (o->type == SF_JINJA_MACRO && sf_jname(name, n, "name")) *out = o->macro->node->v;
    return true;
}

static bool item_at(struct sf_jrun *r, const val *o, int64_t i, val *out) {
    size_t n;
    if (!sf_jlength(r, o, &n)) return false;
    if (i < 0) i += (int64_t)n;
    if (i < 0 || i >= (int64_t)n) {
        *out = (val){.type = SF_JINJA_UNDEFINED, .aux = 2, .p = "at that index", .n = 13};
    } else if (o->type == SF_JINJA_STR) {
        uint32_t cp;
        size_t at = sf_joffset(o, (size_t)i);
        *out = sf_jsub(o, at, at + sf_jchar(o->p + at, o->n - at, &cp));
    } else {
        *out = o->list->item[i];
    }
    return true;
}

bool sf_jitem(struct sf_jrun *r, const val *o, const val *key, val *out) {
    if (o->type == SF_JINJA_DICT) {
        const val *found = sf_jinja_get(o->dict, key);
        if (!sf_jtick(r, o->dict->n / 4)) return false;
        if (found) {
            *out = *found;
            return true;
        }
    }
    if ((sf_jseq(o) || o->type == SF_JINJA_STR) && sf_jint(key)) return item_at(r, o, key->i, out);
    if (key->type == SF_JINJA_STR) return sf_jattr(r, o, key->p, key->n, out);
    if (key->type == SF_JINJA_UNDEFINED && !sf_jseq(o) && o->type != SF_JINJA_STR) {
        *out = *key;
        return true;
    }
    *out = (val){.type = SF_JINJA_UNDEFINED, .aux = 2, .p = "of that kind", .n = 12};
    return true;
}

/* One end of a slice: otherwise when left out or none; clipped to [least, most]. */
static bool bound(struct sf_jrun *r, const val *v, int64_t n, int64_t otherwise, int64_t least,
                  int64_t most, int64_t *out) {
    *out = otherwise;
    if (!v || v->type == SF_JINJA_NONE) return true;
    if (!sf_jint(v))
        return sf_jfail(r, SUREFOOT_E_FAILED, "a slice wants whole numbers, not %s",
                        sf_jtype_name(v));
    *out = v->i < 0 ? v->i < -n ? least : v->i + n : v->i;
    *out = *out < least ? least : *out > most ? most : *out;
    return true;
}

bool sf_jslice(struct sf_jrun *r, const val *o, const val *from, const val *to, const val *step,
               val *out) {
    size_t len;
    int64_t by = 1, a, b;
    if (!sf_jseq(o) && o->type != SF_JINJA_STR)
        return sf_jfail(r, SUREFOOT_E_FAILED, "a value of type %s has no slices", sf_jtype_name(o));
    if (!sf_jlength(r, o, &len) || !sf_jtick(r, len / 4)) return false;
    int64_t n = (int64_t)len;
    if (step && step->type != SF_JINJA_NONE) {
        if (!sf_jint(step) || step->i == 0)
            return sf_jfail(r, SUREFOOT_E_FAILED, "a slice's step is a whole number but 0");
        by = step->i < -n - 1 ? -n - 1 : step->i > n + 1 ? n + 1 : step->i;
    }
    if (!bound(r, from, n, by > 0 ? 0 : n - 1, by > 0 ? 0 : -1, by > 0 ? n : n - 1, &a) ||
        !bound(r, to, n, by > 0 ? n : -1, by > 0 ? 0 : -1, by > 0 ? n : n - 1, &b))
        return false;
    if (o->type == SF_JINJA_STR && by == 1) {
        size_t x = sf_joffset(o, (size_t)a), y = a < b ? sf_joffset(o, (size_t)b) : x;
        *out = sf_jsub(o, x, y);
        return true;
    }
    struct sf_jinja_list all;
    struct sf_jbuf text = {.mem = r->mem};
    if (!sf_jiterate(r, o, &all)) return false;
    if (o->type != SF_JINJA_STR && !sf_jlist(r, out, 0)) return false;
    for (int64_t i = a; by > 0 ? i < b : i > b; i += by) {
        if (o->type == SF_JINJA_STR)
            sf_jbuf_put_val(&text, &all.item[i]);
        else if (!sf_jpush(r, out, all.item[i]))
            return false;
    }
    if (o->type == SF_JINJA_STR) return sf_jdone(r, &text, out);
    out->type = o->type;
    return true;
}

/* ----------------------------------------------------------------------------------------- joining */

/* Long texts are put together piece by piece (ns.text = ns.text + ...). Such a string has room
 * behind it, and this in front; the next piece goes there, if nobody else's does already. */
struct room {
    size_t used, cap;
    unsigned char *mark;
    size_t pad;
};
enum { GROWN = 1, LONG = 512 };

static struct room *room_of(const val *a) {
    if (a->aux != GROWN) return NULL;
    return (struct room *)(uintptr_t)(a->p - sizeof(struct room));
}

static void write_marks(unsigned char *to, const val *v) {
    if (v->mark && v->mark != SF_JINJA_DATA)
        memcpy(to, v->mark, v->n);
    else
        memset(to, v->mark != NULL, v->n);
}

bool sf_jconcat(struct sf_jrun *r, const val *a, const val *b, val *out) {
    size_t n;
    if (b->n == 0 || a->n == 0) {
        *out = b->n == 0 ? *a : *b;
        return true;
    }
    if (!sf_size_add(&n, a->n, b->n) || !sf_jtick(r, b->n / 64)) return sf_jfail_mem(r);
    if (n < LONG) {
        struct sf_jbuf text = {.mem = r->mem};
        sf_jbuf_put_val(&text, a);
        sf_jbuf_put_val(&text, b);
        return sf_jdone(r, &text, out);
    }
    struct room *m = room_of(a);
    if (!m || m->used != a->n || m->cap < n) {
        size_t cap, bytes;
        if (!sf_size_mul(&cap, n, 2) || !sf_size_add(&bytes, cap, sizeof *m) ||
            !sf_jtick(r, n / 16))
            return sf_jfail_mem(r);
        m = sf_jinja_take(r->mem, bytes, 1);
        unsigned char *mark = m ? sf_jinja_take(r->mem, cap, 1) : NULL;
        if (!mark) return sf_jfail_mem(r);
        *m = (struct room){.used = a->n, .cap = cap, .mark = mark};
        memcpy(m + 1, a->p, a->n);
        write_marks(mark, a);
    }
    memcpy((char *)(m + 1) + a->n, b->p, b->n);
    write_marks(m->mark + a->n, b);
    m->used = n;
    *out = sf_jinja_str((char *)(m + 1), n, m->mark);
    out->aux = GROWN;
    return true;
}

/* -------------------------------------------------------------------------------------- arithmetic */

static bool too_large(struct sf_jrun *r) {
    return sf_jfail(r, SUREFOOT_E_LIMIT, "a number beyond 64 bits");
}

static bool power(struct sf_jrun *r, const val *a, const val *b, val *out) {
    if (sf_jint(a) && sf_jint(b) && b->i >= 0) {
        int64_t x = 1, base = a->i;
        for (int64_t e = b->i; e > 0; e >>= 1) {
            if ((e & 1) && __builtin_mul_overflow(x, base, &x)) return too_large(r);
            if (e > 1 && __builtin_mul_overflow(base, base, &base)) return too_large(r);
        }
        *out = sf_jinja_int(x);
        return true;
    }
    double x = sf_jreal(a), y = sf_jreal(b);
    if (x == 0 && y < 0) return sf_jfail(r, SUREFOOT_E_FAILED, "0 to a negative power");
    if (x < 0 && y != floor(y))
        return sf_jfail(r, SUREFOOT_E_FAILED, "a negative number to a broken power");
    *out = sf_jinja_float(sf_det_pow(x, y));
    return true;
}

static bool whole(struct sf_jrun *r, unsigned op, int64_t a, int64_t b, val *out) {
    int64_t x = 0;
    bool over = false;
    if (op == '+') over = __builtin_add_overflow(a, b, &x);
    if (op == '-') over = __builtin_sub_overflow(a, b, &x);
    if (op == '*') over = __builtin_mul_overflow(a, b, &x);
    if (op == SF_JO_FLOORDIV || op == '%') {
        if (b == 0) return sf_jfail(r, SUREFOOT_E_FAILED, "division by zero");
        if (b == -1) { /* the one quotient that overflows */
            over = op == SF_JO_FLOORDIV && __builtin_sub_overflow((int64_t)0, a, &x);
        } else {
            int64_t q = a / b, m = a % b;
            if (m != 0 && (m < 0) != (b < 0)) q--, m += b; /* towards minus infinity */
            x = op == '%' ? m : q;
        }
    }
    if (over) return too_large(r);
    *out = sf_jinja_int(x);
    return true;
}

static bool numbers(struct sf_jrun *r, unsigned op, const val *a, const val *b, val *out) {
    if (op == SF_JO_POW) return power(r, a, b, out);
    if (sf_jint(a) && sf_jint(b) && op != '/') return whole(r, op, a->i, b->i, out);
    double x = sf_jreal(a), y = sf_jreal(b), z = 0;
    if (y == 0 && (op == '/' || op == '%' || op == SF_JO_FLOORDIV))
        return sf_jfail(r, SUREFOOT_E_FAILED, "division by zero");
    if (op == '+') z = x + y;
    if (op == '-') z = x - y;
    if (op == '*') z = x * y;
    if (op == '/') z = x / y;
    if (op == '%' || op == SF_JO_FLOORDIV) {
        double m = fmod(x, y);
        if (m != 0 && (m < 0) != (y < 0)) m += y;
        z = op == '%' ? m : floor((x - m) / y + 0.5);
    }
    *out = sf_jinja_float(z);
    return true;
}

static bool repeat(struct sf_jrun *r, const val *s, int64_t times, val *out) {
    size_t n = s->type == SF_JINJA_STR ? s->n : s->list->n, all;
    size_t k = times > 0 ? (size_t)times : 0;
    if (!sf_size_mul(&all, n, k) || all > r->mem->limit) {
        r->mem->over = true;
        return sf_jfail_mem(r);
    }
    if (n == 0) k = 0;
    if (!sf_jtick(r, all / 16 + k)) return false;
    if (s->type == SF_JINJA_STR) {
        struct sf_jbuf b = {.mem = r->mem};
        while (k-- > 0) sf_jbuf_put_val(&b, s);
        return sf_jdone(r, &b, out);
    }
    if (!sf_jlist(r, out, all)) return false;
    out->type = s->type;
    for (; k > 0; k--)
        for (size_t i = 0; i < n; i++)
            if (!sf_jpush(r, out, s->list->item[i])) return false;
    return true;
}

static bool join_lists(struct sf_jrun *r, const val *a, const val *b, val *out) {
    if (!sf_jlist(r, out, a->list->n + b->list->n)) return false;
    out->type = a->type;
    for (size_t i = 0; i < a->list->n; i++)
        if (!sf_jpush(r, out, a->list->item[i])) return false;
    for (size_t i = 0; i < b->list->n; i++)
        if (!sf_jpush(r, out, b->list->item[i])) return false;
    return true;
}

bool sf_jbinary(struct sf_jrun *r, unsigned op, const val *a, const val *b, val *out) {
    bool text = a->type == SF_JINJA_STR;
    if (sf_jnumber(a) && sf_jnumber(b)) return numbers(r, op, a, b, out);
    if (op == '+' && text && b->type == SF_JINJA_STR) return sf_jconcat(r, a, b, out);
    if (op == '+' && sf_jseq(a) && a->type == b->type) return join_lists(r, a, b, out);
    if (op == '%' && text) return sf_jformat_percent(r, a, b, out);
    if (op == '*' && (text || sf_jseq(a)) && sf_jint(b)) return repeat(r, a, b->i, out);
    if (op == '*' && (b->type == SF_JINJA_STR || sf_jseq(b)) && sf_jint(a))
        return repeat(r, b, a->i, out);
    const char *sign = op == SF_JO_POW ? "**" : op == SF_JO_FLOORDIV ? "//" : NULL;
    char one[2] = {(char)op, 0};
    return sf_jfail(r, SUREFOOT_E_FAILED, "'%s' does not take %s and %s", sign ? sign : one,
                    sf_jtype_name(a), sf_jtype_name(b));
}
