/* SPDX-License-Identifier: MIT
 * tokenizer_spm.c - SentencePiece BPE as GGUF stores it: a score per token, no merge list.
 *
 * A text becomes its characters, spaces written U+2581; then, as long as two neighbours together
 * are a token, the pair with the highest score merges (Kudo and Richardson, 2018, after Sennrich
 * et al., 2016). Characters that no token covers become byte tokens <0xXX>, else one "unknown" for
 * a run of them. Nothing is normalised and no white space removed.
 */
#include <string.h>

#include "tokenizer_i.h"
#include "utf8.h"

#define SPACE "\xE2\x96\x81" /* U+2581 */

/* Scores as numbers that sort the other way: the highest score gives the smallest. */
static uint32_t order_of(float score) {
    uint32_t u;
    score += 0.0f; /* -0 and +0 are one score */
    memcpy(&u, &score, sizeof u);
    u = u >> 31 ? ~u : u | 1u << 31; /* rises with the score */
    return ~u;
}

static int char_at(const char *p, size_t n) {
    uint32_t cp;
    int len = sf_utf8_decode((const unsigned char *)p, n, &cp);
    return len ? len : 1; /* an invalid byte is a character of its own */
}

/* Notes which pairs of bytes stand on both sides of a character border inside a token. */
static void note_borders(struct sf_tokenizer *t, uint32_t id) {
    struct sf_str s = sf_tok_spelling(t, id);
    if (t->attr[id] & SF_TOK_NO_MERGE) return;
    for (size_t i = 0; i < s.n;) {
        i += (size_t)char_at(s.p + i, s.n - i);
        if (i >= s.n) break;
        unsigned pair = (unsigned)(unsigned char)s.p[i - 1] << 8 | (unsigned char)s.p[i];
        t->inner[pair >> 6] |= (uint64_t)1 << (pair & 63);
    }
}

surefoot_status sf_spm_open(struct sf_tokenizer *t, const struct sf_gguf *g, surefoot_error *err) {
    const struct sf_gguf_kv *kv = sf_gguf_find(g, "tokenizer.ggml.scores");
    if (!kv || kv->type != SF_GGUF_ARRAY || kv->elem_type == SF_GGUF_STRING ||
        kv->elem_type == SF_GGUF_ARRAY || kv->n != t->n)
        return sf_fail(err, SUREFOOT_E_FILE, kv ? kv->offset : 0,
                       "tokenizer.ggml.scores: not %u numbers, one for each token", t->n);
    for (int b = 0; b < 256; b++) t->byte_id[b] = -1;
    for (uint32_t id = 0; id < t->n; id++) {
        float score = (float)sf_gguf_elem_f64(g, kv, id);
        if (score != score)
            return sf_fail(err, SUREFOOT_E_FILE, kv->offset,
                           "tokenizer.ggml.scores: the score of token %u is not a number", id);
        t->order[id] = order_of(score);
        note_borders(t, id);
        if (t->attr[id] & SF_TOK_BYTE) {
            int32_t *b = &t->byte_id[(unsigned char)*sf_tok_text(t, id).p];
            if (*b < 0) *b = (int32_t)id;
        }
    }
    return SUREFOOT_OK;
}

/* A character without a token. */
static surefoot_status put_bytes(const struct sf_tokenizer *t, const char *p, size_t n, bool *unk,
                                 size_t offset, struct sf_ids *out, surefoot_error *err) {
    bool all = true;
    if (n == 3 && memcmp(p, SPACE, 3) == 0) p = " ", n = 1; /* as one byte, not as three */
    for (size_t i = 0; i < n; i++) all = all && t->byte_id[(unsigned char)p[i]] >= 0;
    if (all) {
        for (size_t i = 0; i < n; i++) sf_ids_put(out, t->byte_id[(unsigned char)p[i]]);
        *unk = false;
        return SUREFOOT_OK;
    }
    if (t->unk < 0)
        return sf_fail(err, SUREFOOT_E_FAILED, offset,
                       "the vocabulary has no token for byte 0x%02X of the text, near byte %zu",
                       (unsigned char)*p, offset);
    if (!*unk) sf_ids_put(out, t->unk);
    *unk = true;
    return SUREFOOT_OK;
}

struct word { /* the word being gathered in s->buf; its symbols are in s->sym */
    size_t n;
    size_t offset;
    bool unk; /* the last id was "unknown" for a run that may go on */
};

static surefoot_status flush(const struct sf_tokenizer *t, struct sf_scratch *s, struct word *w,
                             struct sf_ids *out, surefoot_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; n++) i += (size_t)char_at(s->buf + i, w->n - i);
    SF_TRY(sf_scratch_word(s, n, err));
    n = 0;
    for (size_t i = 0; i < w->n; n++) {
        int len = char_at(s->buf + i, w->n - i);
        int32_t id = sf_tok_lookup(t, s->buf + i, (size_t)len);
        if (id >= 0 && (t->attr[id] & SF_TOK_NO_MERGE)) id = -1;
        s->sym[n] = (struct sf_sym){(uint32_t)i, (uint32_t)len, n ? (uint32_t)n - 1 : SF_SYM_NONE,
                                    (uint32_t)n + 1, id};
        i += (size_t)len;
    }
    s->n_sym = n;
    if (n) s->sym[n - 1].next = SF_SYM_NONE;
    sf_tok_merge(t, s, s->buf);
    for (size_t i = 0; i < n; i++) {
        const struct sf_sym *y = &s->sym[i];
        if (y->len == 0) continue;
        if (y->id >= 0) {
            sf_ids_put(out, y->id);
            w->unk = false;
        } else {
            SF_TRY(put_bytes(t, s->buf + y->at, y->len, &w->unk, w->offset, out, err));
        }
    }
    w->n = 0;
    return SUREFOOT_OK;
}

surefoot_status sf_encode_spm(const struct sf_tokenizer *t, struct sf_scratch *s, const char *p,
                              size_t n, bool prefix, size_t offset, struct sf_ids *out,
                              surefoot_error *err) {
    struct word w = {.offset = offset};
    for (size_t i = 0; i < n || prefix;) {
        const char *c = p + i;
        size_t len = prefix ? 0 : (size_t)char_at(c, n - i), used = len;
        if (prefix || *c == ' ') {
            c = SPACE;
            len = 3;
        }
        prefix = false;
        if (w.n > 0) {
            unsigned pair = (unsigned)(unsigned char)s->buf[w.n - 1] << 8 | (unsigned char)*c;
            if (!(t->inner[pair >> 6] >> (pair & 63) & 1)) {
                SF_TRY(flush(t, s, &w, out, err));
                w.offset = offset + i;
            }
        }
        void *buf = s->buf;
        SF_TRY(sf_scratch_grow(&buf, &s->buf_cap, w.n + len, 1, w.n, err));
        s->buf = buf;
        memcpy(s->buf + w.n, c, len);
        w.n += len;
        i += used;
    }
    return flush(t, s, &w, out, err);
}
