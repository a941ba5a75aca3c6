/* SPDX-License-Identifier: MIT
 * jinja_parse_expr.c - tokens to expressions. Precedence, loosest first:
 *     x if y else z, or, and, not, comparisons (chained), + -, ~, * / // %, **, unary - +,
 *     then what is written behind an operand: .name [index] (call) |filter is test
 */
#include "jinja_i.h"

typedef struct sf_jnode node;

static node *expr_or(struct sf_jparse *p);
static node *unary(struct sf_jparse *p, bool with_filter);

static bool take(struct sf_jparse *p, unsigned op) {
    if (!sf_jtok_op(p->t, op)) return false;
    p->t++;
    return true;
}

static bool take_name(struct sf_jparse *p, const char *name) {
    if (!sf_jtok_name(p->t, name)) return false;
    p->t++;
    return true;
}

static node *want(struct sf_jparse *p, const char *what) {
    const struct sf_jtoken *t = p->t;
    int n = (int)sf_min(t->n, 24);
    switch (t->type) {
    case SF_JT_NAME:
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at '%.*s'", what, n, t->p);
    case SF_JT_STR:
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at a string", what);
    case SF_JT_INT:
    case SF_JT_FLOAT:
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at a number", what);
    case SF_JT_OP:
        if (t->op < 128)
            return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at '%c'", what,
                                  (char)t->op);
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at an operator", what);
    case SF_JT_EOF:
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at the template's end",
                              what);
    default:
        return sf_jparse_fail(p, SUREFOOT_E_FILE, t->line, "%s expected at the tag's end", what);
    }
}

static node *binary(struct sf_jparse *p, enum sf_jnode_kind kind, unsigned op, uint32_t line,
                    node *a, node *b) {
    node *n = a && b ? sf_jparse_node(p, kind, line) : NULL;
    if (!n) return NULL;
    n->op = (uint8_t)op;
    n->a = a;
    n->b = b;
    return sf_jparse_close(p, n);
}

/* --------------------------------------------------------------------------------------- operands */

static node *constant(struct sf_jparse *p, val v) {
    node *n = sf_jparse_node(p, SF_JN_CONST, p->t->line);
    if (n) n->v = v;
    p->t++;
    return n;
}

/* Strings side by side are one. */
static node *strings(struct sf_jparse *p) {
    node *n = constant(p, sf_jinja_str(p->t->p, p->t->n, NULL));
    while (n && p->t->type == SF_JT_STR) {
        char *both = sf_jinja_take(p->mem, n->v.n + p->t->n + 1, 1);
        if (!both) return sf_jparse_fail(p, SUREFOOT_E_MEMORY, p->t->line, "no memory");
        memcpy(both, n->v.p, n->v.n);
        memcpy(both + n->v.n, p->t->p, p->t->n);
        n->v = sf_jinja_str(both, n->v.n + p->t->n, NULL);
        p->t++;
    }
    return n;
}

/* [a, b] or (a, b): items up to close; comma: there was one, so (a,) is a tuple. */
static node *items(struct sf_jparse *p, enum sf_jnode_kind kind, char close, bool *comma) {
    node *n = sf_jparse_node(p, kind, p->t->line);
    node **tail = n ? &n->a : NULL;
    *comma = false;
    if (!n || !sf_jparse_enter(p)) return NULL;
    while (!take(p, (unsigned char)close)) {
        if (n->a && !take(p, ',')) return want(p, "',' or a closing bracket");
        if (n->a) *comma = true;
        if (take(p, (unsigned char)close)) break;
        *tail = sf_jparse_expr(p, true);
        if (!*tail) return NULL;
        tail = &(*tail)->next;
    }
    p->nest--;
    return sf_jparse_close(p, n);
}

static node *dict(struct sf_jparse *p) {
    node *n = sf_jparse_node(p, SF_JN_DICT, p->t->line);
    node **tail = n ? &n->a : NULL;
    if (!n || !sf_jparse_enter(p)) return NULL;
    while (!take(p, '}')) {
        if (n->a && !take(p, ',')) return want(p, "',' or '}'");
        if (take(p, '}')) break;
        uint32_t line = p->t->line;
        node *key = sf_jparse_expr(p, true);
        if (!key) return NULL;
        if (!take(p, ':')) return want(p, "':'");
        *tail = binary(p, SF_JN_PAIR, 0, line, key, sf_jparse_expr(p, true));
        if (!*tail) return NULL;
        tail = &(*tail)->next;
    }
    p->nest--;
    return sf_jparse_close(p, n);
}

static node *brackets(struct sf_jparse *p) {
    bool comma;
    node *n = items(p, SF_JN_TUPLE, ')', &comma);
    return n && n->a && !n->a->next && !comma ? n->a : n; /* (a) is a */
}

node *sf_jparse_primary(struct sf_jparse *p) {
    static const struct {
        const char *name;
        val v;
    } word[] = {
        {"true", {.type = SF_JINJA_BOOL, .i = 1}},  {"True", {.type = SF_JINJA_BOOL, .i = 1}},
        {"false", {.type = SF_JINJA_BOOL, .i = 0}}, {"False", {.type = SF_JINJA_BOOL, .i = 0}},
        {"none", {.type = SF_JINJA_NONE}},          {"None", {.type = SF_JINJA_NONE}}};
    const struct sf_jtoken *t = p->t;
    node *n;
    bool comma;
    switch (t->type) {
    case SF_JT_NAME:
        for (size_t i = 0; i < SF_COUNT(word); i++)
            if (sf_jtok_name(t, word[i].name)) return constant(p, word[i].v);
        p->uses |= sf_jtok_name(t, "varargs")  ? SF_JU_VARARGS
                   : sf_jtok_name(t, "kwargs") ? SF_JU_KWARGS
                   : sf_jtok_name(t, "caller") ? SF_JU_CALLER
                                               : 0;
        n = constant(p, sf_jinja_str(t->p, t->n, NULL));
        if (n) n->kind = SF_JN_NAME;
        return n;
    case SF_JT_STR:
        return strings(p);
    case SF_JT_INT:
        return constant(p, sf_jinja_int(t->i));
    case SF_JT_FLOAT:
        return constant(p, sf_jinja_float(t->f));
    default:
        if (take(p, '(')) return brackets(p);
        if (take(p, '[')) return items(p, SF_JN_LIST, ']', &comma);
        if (take(p, '{')) return dict(p);
        return want(p, "an expression");
    }
}

node *sf_jparse_args(struct sf_jparse *p, bool *ok) {
    node *first = NULL, **tail = &first;
    *ok = sf_jparse_enter(p);
    while (*ok && !take(p, ')')) {
        *ok = false;
        if (first && !take(p, ',')) return want(p, "',' or ')'");
        if (take(p, ')')) {
            *ok = true;
            break;
        }
        node *arg = sf_jparse_node(p, SF_JN_ARG, p->t->line);
        if (!arg) return NULL;
        if (take(p, '*')) {
            arg->op = 2;
        } else if (take(p, SF_JO_POW)) {
            arg->op = 3;
        } else if (p->t->type == SF_JT_NAME && sf_jtok_op(p->t + 1, '=')) {
            arg->op = 1;
            arg->v = sf_jinja_str(p->t->p, p->t->n, NULL);
            p->t += 2;
        }
        arg->a = sf_jparse_expr(p, true);
        if (!arg->a || !sf_jparse_close(p, arg)) return NULL;
        *tail = arg;
        tail = &arg->next;
        *ok = true;
    }
    p->nest--;
    return first;
}

static node *index_(struct sf_jparse *p, node *of) {
    node *part[3] = {NULL, NULL, NULL};
    uint32_t line = p->t[-1].line;
    int i = 0;
    if (!sf_jparse_enter(p)) return NULL;
    while (!sf_jtok_op(p->t, ']')) {
        if (take(p, ':')) {
            if (++i > 2) return want(p, "']'");
            continue;
        }
        if (part[i]) return want(p, "']'");
        part[i] = sf_jparse_expr(p, true);
        if (!part[i]) return NULL;
    }
    if (i == 0 && !part[0]) return want(p, "an index");
    p->t++;
    p->nest--;
    node *n = sf_jparse_node(p, i ? SF_JN_SLICE : SF_JN_ITEM, line);
    if (!n) return NULL;
    n->a = of;
    n->b = part[0];
    n->c = part[1];
    n->d = part[2];
    return sf_jparse_close(p, n);
}

static node *attribute(struct sf_jparse *p, node *of) {
    const struct sf_jtoken *t = p->t;
    node *n = sf_jparse_node(p, SF_JN_ATTR, t->line);
    if (!n) return NULL;
    n->a = of;
    if (t->type == SF_JT_NAME) {
        n->v = sf_jinja_str(t->p, t->n, NULL);
    } else if (t->type == SF_JT_INT) { /* x.0 is x[0] */
        n->kind = SF_JN_ITEM;
        n->b = sf_jparse_node(p, SF_JN_CONST, t->line);
        if (!n->b) return NULL;
        n->b->v = sf_jinja_int(t->i);
    } else {
        return want(p, "a name after '.'");
    }
    p->t++;
    return sf_jparse_close(p, n);
}

static node *call(struct sf_jparse *p, node *of) {
    node *n = sf_jparse_node(p, SF_JN_CALL, p->t[-1].line);
    bool ok;
    if (!n) return NULL;
    n->a = of;
    n->b = sf_jparse_args(p, &ok);
    return ok ? sf_jparse_close(p, n) : NULL;
}

node *sf_jparse_postfix(struct sf_jparse *p, node *n) {
    while (n) {
        if (take(p, '.'))
            n = attribute(p, n);
        else if (take(p, '['))
            n = index_(p, n);
        else if (take(p, '('))
            n = call(p, n);
        else
            break;
    }
    return n;
}

/* ------------------------------------------------------------------------------- filters and tests */

/* A dotted name as one string. */
static bool dotted(struct sf_jparse *p, val *out, const char *what) {
    if (p->t->type != SF_JT_NAME) return want(p, what), false;
    const char *from = p->t->p;
    size_t n = p->t->n;
    p->t++;
    while (sf_jtok_op(p->t, '.') && p->t[1].type == SF_JT_NAME) {
        n = (size_t)(p->t[1].p + p->t[1].n - from);
        p->t += 2;
    }
    *out = sf_jinja_str(from, n, NULL);
    return true;
}

node *sf_jparse_filters(struct sf_jparse *p, node *input, bool first) {
    while (first || take(p, '|')) {
        node *n = sf_jparse_node(p, SF_JN_FILTER, p->t->line);
        bool ok = true;
        if (!n || !dotted(p, &n->v, "the name of a filter")) return NULL;
        n->a = input;
        if (take(p, '(')) n->b = sf_jparse_args(p, &ok);
        input = ok ? sf_jparse_close(p, n) : NULL;
        if (!input) return NULL;
        first = false;
    }
    return input;
}

static node *test(struct sf_jparse *p, node *of) {
    node *n = sf_jparse_node(p, SF_JN_TEST, p->t->line);
    bool ok = true;
    if (!n) return NULL;
    n->flag = take_name(p, "not");
    if (!dotted(p, &n->v, "the name of a test")) return NULL;
    n->a = of;
    const struct sf_jtoken *t = p->t;
    bool word = t->type == SF_JT_NAME && !sf_jtok_name(t, "else") && !sf_jtok_name(t, "or") &&
                !sf_jtok_name(t, "and") && !sf_jtok_name(t, "is") && !sf_jtok_name(t, "if") &&
                !sf_jtok_name(t, "not") && !sf_jtok_name(t, "in");
    if (take(p, '(')) {
        n->b = sf_jparse_args(p, &ok);
    } else if (word || t->type == SF_JT_STR || t->type == SF_JT_INT || t->type == SF_JT_FLOAT ||
               sf_jtok_op(t, '[') || sf_jtok_op(t, '{')) {
        node *arg = sf_jparse_node(p, SF_JN_ARG, t->line);
        if (!arg) return NULL;
        arg->a = sf_jparse_postfix(p, sf_jparse_primary(p));
        n->b = arg->a ? sf_jparse_close(p, arg) : NULL;
        ok = n->b != NULL;
    }
    return ok ? sf_jparse_close(p, n) : NULL;
}

static node *behind(struct sf_jparse *p, node *n) {
    while (n) {
        if (sf_jtok_op(p->t, '|'))
            n = sf_jparse_filters(p, n, false);
        else if (take_name(p, "is"))
            n = test(p, n);
        else if (take(p, '('))
            n = call(p, n);
        else
            break;
    }
    return n;
}

/* -------------------------------------------------------------------------------------- operators */

static node *sign(struct sf_jparse *p, enum sf_jnode_kind kind) {
    node *n = sf_jparse_node(p, kind, p->t->line);
    if (!n || !sf_jparse_enter(p)) return NULL;
    n->a = unary(p, false);
    p->nest--;
    return n->a ? sf_jparse_close(p, n) : NULL;
}

static node *unary(struct sf_jparse *p, bool with_filter) {
    node *n = take(p, '-')   ? sign(p, SF_JN_NEG)
              : take(p, '+') ? sign(p, SF_JN_POS)
                             : sf_jparse_primary(p);
    n = sf_jparse_postfix(p, n);
    return with_filter ? behind(p, n) : n;
}

static node *power(struct sf_jparse *p) {
    node *n = unary(p, true);
    while (n && sf_jtok_op(p->t, SF_JO_POW)) {
        uint32_t line = p->t++->line;
        n = binary(p, SF_JN_BINARY, SF_JO_POW, line, n, unary(p, true));
    }
    return n;
}

static node *product(struct sf_jparse *p) {
    node *n = power(p);
    while (n && p->t->type == SF_JT_OP &&
           (p->t->op == '*' || p->t->op == '/' || p->t->op == '%' || p->t->op == SF_JO_FLOORDIV)) {
        const struct sf_jtoken *t = p->t++;
        n = binary(p, SF_JN_BINARY, t->op, t->line, n, power(p));
    }
    return n;
}

static node *concat(struct sf_jparse *p) {
    node *first = product(p);
    if (!first || !sf_jtok_op(p->t, '~')) return first;
    node *n = sf_jparse_node(p, SF_JN_CONCAT, p->t->line);
    if (!n) return NULL;
    n->a = first;
    for (node **tail = &first->next; take(p, '~'); tail = &(*tail)->next)
        if (!(*tail = product(p))) return NULL;
    return sf_jparse_close(p, n);
}

static node *sum(struct sf_jparse *p) {
    node *n = concat(p);
    while (n && (sf_jtok_op(p->t, '+') || sf_jtok_op(p->t, '-'))) {
        const struct sf_jtoken *t = p->t++;
        n = binary(p, SF_JN_BINARY, t->op, t->line, n, concat(p));
    }
    return n;
}

/* The comparison at p->t; 0: none. */
static unsigned comparison(struct sf_jparse *p) {
    const struct sf_jtoken *t = p->t;
    if (t->type == SF_JT_OP && (t->op == '<' || t->op == '>' || t->op == SF_JO_EQ ||
                                t->op == SF_JO_NE || t->op == SF_JO_LE || t->op == SF_JO_GE))
        return p->t++, t->op;
    if (take_name(p, "in")) return SF_JO_IN;
    if (sf_jtok_name(t, "not") && sf_jtok_name(t + 1, "in")) return p->t += 2, SF_JO_NOT_IN;
    return 0;
}

static node *compare(struct sf_jparse *p) {
    node *first = sum(p), *n = NULL, **tail = NULL;
    for (unsigned op; first && (op = comparison(p)) != 0;) {
        if (!n) {
            n = sf_jparse_node(p, SF_JN_COMPARE, p->t->line);
            if (!n) return NULL;
            n->a = first;
            tail = &n->b;
        }
        node *c = sf_jparse_node(p, SF_JN_CMP, p->t->line);
        if (!c || !(c->a = sum(p)) || !sf_jparse_close(p, c)) return NULL;
        c->op = (uint8_t)op;
        *tail = c;
        tail = &c->next;
    }
    return n ? sf_jparse_close(p, n) : first;
}

static node *not_(struct sf_jparse *p) {
    if (!take_name(p, "not")) return compare(p);
    node *n = sf_jparse_node(p, SF_JN_NOT, p->t->line);
    if (!n || !sf_jparse_enter(p)) return NULL;
    n->a = not_(p);
    p->nest--;
    return n->a ? sf_jparse_close(p, n) : NULL;
}

static node *expr_and(struct sf_jparse *p) {
    node *n = not_(p);
    while (n && take_name(p, "and")) n = binary(p, SF_JN_AND, 0, p->t->line, n, not_(p));
    return n;
}

static node *expr_or(struct sf_jparse *p) {
    node *n = expr_and(p);
    while (n && take_name(p, "or")) n = binary(p, SF_JN_OR, 0, p->t->line, n, expr_and(p));
    return n;
}

static node *condition(struct sf_jparse *p) {
    node *n = expr_or(p);
    while (n && take_name(p, "if")) {
        node *c = sf_jparse_node(p, SF_JN_COND, p->t->line);
        if (!c) return NULL;
        c->b = n;
        c->a = expr_or(p);
        if (!c->a) return NULL;
        if (take_name(p, "else")) {
            if (!sf_jparse_enter(p) || !(c->c = condition(p))) return NULL;
            p->nest--;
        }
        n = sf_jparse_close(p, c);
    }
    return n;
}

node *sf_jparse_expr(struct sf_jparse *p, bool with_if) {
    if (!sf_jparse_enter(p)) return NULL;
    node *n = with_if ? condition(p) : expr_or(p);
    p->nest--;
    return n;
}

node *sf_jparse_tuple(struct sf_jparse *p, bool with_if) {
    uint32_t line = p->t->line;
    node *first = sf_jparse_expr(p, with_if);
    if (!first || !sf_jtok_op(p->t, ',')) return first;
    node *n = sf_jparse_node(p, SF_JN_TUPLE, line);
    if (!n) return NULL;
    n->a = first;
    for (node **tail = &first->next; take(p, ','); tail = &(*tail)->next) {
        const struct sf_jtoken *t = p->t;
        if (t->type == SF_JT_VAR_END || t->type == SF_JT_BLOCK_END || sf_jtok_op(t, '=')) break;
        if (!(*tail = sf_jparse_expr(p, with_if))) return NULL;
    }
    return sf_jparse_close(p, n);
}

/* name, ns.name, a tuple of these: with or without brackets. */
node *sf_jparse_target(struct sf_jparse *p) {
    node *n = sf_jparse_node(p, SF_JN_TUPLE, p->t->line), **tail = n ? &n->a : NULL;
    bool comma = false, bracket = take(p, '(');
    if (!n || !sf_jparse_enter(p)) return NULL;
    do {
        node *one = NULL;
        if (sf_jtok_op(p->t, '(')) {
            one = sf_jparse_target(p);
        } else if (p->t->type != SF_JT_NAME) {
            if (comma) break;
            return want(p, "a name to assign to");
        } else {
            if (comma && (sf_jtok_name(p->t, "in"))) break;
            one = constant(p, sf_jinja_str(p->t->p, p->t->n, NULL));
            if (one) one->kind = SF_JN_NAME;
            if (one && take(p, '.')) one = attribute(p, one);
            if (one && one->kind == SF_JN_ITEM) return want(p, "a name to assign to");
        }
        if (!one) return NULL;
        *tail = one;
        tail = &one->next;
        if (!take(p, ',')) break;
        comma = true;
    } while (true);
    p->nest--;
    if (bracket && !take(p, ')')) return want(p, "')'");
    return !comma && !(bracket && n->a->kind == SF_JN_TUPLE) ? n->a : sf_jparse_close(p, n);
}
