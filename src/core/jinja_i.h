/* SPDX-License-Identifier: MIT
 * jinja_i.h - inside the template interpreter: tokens, the tree, the running state, and what its
 * files offer one another. Functions that can fail return false and have filled the run's error.
 */
#ifndef SF_JINJA_I_H
#define SF_JINJA_I_H

#include <string.h>

#include "jinja_template.h"

typedef struct sf_jinja_value val;

enum { /* bounds on untrusted templates */
    SF_JINJA_MAX_NEST = 64,   /* brackets and blocks in each other, while parsing         */
    SF_JINJA_MAX_DEPTH = 400, /* nodes above each other, and calls within calls           */
    SF_JINJA_MAX_VALUE = 120  /* lists within lists that are compared or printed          */
};

/* ---------------------------------------------------------------------------------------- tokens */

enum sf_jtok {
    SF_JT_EOF, SF_JT_DATA, SF_JT_VAR, SF_JT_VAR_END, SF_JT_BLOCK, SF_JT_BLOCK_END,
    SF_JT_NAME, SF_JT_STR, SF_JT_INT, SF_JT_FLOAT, SF_JT_OP
};
/* Operators: the byte itself, or one of these. */
enum { SF_JO_EQ = 128, SF_JO_NE, SF_JO_LE, SF_JO_GE, SF_JO_FLOORDIV, SF_JO_POW, SF_JO_IN, SF_JO_NOT_IN };

struct sf_jtoken {
    enum sf_jtok type;
    unsigned op;
    uint32_t line;
    const char *p; /* DATA, NAME, STR (decoded) */
    size_t n;
    union { int64_t i; double f; };
};
/* Tokens of the template (newlines already single), the last is EOF. */
struct sf_jtokens { struct sf_jtoken *t; size_t n, cap; };
surefoot_status sf_jinja_lex(struct sf_jinja_mem *m, const char *text, size_t n,
                             struct sf_jtokens *out, surefoot_error *err);

/* ------------------------------------------------------------------------------------------ tree */

enum sf_jnode_kind { /* what a, b, c, d hold; "chain": linked by next */
    SF_JN_CONST,   /* v */
    SF_JN_NAME,    /* v: the name */
    SF_JN_LIST, SF_JN_TUPLE,  /* a: chain */
    SF_JN_DICT,    /* a: chain of PAIR */
    SF_JN_PAIR,    /* a: key, b: value */
    SF_JN_ATTR,    /* a.v */
    SF_JN_ITEM,    /* a[b] */
    SF_JN_SLICE,   /* a[b:c:d], each but a may be NULL */
    SF_JN_CALL,    /* a(b: chain of ARG) */
    SF_JN_FILTER,  /* a|v(b); a NULL in filter blocks */
    SF_JN_TEST,    /* a is v(b); flag: is not */
    SF_JN_ARG,     /* a; op 0: by place, 1: by name v, 2: *a, 3: **a */
    SF_JN_NEG, SF_JN_POS, SF_JN_NOT, /* a */
    SF_JN_BINARY,  /* a op b */
    SF_JN_CONCAT,  /* a: chain */
    SF_JN_AND, SF_JN_OR, /* a, b */
    SF_JN_COMPARE, /* a, then b: chain of CMP */
    SF_JN_CMP,     /* op a */
    SF_JN_COND,    /* b if a else c (c may be NULL) */
    /* statements */
    SF_JN_DATA,    /* v */
    SF_JN_PRINT,   /* a */
    SF_JN_IF,      /* a: test, b: body, c: else (flag: c is an elif) */
    SF_JN_FOR,     /* for a in b if d: c: body, then e: else; flag: recursive */
    SF_JN_SET,     /* a = b */
    SF_JN_SET_BLOCK, /* a = c filtered by b */
    SF_JN_WITH,    /* a: chain of SET, c: body */
    SF_JN_MACRO,   /* v: name, a: chain of PARAM, c: body; op: SF_JU_ */
    SF_JN_PARAM,   /* v: name, a: default or NULL */
    SF_JN_CALL_BLOCK, /* b: a CALL; a: MACRO that becomes its caller */
    SF_JN_FILTER_BLOCK, /* c filtered by b */
    SF_JN_BLOCK,   /* c: body in a scope of its own */
    SF_JN_BREAK, SF_JN_CONTINUE
};
enum { SF_JU_VARARGS = 1, SF_JU_KWARGS = 2, SF_JU_CALLER = 4 }; /* names a macro's body reads */
struct sf_jnode {
    enum sf_jnode_kind kind;
    uint32_t line;
    uint16_t depth; /* 1 + the deepest child's */
    uint8_t op, flag;
    val v;
    struct sf_jnode *a, *b, *c, *d, *e, *next;
};

struct sf_jinja {
    struct sf_jinja_mem mem;
    struct sf_jnode *body;
};

struct sf_jparse {
    struct sf_jinja_mem *mem;
    const struct sf_jtoken *t;
    int nest;
    unsigned loops; /* for blocks around */
    unsigned uses;  /* SF_JU_ of the macro around */
    surefoot_error *err;
    surefoot_status status;
};
struct sf_jnode *sf_jparse_node(struct sf_jparse *p, enum sf_jnode_kind kind, uint32_t line);
struct sf_jnode *sf_jparse_fail(struct sf_jparse *p, surefoot_status s, uint32_t line,
                                const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Sets n->depth from its children; NULL when too deep. */
struct sf_jnode *sf_jparse_close(struct sf_jparse *p, struct sf_jnode *n);
bool sf_jparse_enter(struct sf_jparse *p); /* one bracket or block further in */
struct sf_jnode *sf_jparse_expr(struct sf_jparse *p, bool with_if);
/* One expression, or a tuple of several; ends before one of the names in `end` (may be NULL). */
struct sf_jnode *sf_jparse_tuple(struct sf_jparse *p, bool with_if);
struct sf_jnode *sf_jparse_target(struct sf_jparse *p); /* what set and for assign to */
struct sf_jnode *sf_jparse_args(struct sf_jparse *p, bool *ok); /* after '(' up to ')' */
struct sf_jnode *sf_jparse_postfix(struct sf_jparse *p, struct sf_jnode *n);
struct sf_jnode *sf_jparse_primary(struct sf_jparse *p);
/* name(args)|name(args)... applied to input; `first`: the bar before the first was read already */
struct sf_jnode *sf_jparse_filters(struct sf_jparse *p, struct sf_jnode *input, bool first);
bool sf_jtok_name(const struct sf_jtoken *t, const char *name);
static inline bool sf_jtok_op(const struct sf_jtoken *t, unsigned op) {
    return t->type == SF_JT_OP && t->op == op;
}

/* --------------------------------------------------------------------------------------- running */

struct sf_jvar {
    const char *p;
    size_t n;
    val v;
    struct sf_jvar *next;
};
struct sf_jscope {
    struct sf_jscope *up;
    struct sf_jvar *var;
};

struct sf_jbuf { /* text being put together, with its marks */
    struct sf_jinja_mem *mem;
    char *p;
    unsigned char *mark; /* NULL while all bytes are alike */
    size_t n, cap;
    unsigned char alike;
    bool bad; /* no room */
};

struct sf_jinja_loop {
    val *item;
    size_t n, at;
    unsigned depth;       /* from 1 */
    const struct sf_jnode *node; /* of a recursive for */
    struct sf_jscope *scope;     /* around it */
    val changed;          /* what loop.changed saw last; UNDEFINED: nothing */
    bool seen;
};
struct sf_jinja_macro {
    const struct sf_jnode *node;
    struct sf_jscope *scope;
};

enum sf_jflow { SF_JF_ON, SF_JF_BREAK, SF_JF_CONTINUE };

struct sf_jrun {
    struct sf_jinja_mem *mem;
    const struct sf_jinja_dict *vars;
    const struct sf_jinja_clock *clock;
    uint64_t steps;
    unsigned depth;
    uint32_t line;
    struct sf_jscope *scope;
    struct sf_jbuf *out;
    enum sf_jflow flow;
    surefoot_error *err;
    surefoot_status status;
};

struct sf_jarg {
    const char *name; /* by name */
    size_t n;
    val v;
};
struct sf_jargs {
    val *pos;
    size_t n;
    struct sf_jarg *kw;
    size_t n_kw;
};

bool sf_jfail(struct sf_jrun *r, surefoot_status s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool sf_jfail_mem(struct sf_jrun *r); /* the region is full, or the system has no memory */
bool sf_jtick(struct sf_jrun *r, size_t steps);
bool sf_jeval(struct sf_jrun *r, const struct sf_jnode *n, val *out);
bool sf_jexec(struct sf_jrun *r, const struct sf_jnode *chain);
bool sf_jcall(struct sf_jrun *r, const val *f, const struct sf_jargs *a, val *out);
bool sf_jfilter(struct sf_jrun *r, const char *name, size_t n, const val *in,
                const struct sf_jargs *a, val *out);
bool sf_jtest(struct sf_jrun *r, const char *name, size_t n, const val *in,
              const struct sf_jargs *a, bool *out);
bool sf_jmethod(struct sf_jrun *r, const val *self, const char *name, size_t n,
                const struct sf_jargs *a, val *out);
bool sf_jhas_method(const val *self, const char *name, size_t n);
bool sf_jloop_attr(struct sf_jrun *r, const val *loop, const char *name, size_t n, val *out);
bool sf_jloop_call(struct sf_jrun *r, struct sf_jinja_loop *l, const val *items, val *out);
bool sf_jloop_method(struct sf_jrun *r, struct sf_jinja_loop *l, const char *name, size_t n,
                     const struct sf_jargs *a, val *out);
bool sf_jmacro_call(struct sf_jrun *r, const val *f, const struct sf_jargs *a, val *out);
bool sf_jfunction(struct sf_jrun *r, const val *f, const struct sf_jargs *a, val *out);
bool sf_jfunction_find(struct sf_jrun *r, const char *name, size_t n, val *out);
bool sf_jassign(struct sf_jrun *r, const struct sf_jnode *target, const val *v);
struct sf_jscope *sf_jscope_new(struct sf_jrun *r, struct sf_jscope *up);
bool sf_jscope_set(struct sf_jrun *r, struct sf_jscope *s, const char *p, size_t n, const val *v);

/* ---------------------------------------------------------------------------------------- values */

bool sf_jbuf_put(struct sf_jbuf *b, const char *p, size_t n, const unsigned char *mark);
bool sf_jbuf_fill(struct sf_jbuf *b, char c, size_t n, const unsigned char *mark);
val sf_jbuf_value(const struct sf_jbuf *b);
static inline bool sf_jbuf_puts(struct sf_jbuf *b, const char *s) {
    return sf_jbuf_put(b, s, strlen(s), NULL);
}
static inline bool sf_jbuf_put_val(struct sf_jbuf *b, const val *s) {
    return sf_jbuf_put(b, s->p, s->n, s->mark);
}
/* Bytes [from, to) of a string. */
static inline val sf_jsub(const val *s, size_t from, size_t to) {
    const unsigned char *m = s->mark && s->mark != SF_JINJA_DATA ? s->mark + from : s->mark;
    return (val){.type = SF_JINJA_STR, .p = s->p + from, .n = to - from, .mark = m};
}
static inline val sf_jlit(const char *s) {
    return sf_jinja_str(s, strlen(s), NULL);
}
static inline bool sf_jis(const val *s, const char *text) {
    return s->type == SF_JINJA_STR && s->n == strlen(text) && memcmp(s->p, text, s->n) == 0;
}
static inline bool sf_jname(const char *p, size_t n, const char *text) {
    return n == strlen(text) && memcmp(p, text, n) == 0;
}
static inline bool sf_jnumber(const val *v) {
    return v->type == SF_JINJA_BOOL || v->type == SF_JINJA_INT || v->type == SF_JINJA_FLOAT;
}
static inline bool sf_jint(const val *v) {
    return v->type == SF_JINJA_BOOL || v->type == SF_JINJA_INT;
}
static inline double sf_jreal(const val *v) {
    return v->type == SF_JINJA_FLOAT ? v->f : (double)v->i;
}
static inline bool sf_jseq(const val *v) {
    return v->type == SF_JINJA_LIST || v->type == SF_JINJA_TUPLE;
}
const char *sf_jtype_name(const val *v); /* as Python says it */
bool sf_jtrue(const val *v);
bool sf_jequal(const val *a, const val *b, unsigned depth);
/* *c < 0, 0, > 0; false: the two have no order. */
bool sf_jcompare(struct sf_jrun *r, const val *a, const val *b, int *c);
bool sf_jcontains(struct sf_jrun *r, const val *in, const val *what, bool *out);
bool sf_jlength(struct sf_jrun *r, const val *v, size_t *n);
/* A list of what v iterates over; l->item must not be written. */
bool sf_jiterate(struct sf_jrun *r, const val *v, struct sf_jinja_list *l);
bool sf_jattr(struct sf_jrun *r, const val *o, const char *name, size_t n, val *out);
bool sf_jitem(struct sf_jrun *r, const val *o, const val *key, val *out);
bool sf_jslice(struct sf_jrun *r, const val *o, const val *from, const val *to, const val *step,
               val *out); /* NULL: left out */
bool sf_jlist(struct sf_jrun *r, val *out, size_t cap);
bool sf_jpush(struct sf_jrun *r, val *list, val v);
bool sf_jput(struct sf_jrun *r, val *dict, val key, val v);
bool sf_jdone(struct sf_jrun *r, struct sf_jbuf *b, val *out); /* b as a value, or no room */
bool sf_jconcat(struct sf_jrun *r, const val *a, const val *b, val *out);
bool sf_jbinary(struct sf_jrun *r, unsigned op, const val *a, const val *b, val *out);

/* str(v) and repr(v) of Python; json.dumps. */
bool sf_jprint(struct sf_jrun *r, struct sf_jbuf *b, const val *v);
bool sf_jstr(struct sf_jrun *r, const val *v, val *out);
bool sf_jrepr(struct sf_jrun *r, struct sf_jbuf *b, const val *v, unsigned depth);
bool sf_jtojson(struct sf_jrun *r, const val *in, const struct sf_jargs *a, val *out);
int sf_jfloat_text(double f, char out[40]); /* Python's repr of a float; its length */
/* A decimal number at p (whole n bytes, blanks around allowed): false: it is none. */
bool sf_jparse_real(const char *p, size_t n, double *out);
bool sf_jparse_int(const char *p, size_t n, int base, int64_t *out);

/* ------------------------------------------------------------------------------------------ text */

/* One character at p (n >= 1 bytes): its length; a byte that is no UTF-8 counts as one character,
 * 0x110000 + byte. */
size_t sf_jchar(const char *p, size_t n, uint32_t *cp);
bool sf_jspace(uint32_t cp);     /* Python's str.isspace */
bool sf_jprintable(uint32_t cp); /* Python's str.isprintable */
size_t sf_jchars(const val *s);  /* characters in it */
size_t sf_joffset(const val *s, size_t chars); /* bytes of the first so many characters */
enum sf_jcase { SF_JC_UPPER, SF_JC_LOWER, SF_JC_TITLE, SF_JC_CAPITAL, SF_JC_SWAP, SF_JC_FOLD };
bool sf_jcase(struct sf_jrun *r, const val *s, enum sf_jcase how, val *out);
enum { SF_JS_LEFT = 1, SF_JS_RIGHT = 2 };
/* chars NULL: white space */
val sf_jstrip(const val *s, const val *chars, unsigned sides);
/* First place of what in s at or after from; SIZE_MAX: none. */
size_t sf_jfind(const val *s, const val *what, size_t from);
size_t sf_jrfind(const val *s, const val *what, size_t to); /* last place that ends at or before to */
bool sf_jreplace(struct sf_jrun *r, const val *s, const val *old, const val *by, int64_t count,
                 val *out);
bool sf_jformat_percent(struct sf_jrun *r, const val *fmt, const val *args, val *out);
bool sf_jformat_braces(struct sf_jrun *r, const val *fmt, const struct sf_jargs *a, val *out);
bool sf_jstrftime(struct sf_jrun *r, const val *fmt, val *out);

/* The i-th argument, or the one of that name; NULL: not given. */
const val *sf_jarg(const struct sf_jargs *a, size_t i, const char *name);
/* ... as a number of that type, with a default; false: it has another type. */
bool sf_jarg_int(struct sf_jrun *r, const struct sf_jargs *a, size_t i, const char *name,
                 int64_t *out);
bool sf_jarg_str(struct sf_jrun *r, const struct sf_jargs *a, size_t i, const char *name, val *out);
bool sf_jarg_bool(const struct sf_jargs *a, size_t i, const char *name, bool otherwise);
/* Fails unless at most `most` arguments by place and only names in `names` (comma-separated). */
bool sf_jargs_check(struct sf_jrun *r, const char *who, const struct sf_jargs *a, size_t most,
                    const char *names);

struct sf_jfilter_row {
    const char *name;
    bool (*fn)(struct sf_jrun *r, const val *in, const struct sf_jargs *a, val *out);
};
extern const struct sf_jfilter_row sf_jfilters_text[], sf_jfilters_seq[]; /* ends with a NULL name */

#endif
