/* SPDX-License-Identifier: MIT
 * make_vocab.h - a vocabulary-only GGUF v3 built in memory, key by key, for tests and fuzzers.
 */
#ifndef SF_MAKE_VOCAB_H
#define SF_MAKE_VOCAB_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gguf.h"

struct mv {
    unsigned char *p;
    size_t n, cap;
    uint64_t n_kv;
};

static inline void mv_put(struct mv *m, const void *p, size_t n) {
    if (m->n + n > m->cap) {
        m->cap = 2 * (m->n + n) + 256;
        m->p = realloc(m->p, m->cap);
        if (!m->p) abort();
    }
    if (n) memcpy(m->p + m->n, p, n);
    m->n += n;
}
static inline void mv_u32(struct mv *m, uint32_t v) {
    mv_put(m, &v, 4);
}
static inline void mv_u64(struct mv *m, uint64_t v) {
    mv_put(m, &v, 8);
}
static inline void mv_bytes(struct mv *m, const char *p, size_t n) {
    mv_u64(m, n);
    mv_put(m, p, n);
}
static inline void mv_begin(struct mv *m) {
    m->n = 0;
    m->n_kv = 0;
    mv_put(m, "GGUF\3\0\0\0", 8);
    mv_u64(m, 0); /* tensors */
    mv_u64(m, 0); /* keys: set by mv_key */
}
static inline void mv_key(struct mv *m, const char *key, enum sf_gguf_type type) {
    m->n_kv++;
    memcpy(m->p + 16, &m->n_kv, 8);
    mv_bytes(m, key, strlen(key));
    mv_u32(m, (uint32_t)type);
}
static inline void mv_str(struct mv *m, const char *key, const char *v) {
    mv_key(m, key, SF_GGUF_STRING);
    mv_bytes(m, v, strlen(v));
}
static inline void mv_id(struct mv *m, const char *key, uint32_t v) {
    mv_key(m, key, SF_GGUF_U32);
    mv_u32(m, v);
}
static inline void mv_bool(struct mv *m, const char *key, unsigned char v) {
    mv_key(m, key, SF_GGUF_BOOL);
    mv_put(m, &v, 1);
}
static inline void mv_array(struct mv *m, const char *key, enum sf_gguf_type type, uint64_t n) {
    mv_key(m, key, SF_GGUF_ARRAY);
    mv_u32(m, (uint32_t)type);
    mv_u64(m, n);
}

/* Tokens are gathered here first. */
struct mv_vocab {
    struct mv text, score, type, merge;
    uint64_t n, n_merge;
};
static inline void mv_token_n(struct mv_vocab *v, const char *p, size_t n, float score, int32_t type) {
    mv_bytes(&v->text, p, n);
    mv_put(&v->score, &score, 4);
    mv_put(&v->type, &type, 4);
    v->n++;
}
static inline void mv_token(struct mv_vocab *v, const char *s, float score, int32_t type) {
    mv_token_n(v, s, strlen(s), score, type);
}
static inline void mv_merge(struct mv_vocab *v, const char *s) {
    mv_bytes(&v->merge, s, strlen(s));
    v->n_merge++;
}
/* Tokens "<0x00>" .. "<0xFF>" of type byte. */
static inline void mv_byte_tokens(struct mv_vocab *v) {
    for (int b = 0; b < 256; b++) {
        static const char hex[] = "0123456789ABCDEF";
        char s[7] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>', 0};
        mv_token(v, s, 0, 6);
    }
}
/* The 256 letters of the byte alphabet of byte-level BPE, in order of the bytes. */
static inline void mv_byte_alphabet(struct mv_vocab *v) {
    for (int b = 0, other = 256; b < 256; b++) {
        int cp = (b > 32 && b < 127) || (b > 160 && b != 173) ? b : other++;
        char s[3] = {(char)cp, 0, 0};
        if (cp >= 128) {
            s[0] = (char)(0xC0 | cp >> 6);
            s[1] = (char)(0x80 | (cp & 63));
        }
        mv_token(v, s, 0, 1);
    }
}
static inline void mv_vocab_keys(struct mv *m, const struct mv_vocab *v, const char *model) {
    mv_str(m, "tokenizer.ggml.model", model);
    mv_array(m, "tokenizer.ggml.tokens", SF_GGUF_STRING, v->n);
    mv_put(m, v->text.p, v->text.n);
    mv_array(m, "tokenizer.ggml.token_type", SF_GGUF_I32, v->n);
    mv_put(m, v->type.p, v->type.n);
    if (strcmp(model, "llama") == 0) {
        mv_array(m, "tokenizer.ggml.scores", SF_GGUF_F32, v->n);
        mv_put(m, v->score.p, v->score.n);
    } else {
        mv_array(m, "tokenizer.ggml.merges", SF_GGUF_STRING, v->n_merge);
        mv_put(m, v->merge.p, v->merge.n);
    }
}
static inline void mv_vocab_free(struct mv_vocab *v) {
    free(v->text.p);
    free(v->score.p);
    free(v->type.p);
    free(v->merge.p);
    memset(v, 0, sizeof *v);
}
static inline void mv_free(struct mv *m) {
    free(m->p);
    memset(m, 0, sizeof *m);
}

#endif
