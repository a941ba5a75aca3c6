/* SPDX-License-Identifier: MIT
 * tokenizer_bpe.c - byte-level BPE (GPT-2): a text is split into words by regular expressions, a
 * word becomes its bytes, and the two neighbours with the lowest merge rank merge until none does.
 *
 * Merges work on ids. A merge whose parts or whole are not in the vocabulary, or whose whole is a
 * special token, can never be applied and is left out; of two merges of the same pair the first
 * counts. Bytes that are not UTF-8 are words of their own, so that every text can be encoded and
 * comes back; where the vocabulary lacks such a byte, U+FFFD comes back.
 * Where the model's own tokenizer brings text to NFC so do we: there decoding gives NFC text back.
 */
#include <string.h>

#include <utf8proc.h>

#include "tokenizer_i.h"
#include "utf8.h"

/* ---------------------------------------------------------------------------------------- merges */

static uint32_t pair_hash(const struct sf_tokenizer *t, uint32_t left, uint32_t right) {
    uint64_t h = sf_mix(sf_mix(t->seed ^ left) ^ right);
    return (uint32_t)(h ^ h >> 32);
}

uint32_t sf_tok_rank(const struct sf_tokenizer *t, uint32_t left, uint32_t right) {
    for (uint32_t i = pair_hash(t, left, right);; i++) {
        uint32_t r = t->merge_slot[i &= t->merge_mask];
        if (r == 0) return t->n_merge;
        if (t->merge[r - 1].left == left && t->merge[r - 1].right == right) return r - 1;
    }
}

static bool plain(const struct sf_tokenizer *t, int32_t id) {
    return id >= 0 && !(t->attr[id] & (SF_TOK_CONTROL | SF_TOK_UNKNOWN | SF_TOK_USER));
}

static void add_merge(struct sf_tokenizer *t, int32_t left, int32_t right, int32_t id) {
    if (!plain(t, left) || !plain(t, right) || !plain(t, id)) return;
    if (sf_tok_rank(t, (uint32_t)left, (uint32_t)right) != t->n_merge) return;
    t->merge[t->n_merge] = (struct sf_merge){(uint32_t)left, (uint32_t)right, (uint32_t)id};
    uint32_t i = pair_hash(t, (uint32_t)left, (uint32_t)right) & t->merge_mask;
    while (t->merge_slot[i] != 0) i = (i + 1) & t->merge_mask;
    t->merge_slot[i] = ++t->n_merge;
}

static surefoot_status read_merges(struct sf_tokenizer *t, const struct sf_gguf *g, char *whole,
                                   surefoot_error *err) {
    struct sf_gguf_strings it;
    struct sf_str s;
    bool found;
    SF_TRY(sf_gguf_get_strings(g, "tokenizer.ggml.merges", &it, &found, err));
    if (!found)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "tokenizer.ggml.merges: missing, byte-level BPE needs it");
    for (uint64_t i = 0; sf_gguf_next_string(&it, &s); i++) {
        const char *blank = s.n > 2 ? memchr(s.p + 1, ' ', s.n - 2) : NULL;
        if (!blank)
            return sf_fail(
                err, SUREFOOT_E_FILE, i,
                "tokenizer.ggml.merges: merge %llu is not two parts with a space between",
                (unsigned long long)i);
        size_t l = (size_t)(blank - s.p), r = s.n - l - 1;
        if (l + r > t->max_spelling) continue;
        memcpy(whole, s.p, l);
        memcpy(whole + l, blank + 1, r);
        add_merge(t, sf_tok_lookup(t, whole, l), sf_tok_lookup(t, whole + l, r),
                  sf_tok_lookup(t, whole, l + r));
    }
    return SUREFOOT_OK;
}

surefoot_status sf_bpe_open(struct sf_tokenizer *t, const struct sf_gguf *g, surefoot_error *err) {
    for (int b = 0; b < 256; b++) {
        char c[4];
        int n = sf_utf8_encode(sf_byte_char((unsigned char)b), c);
        int32_t id = sf_tok_lookup(t, c, (size_t)n);
        t->byte_id[b] = plain(t, id) ? id : -1;
    }
    for (uint32_t id = 0; id < t->n; id++) /* files that also have SentencePiece's byte tokens */
        if (t->attr[id] & SF_TOK_BYTE) {
            int32_t *b = &t->byte_id[(unsigned char)*sf_tok_text(t, id).p];
            if (*b < 0) *b = (int32_t)id;
        }
    char *whole = sf_alloc(t->max_spelling);
    if (!whole) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to read the merges");
    surefoot_status st = read_merges(t, g, whole, err);
    sf_free(whole);
    return st;
}

/* ----------------------------------------------------------------------------------------- words */

struct job { /* one stretch of text */
    const struct sf_tokenizer *t;
    struct sf_scratch *s;
    struct sf_ids *out;
    size_t offset;
};

/* Id of the token whose text is exactly p[0..n), -1 if none; special tokens do not count. */
static surefoot_status whole_word(int32_t *id, const struct job *j, const char *p, size_t n,
                                  surefoot_error *err) {
    struct sf_scratch *s = j->s;
    size_t len = 0;
    *id = -1;
    if (n > j->t->max_spelling) return SUREFOOT_OK;
    void *buf = s->buf;
    SF_TRY(sf_scratch_grow(&buf, &s->buf_cap, 2 * n, 1, 0, err));
    s->buf = buf;
    for (size_t i = 0; i < n; i++)
        len += (size_t)sf_utf8_encode(sf_byte_char((unsigned char)p[i]), s->buf + len);
    *id = sf_tok_lookup(j->t, s->buf, len);
    if (!plain(j->t, *id)) *id = -1;
    return SUREFOOT_OK;
}

static surefoot_status word(void *arg, const char *p, size_t n, surefoot_error *err) {
    const struct job *j = arg;
    const struct sf_tokenizer *t = j->t;
    struct sf_scratch *s = j->s;
    if (t->pre->flags & SF_PRE_WHOLE_WORDS) {
        int32_t id;
        SF_TRY(whole_word(&id, j, p, n, err));
        if (id >= 0) {
            sf_ids_put(j->out, id);
            return SUREFOOT_OK;
        }
    }
    SF_TRY(sf_scratch_word(s, n, err));
    s->n_sym = n;
    for (size_t i = 0; i < n; i++) {
        int32_t id = t->byte_id[(unsigned char)p[i]];
        if (id < 0)
            return sf_fail(err, SUREFOOT_E_FAILED, j->offset,
                           "the vocabulary has no token for byte 0x%02X of the text, in the "
                           "stretch at byte %zu",
                           (unsigned char)p[i], j->offset);
        s->sym[i] = (struct sf_sym){(uint32_t)i, 1, i ? (uint32_t)i - 1 : SF_SYM_NONE,
                                    i + 1 < n ? (uint32_t)i + 1 : SF_SYM_NONE, id};
    }
    sf_tok_merge(t, s, p);
    for (size_t i = 0; i < n; i++)
        if (s->sym[i].len > 0) sf_ids_put(j->out, s->sym[i].id);
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------- normalisation form C */

static int class_of(int32_t cp) {
    return utf8proc_get_property(cp)->combining_class;
}

/* Orders a run of combining marks by class, equal ones as they stand (Unicode 3.11, D108). Short
 * runs by insertion; a hostile text has long ones: one pass per class that occurs. */
static surefoot_status order_marks(int32_t *cp, size_t n, surefoot_error *err) {
    if (n > 32) {
        int32_t *copy = sf_alloc(n * sizeof *cp);
        if (!copy) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to normalise the text");
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++) start[class_of(cp[i]) + 1]++;
        for (int c = 0; c < 256; c++) start[c + 1] += start[c];
        memcpy(copy, cp, n * sizeof *cp);
        for (size_t i = 0; i < n; i++) cp[start[class_of(copy[i])]++] = copy[i];
        sf_free(copy);
        return SUREFOOT_OK;
    }
    for (size_t i = 1; i < n; i++) {
        int32_t x = cp[i];
        size_t k = i;
        for (; k > 0 && class_of(cp[k - 1]) > class_of(x); k--) cp[k] = cp[k - 1];
        cp[k] = x;
    }
    return SUREFOOT_OK;
}

/* Decomposes p[0..n), valid UTF-8, into s->cp in canonical order. */
static surefoot_status decompose(struct sf_scratch *s, const char *p, size_t n, size_t *n_cp,
                                 surefoot_error *err) {
    size_t m = 0, marks = 0; /* marks: start of the run of combining marks at the end */
    for (size_t i = 0; i < n;) {
        uint32_t c;
        int32_t part[32];
        int last = 0;
        i += (size_t)sf_utf8_decode((const unsigned char *)p + i, n - i, &c);
        utf8proc_ssize_t k = utf8proc_decompose_char((int32_t)c, part, (int)SF_COUNT(part),
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last);
        if (k < 0 || k > (utf8proc_ssize_t)SF_COUNT(part)) {
            part[0] = (int32_t)c;
            k = 1;
        }
        void *cp = s->cp;
        SF_TRY(
            sf_scratch_grow(&cp, &s->cp_cap, m + (size_t)k, sizeof *s->cp, m * sizeof *s->cp, err));
        s->cp = cp;
        for (utf8proc_ssize_t x = 0; x < k; x++) {
            if (class_of(part[x]) == 0) {
                SF_TRY(order_marks(s->cp + marks, m - marks, err));
                marks = m + 1;
            }
            s->cp[m++] = part[x];
        }
    }
    *n_cp = m;
    return marks < m ? order_marks(s->cp + marks, m - marks, err) : SUREFOOT_OK;
}

/* NFC of *p, in s->nfc; *p and *n are set to it. ASCII is NFC as it stands. */
static surefoot_status to_nfc(struct sf_scratch *s, const char **p, size_t *n,
                              surefoot_error *err) {
    size_t ascii = 0, m, len = 0;
    while (ascii < *n && (unsigned char)(*p)[ascii] < 0x80) ascii++;
    if (ascii == *n) return SUREFOOT_OK;
    SF_TRY(decompose(s, *p, *n, &m, err));
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(s->cp, (utf8proc_ssize_t)m, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (composed < 0)
        return sf_fail(err, SUREFOOT_E_FAILED, 0, "the text cannot be normalised: %s",
                       utf8proc_errmsg(composed));
    void *buf = s->nfc;
    SF_TRY(sf_scratch_grow(&buf, &s->nfc_cap, 4 * (size_t)composed, 1, 0, err));
    s->nfc = buf;
    for (utf8proc_ssize_t i = 0; i < composed; i++)
        len += (size_t)sf_utf8_encode((uint32_t)s->cp[i], s->nfc + len);
    *p = s->nfc;
    *n = len;
    return SUREFOOT_OK;
}

/* Length of the character at p, an invalid byte counting as one. */
static size_t character(const struct sf_tokenizer *t, const char *p, size_t n, bool *valid,
                        bool *covered) {
    uint32_t cp;
    int len = sf_utf8_decode((const unsigned char *)p, n, &cp);
    *valid = len > 0;
    if (len == 0) len = 1;
    *covered = true;
    for (int i = 0; i < len; i++)
        if (t->byte_id[(unsigned char)p[i]] < 0) *covered = false;
    return (size_t)len;
}

/* Length of the run at p of characters that are valid and have tokens, or of others. */
static size_t run(const struct sf_tokenizer *t, const char *p, size_t n, bool *plain_run) {
    size_t i = 0;
    while (i < n) {
        bool valid, covered;
        size_t len = character(t, p + i, n - i, &valid, &covered);
        if (i == 0) *plain_run = valid && covered;
        if ((valid && covered) != *plain_run) break;
        i += len;
    }
    return i;
}

/* Invalid bytes: words as they stand. Many vocabularies lack the bytes that no UTF-8 has: those
 * become what they are shown as, U+FFFD. */
static surefoot_status odd(struct job *j, const char *p, size_t n, surefoot_error *err) {
    for (size_t i = 0, from = 0, len; i <= n; i += len) {
        bool valid, covered = false;
        len = i < n ? character(j->t, p + i, n - i, &valid, &covered) : 1;
        if (covered) continue;
        if (i > from) SF_TRY(word(j, p + from, i - from, err));
        if (i < n) SF_TRY(word(j, "\xEF\xBF\xBD", 3, err));
        from = i + len;
    }
    return SUREFOOT_OK;
}

surefoot_status sf_encode_bpe(const struct sf_tokenizer *t, struct sf_scratch *s, const char *p,
                              size_t n, size_t offset, struct sf_ids *out, surefoot_error *err) {
    for (size_t i = 0, len; i < n; i += len) {
        bool ok = false;
        struct job j = {t, s, out, offset + i};
        len = run(t, p + i, n - i, &ok);
        if (!ok) {
            SF_TRY(odd(&j, p + i, len, err));
            continue;
        }
        const char *q = p + i;
        size_t m = len;
        if (t->pre->flags & SF_PRE_NFC) SF_TRY(to_nfc(s, &q, &m, err));
        SF_TRY(sf_pre_split(t, s, q, m, word, &j, err));
    }
    return SUREFOOT_OK;
}
