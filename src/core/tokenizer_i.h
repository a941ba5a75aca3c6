/* SPDX-License-Identifier: MIT
 * tokenizer_i.h - inside of a tokenizer; for tokenizer*.c only.
 *
 * A vocabulary is a table of spellings. What a token means as text (bytes) is kept beside it:
 *     SPM  spelling with U+2581 read as a space; byte tokens "<0x41>" are one byte
 *     BPE  spelling read through the byte alphabet (below); control and user-defined ones are raw
 * Ids come from a file: everything that is looked up by id has been checked at open.
 */
#ifndef SF_TOKENIZER_I_H
#define SF_TOKENIZER_I_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "arena.h"
#include "tokenizer.h"

enum { /* attributes beyond those of tokenizer.h */
    SF_TOK_UNKNOWN = 32,
    SF_TOK_MARKER = 64 /* user-defined, but spelled like a marker of a turn: see sf_tok_special */
};
/* Tokens that text may not turn into by merging. */
#define SF_TOK_NO_MERGE (SF_TOK_CONTROL | SF_TOK_UNKNOWN | SF_TOK_BYTE)

enum sf_tok_kind { SF_TOK_SPM, SF_TOK_BPE };

enum { /* what a row of pre.def says beside its expressions */
    SF_PRE_BOS = 1,          /* BOS goes first unless the file says otherwise                     */
    SF_PRE_WHOLE_WORDS = 2,  /* a word that is a token is that token, merges or not               */
    SF_PRE_NFC = 4           /* text is brought to normalisation form C first                     */
};
#define SF_PRE_MAX 6 /* expressions in one row */

struct sf_pre {
    const char *names; /* separated by blanks; the first is the one we print */
    unsigned flags;
    const char *re[SF_PRE_MAX]; /* applied one after the other, each to the parts the last one left */
};

struct sf_merge {
    uint32_t left, right, id; /* ids; the rank is the index */
};

struct sf_tokenizer {
    struct sf_arena arena;
    enum sf_tok_kind kind;
    uint32_t n; /* tokens */
    int32_t bos, eos, unk;
    bool add_bos, space_prefix;
    size_t max_bytes, max_spelling;
    uint8_t *attr;      /* [n]                                                               */
    uint32_t *spell_at; /* [n + 1] into spell                                                */
    char *spell;
    uint32_t *bytes_at; /* [n + 1] into bytes                                                */
    char *bytes;
    uint32_t *slot; /* [slot_mask + 1] spelling -> id + 1; of equal spellings the lowest id  */
    uint32_t slot_mask;
    uint64_t seed; /* of the hash: an address, so that a file cannot prepare collisions      */
    uint32_t *special; /* [n_special] ids matched before splitting, sorted by spelling         */
    uint32_t n_special;
    uint32_t special_first[257]; /* special: range by first byte                             */
    int32_t byte_id[256];        /* token of a single byte, -1: none                         */
    /* SPM */
    uint32_t *order; /* [n] score, turned around so that a smaller number merges first       */
    uint64_t *inner; /* [1024] bit (a << 8 | b): a token has bytes a, b on either side of a
                        character border inside; where the bit is 0 no merge can cross       */
    /* BPE */
    struct sf_merge *merge; /* [n_merge]                                                     */
    uint32_t n_merge;
    uint32_t *merge_slot; /* [merge_mask + 1] (left, right) -> rank + 1                      */
    uint32_t merge_mask;
    const struct sf_pre *pre;
    pcre2_general_context *re_general;
    pcre2_code *re[SF_PRE_MAX];
    int n_re;
    bool re_jit;
};

static inline struct sf_str sf_tok_spelling(const struct sf_tokenizer *t, uint32_t id) {
    return (struct sf_str){t->spell + t->spell_at[id], t->spell_at[id + 1] - t->spell_at[id]};
}
static inline struct sf_str sf_tok_text(const struct sf_tokenizer *t, uint32_t id) {
    return (struct sf_str){t->bytes + t->bytes_at[id], t->bytes_at[id + 1] - t->bytes_at[id]};
}

/* Id of the token spelled p[0..n), -1 if none. */
int32_t sf_tok_lookup(const struct sf_tokenizer *t, const char *p, size_t n);
/* Rank of the merge of two ids; t->n_merge if there is none. */
uint32_t sf_tok_rank(const struct sf_tokenizer *t, uint32_t left, uint32_t right);

/* Longest special token at p by its spelling as it stands, -1 if none. User-defined ones always
 * match; control and unknown ones, and user-defined ones that look like markers of a turn, only
 * with SF_ENCODE_SPECIAL. */
int32_t sf_tok_special(const struct sf_tokenizer *t, const char *p, size_t n, unsigned flags,
                       size_t *len);
/* Sorts t->special and fills t->special_first. */
void sf_tok_special_sort(struct sf_tokenizer *t);

/* Where ids go: counts all, keeps the first cap. */
struct sf_ids {
    int32_t *id;
    size_t cap, n;
};
static inline void sf_ids_put(struct sf_ids *o, int32_t id) {
    if (o->n < o->cap) o->id[o->n] = id;
    o->n++;
}

/* A part of the text that merges happen in ("word"), and the candidates for the next merge. */
struct sf_sym {
    uint32_t at, len; /* bytes of the word; len 0: merged into its left neighbour */
    uint32_t prev, next;
    int32_t id; /* -1: no token */
};
struct sf_cand {
    uint32_t order, left, right, len; /* len: of both, to see that neither has changed since */
    int32_t id;
};
#define SF_SYM_NONE UINT32_MAX

struct sf_scratch {
    struct sf_sym *sym;
    struct sf_cand *heap;
    size_t cap, n_sym, n_heap; /* room for cap symbols and 3 * cap candidates */
    char *buf;                 /* SPM: the word being gathered; BPE: a word's spelling */
    size_t buf_cap;
    int32_t *cp; /* NFC: code points */
    size_t cp_cap;
    char *nfc;
    size_t nfc_cap;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};
/* Grows *p to at least n elements of size bytes; what was in it is kept up to keep bytes. */
surefoot_status sf_scratch_grow(void **p, size_t *cap, size_t n, size_t size, size_t keep,
                                surefoot_error *err);
/* Room for a word of n symbols. */
surefoot_status sf_scratch_word(struct sf_scratch *s, size_t n, surefoot_error *err);
void sf_scratch_free(struct sf_scratch *s);

/* Merges the n_sym symbols of s->sym until nothing merges: always the candidate that comes first
 * (score or rank), of equal ones the leftmost. O(n log n). */
void sf_tok_merge(const struct sf_tokenizer *t, struct sf_scratch *s, const char *word);

/* Encode a stretch of text without special tokens. prefix: SPM puts a space in front. offset: of
 * the stretch in the caller's text, for messages. */
surefoot_status sf_encode_spm(const struct sf_tokenizer *t, struct sf_scratch *s, const char *p,
                              size_t n, bool prefix, size_t offset, struct sf_ids *out,
                              surefoot_error *err);
surefoot_status sf_encode_bpe(const struct sf_tokenizer *t, struct sf_scratch *s, const char *p,
                              size_t n, size_t offset, struct sf_ids *out, surefoot_error *err);

/* Fills everything SPM or BPE needs beyond the vocabulary (which is complete when called).
 * The arena: measured once with t->arena.base NULL, then filled. */
surefoot_status sf_spm_open(struct sf_tokenizer *t, const struct sf_gguf *g, surefoot_error *err);
surefoot_status sf_bpe_open(struct sf_tokenizer *t, const struct sf_gguf *g, surefoot_error *err);
/* Chooses the row of pre.def and compiles its expressions; and frees them. */
surefoot_status sf_pre_open(struct sf_tokenizer *t, struct sf_str name, surefoot_error *err);
void sf_pre_close(struct sf_tokenizer *t);
/* Splits p[0..n), valid UTF-8, into words by t's expressions; fn for each in order. */
typedef surefoot_status (*sf_word_fn)(void *arg, const char *p, size_t n, surefoot_error *err);
surefoot_status sf_pre_split(const struct sf_tokenizer *t, struct sf_scratch *s, const char *p,
                             size_t n, sf_word_fn fn, void *arg, surefoot_error *err);

/* The byte alphabet of byte-level BPE (GPT-2): every byte has a printable character. Printable
 * Latin-1 stands for itself, the other 68 are U+0100.. in order. */
uint32_t sf_byte_char(unsigned char b);
/* The byte a character stands for, -1: none. */
int sf_char_byte(uint32_t cp);

/* hash of n bytes */
static inline uint64_t sf_mix(uint64_t h) {
    h *= 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}
uint32_t sf_tok_hash(uint64_t seed, const char *p, size_t n);
/* Slots for n keys: a power of two, at least 1.5 n; false when that does not fit in 32 bits. */
bool sf_tok_slots(uint32_t *slots, uint64_t n);

#endif
