/* SPDX-License-Identifier: MIT
 * tokenizer.h - text to token ids and back, from the tokenizer.* keys of a GGUF alone: SPM (scores,
 * byte fallback) and byte-level BPE (merges, pre-tokeniser regular expressions by PCRE2).
 * Immutable after open; encode needs scratch of its own, so threads may share a tokenizer.
 */
#ifndef SF_TOKENIZER_H
#define SF_TOKENIZER_H

#include "gguf.h"

struct sf_tokenizer;

enum { /* attributes of a token */
    SF_TOK_CONTROL = 1, /* shown as empty text                                    */
    SF_TOK_EOG = 2,     /* ends the text (EOS, EOT, <|im_end|> ...; BOS too)      */
    SF_TOK_BYTE = 4,    /* byte-fallback piece                                    */
    SF_TOK_UNUSED = 8,
    SF_TOK_USER = 16    /* user-defined: matched before splitting, shown as text  */
};
enum {
    SF_ENCODE_BOS = 1,      /* BOS first, if sf_tokenizer_add_bos                                  */
    SF_ENCODE_SPECIAL = 2,  /* spellings of control tokens become those tokens                     */
    SF_ENCODE_NO_PREFIX = 4 /* SPM: no space put in front                                          */
};

/* Reads only tokenizer.* keys (and the vocabulary), copies what it needs: the GGUF may be closed.
 * E_UNSUPPORTED names a tokenizer.ggml.model or .pre we lack and lists those we have. */
surefoot_status sf_tokenizer_open(struct sf_tokenizer **out, const struct sf_gguf *g,
                                  surefoot_error *err);
void sf_tokenizer_close(struct sf_tokenizer *t);

int32_t sf_tokenizer_n_vocab(const struct sf_tokenizer *t);
int32_t sf_tokenizer_bos(const struct sf_tokenizer *t); /* -1: none */
int32_t sf_tokenizer_eos(const struct sf_tokenizer *t);
bool sf_tokenizer_add_bos(const struct sf_tokenizer *t);
unsigned sf_tokenizer_attr(const struct sf_tokenizer *t, int32_t id); /* 0 for an id out of range */
/* Id of the token spelled exactly so (control tokens included), -1 if none. */
int32_t sf_tokenizer_find(const struct sf_tokenizer *t, const char *piece, size_t n);

/* Encodes n bytes (any bytes, NUL and invalid UTF-8 included; at most 2^30). *n_out: ids needed;
 * writes at most cap. E_USAGE when cap was too small. That is at most n + 2 for ordinary text; in
 * vocabularies that ask for NFC a few characters grow, so the bound is 3 n + 2. Without
 * SF_ENCODE_SPECIAL no control token comes out, whatever the text. E_FAILED: the vocabulary has no
 * token for a byte. Allocates its scratch and frees it. */
surefoot_status sf_encode(const struct sf_tokenizer *t, const char *text, size_t n, unsigned flags,
                          int32_t *ids, size_t cap, size_t *n_out, surefoot_error *err);

/* Text of n ids: valid UTF-8 (invalid bytes become U+FFFD), control tokens empty, the leading space
 * that encode put there dropped; ids out of range are empty. *n_out: bytes needed; at most cap are
 * written (E_USAGE if more). Gives back the text that was encoded, with two exceptions that are the
 * models' own: vocabularies that ask for NFC give NFC text, SPM gives U+2581 as a space. */
surefoot_status sf_decode(const struct sf_tokenizer *t, const int32_t *ids, size_t n, char *text,
                          size_t cap, size_t *n_out, surefoot_error *err);

/* Bytes of one token as it contributes to text: control tokens 0 bytes, byte tokens 1 byte, SPM's
 * U+2581 a space, the unknown token U+FFFD. Valid as long as t. The bytes may be a part of a UTF-8
 * character. For SPM with a space prefix, the caller drops one leading space of a text's first
 * piece that is not empty (sf_decode does). */
struct sf_str sf_token_bytes(const struct sf_tokenizer *t, int32_t id);
/* The token's own spelling in the vocabulary, for display. */
struct sf_str sf_token_spelling(const struct sf_tokenizer *t, int32_t id);

/* Longest sf_token_bytes of the vocabulary. */
size_t sf_tokenizer_max_bytes(const struct sf_tokenizer *t);
/* true: text that starts at the beginning of a sequence begins with a space put there by encode. */
bool sf_tokenizer_space_prefix(const struct sf_tokenizer *t);

#endif
