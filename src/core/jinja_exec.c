/* SPDX-License-Identifier: MIT
 * jinja_exec.c - statements: text, if, for, set, macros, blocks; and the door sf_jinja_run.
 *
 * Scopes are Jinja's: for (each round anew), with, macro, call, filter and set blocks have their
 * own; what is set there is not seen outside. An if has none.
 */
#include "jinja_i.h"

typedef struct sf_jnode node;

static bool exec(struct sf_jrun *r, const node *n);

bool sf_jexec(struct sf_jrun *r, const node *chain) {
    for (const node *n = chain; n && r->flow == SF_JF_ON; n = n->next) {
        r->line = n->line;
        if (!sf_jtick(r, 1)) return false;
        if (r->depth >= 2 * SF_JINJA_MAX_DEPTH)
            return sf_jfail(r, SUREFOOT_E_LIMIT, "calls more than %d deep", 2 * SF_JINJA_MAX_DEPTH);
        r->depth++;
        bool ok = exec(r, n);
        r->depth--;
        if (!ok) return false;
    }
    return true;
}

/* chain, with its text into *out instead of the page. */
static bool captured(struct sf_jrun *r, const node *chain, val *out) {
    struct sf_jbuf b = {.mem = r->mem}, *page = r->out;
    r->out = &b;
    bool ok = sf_jexec(r, chain);
    r->out = page;
    return ok && sf_jdone(r, &b, out);
}

static bool scoped(struct sf_jrun *r, const node *chain, struct sf_jscope *scope, val *out) {
    struct sf_jscope *around = r->scope;
    r->scope = scope;
    bool ok = out ? captured(r, chain, out) : sf_jexec(r, chain);
    r->scope = around;
    return ok;
}

/* ------------------------------------------------------------------------------------- assignment */

bool sf_jassign(struct sf_jrun *r, const node *t, const val *v) {
    struct sf_jinja_list l;
    val o;
    switch (t->kind) {
    case SF_JN_NAME:
        return sf_jscope_set(r, r->scope, t->v.p, t->v.n, v);
    case SF_JN_ATTR:
        if (!sf_jeval(r, t->a, &o)) return false;
        if (o.type != SF_JINJA_NAMESPACE)
            return sf_jfail(r, SUREFOOT_E_FAILED,
                            "only a namespace's attributes can be set, not "
                            "those of a value of type %s",
                            sf_jtype_name(&o));
        return sf_jput(r, &o, t->v, *v);
    case SF_JN_TUPLE:
        if (!sf_jiterate(r, v, &l)) return false;
        size_t i = 0;
        for (const node *x = t->a; x; x = x->next, i++) {
            if (i >= l.n) break;
            if (!sf_jassign(r, x, &l.item[i])) return false;
            if (!x->next && i + 1 == l.n) return true;
        }
        return sf_jfail(r, SUREFOOT_E_FAILED, "%zu values for another number of names", l.n);
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "nothing that can be assigned to");
    }
}

/* value through the filters of a filter block; the innermost has no input of its own. */
static bool filtered(struct sf_jrun *r, const node *f, const val *in, val *out) {
    val v;
    if (f->a && !filtered(r, f->a, in, &v)) return false;
    node call = *f, text = {.kind = SF_JN_CONST, .line = f->line, .v = f->a ? v : *in};
    call.a = &text;
    return sf_jeval(r, &call, out);
}

static bool set_block(struct sf_jrun *r, const node *n) {
    val v;
    struct sf_jscope *s = sf_jscope_new(r, r->scope);
    if (!s || !scoped(r, n->c, s, &v)) return false;
    if (n->b && !filtered(r, n->b, &v, &v)) return false;
    return sf_jassign(r, n->a, &v);
}

static bool filter_block(struct sf_jrun *r, const node *n) {
    val v;
    struct sf_jscope *s = sf_jscope_new(r, r->scope);
    if (!s || !scoped(r, n->c, s, &v) || !filtered(r, n->b, &v, &v)) return false;
    return sf_jprint(r, r->out, &v);
}

static bool with(struct sf_jrun *r, const node *n) {
    struct sf_jscope *s = sf_jscope_new(r, r->scope);
    if (!s) return false;
    for (const node *x = n->a; x; x = x->next) { /* values see the scope around */
        val v;
        if (!sf_jeval(r, x->b, &v) || !sf_jscope_set(r, s, x->a->v.p, x->a->v.n, &v)) return false;
    }
    return scoped(r, n->c, s, NULL);
}

/* ------------------------------------------------------------------------------------------- loops */

/* The items for which the loop's condition holds. */
static bool chosen(struct sf_jrun *r, const node *n, struct sf_jscope *around,
                   struct sf_jinja_list *l) {
    val keep, yes;
    if (!sf_jlist(r, &keep, 0)) return false;
    for (size_t i = 0; i < l->n; i++) {
        struct sf_jscope *s = sf_jscope_new(r, around);
        if (!s) return false;
        r->scope = s;
        bool ok = sf_jassign(r, n->a, &l->item[i]) && sf_jeval(r, n->d, &yes);
        r->scope = around;
        if (!ok || (sf_jtrue(&yes) && !sf_jpush(r, &keep, l->item[i]))) return false;
    }
    *l = *keep.list;
    return true;
}

/* The loop n over items, in the scope around. depth: from 1. */
static bool loop(struct sf_jrun *r, const node *n, struct sf_jscope *around, const val *items,
                 unsigned depth) {
    struct sf_jinja_list l;
    struct sf_jscope *before = r->scope;
    if (!sf_jiterate(r, items, &l) || (n->d && !chosen(r, n, around, &l))) return false;
    struct sf_jinja_loop *p = sf_jinja_take(r->mem, 1, sizeof *p);
    if (!p) return sf_jfail_mem(r);
    *p = (struct sf_jinja_loop){
        .item = l.item, .n = l.n, .depth = depth, .scope = around, .node = n->flag ? n : NULL};
    val self = {.type = SF_JINJA_LOOP, .loop = p};
    bool ok = true;
    for (p->at = 0; ok && p->at < l.n; p->at++) {
        struct sf_jscope *s = sf_jscope_new(r, around);
        if (!s) return false;
        r->scope = s;
        ok = sf_jtick(r, 1) && sf_jscope_set(r, s, "loop", 4, &self) &&
             sf_jassign(r, n->a, &l.item[p->at]) && sf_jexec(r, n->c);
        enum sf_jflow flow = r->flow;
        r->flow = SF_JF_ON;
        if (flow == SF_JF_BREAK) break;
    }
    r->scope = around;
    if (ok && l.n == 0 && n->e) {
        struct sf_jscope *s = sf_jscope_new(r, around);
        ok = s && scoped(r, n->e, s, NULL);
    }
    r->scope = before;
    return ok;
}

static bool for_(struct sf_jrun *r, const node *n) {
    val items;
    return sf_jeval(r, n->b, &items) && loop(r, n, r->scope, &items, 1);
}

bool sf_jloop_call(struct sf_jrun *r, struct sf_jinja_loop *l, const val *items, val *out) {
    struct sf_jbuf b = {.mem = r->mem}, *page = r->out;
    if (r->depth + 16 >= 2 * SF_JINJA_MAX_DEPTH)
        return sf_jfail(r, SUREFOOT_E_LIMIT, "loops more than %d deep", SF_JINJA_MAX_DEPTH);
    r->out = &b;
    bool ok = loop(r, l->node, l->scope, items, l->depth + 1);
    r->out = page;
    return ok && sf_jdone(r, &b, out);
}

bool sf_jloop_attr(struct sf_jrun *r, const val *v, const char *name, size_t n, val *out) {
    const struct sf_jinja_loop *l = v->loop;
    int64_t at = (int64_t)l->at, len = (int64_t)l->n;
    SF_UNUSED(r);
    const struct {
        const char *name;
        val v;
    } row[] = {{"index", sf_jinja_int(at + 1)},       {"index0", sf_jinja_int(at)},
               {"revindex", sf_jinja_int(len - at)},  {"revindex0", sf_jinja_int(len - at - 1)},
               {"first", sf_jinja_bool(at == 0)},     {"last", sf_jinja_bool(at + 1 == len)},
               {"length", sf_jinja_int(len)},         {"depth", sf_jinja_int(l->depth)},
               {"depth0", sf_jinja_int(l->depth - 1)}};
    for (size_t i = 0; i < SF_COUNT(row); i++)
        if (sf_jname(name, n, row[i].name)) {
            *out = row[i].v;
            return true;
        }
    bool next = sf_jname(name, n, "nextitem"), prev = sf_jname(name, n, "previtem");
    *out = (val){.type = SF_JINJA_UNDEFINED, .aux = 1, .p = name, .n = n};
    if (next && at + 1 < len) *out = l->item[at + 1];
    if (prev && at > 0) *out = l->item[at - 1];
    return true;
}

bool sf_jloop_method(struct sf_jrun *r, struct sf_jinja_loop *l, const char *name, size_t n,
                     const struct sf_jargs *a, val *out) {
    if (sf_jname(name, n, "cycle")) {
        if (a->n == 0) return sf_jfail(r, SUREFOOT_E_FAILED, "loop.cycle wants values");
        *out = a->pos[l->at % a->n];
        return true;
    }
    val now; /* changed: all arguments, as one */
    if (!sf_jlist(r, &now, 0)) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!sf_jpush(r, &now, a->pos[i])) return false;
    *out = sf_jinja_bool(!l->seen || !sf_jequal(&now, &l->changed, 0));
    l->changed = now;
    l->seen = true;
    return true;
}

/* ------------------------------------------------------------------------------------------ macros */

static const val *keyword(const struct sf_jargs *a, const val *name) {
    for (size_t i = 0; i < a->n_kw; i++)
        if (a->kw[i].n == name->n && memcmp(a->kw[i].name, name->p, name->n) == 0)
            return &a->kw[i].v;
    return NULL;
}

/* varargs and kwargs: what no parameter takes. */
static bool rest(struct sf_jrun *r, const node *m, const struct sf_jargs *a, size_t used,
                 struct sf_jscope *s) {
    int len = (int)sf_min(m->v.n, 40);
    val list, dict;
    bool var = m->op & SF_JU_VARARGS, kw = m->op & SF_JU_KWARGS;
    if (a->n > used && !var)
        return sf_jfail(r, SUREFOOT_E_FAILED, "macro '%.*s' takes %zu arguments, not %zu", len,
                        m->v.p, used, a->n);
    if (!sf_jlist(r, &list, 0) || !sf_jinja_dict_new(r->mem, &dict, 0)) return sf_jfail_mem(r);
    list.type = SF_JINJA_TUPLE;
    for (size_t i = used; i < a->n; i++)
        if (!sf_jpush(r, &list, a->pos[i])) return false;
    for (size_t i = 0; i < a->n_kw; i++) {
        bool known = sf_jname(a->kw[i].name, a->kw[i].n, "caller");
        for (const node *q = m->a; q && !known; q = q->next)
            known = q->v.n == a->kw[i].n && memcmp(q->v.p, a->kw[i].name, q->v.n) == 0;
        if (known) continue;
        if (!kw)
            return sf_jfail(r, SUREFOOT_E_FAILED, "macro '%.*s' has no parameter '%.*s'", len,
                            m->v.p, (int)sf_min(a->kw[i].n, 40), a->kw[i].name);
        if (!sf_jput(r, &dict, sf_jinja_str(a->kw[i].name, a->kw[i].n, NULL), a->kw[i].v))
            return false;
    }
    return (!var || sf_jscope_set(r, s, "varargs", 7, &list)) &&
           (!kw || sf_jscope_set(r, s, "kwargs", 6, &dict));
}

static bool macro_call(struct sf_jrun *r, const struct sf_jinja_macro *m, const struct sf_jargs *a,
                       val *out) {
    const node *n = m->node;
    struct sf_jscope *s = sf_jscope_new(r, m->scope), *around = r->scope;
    val caller = sf_jlit("caller");
    const val *given = keyword(a, &caller);
    size_t i = 0;
    if (!s) return false;
    if (!given) /* no caller from further out shows through */
        caller = (val){.type = SF_JINJA_UNDEFINED, .p = "caller", .n = 6};
    if ((given || (n->op & SF_JU_CALLER)) &&
        !sf_jscope_set(r, s, "caller", 6, given ? given : &caller))
        return false;
    r->scope = s;
    bool ok = true;
    for (const node *q = n->a; ok && q; q = q->next, i++) {
        const val *by_name = keyword(a, &q->v);
        val v = {.type = SF_JINJA_UNDEFINED, .p = q->v.p, .n = q->v.n};
        if (i < a->n && by_name)
            ok = sf_jfail(r, SUREFOOT_E_FAILED, "macro '%.*s' gets '%.*s' twice",
                          (int)sf_min(n->v.n, 40), n->v.p, (int)sf_min(q->v.n, 40), q->v.p);
        else if (i < a->n)
            v = a->pos[i];
        else if (by_name)
            v = *by_name;
        else if (q->a)
            ok = sf_jeval(r, q->a, &v);
        ok = ok && sf_jscope_set(r, s, q->v.p, q->v.n, &v);
    }
    enum sf_jflow flow = r->flow;
    r->flow = SF_JF_ON;
    ok = ok && rest(r, n, a, i, s) && captured(r, n->c, out);
    r->flow = flow;
    r->scope = around;
    return ok;
}

static bool macro_value(struct sf_jrun *r, const node *n, val *out) {
    struct sf_jinja_macro *m = sf_jinja_take(r->mem, 1, sizeof *m);
    if (!m) return sf_jfail_mem(r);
    *m = (struct sf_jinja_macro){n, r->scope};
    *out = (val){.type = SF_JINJA_MACRO, .macro = m};
    return true;
}

bool sf_jmacro_call(struct sf_jrun *r, const val *f, const struct sf_jargs *a, val *out) {
    uint32_t line = r->line;
    bool ok = macro_call(r, f->macro, a, out);
    if (ok) r->line = line;
    return ok;
}

/* {% call(x) f(y) %}body{% endcall %} is f(y, caller=a macro of the body). */
static bool call_block(struct sf_jrun *r, const node *n) {
    val caller, out;
    if (!macro_value(r, n->a, &caller)) return false;
    node arg = {
        .kind = SF_JN_ARG, .line = n->line, .op = 1, .v = sf_jlit("caller"), .next = n->b->b};
    node value = {.kind = SF_JN_CONST, .line = n->line, .v = caller};
    node call = *n->b;
    arg.a = &value;
    call.b = &arg;
    return sf_jeval(r, &call, &out) && sf_jprint(r, r->out, &out);
}

/* --------------------------------------------------------------------------------------------- all */

static bool if_(struct sf_jrun *r, const node *n) {
    for (;;) {
        val v;
        if (!sf_jeval(r, n->a, &v)) return false;
        if (sf_jtrue(&v)) return sf_jexec(r, n->b);
        if (!n->flag) return sf_jexec(r, n->c);
        n = n->c;
    }
}

static bool exec(struct sf_jrun *r, const node *n) {
    val v;
    struct sf_jscope *s;
    switch (n->kind) {
    case SF_JN_DATA:
        return sf_jbuf_put_val(r->out, &n->v) || sf_jfail_mem(r);
    case SF_JN_PRINT:
        return sf_jeval(r, n->a, &v) && sf_jprint(r, r->out, &v);
    case SF_JN_IF:
        return if_(r, n);
    case SF_JN_FOR:
        return for_(r, n);
    case SF_JN_SET:
        return sf_jeval(r, n->b, &v) && sf_jassign(r, n->a, &v);
    case SF_JN_SET_BLOCK:
        return set_block(r, n);
    case SF_JN_WITH:
        return with(r, n);
    case SF_JN_MACRO:
        return macro_value(r, n, &v) && sf_jscope_set(r, r->scope, n->v.p, n->v.n, &v);
    case SF_JN_CALL_BLOCK:
        return call_block(r, n);
    case SF_JN_FILTER_BLOCK:
        return filter_block(r, n);
    case SF_JN_BLOCK:
        s = sf_jscope_new(r, r->scope);
        return s && scoped(r, n->c, s, NULL);
    case SF_JN_BREAK:
        r->flow = SF_JF_BREAK;
        return true;
    case SF_JN_CONTINUE:
        r->flow = SF_JF_CONTINUE;
        return true;
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "no statement");
    }
}

surefoot_status sf_jinja_run(const struct sf_jinja *t, struct sf_jinja_mem *m, const val *vars,
                             const struct sf_jinja_options *o, val *out, surefoot_error *err) {
    struct sf_jbuf page = {.mem = m};
    struct sf_jinja_dict none = {0};
    struct sf_jrun r = {.mem = m, .vars = &none, .out = &page, .err = err, .line = 1};
    r.steps = o && o->steps ? o->steps : 20000000;
    r.clock = o ? o->clock : NULL;
    if (vars && vars->type == SF_JINJA_DICT) r.vars = vars->dict;
    r.scope = sf_jscope_new(&r, NULL);
    *out = sf_jinja_str("", 0, NULL);
    if (r.scope && sf_jexec(&r, t->body)) sf_jdone(&r, &page, out);
    return r.status;
}
