/* SPDX-License-Identifier: MIT
 * jinja_tests.c - the tests behind `is`, and the functions every template can call.
 */
#include <time.h>

#include "jinja_i.h"

typedef const struct sf_jargs args;

/* ------------------------------------------------------------------------------------------- tests */

static bool iterable(const val *v) {
    return v->type == SF_JINJA_STR || sf_jseq(v) || v->type == SF_JINJA_DICT ||
           v->type == SF_JINJA_UNDEFINED || v->type == SF_JINJA_LOOP;
}

static bool by_type(const char *name, size_t n, const val *v, bool *out) {
    bool number = sf_jnumber(v), integer = v->type == SF_JINJA_INT;
    bool callable = v->type == SF_JINJA_FUNCTION || v->type == SF_JINJA_METHOD ||
                    v->type == SF_JINJA_MACRO || v->type == SF_JINJA_LOOP;
    const struct {
        const char *name;
        bool yes;
    } row[] = {{"defined", v->type != SF_JINJA_UNDEFINED},
               {"undefined", v->type == SF_JINJA_UNDEFINED},
               {"none", v->type == SF_JINJA_NONE},
               {"string", v->type == SF_JINJA_STR},
               {"mapping", v->type == SF_JINJA_DICT},
               {"iterable", iterable(v)},
               {"sequence", iterable(v) && v->type != SF_JINJA_LOOP},
               {"number", number},
               {"integer", integer},
               {"float", v->type == SF_JINJA_FLOAT},
               {"boolean", v->type == SF_JINJA_BOOL},
               {"true", v->type == SF_JINJA_BOOL && v->i},
               {"false", v->type == SF_JINJA_BOOL && !v->i},
               {"callable", callable},
               {"escaped", false}};
    for (size_t i = 0; i < SF_COUNT(row); i++)
        if (sf_jname(name, n, row[i].name)) {
            *out = row[i].yes;
            return true;
        }
    return false;
}

static unsigned comparison(const char *name, size_t n) {
    static const struct {
        const char *name;
        unsigned op;
    } row[] = {{"eq", SF_JO_EQ}, {"equalto", SF_JO_EQ}, {"==", SF_JO_EQ},  {"ne", SF_JO_NE},
               {"!=", SF_JO_NE}, {"lt", '<'},           {"lessthan", '<'}, {"<", '<'},
               {"le", SF_JO_LE}, {"<=", SF_JO_LE},      {"gt", '>'},       {"greaterthan", '>'},
               {">", '>'},       {"ge", SF_JO_GE},      {">=", SF_JO_GE}};
    for (size_t i = 0; i < SF_COUNT(row); i++)
        if (sf_jname(name, n, row[i].name)) return row[i].op;
    return 0;
}

static bool compare(struct sf_jrun *r, unsigned op, const val *a, const val *b, bool *out) {
    int c = 0;
    if (op == SF_JO_EQ || op == SF_JO_NE) {
        *out = sf_jequal(a, b, 0) == (op == SF_JO_EQ);
        return true;
    }
    if (!sf_jcompare(r, a, b, &c)) return false;
    *out = c == 2           ? false
           : op == '<'      ? c < 0
           : op == '>'      ? c > 0
           : op == SF_JO_LE ? c <= 0
                            : c >= 0;
    return true;
}

static bool same(const val *a, const val *b) {
    if (a->type != b->type) return false;
    if (a->type == SF_JINJA_STR || a->type == SF_JINJA_NONE || sf_jnumber(a))
        return sf_jequal(a, b, 0);
    return a->i == b->i; /* the same object */
}

static bool with_number(struct sf_jrun *r, const char *name, size_t n, const val *in, args *a,
                        bool *out, bool *found) {
    bool even = sf_jname(name, n, "even"), odd = sf_jname(name, n, "odd");
    bool by = sf_jname(name, n, "divisibleby");
    *found = even || odd || by;
    if (!*found) return true;
    val m = sf_jinja_int(2), rest;
    if (by && a->n) m = a->pos[0];
    if (!sf_jnumber(in) || !sf_jnumber(&m))
        return sf_jfail(r, SUREFOOT_E_FAILED, "'%.*s' wants numbers, not %s", (int)n, name,
                        sf_jtype_name(in));
    if (!sf_jbinary(r, '%', in, &m, &rest)) return false;
    *out = (sf_jreal(&rest) == (odd ? 1 : 0));
    return true;
}

bool sf_jtest(struct sf_jrun *r, const char *name, size_t n, const val *in, args *a, bool *out) {
    bool found = false;
    val folded;
    *out = false;
    if (!sf_jtick(r, 1)) return false;
    if (by_type(name, n, in, out)) return true;
    unsigned op = comparison(name, n);
    bool is_in = sf_jname(name, n, "in"), same_as = sf_jname(name, n, "sameas");
    if ((op || is_in || same_as) && a->n != 1)
        return sf_jfail(r, SUREFOOT_E_FAILED, "the test '%.*s' wants one value", (int)n, name);
    if (op) return compare(r, op, in, &a->pos[0], out);
    if (is_in) return sf_jcontains(r, &a->pos[0], in, out);
    if (same_as) {
        *out = same(in, &a->pos[0]);
        return true;
    }
    if (sf_jname(name, n, "upper") || sf_jname(name, n, "lower")) {
        struct sf_jargs none = {0};
        val s;
        if (!sf_jstr(r, in, &s) ||
            !sf_jmethod(r, &s, name[0] == 'u' ? "isupper" : "islower", 7, &none, &folded))
            return false;
        *out = sf_jtrue(&folded);
        return true;
    }
    if (!with_number(r, name, n, in, a, out, &found)) return false;
    return found ||
           sf_jfail(r, SUREFOOT_E_UNSUPPORTED, "there is no test '%.*s'", (int)sf_min(n, 40), name);
}

/* --------------------------------------------------------------------------------------- functions */

enum { F_RANGE, F_NAMESPACE, F_DICT, F_RAISE, F_NOW, F_JOINER, F_JOINED };

static bool range(struct sf_jrun *r, args *a, val *out) {
    int64_t from = 0, to = 0, step = 1;
    if (a->n < 1 || a->n > 3) return sf_jfail(r, SUREFOOT_E_FAILED, "range wants 1 to 3 numbers");
    for (size_t i = 0; i < a->n; i++)
        if (!sf_jint(&a->pos[i]))
            return sf_jfail(r, SUREFOOT_E_FAILED, "range wants whole numbers, not %s",
                            sf_jtype_name(&a->pos[i]));
    if (a->n > 1) from = a->pos[0].i;
    to = a->pos[a->n > 1].i;
    if (a->n > 2) step = a->pos[2].i;
    if (step == 0) return sf_jfail(r, SUREFOOT_E_FAILED, "range: the step is 0");
    uint64_t span = step > 0 ? (from < to ? (uint64_t)to - (uint64_t)from : 0)
                             : (from > to ? (uint64_t)from - (uint64_t)to : 0);
    uint64_t by = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t n = span / by + (span % by != 0);
    if (n > 100000) return sf_jfail(r, SUREFOOT_E_LIMIT, "a range of more than 100000 numbers");
    if (!sf_jlist(r, out, (size_t)n)) return false;
    for (uint64_t i = 0; i < n; i++, from = (int64_t)((uint64_t)from + (uint64_t)step))
        if (!sf_jpush(r, out, sf_jinja_int(from))) return false;
    return true;
}

/* dict(...) and namespace(...): from pairs or a dict, then from names. */
static bool dict(struct sf_jrun *r, args *a, val *out) {
    if (!sf_jinja_dict_new(r->mem, out, 0)) return sf_jfail_mem(r);
    if (a->n > 1) return sf_jfail(r, SUREFOOT_E_FAILED, "dict takes one value and names");
    if (a->n == 1 && a->pos[0].type == SF_JINJA_DICT) {
        const struct sf_jinja_dict *d = a->pos[0].dict;
        for (size_t i = 0; i < d->n; i++)
            if (!sf_jput(r, out, d->item[i].key, d->item[i].value)) return false;
    } else if (a->n == 1) {
        struct sf_jinja_list l, p;
        if (!sf_jiterate(r, &a->pos[0], &l)) return false;
        for (size_t i = 0; i < l.n; i++) {
            if (!sf_jiterate(r, &l.item[i], &p)) return false;
            if (p.n != 2) return sf_jfail(r, SUREFOOT_E_FAILED, "dict wants pairs");
            if (p.item[0].type == SF_JINJA_LIST || p.item[0].type == SF_JINJA_DICT)
                return sf_jfail(r, SUREFOOT_E_FAILED, "a %s cannot be a key",
                                sf_jtype_name(&p.item[0]));
            if (!sf_jput(r, out, p.item[0], p.item[1])) return false;
        }
    }
    for (size_t i = 0; i < a->n_kw; i++)
        if (!sf_jput(r, out, sf_jinja_str(a->kw[i].name, a->kw[i].n, NULL), a->kw[i].v))
            return false;
    return true;
}

static bool raise(struct sf_jrun *r, args *a) {
    val s = sf_jlit("");
    if (a->n && !sf_jstr(r, &a->pos[0], &s)) return false;
    return sf_jfail(r, SUREFOOT_E_USAGE, "the template refuses: %.*s", (int)sf_min(s.n, 140), s.p);
}

static bool now(struct sf_jrun *r, args *a, val *out) {
    struct sf_jinja_clock clock;
    if (a->n != 1 || a->pos[0].type != SF_JINJA_STR)
        return sf_jfail(r, SUREFOOT_E_FAILED, "strftime_now wants a format");
    if (!r->clock) { /* no clock was given, and the template cannot do without */
        time_t t = time(NULL);
        struct tm tm;
        if (!gmtime_r(&t, &tm)) return sf_jfail(r, SUREFOOT_E_FAILED, "the clock cannot be read");
        clock = (struct sf_jinja_clock){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                                        tm.tm_hour,        tm.tm_min,     tm.tm_sec};
        r->clock = &clock;
        bool ok = sf_jstrftime(r, &a->pos[0], out);
        r->clock = NULL;
        return ok;
    }
    return sf_jstrftime(r, &a->pos[0], out);
}

/* joiner(sep): a function that is empty the first time and sep from then on. */
static bool joiner(struct sf_jrun *r, args *a, val *out) {
    val *state = sf_jinja_take(r->mem, 2, sizeof *state);
    if (!state) return sf_jfail_mem(r);
    state[0] = sf_jlit(", ");
    state[1] = sf_jinja_bool(false);
    *out = (val){.type = SF_JINJA_FUNCTION, .i = F_JOINED, .self = state};
    return sf_jarg_str(r, a, 0, "sep", &state[0]);
}

bool sf_jfunction(struct sf_jrun *r, const val *f, args *a, val *out) {
    if (f->type == SF_JINJA_UNDEFINED) return now(r, a, out);
    switch (f->i) {
    case F_RANGE:
        return range(r, a, out);
    case F_NAMESPACE:
    case F_DICT:
        if (!dict(r, a, out)) return false;
        if (f->i == F_NAMESPACE) out->type = SF_JINJA_NAMESPACE;
        return true;
    case F_RAISE:
        return raise(r, a);
    case F_NOW:
        return now(r, a, out);
    case F_JOINER:
        return joiner(r, a, out);
    case F_JOINED:
        *out = f->self[1].i ? f->self[0] : sf_jlit("");
        f->self[1].i = 1;
        return true;
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "no function");
    }
}

bool sf_jfunction_find(struct sf_jrun *r, const char *name, size_t n, val *out) {
    static const struct {
        const char *name;
        int f;
    } row[] = {{"range", F_RANGE},           {"namespace", F_NAMESPACE}, {"dict", F_DICT},
               {"raise_exception", F_RAISE}, {"strftime_now", F_NOW},    {"joiner", F_JOINER}};
    for (size_t i = 0; i < SF_COUNT(row); i++)
        if (sf_jname(name, n, row[i].name) && (row[i].f != F_NOW || r->clock)) {
            *out = (val){.type = SF_JINJA_FUNCTION, .i = row[i].f};
            return true;
        }
    return false;
}
