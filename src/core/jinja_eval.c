/* SPDX-License-Identifier: MIT
 * jinja_eval.c - expressions to values.
 */
#include <stdarg.h>
#include <stdio.h>

#include "jinja_i.h"

typedef struct sf_jnode node;

bool sf_jfail(struct sf_jrun *r, surefoot_status s, const char *fmt, ...) {
    char text[200];
    va_list ap;
    if (r->status != SUREFOOT_OK) return false; /* the first one counts */
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->status = sf_fail(r->err, s, r->line, "chat template, line %u: %s", r->line, text);
    return false;
}

bool sf_jfail_mem(struct sf_jrun *r) {
    if (!r->mem->over) return sf_jfail(r, SUREFOOT_E_MEMORY, "no memory to run the template");
    return sf_jfail(r, SUREFOOT_E_LIMIT, "the template wants more than %zu MiB of memory",
                    r->mem->limit >> 20);
}

bool sf_jtick(struct sf_jrun *r, size_t steps) {
    if (r->steps < steps || r->status != SUREFOOT_OK) {
        r->steps = 0;
        return sf_jfail(r, SUREFOOT_E_LIMIT, "the template takes too many steps");
    }
    r->steps -= steps;
    return true;
}

/* ------------------------------------------------------------------------------------------ scopes */

struct sf_jscope *sf_jscope_new(struct sf_jrun *r, struct sf_jscope *up) {
    struct sf_jscope *s = sf_jinja_take(r->mem, 1, sizeof *s);
    if (!s) return sf_jfail_mem(r), NULL;
    s->up = up;
    return s;
}

bool sf_jscope_set(struct sf_jrun *r, struct sf_jscope *s, const char *p, size_t n, const val *v) {
    for (struct sf_jvar *x = s->var; x; x = x->next)
        if (x->n == n && memcmp(x->p, p, n) == 0) {
            x->v = *v;
            return true;
        }
    struct sf_jvar *x = sf_jinja_take(r->mem, 1, sizeof *x);
    if (!x) return sf_jfail_mem(r);
    *x = (struct sf_jvar){p, n, *v, s->var};
    s->var = x;
    return true;
}

static bool name(struct sf_jrun *r, const val *v, val *out) {
    for (struct sf_jscope *s = r->scope; s; s = s->up)
        for (struct sf_jvar *x = s->var; x; x = x->next)
            if (x->n == v->n && memcmp(x->p, v->p, v->n) == 0) {
                *out = x->v;
                return true;
            }
    const val *given = sf_jinja_get(r->vars, v);
    if (given)
        *out = *given;
    else if (!sf_jfunction_find(r, v->p, v->n, out))
        *out = (val){.type = SF_JINJA_UNDEFINED, .p = v->p, .n = v->n};
    return sf_jtick(r, r->vars->n / 8);
}

/* ------------------------------------------------------------------------------------------- calls */

static bool spread(struct sf_jrun *r, const val *v, unsigned op, struct sf_jargs *a) {
    if (op == 2) {
        struct sf_jinja_list l;
        if (!sf_jiterate(r, v, &l)) return false;
        val *pos = sf_jinja_take(r->mem, a->n + l.n, sizeof *pos);
        if (!pos) return sf_jfail_mem(r);
        if (a->n) memcpy(pos, a->pos, a->n * sizeof *pos);
        if (l.n) memcpy(pos + a->n, l.item, l.n * sizeof *pos);
        a->pos = pos;
        a->n += l.n;
        return true;
    }
    if (v->type != SF_JINJA_DICT)
        return sf_jfail(r, SUREFOOT_E_FAILED, "'**' wants a dict, not %s", sf_jtype_name(v));
    struct sf_jarg *kw = sf_jinja_take(r->mem, a->n_kw + v->dict->n, sizeof *kw);
    if (!kw) return sf_jfail_mem(r);
    if (a->n_kw) memcpy(kw, a->kw, a->n_kw * sizeof *kw);
    a->kw = kw;
    for (size_t i = 0; i < v->dict->n; i++) {
        const val *k = &v->dict->item[i].key;
        if (k->type != SF_JINJA_STR)
            return sf_jfail(r, SUREFOOT_E_FAILED, "'**' wants strings as keys");
        kw[a->n_kw++] = (struct sf_jarg){k->p, k->n, v->dict->item[i].value};
    }
    return true;
}

static bool arguments(struct sf_jrun *r, const node *chain, struct sf_jargs *a) {
    size_t pos = 0, kw = 0;
    *a = (struct sf_jargs){0};
    for (const node *x = chain; x; x = x->next) x->op == 0 ? pos++ : x->op == 1 ? kw++ : 0;
    if (pos && !(a->pos = sf_jinja_take(r->mem, pos, sizeof *a->pos))) return sf_jfail_mem(r);
    if (kw && !(a->kw = sf_jinja_take(r->mem, kw, sizeof *a->kw))) return sf_jfail_mem(r);
    for (int spreads = 0; spreads < 2; spreads++) /* plain ones first: they have their room */
        for (const node *x = chain; x; x = x->next) {
            val v;
            if ((x->op > 1) != spreads) continue;
            if (!sf_jeval(r, x->a, &v)) return false;
            if (x->op == 0)
                a->pos[a->n++] = v;
            else if (x->op == 1)
                a->kw[a->n_kw++] = (struct sf_jarg){x->v.p, x->v.n, v};
            else if (!spread(r, &v, x->op, a))
                return false;
        }
    return true;
}

static bool undefined(struct sf_jrun *r, const val *v) {
    int n = (int)sf_min(v->n, 60);
    if (v->aux == 1) return sf_jfail(r, SUREFOOT_E_FAILED, "there is no attribute '%.*s'", n, v->p);
    if (v->aux == 2) return sf_jfail(r, SUREFOOT_E_FAILED, "there is no item %.*s", n, v->p);
    return sf_jfail(r, SUREFOOT_E_FAILED, "'%.*s' is undefined", n, v->p);
}

bool sf_jcall(struct sf_jrun *r, const val *f, const struct sf_jargs *a, val *out) {
    struct sf_jinja_list l;
    switch (f->type) {
    case SF_JINJA_UNDEFINED:
        if (f->aux == 0 && sf_jname(f->p, f->n, "strftime_now")) return sf_jfunction(r, f, a, out);
        return undefined(r, f);
    case SF_JINJA_FUNCTION:
        return sf_jfunction(r, f, a, out);
    case SF_JINJA_METHOD:
        return sf_jmethod(r, f->self, f->p, f->n, a, out);
    case SF_JINJA_MACRO:
        return sf_jmacro_call(r, f, a, out);
    case SF_JINJA_LOOP:
        if (a->n != 1 || !f->loop->node)
            return sf_jfail(r, SUREFOOT_E_FAILED, "loop(...) wants one list, in a recursive loop");
        return sf_jiterate(r, &a->pos[0], &l) && sf_jloop_call(r, f->loop, &a->pos[0], out);
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "a value of type %s cannot be called",
                        sf_jtype_name(f));
    }
}

/* -------------------------------------------------------------------------------------- composites */

static bool build(struct sf_jrun *r, const node *n, val *out) {
    if (n->kind == SF_JN_DICT) {
        if (!sf_jinja_dict_new(r->mem, out, 0)) return sf_jfail_mem(r);
        for (const node *x = n->a; x; x = x->next) {
            val key, v;
            if (!sf_jeval(r, x->a, &key) || !sf_jeval(r, x->b, &v)) return false;
            if (key.type == SF_JINJA_LIST || key.type == SF_JINJA_DICT)
                return sf_jfail(r, SUREFOOT_E_FAILED, "a %s cannot be a key", sf_jtype_name(&key));
            if (!sf_jput(r, out, key, v)) return false;
        }
        return true;
    }
    if (!sf_jlist(r, out, 0)) return false;
    if (n->kind == SF_JN_TUPLE) out->type = SF_JINJA_TUPLE;
    for (const node *x = n->a; x; x = x->next) {
        val v;
        if (!sf_jeval(r, x, &v) || !sf_jpush(r, out, v)) return false;
    }
    return true;
}

static bool slice(struct sf_jrun *r, const node *n, val *out) {
    val o, part[3];
    const node *from[] = {n->b, n->c, n->d};
    if (!sf_jeval(r, n->a, &o)) return false;
    for (int i = 0; i < 3; i++)
        if (from[i] && !sf_jeval(r, from[i], &part[i])) return false;
    r->line = n->line;
    if (o.type == SF_JINJA_UNDEFINED) return undefined(r, &o);
    return sf_jslice(r, &o, n->b ? &part[0] : NULL, n->c ? &part[1] : NULL, n->d ? &part[2] : NULL,
                     out);
}

static bool access(struct sf_jrun *r, const node *n, val *out) {
    val o, key;
    if (!sf_jeval(r, n->a, &o)) return false;
    if (n->kind == SF_JN_ITEM && !sf_jeval(r, n->b, &key)) return false;
    r->line = n->line;
    if (o.type == SF_JINJA_UNDEFINED) return undefined(r, &o);
    return n->kind == SF_JN_ITEM ? sf_jitem(r, &o, &key, out)
                                 : sf_jattr(r, &o, n->v.p, n->v.n, out);
}

static bool one_comparison(struct sf_jrun *r, unsigned op, const val *a, const val *b, bool *yes) {
    int c = 0;
    if (op == SF_JO_EQ || op == SF_JO_NE) {
        *yes = sf_jequal(a, b, 0) == (op == SF_JO_EQ);
        return sf_jtick(r, 1 + (a->type == SF_JINJA_STR ? a->n / 64 : 0));
    }
    if (op == SF_JO_IN || op == SF_JO_NOT_IN) {
        if (!sf_jcontains(r, b, a, yes)) return false;
        if (op == SF_JO_NOT_IN) *yes = !*yes;
        return true;
    }
    if (a->type == SF_JINJA_UNDEFINED || b->type == SF_JINJA_UNDEFINED)
        return undefined(r, a->type == SF_JINJA_UNDEFINED ? a : b);
    if (!sf_jcompare(r, a, b, &c)) return false;
    *yes = c == 2           ? false
           : op == '<'      ? c < 0
           : op == '>'      ? c > 0
           : op == SF_JO_LE ? c <= 0
                            : c >= 0;
    return true;
}

static bool compare(struct sf_jrun *r, const node *n, val *out) {
    val a, b;
    bool yes = true;
    if (!sf_jeval(r, n->a, &a)) return false;
    for (const node *c = n->b; c && yes; c = c->next) {
        if (!sf_jeval(r, c->a, &b)) return false;
        r->line = c->line;
        if (!one_comparison(r, c->op, &a, &b, &yes)) return false;
        a = b;
    }
    *out = sf_jinja_bool(yes);
    return true;
}

static bool concat(struct sf_jrun *r, const node *n, val *out) {
    val a, b;
    if (!sf_jeval(r, n->a, &a) || !sf_jstr(r, &a, out)) return false;
    for (const node *x = n->a->next; x; x = x->next) {
        a = *out;
        if (!sf_jeval(r, x, &b) || !sf_jstr(r, &b, &b) || !sf_jconcat(r, &a, &b, out)) return false;
    }
    return true;
}

static bool binary(struct sf_jrun *r, const node *n, val *out) {
    val a, b;
    if (!sf_jeval(r, n->a, &a) || !sf_jeval(r, n->b, &b)) return false;
    r->line = n->line;
    if (a.type == SF_JINJA_UNDEFINED || b.type == SF_JINJA_UNDEFINED)
        return undefined(r, a.type == SF_JINJA_UNDEFINED ? &a : &b);
    return sf_jbinary(r, n->op, &a, &b, out);
}

static bool sign(struct sf_jrun *r, const node *n, val *out) {
    val a;
    if (!sf_jeval(r, n->a, &a)) return false;
    r->line = n->line;
    if (a.type == SF_JINJA_UNDEFINED) return undefined(r, &a);
    if (!sf_jnumber(&a))
        return sf_jfail(r, SUREFOOT_E_FAILED, "a value of type %s has no sign", sf_jtype_name(&a));
    if (n->kind == SF_JN_POS)
        *out = a.type == SF_JINJA_FLOAT ? a : sf_jinja_int(a.i);
    else if (a.type == SF_JINJA_FLOAT)
        *out = sf_jinja_float(-a.f);
    else if (a.i == INT64_MIN)
        return sf_jfail(r, SUREFOOT_E_LIMIT, "a number beyond 64 bits");
    else
        *out = sf_jinja_int(-a.i);
    return true;
}

static bool filter(struct sf_jrun *r, const node *n, val *out) {
    val in;
    struct sf_jargs a;
    if (!sf_jeval(r, n->a, &in) || !arguments(r, n->b, &a)) return false;
    r->line = n->line;
    return sf_jfilter(r, n->v.p, n->v.n, &in, &a, out);
}

static bool test(struct sf_jrun *r, const node *n, val *out) {
    val in;
    struct sf_jargs a;
    bool yes = false;
    if (!sf_jeval(r, n->a, &in) || !arguments(r, n->b, &a)) return false;
    r->line = n->line;
    if (!sf_jtest(r, n->v.p, n->v.n, &in, &a, &yes)) return false;
    *out = sf_jinja_bool(yes != n->flag);
    return true;
}

static bool call(struct sf_jrun *r, const node *n, val *out) {
    val f;
    struct sf_jargs a;
    if (!sf_jeval(r, n->a, &f) || !arguments(r, n->b, &a)) return false;
    r->line = n->line;
    return sf_jcall(r, &f, &a, out);
}

static bool logic(struct sf_jrun *r, const node *n, val *out) {
    val a;
    if (!sf_jeval(r, n->a, &a)) return false;
    bool yes = sf_jtrue(&a);
    if (n->kind == SF_JN_NOT) {
        *out = sf_jinja_bool(!yes);
    } else if (n->kind == SF_JN_COND) {
        const node *x = yes ? n->b : n->c;
        if (x) return sf_jeval(r, x, out);
        *out = (val){.type = SF_JINJA_UNDEFINED, .p = "the value of an if without else", .n = 31};
    } else if (yes == (n->kind == SF_JN_AND)) {
        return sf_jeval(r, n->b, out);
    } else {
        *out = a;
    }
    return true;
}

static bool eval(struct sf_jrun *r, const node *n, val *out) {
    switch (n->kind) {
    case SF_JN_CONST:
        *out = n->v;
        return true;
    case SF_JN_NAME:
        return name(r, &n->v, out);
    case SF_JN_LIST:
    case SF_JN_TUPLE:
    case SF_JN_DICT:
        return build(r, n, out);
    case SF_JN_ATTR:
    case SF_JN_ITEM:
        return access(r, n, out);
    case SF_JN_SLICE:
        return slice(r, n, out);
    case SF_JN_CALL:
        return call(r, n, out);
    case SF_JN_FILTER:
        return filter(r, n, out);
    case SF_JN_TEST:
        return test(r, n, out);
    case SF_JN_NEG:
    case SF_JN_POS:
        return sign(r, n, out);
    case SF_JN_BINARY:
        return binary(r, n, out);
    case SF_JN_CONCAT:
        return concat(r, n, out);
    case SF_JN_NOT:
    case SF_JN_AND:
    case SF_JN_OR:
    case SF_JN_COND:
        return logic(r, n, out);
    case SF_JN_COMPARE:
        return compare(r, n, out);
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "no expression");
    }
}

bool sf_jeval(struct sf_jrun *r, const node *n, val *out) {
    r->line = n->line;
    if (!sf_jtick(r, 1)) return false;
    if (r->depth >= 2 * SF_JINJA_MAX_DEPTH)
        return sf_jfail(r, SUREFOOT_E_LIMIT, "calls more than %d deep", 2 * SF_JINJA_MAX_DEPTH);
    r->depth++;
    bool ok = eval(r, n, out);
    r->depth--;
    return ok;
}
