/* SPDX-License-Identifier: MIT
 * tokenizer.c - the vocabulary of a GGUF read into tables, and questions about single tokens.
 *
 * Everything in the file is untrusted. Refused (E_FILE): arrays of differing lengths, unknown token
 * types, byte tokens that are not spelled <0x00>..<0xFF>, scores that are NaN, ids out of range
 * (an id of 2^32 - 1 means "none"). Accepted: empty spellings (never matched), equal spellings (the
 * lowest id is the one that text becomes), spellings that are not UTF-8.
 */
#include "tokenizer_i.h"

#include <string.h>

#include "utf8.h"

#define MAX_TOKENS (1u << 26) /* far above any vocabulary; keeps every table's size in 32 bits */

enum { /* tokenizer.ggml.token_type */
       TYPE_NONE,
       TYPE_NORMAL,
       TYPE_UNKNOWN,
       TYPE_CONTROL,
       TYPE_USER,
       TYPE_UNUSED,
       TYPE_BYTE
};

/* ------------------------------------------------------------------------------------ spellings */

uint32_t sf_tok_hash(uint64_t seed, const char *p, size_t n) {
    uint64_t h = sf_mix(seed ^ n), w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = sf_mix(h ^ w);
    }
    w = 0;
    memcpy(&w, p, n);
    h = sf_mix(h ^ w);
    return (uint32_t)(h ^ h >> 32);
}

bool sf_tok_slots(uint32_t *slots, uint64_t n) {
    uint64_t s = 16;
    while (s < n + n / 2) s *= 2;
    *slots = (uint32_t)s;
    return s <= 1u << 31;
}

int32_t sf_tok_lookup(const struct sf_tokenizer *t, const char *p, size_t n) {
    if (n > t->max_spelling) return -1;
    for (uint32_t i = sf_tok_hash(t->seed, p, n) & t->slot_mask;; i = (i + 1) & t->slot_mask) {
        if (t->slot[i] == 0) return -1;
        struct sf_str s = sf_tok_spelling(t, t->slot[i] - 1);
        if (s.n == n && memcmp(s.p, p, n) == 0) return (int32_t)(t->slot[i] - 1);
    }
}

static void index_spellings(struct sf_tokenizer *t) {
    for (uint32_t id = 0; id < t->n; id++) {
        struct sf_str s = sf_tok_spelling(t, id);
        if (s.n == 0) continue;
        uint32_t i = sf_tok_hash(t->seed, s.p, s.n) & t->slot_mask;
        while (t->slot[i] != 0) {
            struct sf_str o = sf_tok_spelling(t, t->slot[i] - 1);
            if (o.n == s.n && memcmp(o.p, s.p, s.n) == 0) break; /* the lower id keeps it */
            i = (i + 1) & t->slot_mask;
        }
        if (t->slot[i] == 0) t->slot[i] = id + 1;
    }
}

/* ----------------------------------------------------------------------------------- attributes */

static bool is(struct sf_str s, const char *text) {
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool begins(struct sf_str s, const char *text) {
    return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static bool ends(struct sf_str s, const char *text) {
    size_t n = strlen(text);
    return s.n >= n && memcmp(s.p + s.n - n, text, n) == 0;
}

/* <|...|>, also with the full-width bars of DeepSeek. */
static bool looks_like_marker(struct sf_str s) {
    return (s.n >= 4 && begins(s, "<|") && ends(s, "|>")) ||
           (s.n >= 8 && begins(s, "<\xEF\xBD\x9C") && ends(s, "\xEF\xBD\x9C>"));
}

/* Spellings that end a text or a turn in the vocabularies that have them. */
static bool looks_like_end(struct sf_str s) {
    static const char *const end[] = {"</s>",
                                      "<eos>",
                                      "<|eos|>",
                                      "<|im_end|>",
                                      "<|eot_id|>",
                                      "<|eom_id|>",
                                      "<|end_of_text|>",
                                      "<|endoftext|>",
                                      "<end_of_turn>",
                                      "<|end_of_turn|>",
                                      "<|END_OF_TURN_TOKEN|>",
                                      "<|end|>",
                                      "<|return|>",
                                      "<|call|>",
                                      "<EOT>",
                                      "<|EOT|>",
                                      "<turn|>",
                                      "<|turn_end|>",
                                      "<end_of_utterance>",
                                      ("<\xEF\xBD\x9C"
                                       "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>")};
    if (s.n < 4 || s.p[0] != '<') return false;
    for (size_t i = 0; i < SF_COUNT(end); i++)
        if (is(s, end[i])) return true;
    return false;
}

/* "<0x41>" -> 0x41, else -1. */
static int byte_of(struct sf_str s) {
    if (s.n != 6 || !begins(s, "<0x") || s.p[5] != '>') return -1;
    int v = 0;
    for (int i = 3; i < 5; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Without token types a file's special tokens are known by their spelling alone. */
static int guess_type(const struct sf_tokenizer *t, struct sf_str s) {
    if (t->kind == SF_TOK_SPM && byte_of(s) >= 0) return TYPE_BYTE;
    if (t->kind == SF_TOK_SPM && is(s, "<unk>")) return TYPE_UNKNOWN;
    if (looks_like_end(s) || looks_like_marker(s) || is(s, "<s>")) return TYPE_CONTROL;
    return TYPE_NORMAL;
}

static surefoot_status set_attr(struct sf_tokenizer *t, uint32_t id, int64_t type,
                                surefoot_error *err) {
    struct sf_str s = sf_tok_spelling(t, id);
    unsigned a = 0;
    switch (type) {
    case TYPE_NONE:
    case TYPE_NORMAL:
        break;
    case TYPE_UNKNOWN:
        a = SF_TOK_UNKNOWN;
        break;
    case TYPE_CONTROL:
        a = SF_TOK_CONTROL;
        break;
    case TYPE_USER:
        /* An end token declared as ordinary text would be shown and would not end anything. */
        a = looks_like_end(s)      ? SF_TOK_CONTROL
            : looks_like_marker(s) ? SF_TOK_USER | SF_TOK_MARKER
                                   : SF_TOK_USER;
        break;
    case TYPE_UNUSED:
        a = SF_TOK_UNUSED;
        break;
    case TYPE_BYTE:
        if (byte_of(s) < 0)
            return sf_fail(err, SUREFOOT_E_FILE, id,
                           "tokenizer.ggml.tokens: token %u is of type byte but not spelled "
                           "<0x00> to <0xFF>",
                           id);
        a = SF_TOK_BYTE;
        break;
    default:
        return sf_fail(err, SUREFOOT_E_FILE, id,
                       "tokenizer.ggml.token_type: token %u has type %lld, known are 1 to 6", id,
                       (long long)type);
    }
    t->attr[id] = (uint8_t)a;
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------ text of a token */

/* Appends what token id contributes to text at t->bytes + at; the new end. Never longer than the
 * spelling. */
static uint32_t put_text(struct sf_tokenizer *t, uint32_t id, uint32_t at) {
    struct sf_str s = sf_tok_spelling(t, id);
    char *o = t->bytes + at;
    unsigned a = t->attr[id];
    if (a & (SF_TOK_CONTROL | SF_TOK_UNKNOWN)) return at;
    if (a & SF_TOK_BYTE) {
        *o = (char)byte_of(s);
        return at + 1;
    }
    if (t->kind == SF_TOK_BPE && (a & SF_TOK_USER)) {
        memcpy(o, s.p, s.n);
        return at + (uint32_t)s.n;
    }
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        int len = sf_utf8_decode((const unsigned char *)s.p + i, s.n - i, &cp);
        int b = len == 0 ? -1 : t->kind == SF_TOK_BPE ? sf_char_byte(cp) : cp == 0x2581 ? ' ' : -1;
        if (b >= 0) {
            *o++ = (char)b;
        } else {
            memcpy(o, s.p + i, len ? (size_t)len : 1);
            o += len ? len : 1;
        }
        i += len ? (size_t)len : 1;
    }
    return (uint32_t)(o - t->bytes);
}

uint32_t sf_byte_char(unsigned char b) {
    if ((b >= 33 && b <= 126) || (b >= 161 && b != 173)) return b;
    return 256u + (b <= 32 ? b : b == 173 ? 67u : b - 127u + 33u);
}

int sf_char_byte(uint32_t cp) {
    if (cp >= 256 + 68) return -1;
    if (cp == 256 + 67) return 173;
    if (cp >= 256) return (int)(cp - 256 <= 32 ? cp - 256 : cp - 256 - 33 + 127);
    return sf_byte_char((unsigned char)cp) == cp ? (int)cp : -1;
}

/* ---------------------------------------------------------------------------------------- open */

struct plan { /* what is counted before anything is allocated */
    uint64_t n_tokens, n_merges, spelling_bytes;
    size_t max_spelling;
    uint32_t n_special;
    const struct sf_gguf_kv *types;
};

static surefoot_status array_of_numbers(const struct sf_gguf_kv **out, const struct sf_gguf *g,
                                        const char *key, uint64_t n, surefoot_error *err) {
    const struct sf_gguf_kv *kv = sf_gguf_find(g, key);
    *out = kv;
    if (!kv) return SUREFOOT_OK;
    if (kv->type != SF_GGUF_ARRAY || kv->elem_type == SF_GGUF_STRING ||
        kv->elem_type == SF_GGUF_ARRAY)
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "%s: not an array of numbers", key);
    if (kv->n != n)
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "%s: %llu entries for %llu tokens", key,
                       (unsigned long long)kv->n, (unsigned long long)n);
    return SUREFOOT_OK;
}

static surefoot_status count(struct plan *z, const struct sf_gguf *g, surefoot_error *err) {
    struct sf_gguf_strings it;
    struct sf_str s;
    bool found;
    SF_TRY(sf_gguf_get_strings(g, "tokenizer.ggml.tokens", &it, &found, err));
    if (!found || it.left == 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "tokenizer.ggml.tokens: the file has no vocabulary");
    z->n_tokens = it.left;
    if (z->n_tokens > MAX_TOKENS)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "tokenizer.ggml.tokens: %llu tokens, at most %u",
                       (unsigned long long)z->n_tokens, MAX_TOKENS);
    while (sf_gguf_next_string(&it, &s)) {
        z->spelling_bytes += s.n;
        z->max_spelling = sf_max(z->max_spelling, s.n);
    }
    if (z->spelling_bytes > UINT32_MAX / 2)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "tokenizer.ggml.tokens: %llu bytes of spellings",
                       (unsigned long long)z->spelling_bytes);
    SF_TRY(array_of_numbers(&z->types, g, "tokenizer.ggml.token_type", z->n_tokens, err));
    for (uint64_t i = 0; z->types && i < z->n_tokens; i++) {
        int64_t type = sf_gguf_elem_i64(g, z->types, i);
        z->n_special += type == TYPE_UNKNOWN || type == TYPE_CONTROL || type == TYPE_USER;
    }
    if (!z->types) z->n_special = (uint32_t)z->n_tokens;
    SF_TRY(sf_gguf_get_strings(g, "tokenizer.ggml.merges", &it, &found, err));
    z->n_merges = found ? it.left : 0;
    if (z->n_merges > MAX_TOKENS)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "tokenizer.ggml.merges: %llu merges, at most %u",
                       (unsigned long long)z->n_merges, MAX_TOKENS);
    return SUREFOOT_OK;
}

/* One block: run once to measure (t->arena.base NULL), once to hand out. */
static void lay_out(struct sf_tokenizer *t, const struct plan *z) {
    struct sf_arena *a = &t->arena;
    t->n = (uint32_t)z->n_tokens;
    t->max_spelling = z->max_spelling;
    t->attr = sf_arena_take(a, t->n, sizeof *t->attr);
    t->spell_at = sf_arena_take(a, (size_t)t->n + 1, sizeof *t->spell_at);
    t->spell = sf_arena_take(a, z->spelling_bytes, 1);
    t->bytes_at = sf_arena_take(a, (size_t)t->n + 1, sizeof *t->bytes_at);
    t->bytes = sf_arena_take(a, z->spelling_bytes, 1);
    uint32_t slots = 0;
    if (!sf_tok_slots(&slots, z->n_tokens)) a->failed = true;
    t->slot_mask = slots - 1;
    t->slot = sf_arena_take(a, slots, sizeof *t->slot);
    t->special = sf_arena_take(a, z->n_special, sizeof *t->special);
    if (t->kind == SF_TOK_SPM) {
        t->order = sf_arena_take(a, t->n, sizeof *t->order);
        t->inner = sf_arena_take(a, 1024, sizeof *t->inner);
    } else {
        if (!sf_tok_slots(&slots, z->n_merges)) a->failed = true;
        t->merge_mask = slots - 1;
        t->merge_slot = sf_arena_take(a, slots, sizeof *t->merge_slot);
        t->merge = sf_arena_take(a, z->n_merges, sizeof *t->merge);
    }
}

static surefoot_status read_vocabulary(struct sf_tokenizer *t, const struct sf_gguf *g,
                                       const struct plan *z, surefoot_error *err) {
    struct sf_gguf_strings it;
    struct sf_str s;
    SF_TRY(sf_gguf_get_strings(g, "tokenizer.ggml.tokens", &it, NULL, err));
    uint32_t at = 0;
    for (uint32_t id = 0; id < t->n && sf_gguf_next_string(&it, &s); id++) {
        memcpy(t->spell + at, s.p, s.n);
        t->spell_at[id] = at;
        t->spell_at[id + 1] = at += (uint32_t)s.n;
    }
    index_spellings(t);
    at = 0;
    for (uint32_t id = 0; id < t->n; id++) {
        int64_t type =
            z->types ? sf_gguf_elem_i64(g, z->types, id) : guess_type(t, sf_tok_spelling(t, id));
        SF_TRY(set_attr(t, id, type, err));
        t->bytes_at[id] = at;
        t->bytes_at[id + 1] = at = put_text(t, id, at);
        t->max_bytes = sf_max(t->max_bytes, at - t->bytes_at[id]);
    }
    return SUREFOOT_OK;
}

/* An id named by the file: -1 if the key is absent or says 2^32 - 1. */
static surefoot_status named_id(int32_t *out, const struct sf_tokenizer *t, const struct sf_gguf *g,
                                const char *key, bool *found, surefoot_error *err) {
    const struct sf_gguf_kv *kv = sf_gguf_find(g, key);
    uint64_t v = UINT32_MAX;
    *out = -1;
    if (found) *found = kv != NULL;
    if (!kv) return SUREFOOT_OK;
    if (kv->type == SF_GGUF_I32) { /* -1 in a signed value is "none", too */
        int32_t s;
        memcpy(&s, g->data + kv->offset, sizeof s);
        if (s == -1) return SUREFOOT_OK;
    }
    SF_TRY(sf_gguf_get_u64(g, key, UINT64_MAX, &v, NULL, err));
    if (v == UINT32_MAX) return SUREFOOT_OK;
    if (v >= t->n)
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset,
                       "%s: id %llu, the vocabulary has %u tokens", key, (unsigned long long)v,
                       t->n);
    *out = (int32_t)v;
    return SUREFOOT_OK;
}

/* BOS, EOS, unknown; and every token that ends a text. */
static surefoot_status read_ends(struct sf_tokenizer *t, const struct sf_gguf *g,
                                 surefoot_error *err) {
    static const char *const more[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    bool has_bos, has_eos, has_unk;
    SF_TRY(named_id(&t->bos, t, g, "tokenizer.ggml.bos_token_id", &has_bos, err));
    SF_TRY(named_id(&t->eos, t, g, "tokenizer.ggml.eos_token_id", &has_eos, err));
    SF_TRY(named_id(&t->unk, t, g, "tokenizer.ggml.unknown_token_id", &has_unk, err));
    if (t->kind == SF_TOK_SPM) { /* the names SentencePiece gives when asked for nothing else */
        if (!has_bos) t->bos = sf_tok_lookup(t, "<s>", 3);
        if (!has_eos) t->eos = sf_tok_lookup(t, "</s>", 4);
        if (!has_unk) t->unk = sf_tok_lookup(t, "<unk>", 5);
    }
    bool harmony = sf_tok_lookup(t, "<|return|>", 10) >= 0 && sf_tok_lookup(t, "<|call|>", 8) >= 0;
    for (uint32_t id = 0; id < t->n; id++) {
        struct sf_str s = sf_tok_spelling(t, id);
        if (!(t->attr[id] & SF_TOK_CONTROL) || !looks_like_end(s)) continue;
        if (harmony && is(s, "<|end|>")) continue; /* there it ends one message of several */
        t->attr[id] |= SF_TOK_EOG;
    }
    for (size_t i = 0; i < SF_COUNT(more); i++) {
        int32_t id;
        SF_TRY(named_id(&id, t, g, more[i], NULL, err));
        if (id >= 0) t->attr[id] |= SF_TOK_EOG;
    }
    if (t->eos >= 0) t->attr[t->eos] |= SF_TOK_EOG;
    if (t->bos >= 0) t->attr[t->bos] |= SF_TOK_EOG; /* a new text begins: the old one ended */
    /* Text that has no token must not turn into the end of a text. */
    if (t->unk >= 0 && (t->attr[t->unk] & SF_TOK_EOG)) t->unk = -1;
    return SUREFOOT_OK;
}

static surefoot_status read_rules(struct sf_tokenizer *t, const struct sf_gguf *g,
                                  surefoot_error *err) {
    t->add_bos = t->kind == SF_TOK_SPM || (t->pre->flags & SF_PRE_BOS);
    SF_TRY(sf_gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, NULL, err));
    if (t->bos < 0) t->add_bos = false;
    t->space_prefix = t->kind == SF_TOK_SPM;
    if (t->kind == SF_TOK_SPM)
        SF_TRY(sf_gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &t->space_prefix, NULL, err));
    return SUREFOOT_OK;
}

static surefoot_status read_kind(struct sf_tokenizer *t, const struct sf_gguf *g,
                                 surefoot_error *err) {
    struct sf_str model = {"", 0}, pre = {"", 0};
    bool found;
    SF_TRY(sf_gguf_get_str(g, "tokenizer.ggml.model", &model, &found, err));
    if (!found)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "no tokenizer.ggml.model: the file has no tokenizer");
    if (is(model, "llama")) {
        t->kind = SF_TOK_SPM;
        return SUREFOOT_OK;
    }
    if (!is(model, "gpt2"))
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "tokenizer.ggml.model '%.*s' is not supported; there are llama "
                       "(SentencePiece) and gpt2 (byte-level BPE)",
                       (int)sf_min(model.n, 40), model.p);
    t->kind = SF_TOK_BPE;
    SF_TRY(sf_gguf_get_str(g, "tokenizer.ggml.pre", &pre, NULL, err));
    return sf_pre_open(t, pre, err);
}

static surefoot_status open_parts(struct sf_tokenizer *t, const struct sf_gguf *g,
                                  surefoot_error *err) {
    struct plan z = {0};
    SF_TRY(read_kind(t, g, err));
    SF_TRY(count(&z, g, err));
    lay_out(t, &z);
    SF_TRY(sf_arena_reserve(&t->arena, err));
    lay_out(t, &z);
    t->seed = sf_mix((uint64_t)(uintptr_t)t->arena.base ^ 0x746F6B656E73u);
    SF_TRY(read_vocabulary(t, g, &z, err));
    SF_TRY(read_ends(t, g, err));
    SF_TRY(read_rules(t, g, err));
    sf_tok_special_sort(t);
    return t->kind == SF_TOK_SPM ? sf_spm_open(t, g, err) : sf_bpe_open(t, g, err);
}

surefoot_status sf_tokenizer_open(struct sf_tokenizer **out, const struct sf_gguf *g,
                                  surefoot_error *err) {
    *out = NULL;
    struct sf_tokenizer *t = sf_alloc(sizeof *t);
    if (!t) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the tokenizer");
    surefoot_status s = open_parts(t, g, err);
    if (s != SUREFOOT_OK) {
        sf_tokenizer_close(t);
        return s;
    }
    *out = t;
    return SUREFOOT_OK;
}

void sf_tokenizer_close(struct sf_tokenizer *t) {
    if (!t) return;
    sf_pre_close(t);
    sf_arena_free(&t->arena);
    sf_free(t);
}

/* ------------------------------------------------------------------------------------- questions */

int32_t sf_tokenizer_n_vocab(const struct sf_tokenizer *t) {
    return (int32_t)t->n;
}

int32_t sf_tokenizer_bos(const struct sf_tokenizer *t) {
    return t->bos;
}

int32_t sf_tokenizer_eos(const struct sf_tokenizer *t) {
    return t->eos;
}

bool sf_tokenizer_add_bos(const struct sf_tokenizer *t) {
    return t->add_bos;
}

unsigned sf_tokenizer_attr(const struct sf_tokenizer *t, int32_t id) {
    return id < 0 || (uint32_t)id >= t->n ? 0 : t->attr[id];
}

int32_t sf_tokenizer_find(const struct sf_tokenizer *t, const char *piece, size_t n) {
    return sf_tok_lookup(t, piece, n);
}

struct sf_str sf_token_bytes(const struct sf_tokenizer *t, int32_t id) {
    if (id < 0 || (uint32_t)id >= t->n) return (struct sf_str){"", 0};
    if (t->attr[id] & SF_TOK_UNKNOWN) return (struct sf_str){"\xEF\xBF\xBD", 3};
    return sf_tok_text(t, (uint32_t)id);
}

struct sf_str sf_token_spelling(const struct sf_tokenizer *t, int32_t id) {
    if (id < 0 || (uint32_t)id >= t->n) return (struct sf_str){"", 0};
    return sf_tok_spelling(t, (uint32_t)id);
}

size_t sf_tokenizer_max_bytes(const struct sf_tokenizer *t) {
    return sf_max(t->max_bytes, 3); /* an unknown token is shown as U+FFFD */
}

bool sf_tokenizer_space_prefix(const struct sf_tokenizer *t) {
    return t->space_prefix;
}
