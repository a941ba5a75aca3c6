/* SPDX-License-Identifier: MIT
 * convert_tokenizer.c - tokenizer.json (or tokenizer.model), tokenizer_config.json and the chat
 * template of a Hugging Face folder as GGUF keys. tokenizer.json is read in place: a tree of it would
 * not fit in memory.
 *
 * Two kinds become GGUF: byte-level BPE ("gpt2": tokens, merges, the pre-tokeniser by name) and BPE over
 * characters with byte fallback ("llama", SentencePiece's form: a score per token, from the merges).
 */
#include <stdlib.h>
#include <string.h>

#include "convert_vocab.h"

enum { MAX_IDS = 1 << 22 };

/* --------------------------------------------------------------------------------- a vocabulary */

surefoot_status sf_cv_vocab_open(struct sf_cv *c, struct sf_cv_vocab *v, size_t pool) {
    *v = (struct sf_cv_vocab){.pool = malloc(pool + 1), .pool_cap = pool};
    if (v->pool) return SUREFOOT_OK;
    return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for a vocabulary of %zu bytes", pool);
}

void sf_cv_vocab_close(struct sf_cv_vocab *v) {
    free(v->text);
    free(v->score);
    free(v->type);
    free(v->pool);
    *v = (struct sf_cv_vocab){0};
}

static bool grow(struct sf_cv_vocab *v, size_t n) {
    size_t cap = v->cap ? v->cap : 4096;
    while (cap < n) cap *= 2;
    if (cap == v->cap) return true;
    struct sf_str *text = realloc(v->text, cap * sizeof *text);
    if (text) v->text = text;
    float *score = realloc(v->score, cap * sizeof *score);
    if (score) v->score = score;
    int32_t *type = realloc(v->type, cap * sizeof *type);
    if (type) v->type = type;
    if (!text || !score || !type) return false;
    memset(v->text + v->cap, 0, (cap - v->cap) * sizeof *text);
    memset(v->type + v->cap, 0, (cap - v->cap) * sizeof *type);
    memset(v->score + v->cap, 0, (cap - v->cap) * sizeof *score);
    v->cap = cap;
    return true;
}

surefoot_status sf_cv_token(struct sf_cv *c, struct sf_cv_vocab *v, uint64_t id, const char *p,
                            size_t n, float score, int type) {
    if (id >= MAX_IDS || n > v->pool_cap - v->pool_n)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0,
                       "tokenizer: a token has id %llu, at most %d can be", (unsigned long long)id,
                       MAX_IDS - 1);
    if (!grow(v, (size_t)id + 1))
        return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tokens", (size_t)id + 1);
    memcpy(v->pool + v->pool_n, p, n);
    v->text[id] = (struct sf_str){v->pool + v->pool_n, n};
    v->pool_n += n;
    v->score[id] = score;
    v->type[id] = type;
    v->n = sf_max(v->n, (size_t)id + 1);
    return SUREFOOT_OK;
}

int64_t sf_cv_vocab_find(const struct sf_cv_vocab *v, const char *text) {
    const size_t n = strlen(text);
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] && v->text[i].n == n && memcmp(v->text[i].p, text, n) == 0)
            return (int64_t)i;
    return -1;
}

/* ------------------------------------------------------------------------------- pre-tokenisers */

#define CL     "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define REST   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define APOS   "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define UPPER  "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O_REST "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* What tokenizer.json says, as one line: "split:REGEX", "digits", "punctuation", "words" (ByteLevel with
 * its own expression), separated by newlines. whole: ignore_merges; nfc: the normaliser. -1: either. */
static const struct {
    const char *steps;
    int whole, nfc;
    const char *name;
} pres[] = {
    {"split:" APOS CL "\\p{N}{1,3}" REST "\n", 1, -1, "llama-bpe"},
    {"split:" APOS CL "\\p{N}{1,3}" REST "\n", 0, -1, "smaug-bpe"},
    {"split:" APOS CL "\\p{N}" REST "\n", -1, 1, "qwen2"},
    {"split:" APOS CL "\\p{N}" REST "\n", -1, 0, "deepseek-r1-qwen"},
    {"words\n", -1, 0, "gpt-2"},
    {"words\n", -1, 1, "olmo"},
    {"digits\nwords\n", -1, 0, "smollm"},
    {"digits\nwords\n", -1, 1, "command-r"},
    {"punctuation\nwords\nsplit:[0-9][0-9][0-9]\n", -1, -1, "falcon"},
    {"split:[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER
     "+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER
     "*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}" O_REST "\n",
     -1, -1, "gpt-4o"},
    {"split:[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER
     "*|\\p{N}" O_REST "\n",
     -1, -1, "tekken"},
    {"split:\\p{N}{1,3}\nsplit:[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+\n"
     "split:[!\"#$%&'()*+,\\-./"
     ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?"
     "[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+\n",
     -1, -1, "deepseek-v3"},
};

struct pre { /* what the pre_tokenizer consists of */
    char steps[2048];
    bool bytes;    /* byte-level */
    int metaspace; /* 1: in use, 2: and puts a space in front */
};

/* Line ends inside an expression are written as escapes, as other files have them. */
static void step(struct pre *p, const char *what, const char *text, size_t n) {
    size_t at = strlen(p->steps), len = strlen(what);
    if (at + len + 2 * n + 2 > sizeof p->steps) {
        snprintf(p->steps, sizeof p->steps, "too long");
        return;
    }
    memcpy(p->steps + at, what, len);
    for (size_t i = 0; i < n; i++) {
        const bool line = text[i] == '\r' || text[i] == '\n';
        if (line) p->steps[at + len++] = '\\';
        p->steps[at + len++] = !line ? text[i] : text[i] == '\r' ? 'r' : 'n';
    }
    p->steps[at + len] = '\n';
    p->steps[at + len + 1] = 0;
}

static bool is_true(struct sf_json v) {
    return v.n == 4 && memcmp(v.p, "true", 4) == 0;
}
static bool is_false(struct sf_json v) {
    return v.n == 5 && memcmp(v.p, "false", 5) == 0;
}

static void read_pre(struct pre *p, struct sf_json v, int depth) {
    struct sf_json type = sf_json_get(v, "type"), e;
    struct sf_json_walk w;
    char text[2048];
    size_t n;
    if (sf_json_is(type, "Sequence") && depth < 4) {
        for (sf_json_walk(&w, sf_json_get(v, "pretokenizers"), '['); sf_json_next(&w, NULL, &e);)
            read_pre(p, e, depth + 1);
    } else if (sf_json_is(type, "Split")) {
        struct sf_json pattern = sf_json_get(v, "pattern"), re = sf_json_get(pattern, "Regex");
        if (re.n == 0) re = sf_json_get(pattern, "String");
        if (re.n <= sizeof text && sf_json_text(re, text, &n)) step(p, "split:", text, n);
    } else if (sf_json_is(type, "Digits")) {
        if (is_true(sf_json_get(v, "individual_digits"))) step(p, "digits", "", 0);
    } else if (sf_json_is(type, "Punctuation")) {
        step(p, "punctuation", "", 0);
    } else if (sf_json_is(type, "ByteLevel")) {
        p->bytes = true;
        if (!is_false(sf_json_get(v, "use_regex"))) step(p, "words", "", 0);
    } else if (sf_json_is(type, "Metaspace")) {
        struct sf_json scheme = sf_json_get(v, "prepend_scheme");
        bool front =
            scheme.n ? !sf_json_is(scheme, "never") : !is_false(sf_json_get(v, "add_prefix_space"));
        p->metaspace = front ? 2 : 1;
    } else if (type.n) {
        step(p, "unknown:", type.p, sf_min(type.n, 60));
    }
}

/* Does the normaliser contain a step of that type? */
static bool normalises(struct sf_json v, const char *type, int depth) {
    struct sf_json_walk w;
    struct sf_json e;
    if (sf_json_is(sf_json_get(v, "type"), type)) return true;
    if (!sf_json_is(sf_json_get(v, "type"), "Sequence") || depth > 3) return false;
    for (sf_json_walk(&w, sf_json_get(v, "normalizers"), '['); sf_json_next(&w, NULL, &e);)
        if (normalises(e, type, depth + 1)) return true;
    return false;
}

/* ------------------------------------------------------------------------------- tokenizer.json */

struct reader {
    struct sf_cv *c;
    struct sf_cv_vocab v;
    struct sf_json root, model;
    struct sf_str *merge; /* "left right" */
    size_t n_merge;
    char *merge_pool;
    bool bpe_bytes, prefix, starts; /* starts: the post-processor puts a special token first */
    const char *pre;
};

static surefoot_status bad(struct reader *r, const char *what) {
    return sf_fail(r->c->err, SUREFOOT_E_FILE, 0, "tokenizer.json: %s", what);
}

static surefoot_status read_vocab(struct reader *r) {
    struct sf_json_walk w;
    struct sf_json key, value, vocab = sf_json_get(r->model, "vocab");
    uint64_t id;
    size_t n;
    for (sf_json_walk(&w, vocab, '{'); sf_json_next(&w, &key, &value);) {
        char *p = r->v.pool + r->v.pool_n; /* decoded in place: never longer than its JSON */
        if (key.n > r->v.pool_cap - r->v.pool_n || !sf_json_text(key, p, &n) ||
            !sf_json_u64(value, &id))
            return bad(r, "'vocab' holds what is no token and its id");
        bool byte = n == 6 && !r->bpe_bytes && memcmp(p, "<0x", 3) == 0 && p[5] == '>';
        SF_TRY(sf_cv_token(r->c, &r->v, id, p, n, 0, byte ? SF_CV_BYTE : SF_CV_NORMAL));
    }
    return w.bad || r->v.n == 0 ? bad(r, "no 'vocab' of tokens and ids") : SUREFOOT_OK;
}

static surefoot_status read_added(struct reader *r) {
    struct sf_json_walk w;
    struct sf_json e;
    uint64_t id;
    size_t n;
    for (sf_json_walk(&w, sf_json_get(r->root, "added_tokens"), '['); sf_json_next(&w, NULL, &e);) {
        struct sf_json text = sf_json_get(e, "content");
        char *p = r->v.pool + r->v.pool_n;
        if (text.n == 0 || text.n > r->v.pool_cap - r->v.pool_n || !sf_json_text(text, p, &n) ||
            !sf_json_u64(sf_json_get(e, "id"), &id))
            return bad(r, "'added_tokens' holds what is no token and its id");
        const bool special = is_true(sf_json_get(e, "special"));
        SF_TRY(sf_cv_token(r->c, &r->v, id, p, n, 0, special ? SF_CV_CONTROL : SF_CV_USER));
    }
    char unk[256];
    struct sf_json u = sf_json_get(r->model, "unk_token");
    if (u.n && u.n < sizeof unk && sf_json_text(u, unk, &n)) {
        unk[n] = 0;
        int64_t i = sf_cv_vocab_find(&r->v, unk);
        if (i >= 0 && !r->bpe_bytes) r->v.type[i] = SF_CV_UNKNOWN;
    }
    return SUREFOOT_OK;
}

/* A merge as "left right", from that or from a pair. */
static bool merge_text(struct sf_json v, char *out, size_t *n) {
    struct sf_json_walk w;
    struct sf_json a, b;
    size_t m;
    if (sf_json_text(v, out, n)) return true;
    sf_json_walk(&w, v, '[');
    if (!sf_json_next(&w, NULL, &a) || !sf_json_next(&w, NULL, &b) || !sf_json_text(a, out, n))
        return false;
    out[(*n)++] = ' ';
    if (!sf_json_text(b, out + *n, &m)) return false;
    *n += m;
    return true;
}

static surefoot_status read_merges(struct reader *r) {
    struct sf_json_walk w;
    struct sf_json e, merges = sf_json_get(r->model, "merges");
    size_t n = 0, at = 0;
    for (sf_json_walk(&w, merges, '['); sf_json_next(&w, NULL, &e);) n++;
    if (w.bad) return bad(r, "no list of 'merges'");
    r->merge = malloc((n + 1) * sizeof *r->merge);
    r->merge_pool = malloc(merges.n + 1);
    if (!r->merge || !r->merge_pool)
        return sf_fail(r->c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu merges", n);
    for (sf_json_walk(&w, merges, '['); sf_json_next(&w, NULL, &e); r->n_merge++) {
        size_t len;
        if (!merge_text(e, r->merge_pool + at, &len))
            return bad(r, "'merges' holds what is no merge");
        r->merge[r->n_merge] = (struct sf_str){r->merge_pool + at, len};
        at += len;
    }
    return SUREFOOT_OK;
}

static int by_text(const void *a, const void *b) {
    const struct sf_str *x = *(const struct sf_str *const *)a,
                        *y = *(const struct sf_str *const *)b;
    int c = memcmp(x->p, y->p, sf_min(x->n, y->n));
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* Scores from the merges' order: the earlier a pair merges, the higher its whole scores; what no merge
 * makes comes after all. */
static surefoot_status score_merges(struct reader *r) {
    const struct sf_str **order = malloc((r->v.n + 1) * sizeof *order);
    char *whole = malloc(r->v.pool_cap + 1);
    if (!order || !whole) {
        free(order);
        free(whole);
        return sf_fail(r->c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tokens", r->v.n);
    }
    for (size_t i = 0; i < r->v.n; i++) {
        order[i] = &r->v.text[i];
        if (r->v.type[i] == SF_CV_NORMAL) r->v.score[i] = -(float)(r->n_merge + i);
    }
    qsort(order, r->v.n, sizeof *order, by_text);
    for (size_t i = r->n_merge;
         i-- > 0;) { /* backwards: of two ways to a token the earlier counts */
        const struct sf_str m = r->merge[i], *want = &(struct sf_str){whole, m.n - 1};
        const char *blank = m.n > 1 ? memchr(m.p + 1, ' ', m.n - 1) : NULL;
        if (!blank || m.n > r->v.pool_cap) continue;
        const size_t left = (size_t)(blank - m.p);
        memcpy(whole, m.p, left);
        memcpy(whole + left, blank + 1, m.n - left - 1);
        const struct sf_str **hit = bsearch(&want, order, r->v.n, sizeof *order, by_text);
        if (hit && r->v.type[*hit - r->v.text] == SF_CV_NORMAL)
            r->v.score[*hit - r->v.text] = -(float)i;
    }
    free(order);
    free(whole);
    return SUREFOOT_OK;
}

/* Which kind it is, and its pre-tokeniser's name. */
static surefoot_status read_kind(struct reader *r) {
    struct pre p = {0};
    struct sf_json type = sf_json_get(r->model, "type"), norm = sf_json_get(r->root, "normalizer");
    if (type.n && !sf_json_is(type, "BPE"))
        return sf_fail(r->c->err, SUREFOOT_E_UNSUPPORTED, 0,
                       "tokenizer.json: a model of type %.*s is not supported: BPE is",
                       (int)sf_min(type.n, 30), type.p);
    read_pre(&p, sf_json_get(r->root, "pre_tokenizer"), 0);
    r->bpe_bytes = p.bytes;
    if (!p.bytes) {
        if (!is_true(sf_json_get(r->model, "byte_fallback")))
            return sf_fail(r->c->err, SUREFOOT_E_UNSUPPORTED, 0,
                           "tokenizer.json: neither byte-level BPE nor BPE with byte fallback");
        r->prefix = normalises(norm, "Prepend", 0) || p.metaspace == 2;
        return SUREFOOT_OK;
    }
    const int whole = is_true(sf_json_get(r->model, "ignore_merges")),
              nfc = normalises(norm, "NFC", 0);
    for (size_t i = 0; i < sizeof pres / sizeof pres[0] && !r->pre; i++)
        if (strcmp(pres[i].steps, p.steps) == 0 && (pres[i].whole < 0 || pres[i].whole == whole) &&
            (pres[i].nfc < 0 || pres[i].nfc == nfc))
            r->pre = pres[i].name;
    if (r->pre) return SUREFOOT_OK;
    char clean[3 * 80 + 1];
    size_t n = sf_cli_clean(p.steps, strnlen(p.steps, 80), clean);
    for (size_t i = 0; i < n; i++)
        if (clean[i] == '\n') clean[i] = ' ';
    return sf_fail(r->c->err, SUREFOOT_E_UNSUPPORTED, 0,
                   "tokenizer.json: the pre-tokeniser is none that is known here: %.*s",
                   (int)sf_min(n, 90), clean);
}

/* Does the post-processor begin a text with a special token? */
static bool starts_special(struct sf_json v, int depth) {
    struct sf_json_walk w;
    struct sf_json e, first;
    if (sf_json_is(sf_json_get(v, "type"), "Sequence") && depth < 3)
        for (sf_json_walk(&w, sf_json_get(v, "processors"), '['); sf_json_next(&w, NULL, &e);)
            if (starts_special(e, depth + 1)) return true;
    sf_json_walk(&w, sf_json_get(v, "single"), '[');
    return sf_json_next(&w, NULL, &first) && sf_json_get(first, "SpecialToken").n > 0;
}

static surefoot_status read_json(struct reader *r, const struct sf_map *m) {
    if (!sf_json_whole(&r->root, (const char *)m->data, m->size)) return bad(r, "malformed JSON");
    r->model = sf_json_get(r->root, "model");
    if (r->model.n == 0) return bad(r, "no 'model'");
    SF_TRY(sf_cv_vocab_open(r->c, &r->v, m->size + 65536));
    SF_TRY(read_kind(r));
    SF_TRY(read_vocab(r));
    SF_TRY(read_merges(r));
    SF_TRY(read_added(r));
    if (!r->bpe_bytes) SF_TRY(score_merges(r));
    r->starts = starts_special(sf_json_get(r->root, "post_processor"), 0);
    return SUREFOOT_OK;
}

/* ----------------------------------------------------------------------------------- into keys */

/* "<s>", or {"content": "<s>"}. */
static const char *token_text(json_t *v) {
    return json_is_object(v) ? json_string_value(json_object_get(v, "content"))
                             : json_string_value(v);
}

/* An id; -1: none. */
static int64_t whole(const json_t *v) {
    double d = json_number_value(v);
    return json_is_number(v) && d >= 0 && d < MAX_IDS ? (int64_t)d : -1;
}

static void put_ids(struct reader *r) {
    static const char *const names[][2] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                           {"eos_token", "tokenizer.ggml.eos_token_id"},
                                           {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                           {"pad_token", "tokenizer.ggml.padding_token_id"}};
    struct sf_cv *c = r->c;
    int64_t eos = -1, bos = -1;
    for (int i = 0; i < 4; i++) {
        const char *text = token_text(json_object_get(c->tok_config, names[i][0]));
        int64_t id = text ? sf_cv_vocab_find(&r->v, text) : -1;
        if (id < 0 && i < 2) { /* config.json has the id alone */
            json_t *n = json_object_get(c->text, i ? "eos_token_id" : "bos_token_id");
            if (json_is_array(n)) n = json_array_get(n, 0);
            id = whole(n);
        }
        if (id < 0 || (size_t)id >= r->v.n) continue;
        sf_gguf_put_u32(c->out, names[i][1], (uint32_t)id);
        if (i == 0) bos = id;
        if (i == 1) eos = id;
    }
    json_t *more = json_object_get(c->generation, "eos_token_id"), *n;
    size_t i;
    json_array_foreach(more, i, n) { /* the first that the tokenizer does not name */
        int64_t id = whole(n);
        if (id < 0 || id == eos || (size_t)id >= r->v.n) continue;
        sf_gguf_put_u32(c->out, "tokenizer.ggml.eot_token_id", (uint32_t)id);
        break;
    }
    json_t *add = json_object_get(c->tok_config, "add_bos_token");
    const bool begins = json_is_boolean(add) ? json_is_true(add) : r->starts;
    sf_gguf_put_bool(c->out, "tokenizer.ggml.add_bos_token", begins && bos >= 0);
}

/* added_tokens_decoder of tokenizer_config.json, for who has only tokenizer.model. */
static surefoot_status added_by_config(struct reader *r) {
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(r->c->tok_config, "added_tokens_decoder"), key, v) {
        const char *text = token_text(v);
        char *end;
        unsigned long long id = strtoull(key, &end, 10);
        if (!text || *end || !*key) continue;
        if (id < r->v.n && r->v.type[id] != SF_CV_NORMAL) continue; /* the model's own word */
        const bool special = json_is_true(json_object_get(v, "special"));
        SF_TRY(sf_cv_token(r->c, &r->v, id, text, strlen(text), 0,
                           special ? SF_CV_CONTROL : SF_CV_USER));
    }
    return SUREFOOT_OK;
}

static surefoot_status put_vocab(struct reader *r) {
    struct sf_cv *c = r->c;
    uint32_t want = 0;
    SF_TRY(sf_cv_u32(c, "vocab_size", false, &want));
    if (c->n_vocab) want = c->n_vocab; /* the embedding's rows */
    if (want && r->v.n > want) {
        sf_cli_note(c->cli,
                    "tokenizer: %zu tokens for %u rows of the embedding: the last are left out",
                    r->v.n, want);
        r->v.n = want;
    }
    if (want > MAX_IDS || !grow(&r->v, sf_max(want, r->v.n)))
        return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for %u tokens", want);
    r->v.n = sf_max(r->v.n, want);
    size_t pads = 0;
    for (size_t i = 0; i < r->v.n; i++) pads += r->v.type[i] == 0;
    char *pad = malloc(pads * 16 + 1), *p = pad;
    if (!pad) return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tokens", pads);
    for (size_t i = 0; i < r->v.n; i++) {
        if (r->v.type[i]) continue;
        r->v.text[i] = (struct sf_str){p, (size_t)snprintf(p, 16, "[PAD%zu]", i)};
        r->v.type[i] = SF_CV_UNUSED;
        p += r->v.text[i].n;
    }
    sf_gguf_put_str(c->out, "tokenizer.ggml.model",
                    r->bpe_bytes ? (struct sf_str){"gpt2", 4} : (struct sf_str){"llama", 5});
    if (r->pre)
        sf_gguf_put_str(c->out, "tokenizer.ggml.pre", (struct sf_str){r->pre, strlen(r->pre)});
    sf_gguf_put_strings(c->out, "tokenizer.ggml.tokens", r->v.text, r->v.n);
    sf_gguf_put_i32s(c->out, "tokenizer.ggml.token_type", r->v.type, r->v.n);
    if (r->bpe_bytes) {
        sf_gguf_put_strings(c->out, "tokenizer.ggml.merges", r->merge, r->n_merge);
    } else {
        sf_gguf_put_f32s(c->out, "tokenizer.ggml.scores", r->v.score, r->v.n);
        sf_gguf_put_bool(c->out, "tokenizer.ggml.add_space_prefix", r->prefix);
    }
    free(pad);
    put_ids(r);
    return SUREFOOT_OK;
}

static surefoot_status put_template(struct sf_cv *c) {
    char *path = sf_cv_path(c, "chat_template.jinja"), *text = NULL;
    size_t n = 0, i;
    json_t *own = json_object_get(c->tok_config, "chat_template"), *v;
    const char *named = json_string_value(own);
    if (path && sf_read_file(&text, &n, path, 1u << 20, NULL) == SUREFOOT_OK) {
        sf_gguf_put_str(c->out, "tokenizer.chat_template", (struct sf_str){text, n});
        named = NULL;
        own = NULL;
    }
    json_array_foreach(own, i, v) { /* several by name: the default one, else the first */
        const char *name = json_string_value(json_object_get(v, "name"));
        const char *t = json_string_value(json_object_get(v, "template"));
        if (t && (!named || (name && strcmp(name, "default") == 0))) named = t;
    }
    if (named)
        sf_gguf_put_str(c->out, "tokenizer.chat_template", (struct sf_str){named, strlen(named)});
    sf_free(text);
    free(path);
    return SUREFOOT_OK;
}

surefoot_status sf_cv_tokenizer(struct sf_cv *c) {
    struct reader r = {.c = c};
    struct sf_map m = {0};
    surefoot_error why = {0};
    char *path = sf_cv_path(c, "tokenizer.json");
    if (!path) return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for a path");
    surefoot_status s = sf_map_open(&m, path, &why);
    free(path);
    if (s == SUREFOOT_OK) {
        s = m.size > 256u << 20
                ? sf_fail(c->err, SUREFOOT_E_FILE, 0, "tokenizer.json: %zu bytes", m.size)
                : read_json(&r, &m);
    } else {
        s = sf_cv_sentencepiece(c, &r.v, &r.prefix);
        r.starts = true;
        if (s == SUREFOOT_E_IO)
            s = sf_fail(c->err, SUREFOOT_E_FILE, 0,
                        "neither tokenizer.json nor tokenizer.model can be read in '%.80s'",
                        c->dir);
        if (s == SUREFOOT_OK) s = added_by_config(&r);
    }
    if (s == SUREFOOT_OK) s = put_vocab(&r);
    if (s == SUREFOOT_OK) s = put_template(c);
    sf_map_close(&m);
    sf_cv_vocab_close(&r.v);
    free(r.merge);
    free(r.merge_pool);
    return s;
}
