/* SPDX-License-Identifier: MIT
 * tokenizer_encode.c - text to ids: special tokens are found, the stretches between them go to SPM
 * or BPE; the merging both share; and ids to text.
 */
#include <string.h>

#include "tokenizer_i.h"
#include "utf8.h"

#define MAX_TEXT ((size_t)1 << 30) /* bytes; keeps every offset, NFC included, in 32 bits */

/* -------------------------------------------------------------------------------- special tokens */

/* By spelling, bytewise; equal ones by id. */
static bool before(const struct sf_tokenizer *t, uint32_t a, uint32_t b) {
    struct sf_str x = sf_tok_spelling(t, a), y = sf_tok_spelling(t, b);
    int c = memcmp(x.p, y.p, sf_min(x.n, y.n));
    return c != 0 ? c < 0 : x.n != y.n ? x.n < y.n : a < b;
}

static void sift(const struct sf_tokenizer *t, uint32_t *v, uint32_t i, uint32_t n) {
    for (uint32_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && before(t, v[c], v[c + 1])) c++;
        if (!before(t, v[i], v[c])) return;
        uint32_t x = v[i];
        v[i] = v[c];
        v[c] = x;
    }
}

void sf_tok_special_sort(struct sf_tokenizer *t) {
    uint32_t n = 0, *v = t->special;
    for (uint32_t id = 0; id < t->n; id++)
        if ((t->attr[id] & (SF_TOK_CONTROL | SF_TOK_UNKNOWN | SF_TOK_USER)) &&
            sf_tok_spelling(t, id).n > 0)
            v[n++] = id;
    for (uint32_t i = n / 2; i-- > 0;) sift(t, v, i, n); /* heapsort: no worst case, no memory */
    for (uint32_t i = n; i-- > 1;) {
        uint32_t x = v[0];
        v[0] = v[i];
        v[i] = x;
        sift(t, v, 0, i);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) { /* of equal ones the lowest id stays */
        struct sf_str x = sf_tok_spelling(t, v[i]);
        struct sf_str y = kept ? sf_tok_spelling(t, v[kept - 1]) : (struct sf_str){"", 0};
        if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0) v[kept++] = v[i];
    }
    t->n_special = kept;
    for (uint32_t b = 0, i = 0; b <= 256; b++) {
        while (i < kept && (unsigned char)sf_tok_spelling(t, v[i]).p[0] < b) i++;
        t->special_first[b] = i;
    }
}

/* First index in [lo, hi) whose byte at depth is at least c; all are longer than depth. */
static uint32_t narrow(const struct sf_tokenizer *t, uint32_t lo, uint32_t hi, size_t depth,
                       unsigned c) {
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if ((unsigned char)sf_tok_spelling(t, t->special[mid]).p[depth] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t sf_tok_special(const struct sf_tokenizer *t, const char *p, size_t n, unsigned flags,
                       size_t *len) {
    int32_t best = -1;
    if (n == 0) return -1;
    uint32_t lo = t->special_first[(unsigned char)p[0]];
    uint32_t hi = t->special_first[(unsigned char)p[0] + 1];
    for (size_t depth = 1; lo < hi; depth++) { /* [lo, hi): those that begin with p[0..depth) */
        uint32_t id = t->special[lo];
        if (sf_tok_spelling(t, id).n == depth) {
            unsigned a = t->attr[id];
            if ((flags & SF_ENCODE_SPECIAL) || ((a & SF_TOK_USER) && !(a & SF_TOK_MARKER))) {
                best = (int32_t)id;
                *len = depth;
            }
            lo++;
        }
        if (depth == n) break;
        unsigned c = (unsigned char)p[depth];
        lo = narrow(t, lo, hi, depth, c);
        hi = narrow(t, lo, hi, depth, c + 1);
    }
    return best;
}

/* --------------------------------------------------------------------------------------- scratch */

surefoot_status sf_scratch_grow(void **p, size_t *cap, size_t n, size_t size, size_t keep,
                                surefoot_error *err) {
    if (n <= *cap) return SUREFOOT_OK;
    size_t c = sf_max(256, *cap), bytes;
    while (c < n) c *= 2; /* n is at most a small multiple of MAX_TEXT */
    void *q = sf_size_mul(&bytes, c, size) ? sf_alloc(bytes) : NULL;
    if (!q)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0,
                       "no memory to encode a text: %zu parts of %zu bytes", n, size);
    if (keep) memcpy(q, *p, keep);
    sf_free(*p);
    *p = q;
    *cap = c;
    return SUREFOOT_OK;
}

surefoot_status sf_scratch_word(struct sf_scratch *s, size_t n, surefoot_error *err) {
    if (n <= s->cap) return SUREFOOT_OK;
    size_t heap_cap = 0, sym_cap = 0;
    sf_free(s->sym);
    sf_free(s->heap);
    s->sym = NULL;
    s->heap = NULL;
    s->cap = 0;
    void *sym = NULL, *heap = NULL;
    SF_TRY(sf_scratch_grow(&sym, &sym_cap, n, sizeof *s->sym, 0, err));
    s->sym = sym;
    SF_TRY(sf_scratch_grow(&heap, &heap_cap, 3 * n, sizeof *s->heap, 0, err));
    s->heap = heap;
    s->cap = sf_min(sym_cap, heap_cap / 3);
    return SUREFOOT_OK;
}

void sf_scratch_free(struct sf_scratch *s) {
    sf_free(s->sym);
    sf_free(s->heap);
    sf_free(s->buf);
    sf_free(s->cp);
    sf_free(s->nfc);
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    *s = (struct sf_scratch){0};
}

/* --------------------------------------------------------------------------------------- merging */

static bool first(const struct sf_cand *a, const struct sf_cand *b) {
    return a->order != b->order ? a->order < b->order : a->left < b->left;
}

static void heap_put(struct sf_scratch *s, struct sf_cand c) {
    size_t i = s->n_heap++;
    for (; i > 0 && first(&c, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = c;
}

static struct sf_cand heap_take(struct sf_scratch *s) {
    struct sf_cand top = s->heap[0], last = s->heap[--s->n_heap];
    size_t i = 0, c, n = s->n_heap;
    for (; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && first(&s->heap[c + 1], &s->heap[c])) c++;
        if (!first(&s->heap[c], &last)) break;
        s->heap[i] = s->heap[c];
    }
    s->heap[i] = last;
    return top;
}

/* Puts the pair (left, its right neighbour) among the candidates if it can merge. A word of n
 * symbols has n - 1 pairs, and each of at most n - 1 merges makes two new ones: 3 n is room. */
static void consider(const struct sf_tokenizer *t, struct sf_scratch *s, const char *word,
                     uint32_t left) {
    if (left == SF_SYM_NONE) return;
    const struct sf_sym *a = &s->sym[left];
    if (a->next == SF_SYM_NONE) return;
    const struct sf_sym *b = &s->sym[a->next];
    struct sf_cand c = {.left = left, .right = a->next, .len = a->len + b->len};
    if (t->kind == SF_TOK_SPM) {
        c.id = sf_tok_lookup(t, word + a->at, c.len);
        if (c.id < 0 || (t->attr[c.id] & SF_TOK_NO_MERGE)) return;
        c.order = t->order[c.id];
    } else {
        c.order = sf_tok_rank(t, (uint32_t)a->id, (uint32_t)b->id);
        if (c.order == t->n_merge) return;
        c.id = (int32_t)t->merge[c.order].id;
    }
    heap_put(s, c);
}

void sf_tok_merge(const struct sf_tokenizer *t, struct sf_scratch *s, const char *word) {
    s->n_heap = 0;
    for (uint32_t i = 0; i + 1 < s->n_sym; i++) consider(t, s, word, i);
    while (s->n_heap > 0) {
        struct sf_cand c = heap_take(s);
        struct sf_sym *a = &s->sym[c.left], *b = &s->sym[c.right];
        /* Outdated: one of the two has merged with something else since. */
        if (a->len == 0 || a->next != c.right || a->len + b->len != c.len) continue;
        a->len = c.len;
        a->id = c.id;
        a->next = b->next;
        b->len = 0;
        if (a->next != SF_SYM_NONE) s->sym[a->next].prev = c.left;
        consider(t, s, word, a->prev);
        consider(t, s, word, c.left);
    }
}

/* ----------------------------------------------------------------------------- encode and decode */

static surefoot_status stretch(const struct sf_tokenizer *t, struct sf_scratch *s, const char *text,
                               size_t from, size_t to, bool prefix, struct sf_ids *out,
                               surefoot_error *err) {
    if (from == to) return SUREFOOT_OK;
    if (t->kind == SF_TOK_BPE) return sf_encode_bpe(t, s, text + from, to - from, from, out, err);
    return sf_encode_spm(t, s, text + from, to - from, prefix, from, out, err);
}

static surefoot_status encode(const struct sf_tokenizer *t, struct sf_scratch *s, const char *text,
                              size_t n, unsigned flags, struct sf_ids *out, surefoot_error *err) {
    bool prefix = t->space_prefix && !(flags & SF_ENCODE_NO_PREFIX);
    if ((flags & SF_ENCODE_BOS) && t->add_bos) sf_ids_put(out, t->bos);
    size_t from = 0, len = 0;
    for (size_t i = 0; i < n;) {
        int32_t id = sf_tok_special(t, text + i, n - i, flags, &len);
        if (id < 0) {
            i++;
            continue;
        }
        SF_TRY(stretch(t, s, text, from, i, prefix, out, err));
        sf_ids_put(out, id);
        prefix = t->space_prefix; /* what follows a special token starts anew */
        from = i += len;
    }
    return stretch(t, s, text, from, n, prefix, out, err);
}

surefoot_status sf_encode(const struct sf_tokenizer *t, const char *text, size_t n, unsigned flags,
                          int32_t *ids, size_t cap, size_t *n_out, surefoot_error *err) {
    struct sf_ids out = {.id = ids, .cap = cap};
    struct sf_scratch s = {0};
    *n_out = 0;
    if (n > MAX_TEXT)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "a text of %zu bytes: at most %zu at once", n,
                       MAX_TEXT);
    surefoot_status st = encode(t, &s, text, n, flags, &out, err);
    sf_scratch_free(&s);
    *n_out = out.n;
    if (st == SUREFOOT_OK && out.n > cap)
        st = sf_fail(err, SUREFOOT_E_USAGE, cap, "room for %zu ids, the text has %zu", cap, out.n);
    return st;
}

/* Where text goes: repaired, counted, the first cap bytes kept. */
struct text {
    struct sf_utf8 utf8;
    char *p;
    size_t cap, n;
};

static void put_text(struct text *o, const char *p, size_t n) {
    char part[SF_UTF8_OUT(64)];
    for (size_t k; n > 0; p += k, n -= k) {
        k = sf_min(n, 64);
        size_t m = sf_utf8_feed(&o->utf8, p, k, part);
        if (o->n < o->cap) memcpy(o->p + o->n, part, sf_min(m, o->cap - o->n));
        o->n += m;
    }
}

surefoot_status sf_decode(const struct sf_tokenizer *t, const int32_t *ids, size_t n, char *text,
                          size_t cap, size_t *n_out, surefoot_error *err) {
    struct text o = {.p = text, .cap = cap};
    bool start = t->space_prefix; /* encode put a space in front of the text */
    for (size_t i = 0; i < n; i++) {
        struct sf_str s = sf_token_bytes(t, ids[i]);
        if (s.n == 0) continue;
        size_t drop = start && s.p[0] == ' ' ? 1 : 0;
        start = false;
        put_text(&o, s.p + drop, s.n - drop);
    }
    char last[3];
    size_t m = sf_utf8_end(&o.utf8, last);
    if (o.n < cap) memcpy(text + o.n, last, sf_min(m, cap - o.n));
    *n_out = o.n += m;
    if (o.n > cap)
        return sf_fail(err, SUREFOOT_E_USAGE, cap, "room for %zu bytes, the text has %zu", cap,
                       o.n);
    return SUREFOOT_OK;
}
