/* SPDX-License-Identifier: MIT
 * jinja_value.c - the region, lists, dicts, text buffers with marks, and what holds for all values:
 * truth, equality, order, length, membership, iteration.
 */
#include "arena.h"
#include "jinja_i.h"

const unsigned char sf_jinja_data_mark = 1;

/* ------------------------------------------------------------------------------------------ region */

enum { BLOCK = 1 << 16 };
struct sf_jinja_block {
    struct sf_jinja_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *sf_jinja_take(struct sf_jinja_mem *m, size_t count, size_t size) {
    size_t n, end;
    if (!sf_size_mul(&n, count, size) || !sf_size_add(&end, n, 15)) return NULL;
    n = sf_max(16, end & ~(size_t)15);
    if (m->block && n <= m->block->size - m->block->used) {
        void *p = m->block->data + m->block->used;
        m->block->used += n;
        return p;
    }
    size_t bytes = sf_max(n, BLOCK), whole;
    if (!sf_size_add(&whole, bytes, sizeof(struct sf_jinja_block)) ||
        !sf_size_add(&end, m->used, whole) || end > m->limit) {
        m->over = true;
        return NULL;
    }
    struct sf_jinja_block *b = sf_alloc(whole);
    if (!b) return NULL;
    m->used = end;
    b->size = bytes;
    b->used = n;
    if (m->block &&
        bytes - n < m->block->size - m->block->used) { /* keep filling the roomier one */
        b->next = m->block->next;
        m->block->next = b;
    } else {
        b->next = m->block;
        m->block = b;
    }
    return b->data;
}

void sf_jinja_mem_free(struct sf_jinja_mem *m) {
    while (m->block) {
        struct sf_jinja_block *next = m->block->next;
        sf_free(m->block);
        m->block = next;
    }
    m->used = 0;
}

/* -------------------------------------------------------------------------------- lists and dicts */

bool sf_jinja_list_new(struct sf_jinja_mem *m, val *out, size_t cap) {
    struct sf_jinja_list *l = sf_jinja_take(m, 1, sizeof *l);
    if (l && cap) l->item = sf_jinja_take(m, cap, sizeof *l->item);
    if (!l || (cap && !l->item)) return false;
    l->cap = cap;
    *out = (val){.type = SF_JINJA_LIST, .list = l};
    return true;
}

bool sf_jinja_dict_new(struct sf_jinja_mem *m, val *out, size_t cap) {
    struct sf_jinja_dict *d = sf_jinja_take(m, 1, sizeof *d);
    if (d && cap) d->item = sf_jinja_take(m, cap, sizeof *d->item);
    if (!d || (cap && !d->item)) return false;
    d->cap = cap;
    *out = (val){.type = SF_JINJA_DICT, .dict = d};
    return true;
}

/* Room for one more of n items; cap doubles. */
static bool grow(struct sf_jinja_mem *m, void **item, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return true;
    size_t c = sf_max(4, 2 * n);
    void *p = sf_jinja_take(m, c, size);
    if (!p) return false;
    if (n) memcpy(p, *item, n * size);
    *item = p;
    *cap = c;
    return true;
}

bool sf_jinja_push(struct sf_jinja_mem *m, struct sf_jinja_list *l, val v) {
    void *item = l->item;
    if (!grow(m, &item, l->n, &l->cap, sizeof *l->item)) return false;
    l->item = item;
    l->item[l->n++] = v;
    return true;
}

bool sf_jinja_append(struct sf_jinja_mem *m, struct sf_jinja_dict *d, val key, val v) {
    void *item = d->item;
    if (!grow(m, &item, d->n, &d->cap, sizeof *d->item)) return false;
    d->item = item;
    d->item[d->n++] = (struct sf_jinja_pair){key, v};
    return true;
}

val *sf_jinja_get(const struct sf_jinja_dict *d, const val *key) {
    for (size_t i = 0; i < d->n; i++)
        if (sf_jequal(&d->item[i].key, key, 0)) return &d->item[i].value;
    return NULL;
}

val *sf_jinja_find(const struct sf_jinja_dict *d, const char *name) {
    val key = sf_jlit(name);
    return sf_jinja_get(d, &key);
}

bool sf_jinja_put(struct sf_jinja_mem *m, struct sf_jinja_dict *d, val key, val v) {
    val *old = sf_jinja_get(d, &key);
    if (!old) return sf_jinja_append(m, d, key, v);
    *old = v;
    return true;
}

bool sf_jlist(struct sf_jrun *r, val *out, size_t cap) {
    return sf_jtick(r, cap) && (sf_jinja_list_new(r->mem, out, cap) || sf_jfail_mem(r));
}

bool sf_jpush(struct sf_jrun *r, val *list, val v) {
    return sf_jinja_push(r->mem, list->list, v) || sf_jfail_mem(r);
}

bool sf_jput(struct sf_jrun *r, val *dict, val key, val v) {
    return sf_jtick(r, dict->dict->n) &&
           (sf_jinja_put(r->mem, dict->dict, key, v) || sf_jfail_mem(r));
}

/* ---------------------------------------------------------------------------------------- buffers */

static bool room(struct sf_jbuf *b, size_t n) {
    size_t need, cap;
    if (b->bad || !sf_size_add(&need, b->n, n)) return !(b->bad = true);
    if (need <= b->cap) return true;
    if (!sf_size_mul(&cap, sf_max(need, 32), 2)) return !(b->bad = true);
    char *p = sf_jinja_take(b->mem, cap, 1);
    unsigned char *mark = b->mark ? sf_jinja_take(b->mem, cap, 1) : NULL;
    if (!p || (b->mark && !mark)) return !(b->bad = true);
    if (b->n) memcpy(p, b->p, b->n);
    if (b->n && mark) memcpy(mark, b->mark, b->n);
    b->p = p;
    b->mark = mark;
    b->cap = cap;
    return true;
}

/* From now on each byte has a mark of its own. */
static bool mixed(struct sf_jbuf *b) {
    if (b->mark) return true;
    b->mark = sf_jinja_take(b->mem, b->cap, 1);
    if (!b->mark) return !(b->bad = true);
    memset(b->mark, b->alike, b->n);
    return true;
}

bool sf_jbuf_put(struct sf_jbuf *b, const char *p, size_t n, const unsigned char *mark) {
    if (n == 0) return !b->bad;
    if (!room(b, n)) return false;
    bool own = mark && mark != SF_JINJA_DATA;
    unsigned char one = mark != NULL;
    if (b->n == 0 && !b->mark && !own) b->alike = one;
    if ((own || b->mark || one != b->alike) && !mixed(b)) return false;
    memcpy(b->p + b->n, p, n);
    if (b->mark && own) memcpy(b->mark + b->n, mark, n);
    if (b->mark && !own) memset(b->mark + b->n, one, n);
    b->n += n;
    return true;
}

bool sf_jbuf_fill(struct sf_jbuf *b, char c, size_t n, const unsigned char *mark) {
    char part[64];
    memset(part, c, sizeof part);
    if (!room(b, n)) return false;
    for (size_t k; n > 0; n -= k) {
        k = sf_min(n, sizeof part);
        if (!sf_jbuf_put(b, part, k, mark ? SF_JINJA_DATA : NULL)) return false;
    }
    return true;
}

val sf_jbuf_value(const struct sf_jbuf *b) {
    return sf_jinja_str(b->n ? b->p : "", b->n,
                        b->mark            ? b->mark
                        : b->alike && b->n ? SF_JINJA_DATA
                                           : NULL);
}

bool sf_jdone(struct sf_jrun *r, struct sf_jbuf *b, val *out) {
    if (b->bad) return sf_jfail_mem(r);
    *out = sf_jbuf_value(b);
    return true;
}

/* ------------------------------------------------------------------------------------- properties */

const char *sf_jtype_name(const val *v) {
    switch (v->type) {
    case SF_JINJA_UNDEFINED:
        return "Undefined";
    case SF_JINJA_NONE:
        return "NoneType";
    case SF_JINJA_BOOL:
        return "bool";
    case SF_JINJA_INT:
        return "int";
    case SF_JINJA_FLOAT:
        return "float";
    case SF_JINJA_STR:
        return "str";
    case SF_JINJA_LIST:
        return "list";
    case SF_JINJA_TUPLE:
        return "tuple";
    case SF_JINJA_DICT:
        return "dict";
    case SF_JINJA_NAMESPACE:
        return "Namespace";
    case SF_JINJA_FUNCTION:
        return "function";
    case SF_JINJA_METHOD:
        return "method";
    case SF_JINJA_MACRO:
        return "Macro";
    case SF_JINJA_LOOP:
        return "LoopContext";
    }
    return "?";
}

bool sf_jtrue(const val *v) {
    switch (v->type) {
    case SF_JINJA_UNDEFINED:
    case SF_JINJA_NONE:
        return false;
    case SF_JINJA_BOOL:
    case SF_JINJA_INT:
        return v->i != 0;
    case SF_JINJA_FLOAT:
        return v->f != 0;
    case SF_JINJA_STR:
        return v->n > 0;
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        return v->list->n > 0;
    case SF_JINJA_DICT:
        return v->dict->n > 0;
    case SF_JINJA_LOOP:
        return v->loop->n > 0;
    case SF_JINJA_NAMESPACE:
    case SF_JINJA_FUNCTION:
    case SF_JINJA_METHOD:
    case SF_JINJA_MACRO:
        break;
    }
    return true;
}

static bool equal_numbers(const val *a, const val *b) {
    if (sf_jint(a) && sf_jint(b)) return a->i == b->i;
    return sf_jreal(a) == sf_jreal(b);
}

bool sf_jequal(const val *a, const val *b, unsigned depth) {
    if (depth > SF_JINJA_MAX_VALUE) return false;
    if (sf_jnumber(a) && sf_jnumber(b)) return equal_numbers(a, b);
    if (a->type != b->type) return false;
    switch (a->type) {
    case SF_JINJA_UNDEFINED:
    case SF_JINJA_NONE:
        return true;
    case SF_JINJA_STR:
        return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        if (a->list == b->list) return true;
        if (a->list->n != b->list->n) return false;
        for (size_t i = 0; i < a->list->n; i++)
            if (!sf_jequal(&a->list->item[i], &b->list->item[i], depth + 1)) return false;
        return true;
    case SF_JINJA_DICT:
        if (a->dict == b->dict) return true;
        if (a->dict->n != b->dict->n) return false;
        for (size_t i = 0; i < a->dict->n; i++) {
            const val *other = sf_jinja_get(b->dict, &a->dict->item[i].key);
            if (!other || !sf_jequal(&a->dict->item[i].value, other, depth + 1)) return false;
        }
        return true;
    default:
        break;
    }
    return a->i == b->i && a->type != SF_JINJA_METHOD;
}

static int compare_bytes(const val *a, const val *b) { /* the order of code points, in UTF-8 */
    int c = memcmp(a->p, b->p, sf_min(a->n, b->n));
    return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

static bool compare(struct sf_jrun *r, const val *a, const val *b, unsigned depth, int *c) {
    if (!sf_jtick(r, 1)) return false;
    if (sf_jint(a) && sf_jint(b)) {
        *c = (a->i > b->i) - (a->i < b->i);
    } else if (sf_jnumber(a) && sf_jnumber(b)) {
        double x = sf_jreal(a), y = sf_jreal(b);
        *c = x < y ? -1 : x > y ? 1 : x == y ? 0 : 2; /* 2: one is no number */
    } else if (a->type == SF_JINJA_STR && b->type == SF_JINJA_STR) {
        *c = compare_bytes(a, b);
    } else if (a->type == b->type && sf_jseq(a) && depth < SF_JINJA_MAX_VALUE) {
        size_t n = sf_min(a->list->n, b->list->n);
        for (size_t i = 0; i < n; i++) {
            if (sf_jequal(&a->list->item[i], &b->list->item[i], 0)) continue;
            return compare(r, &a->list->item[i], &b->list->item[i], depth + 1, c);
        }
        *c = (a->list->n > b->list->n) - (a->list->n < b->list->n);
    } else {
        return sf_jfail(r, SUREFOOT_E_FAILED, "%s and %s cannot be put in order", sf_jtype_name(a),
                        sf_jtype_name(b));
    }
    return true;
}

bool sf_jcompare(struct sf_jrun *r, const val *a, const val *b, int *c) {
    return compare(r, a, b, 0, c);
}

bool sf_jcontains(struct sf_jrun *r, const val *in, const val *what, bool *out) {
    *out = false;
    switch (in->type) {
    case SF_JINJA_UNDEFINED:
        return true;
    case SF_JINJA_STR:
        if (what->type != SF_JINJA_STR)
            return sf_jfail(r, SUREFOOT_E_FAILED,
                            "'in <string>' wants a string at its left, not %s",
                            sf_jtype_name(what));
        *out = sf_jfind(in, what, 0) != SIZE_MAX;
        return sf_jtick(r, in->n / 16);
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        for (size_t i = 0; i < in->list->n && !*out; i++)
            *out = sf_jequal(&in->list->item[i], what, 0);
        return sf_jtick(r, in->list->n);
    case SF_JINJA_DICT:
        *out = sf_jinja_get(in->dict, what) != NULL;
        return sf_jtick(r, in->dict->n);
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "'in' cannot look into a value of type %s",
                        sf_jtype_name(in));
    }
}

bool sf_jlength(struct sf_jrun *r, const val *v, size_t *n) {
    *n = 0;
    switch (v->type) {
    case SF_JINJA_UNDEFINED:
        return true;
    case SF_JINJA_STR:
        *n = sf_jchars(v);
        return sf_jtick(r, v->n / 16);
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        *n = v->list->n;
        return true;
    case SF_JINJA_DICT:
        *n = v->dict->n;
        return true;
    case SF_JINJA_LOOP:
        *n = v->loop->n;
        return true;
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "a value of type %s has no length", sf_jtype_name(v));
    }
}

bool sf_jiterate(struct sf_jrun *r, const val *v, struct sf_jinja_list *l) {
    val list;
    *l = (struct sf_jinja_list){0};
    switch (v->type) {
    case SF_JINJA_UNDEFINED:
        return true;
    case SF_JINJA_LIST:
    case SF_JINJA_TUPLE:
        *l = *v->list;
        return sf_jtick(r, l->n);
    case SF_JINJA_DICT:
        if (!sf_jlist(r, &list, v->dict->n)) return false;
        for (size_t i = 0; i < v->dict->n; i++)
            if (!sf_jpush(r, &list, v->dict->item[i].key)) return false;
        *l = *list.list;
        return true;
    case SF_JINJA_STR:
        if (!sf_jlist(r, &list, 0) || !sf_jtick(r, v->n)) return false;
        for (size_t i = 0, k; i < v->n; i += k) {
            uint32_t cp;
            k = sf_jchar(v->p + i, v->n - i, &cp);
            if (!sf_jpush(r, &list, sf_jsub(v, i, i + k))) return false;
        }
        *l = *list.list;
        return true;
    default:
        return sf_jfail(r, SUREFOOT_E_FAILED, "a value of type %s cannot be iterated over",
                        sf_jtype_name(v));
    }
}
