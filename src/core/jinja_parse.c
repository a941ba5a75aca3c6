/* SPDX-License-Identifier: MIT
 * jinja_parse.c - tokens to statements, and the door: sf_jinja_parse.
 */
#include <stdarg.h>
#include <stdio.h>

#include "arena.h"
#include "jinja_i.h"

typedef struct sf_jnode node;

static node *body(struct sf_jparse *p, const char *const *ends);

bool sf_jtok_name(const struct sf_jtoken *t, const char *name) {
    return t->type == SF_JT_NAME && sf_jname(t->p, t->n, name);
}

node *sf_jparse_fail(struct sf_jparse *p, surefoot_status s, uint32_t line, const char *fmt, ...) {
    char text[160];
    va_list ap;
    if (p->status != SUREFOOT_OK) return NULL; /* the first one counts */
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    p->status = sf_fail(p->err, s, line, "chat template, line %u: %s", line, text);
    return NULL;
}

node *sf_jparse_node(struct sf_jparse *p, enum sf_jnode_kind kind, uint32_t line) {
    node *n = sf_jinja_take(p->mem, 1, sizeof *n);
    if (!n)
        return sf_jparse_fail(p, p->mem->over ? SUREFOOT_E_LIMIT : SUREFOOT_E_MEMORY, line,
                              p->mem->over ? "the template is too large" : "no memory");
    n->kind = kind;
    n->line = line;
    n->depth = 1;
    return n;
}

node *sf_jparse_close(struct sf_jparse *p, node *n) {
    const node *child[] = {n->a, n->b, n->c, n->d, n->e};
    unsigned depth = 0;
    for (size_t i = 0; i < SF_COUNT(child); i++) {
        if (n->kind == SF_JN_IF && n->flag && i == 2) continue; /* run in a loop, not deeper */
        for (const node *c = child[i]; c; c = c->next)
            if (c->depth > depth) depth = c->depth;
    }
    if (depth >= SF_JINJA_MAX_DEPTH)
        return sf_jparse_fail(p, SUREFOOT_E_LIMIT, n->line,
                              "expressions and blocks more than %d deep", SF_JINJA_MAX_DEPTH);
    n->depth = (uint16_t)(depth + 1);
    return n;
}

bool sf_jparse_enter(struct sf_jparse *p) {
    if (p->nest++ < 4 * SF_JINJA_MAX_NEST) return true;
    sf_jparse_fail(p, SUREFOOT_E_LIMIT, p->t->line, "brackets and blocks more than %d deep",
                   4 * SF_JINJA_MAX_NEST);
    return false;
}

static bool take_name(struct sf_jparse *p, const char *name) {
    if (!sf_jtok_name(p->t, name)) return false;
    p->t++;
    return true;
}

static bool take(struct sf_jparse *p, unsigned op) {
    if (!sf_jtok_op(p->t, op)) return false;
    p->t++;
    return true;
}

static bool tag_end(struct sf_jparse *p) {
    if (p->t->type == SF_JT_BLOCK_END) return p->t++, true;
    sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "'%%}' expected");
    return false;
}

/* The tag that ends a body stands at p->t (behind "{%"): takes it when it has that name. */
static bool end(struct sf_jparse *p, const char *name) {
    return take_name(p, name) && tag_end(p);
}

/* The body of a block up to {% name %}; *ok: it was there. */
static node *body_until(struct sf_jparse *p, const char *name, bool *ok) {
    const char *ends[] = {name, NULL};
    node *n = body(p, ends);
    *ok = false;
    if (p->status != SUREFOOT_OK) return NULL;
    p->t++;
    if (p->t->type == SF_JT_NAME) p->t++; /* endblock may repeat the block's name */
    *ok = tag_end(p);
    return n;
}

/* ------------------------------------------------------------------------------------- statements */

static node *if_(struct sf_jparse *p, uint32_t line) {
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const last[] = {"endif", NULL};
    node *first = NULL, **place = &first;
    for (;;) {
        node *n = sf_jparse_node(p, SF_JN_IF, line);
        if (!n) return NULL;
        *place = n;
        n->a = sf_jparse_tuple(p, true);
        if (!n->a || !tag_end(p)) return NULL;
        n->b = body(p, ends);
        if (p->status != SUREFOOT_OK) return NULL;
        line = p->t->line;
        if (take_name(p, "elif")) {
            n->flag = 1;
            if (!sf_jparse_close(p, n)) return NULL;
            place = &n->c;
            continue;
        }
        if (take_name(p, "else")) {
            if (!tag_end(p)) return NULL;
            n->c = body(p, last);
            if (p->status != SUREFOOT_OK) return NULL;
        }
        if (!end(p, "endif") || !sf_jparse_close(p, n)) return NULL;
        for (node *c = first; c->flag; c = c->c) /* as deep as its deepest branch */
            for (const node *d = c->c; d; d = d->flag ? d->c : NULL)
                if (d->depth > c->depth) c->depth = d->depth;
        return first;
    }
}

static node *for_(struct sf_jparse *p, uint32_t line) {
    static const char *const ends[] = {"else", "endfor", NULL};
    static const char *const last[] = {"endfor", NULL};
    node *n = sf_jparse_node(p, SF_JN_FOR, line);
    if (!n || !(n->a = sf_jparse_target(p))) return NULL;
    if (!take_name(p, "in")) return sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "'in' expected");
    if (!(n->b = sf_jparse_tuple(p, false))) return NULL;
    if (take_name(p, "if") && !(n->d = sf_jparse_expr(p, true))) return NULL;
    n->flag = take_name(p, "recursive");
    if (!tag_end(p)) return NULL;
    p->loops++;
    n->c = body(p, ends);
    p->loops--;
    if (p->status != SUREFOOT_OK) return NULL;
    if (take_name(p, "else")) {
        if (!tag_end(p)) return NULL;
        n->e = body(p, last);
        if (p->status != SUREFOOT_OK) return NULL;
    }
    return end(p, "endfor") ? sf_jparse_close(p, n) : NULL;
}

static node *set(struct sf_jparse *p, uint32_t line) {
    node *n = sf_jparse_node(p, SF_JN_SET, line);
    bool ok;
    if (!n || !(n->a = sf_jparse_target(p))) return NULL;
    if (take(p, '=')) {
        n->b = sf_jparse_tuple(p, true);
        return n->b && tag_end(p) ? sf_jparse_close(p, n) : NULL;
    }
    n->kind = SF_JN_SET_BLOCK;
    if (sf_jtok_op(p->t, '|') && !(n->b = sf_jparse_filters(p, NULL, false))) return NULL;
    if (!tag_end(p)) return NULL;
    n->c = body_until(p, "endset", &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

static node *with(struct sf_jparse *p, uint32_t line) {
    node *n = sf_jparse_node(p, SF_JN_WITH, line), **tail = n ? &n->a : NULL;
    bool ok;
    while (n && p->t->type != SF_JT_BLOCK_END) {
        if (n->a && !take(p, ','))
            return sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "',' or '%%}' expected");
        node *s = sf_jparse_node(p, SF_JN_SET, p->t->line);
        if (!s || p->t->type != SF_JT_NAME || !sf_jtok_op(p->t + 1, '='))
            return sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "'name = value' expected");
        s->a = sf_jparse_node(p, SF_JN_NAME, p->t->line);
        if (!s->a) return NULL;
        s->a->v = sf_jinja_str(p->t->p, p->t->n, NULL);
        p->t += 2;
        s->b = sf_jparse_expr(p, true);
        if (!s->b || !sf_jparse_close(p, s)) return NULL;
        *tail = s;
        tail = &s->next;
    }
    if (!n || !tag_end(p)) return NULL;
    n->c = body_until(p, "endwith", &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

/* (a, b=1) behind a macro's name or behind call. */
static bool params(struct sf_jparse *p, node *n) {
    node **tail = &n->a;
    bool defaults = false;
    while (!take(p, ')')) {
        if (n->a && !take(p, ','))
            return sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "',' or ')' expected"), false;
        if (take(p, ')')) break;
        node *q = sf_jparse_node(p, SF_JN_PARAM, p->t->line);
        if (!q) return false;
        if (p->t->type != SF_JT_NAME)
            return sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "a parameter's name expected"),
                   false;
        q->v = sf_jinja_str(p->t->p, p->t->n, NULL);
        p->t++;
        if (take(p, '=')) {
            defaults = true;
            if (!(q->a = sf_jparse_expr(p, true)) || !sf_jparse_close(p, q)) return false;
        } else if (defaults) {
            sf_jparse_fail(p, SUREFOOT_E_FILE, q->line,
                           "parameter '%.*s' stands without a default behind one that has one",
                           (int)sf_min(q->v.n, 24), q->v.p);
            return false;
        }
        *tail = q;
        tail = &q->next;
    }
    return true;
}

/* No break leaves a macro; what its body reads of varargs, kwargs and caller is noted. */
static node *macro_body(struct sf_jparse *p, node *m, const char *closing, bool *ok) {
    unsigned loops = p->loops, uses = p->uses;
    p->loops = p->uses = 0;
    node *n = body_until(p, closing, ok);
    m->op = (uint8_t)p->uses;
    p->loops = loops;
    p->uses = uses;
    return n;
}

static node *macro(struct sf_jparse *p, uint32_t line) {
    node *n = sf_jparse_node(p, SF_JN_MACRO, line);
    bool ok;
    if (!n) return NULL;
    if (p->t->type != SF_JT_NAME)
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "the macro has no name");
    n->v = sf_jinja_str(p->t->p, p->t->n, NULL);
    p->t++;
    if (!take(p, '(')) return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "'(' expected");
    if (!params(p, n) || !tag_end(p)) return NULL;
    n->c = macro_body(p, n, "endmacro", &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

static node *call_block(struct sf_jparse *p, uint32_t line) {
    node *n = sf_jparse_node(p, SF_JN_CALL_BLOCK, line);
    node *m = n ? sf_jparse_node(p, SF_JN_MACRO, line) : NULL;
    bool ok;
    if (!m) return NULL;
    m->v = sf_jlit("caller");
    if (take(p, '(') && !params(p, m)) return NULL;
    n->b = sf_jparse_expr(p, true);
    if (!n->b) return NULL;
    if (n->b->kind != SF_JN_CALL)
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "'call' wants a call: name(...)");
    if (!tag_end(p)) return NULL;
    m->c = macro_body(p, m, "endcall", &ok);
    if (!ok || !sf_jparse_close(p, m)) return NULL;
    n->a = m;
    return sf_jparse_close(p, n);
}

static node *filter_block(struct sf_jparse *p, uint32_t line) {
    node *n = sf_jparse_node(p, SF_JN_FILTER_BLOCK, line);
    bool ok;
    if (!n || !(n->b = sf_jparse_filters(p, NULL, true)) || !tag_end(p)) return NULL;
    n->c = body_until(p, "endfilter", &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

/* {% block name %}, {% generation %}, {% autoescape false %}: the body is printed where it stands. */
static node *plain_block(struct sf_jparse *p, uint32_t line, const char *closing) {
    node *n = sf_jparse_node(p, SF_JN_BLOCK, line);
    bool ok;
    while (p->t->type == SF_JT_NAME) p->t++;
    if (!n || !tag_end(p)) return NULL;
    n->c = body_until(p, closing, &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

static node *jump(struct sf_jparse *p, enum sf_jnode_kind kind, uint32_t line, const char *name) {
    if (p->loops == 0)
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "'%s' outside of a loop", name);
    node *n = sf_jparse_node(p, kind, line);
    return n && tag_end(p) ? n : NULL;
}

static node *statement(struct sf_jparse *p) {
    static const char *const refused[] = {"include", "import", "from", "extends"};
    uint32_t line = p->t->line;
    if (p->t->type != SF_JT_NAME)
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "the name of a tag expected after '{%%'");
    const struct sf_jtoken *t = p->t++;
    if (sf_jtok_name(t, "if")) return if_(p, line);
    if (sf_jtok_name(t, "for")) return for_(p, line);
    if (sf_jtok_name(t, "set")) return set(p, line);
    if (sf_jtok_name(t, "macro")) return macro(p, line);
    if (sf_jtok_name(t, "break")) return jump(p, SF_JN_BREAK, line, "break");
    if (sf_jtok_name(t, "continue")) return jump(p, SF_JN_CONTINUE, line, "continue");
    if (sf_jtok_name(t, "with")) return with(p, line);
    if (sf_jtok_name(t, "call")) return call_block(p, line);
    if (sf_jtok_name(t, "filter")) return filter_block(p, line);
    if (sf_jtok_name(t, "generation")) return plain_block(p, line, "endgeneration");
    if (sf_jtok_name(t, "block")) return plain_block(p, line, "endblock");
    if (sf_jtok_name(t, "autoescape")) {
        if (!sf_jtok_name(p->t, "false"))
            return sf_jparse_fail(
                p, SUREFOOT_E_UNSUPPORTED, line,
                "'autoescape' other than false: a chat template's text is no HTML");
        return plain_block(p, line, "endautoescape");
    }
    for (size_t i = 0; i < SF_COUNT(refused); i++)
        if (sf_jtok_name(t, refused[i]))
            return sf_jparse_fail(p, SUREFOOT_E_UNSUPPORTED, line,
                                  "'%s' is refused: a chat template reads no other files",
                                  refused[i]);
    if (t->n > 3 && memcmp(t->p, "end", 3) == 0)
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "'%.*s' closes nothing here",
                              (int)sf_min(t->n, 24), t->p);
    if (sf_jtok_name(t, "else") || sf_jtok_name(t, "elif"))
        return sf_jparse_fail(p, SUREFOOT_E_FILE, line, "'%.*s' without an 'if'", (int)t->n, t->p);
    return sf_jparse_fail(p, SUREFOOT_E_UNSUPPORTED, line, "there is no tag '%.*s'",
                          (int)sf_min(t->n, 24), t->p);
}

/* Statements up to one of the tags in ends (NULL: the template's end); p->t stands at its name. */
static node *body(struct sf_jparse *p, const char *const *ends) {
    node *first = NULL, **tail = &first;
    uint32_t from = ends ? p->t[-1].line : 1; /* of the tag before */
    if (!sf_jparse_enter(p)) return NULL;
    for (;;) {
        const struct sf_jtoken *t = p->t;
        node *n = NULL;
        if (t->type == SF_JT_EOF) {
            if (!ends) break;
            while (ends[1]) ends++;
            return sf_jparse_fail(p, SUREFOOT_E_FILE, from,
                                  "the block that begins here is not closed: '%s' is missing",
                                  ends[0]);
        }
        p->t++;
        if (t->type == SF_JT_DATA) {
            n = sf_jparse_node(p, SF_JN_DATA, t->line);
            if (n) n->v = sf_jinja_str(t->p, t->n, NULL);
        } else if (t->type == SF_JT_VAR) {
            n = sf_jparse_node(p, SF_JN_PRINT, t->line);
            if (n && (n->a = sf_jparse_tuple(p, true)) && p->t->type != SF_JT_VAR_END)
                sf_jparse_fail(p, SUREFOOT_E_FILE, p->t->line, "'}}' expected");
            if (p->status == SUREFOOT_OK) p->t++, n = sf_jparse_close(p, n);
        } else {
            for (size_t i = 0; ends && ends[i]; i++)
                if (sf_jtok_name(p->t, ends[i])) {
                    p->nest--;
                    return first;
                }
            n = statement(p);
        }
        if (p->status != SUREFOOT_OK || !n) return NULL;
        *tail = n;
        tail = &n->next;
    }
    p->nest--;
    return first;
}

surefoot_status sf_jinja_parse(struct sf_jinja **out, const char *text, size_t n,
                               surefoot_error *err) {
    struct sf_jtokens tokens;
    *out = NULL;
    if (n > SF_JINJA_MAX_TEMPLATE)
        return sf_fail(err, SUREFOOT_E_LIMIT, 0, "a chat template of %zu bytes: at most %zu", n,
                       SF_JINJA_MAX_TEMPLATE);
    struct sf_jinja *t = sf_alloc(sizeof *t);
    if (!t) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the chat template");
    t->mem.limit = (size_t)64 << 20;
    surefoot_status s = sf_jinja_lex(&t->mem, text, n, &tokens, err);
    if (s == SUREFOOT_OK) {
        struct sf_jparse p = {.mem = &t->mem, .t = tokens.t, .err = err};
        t->body = body(&p, NULL);
        s = p.status;
    }
    if (s != SUREFOOT_OK) {
        sf_jinja_close(t);
        return s;
    }
    *out = t;
    return SUREFOOT_OK;
}

void sf_jinja_close(struct sf_jinja *t) {
    if (!t) return;
    sf_jinja_mem_free(&t->mem);
    sf_free(t);
}
