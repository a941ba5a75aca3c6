/* SPDX-License-Identifier: MIT
 * jinja_value.h - the values a template works on: undefined, none, booleans, integers, floats,
 * strings, lists, tuples, dicts, namespaces and things that can be called.
 *
 * Values live in a region (struct sf_jinja_mem) with a bound and are freed with it, all at once.
 *
 * Every byte of every string knows where it comes from: from the template, or from data (messages,
 * tools, documents). Marks survive whatever a template does to a string: joined, cut, trimmed,
 * split, replaced, put through tojson. So in the text that comes out, the spelling of a control
 * token counts as one only where the template itself wrote it.
 */
#ifndef SF_JINJA_VALUE_H
#define SF_JINJA_VALUE_H

#include "base.h"

enum sf_jinja_type {
    SF_JINJA_UNDEFINED, /* p, n: the name that is missing; aux 1: an attribute, 2: no such item     */
    SF_JINJA_NONE,
    SF_JINJA_BOOL,      /* i */
    SF_JINJA_INT,       /* i */
    SF_JINJA_FLOAT,     /* f */
    SF_JINJA_STR,       /* p, n, mark */
    SF_JINJA_LIST,      /* list */
    SF_JINJA_TUPLE,     /* list */
    SF_JINJA_DICT,      /* dict */
    SF_JINJA_NAMESPACE, /* dict */
    SF_JINJA_FUNCTION,  /* builtin by number: i */
    SF_JINJA_METHOD,    /* bound: the object at self; p, n: the method's name */
    SF_JINJA_MACRO,     /* macro */
    SF_JINJA_LOOP       /* loop */
};

struct sf_jinja_list;
struct sf_jinja_dict;
struct sf_jinja_macro;
struct sf_jinja_loop;

struct sf_jinja_value {
    enum sf_jinja_type type;
    uint32_t aux;
    union {
        int64_t i;
        double f;
        const char *p; /* any bytes; meant to be UTF-8; not NUL-terminated */
        struct sf_jinja_list *list;
        struct sf_jinja_dict *dict;
        struct sf_jinja_macro *macro;
        struct sf_jinja_loop *loop;
    };
    size_t n;
    union {
        /* STR: NULL: all from the template; SF_JINJA_DATA: all from data; else n bytes, 1: data */
        const unsigned char *mark;
        struct sf_jinja_value *self; /* METHOD */
    };
};
extern const unsigned char sf_jinja_data_mark;
#define SF_JINJA_DATA (&sf_jinja_data_mark)

struct sf_jinja_list {
    struct sf_jinja_value *item;
    size_t n, cap;
};
struct sf_jinja_pair {
    struct sf_jinja_value key, value;
};
struct sf_jinja_dict { /* in the order of insertion */
    struct sf_jinja_pair *item;
    size_t n, cap;
};

/* ------------------------------------------------------------------------------------------ region */

struct sf_jinja_mem {
    struct sf_jinja_block *block;
    size_t used, limit; /* bytes */
    bool over;          /* a take failed at the limit, not for lack of memory */
};
/* SF_ALIGN-free: 16-byte aligned, zeroed; NULL at the limit or without memory. */
void *sf_jinja_take(struct sf_jinja_mem *m, size_t count, size_t size);
void sf_jinja_mem_free(struct sf_jinja_mem *m);

/* ---------------------------------------------------------------------------------------- building */

static inline struct sf_jinja_value sf_jinja_none(void) {
    return (struct sf_jinja_value){.type = SF_JINJA_NONE};
}
static inline struct sf_jinja_value sf_jinja_bool(bool b) {
    return (struct sf_jinja_value){.type = SF_JINJA_BOOL, .i = b};
}
static inline struct sf_jinja_value sf_jinja_int(int64_t i) {
    return (struct sf_jinja_value){.type = SF_JINJA_INT, .i = i};
}
static inline struct sf_jinja_value sf_jinja_float(double f) {
    return (struct sf_jinja_value){.type = SF_JINJA_FLOAT, .f = f};
}
/* Strings are not copied: p must live as long as the region. mark: NULL or SF_JINJA_DATA. */
static inline struct sf_jinja_value sf_jinja_str(const char *p, size_t n,
                                                 const unsigned char *mark) {
    return (struct sf_jinja_value){.type = SF_JINJA_STR, .p = p, .n = n, .mark = mark};
}
/* false: no room in the region. */
bool sf_jinja_list_new(struct sf_jinja_mem *m, struct sf_jinja_value *out, size_t cap);
bool sf_jinja_dict_new(struct sf_jinja_mem *m, struct sf_jinja_value *out, size_t cap);
bool sf_jinja_push(struct sf_jinja_mem *m, struct sf_jinja_list *l, struct sf_jinja_value v);
/* Replaces the value of an equal key. */
bool sf_jinja_put(struct sf_jinja_mem *m, struct sf_jinja_dict *d, struct sf_jinja_value key,
                  struct sf_jinja_value v);
/* The same without looking for an equal key: there must be none. */
bool sf_jinja_append(struct sf_jinja_mem *m, struct sf_jinja_dict *d, struct sf_jinja_value key,
                     struct sf_jinja_value v);
/* NULL: none. */
struct sf_jinja_value *sf_jinja_get(const struct sf_jinja_dict *d,
                                    const struct sf_jinja_value *key);
struct sf_jinja_value *sf_jinja_find(const struct sf_jinja_dict *d, const char *name);

/* JSON text (one value, white space around it) to a value; strings are data. Numbers beyond 64 bits
 * become floats, of equal keys the last one counts. E_USAGE with the byte offset; at most 100 deep. */
surefoot_status sf_jinja_from_json(struct sf_jinja_mem *m, const char *text, size_t n,
                                   struct sf_jinja_value *out, surefoot_error *err);

#endif
