/* SPDX-License-Identifier: MIT
 * convert_spm.c - tokenizer.model, a SentencePiece model: the few fields of its protobuf that a GGUF
 * holds. Source: sentencepiece_model.proto and the protobuf encoding's specification.
 *
 *     ModelProto      1 pieces (repeated)  2 trainer_spec  3 normalizer_spec
 *     SentencePiece   1 piece (string)  2 score (float)  3 type (enum, as GGUF numbers them)
 *     TrainerSpec     3 model_type (1 unigram, 2 bpe)      NormalizerSpec  3 add_dummy_prefix
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert_vocab.h"

struct field {
    uint32_t no, wire;
    uint64_t v;             /* varint, or the bits of a fixed one */
    const unsigned char *p; /* bytes, n of them */
    size_t n;
};

static bool varint(struct sf_cursor *c, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t b = sf_get_u8(c);
        if (c->bad) return false;
        *out |= (uint64_t)(b & 127) << shift;
        if (b < 128) return true;
    }
    return false;
}

/* The next field; false at the end or (c->bad) where the bytes make no sense. */
static bool next(struct sf_cursor *c, struct field *f) {
    uint64_t tag;
    if (c->at == c->size) return false;
    *f = (struct field){0};
    if (!varint(c, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        c->bad = true;
        return false;
    }
    f->no = (uint32_t)(tag >> 3);
    f->wire = tag & 7;
    if (f->wire == 0) {
        if (!varint(c, &f->v)) c->bad = true;
    } else if (f->wire == 1) {
        f->v = sf_get_u64(c);
    } else if (f->wire == 5) {
        f->v = sf_get_u32(c);
    } else if (f->wire == 2 && varint(c, &f->v)) {
        f->p = sf_get_bytes(c, f->v);
        f->n = (size_t)f->v;
    } else {
        c->bad = true;
    }
    return !c->bad;
}

/* The last field of that number and wire type in a message; *found. */
static bool get(const unsigned char *p, size_t n, uint32_t no, uint32_t wire, struct field *out,
                bool *found) {
    struct sf_cursor c = {p, n, 0, false};
    struct field f;
    *found = false;
    while (next(&c, &f))
        if (f.no == no && f.wire == wire) *out = f, *found = true;
    return !c.bad;
}

static surefoot_status piece(struct sf_cv *c, struct sf_cv_vocab *v, const struct field *m) {
    struct field text, score, type;
    bool has_text, has_score, has_type;
    float s = 0;
    if (!get(m->p, m->n, 1, 2, &text, &has_text) || !get(m->p, m->n, 2, 5, &score, &has_score) ||
        !get(m->p, m->n, 3, 0, &type, &has_type) || !has_text)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "tokenizer.model: piece %zu makes no sense",
                       v->n);
    if (has_score) {
        uint32_t bits = (uint32_t)score.v;
        memcpy(&s, &bits, sizeof s);
    }
    uint64_t t = has_type ? type.v : SF_CV_NORMAL;
    if (t < SF_CV_NORMAL || t > SF_CV_BYTE || !isfinite(s))
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "tokenizer.model: piece %zu is of type %llu",
                       v->n, (unsigned long long)t);
    return sf_cv_token(c, v, v->n, (const char *)text.p, text.n, s, (int)t);
}

static surefoot_status read_model(struct sf_cv *c, struct sf_cv_vocab *v, const char *data,
                                  size_t n, bool *prefix) {
    struct sf_cursor at = {(const unsigned char *)data, n, 0, false};
    struct field f, g;
    bool found;
    uint64_t kind = 1;
    *prefix = true;
    while (next(&at, &f)) {
        if (f.wire != 2) continue;
        if (f.no == 1) SF_TRY(piece(c, v, &f));
        if (f.no == 2 && get(f.p, f.n, 3, 0, &g, &found) && found) kind = g.v;
        if (f.no == 3 && get(f.p, f.n, 3, 0, &g, &found) && found) *prefix = g.v != 0;
    }
    if (at.bad || v->n == 0)
        return sf_fail(c->err, SUREFOOT_E_FILE, at.at,
                       "tokenizer.model: no SentencePiece model, or cut short at byte %zu", at.at);
    if (kind != 2)
        return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, 0,
                       "tokenizer.model: a SentencePiece model of type %s is not supported: BPE is",
                       kind == 1   ? "unigram"
                       : kind == 3 ? "word"
                                   : "char");
    return SUREFOOT_OK;
}

surefoot_status sf_cv_sentencepiece(struct sf_cv *c, struct sf_cv_vocab *v, bool *prefix) {
    char *path = sf_cv_path(c, "tokenizer.model"), *data = NULL;
    size_t n = 0;
    surefoot_status s = path ? sf_read_file(&data, &n, path, 64u << 20, c->err)
                             : sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for a path");
    free(path);
    SF_TRY(s);
    s = sf_cv_vocab_open(c, v, n + 4096);
    if (s == SUREFOOT_OK) s = read_model(c, v, data, n, prefix);
    sf_free(data);
    return s;
}
