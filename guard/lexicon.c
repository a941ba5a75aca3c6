/* SPDX-License-Identifier: MIT
 * lexicon.c - a lexicon file becomes a trie; see lexicon.h.
 * Two passes over the text: the first folds the phrases into one pool, then they are sorted and the
 * trie is laid out breadth first, each node being a range of the sorted phrases.
 */
#include "lexicon.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "policy.h"
#include "utf8.h"

/* In the pool, before labels are known. */
enum { GAP = 0x110000, STAR };

struct phrase {
    const uint32_t *cp; /* in the pool */
    uint32_t n;
    bool for_letters; /* written with symbols that stand for letters */
    int64_t weight;
};
struct builder {
    const char *name;
    bool signed_weights;
    surefoot_error *err;
    uint32_t *pool;
    size_t n_pool;
    struct phrase *phrase;
    size_t n_phrase, longest;
};

static surefoot_status fail(const struct builder *b, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static surefoot_status fail(const struct builder *b, int line, const char *fmt, ...) {
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sf_fail(b->err, SUREFOOT_E_POLICY, (uint64_t)line, "%.60s line %d: %s", b->name, line,
                   text);
}

/* ----------------------------------------------------------------------------- one phrase, folded */

/* What the last thing put into the skeleton was. */
enum last { NOTHING, WORD, UNSPACED, STARRED };

struct folding {
    struct builder *b;
    uint32_t *out;
    size_t n;
    enum last last;
    bool gap;         /* a gap is due before the next character */
    bool for_letters; /* a symbol was read as a letter */
    bool symbols;     /* something visible other than space was left out */
    uint32_t prev;    /* last folded character that was kept */
    size_t n_letters;
};

static void put(struct folding *f, uint32_t cp, bool word) {
    bool border = f->last != NOTHING && (f->last == UNSPACED) == word;
    if (f->gap || border || (f->last == NOTHING && word)) f->out[f->n++] = GAP;
    f->out[f->n++] = cp;
    f->last = word ? WORD : UNSPACED;
    f->gap = false;
    f->prev = cp;
    f->n_letters++;
}

static void put_folded(struct folding *f, const struct sf_fold_char *c) {
    switch (c->kind) {
    case SF_FOLD_MARK:
        if (sf_fold_joins(f->prev, c->cp) && f->last != NOTHING && !f->gap)
            put(f, c->cp, f->last == WORD);
        break;
    case SF_FOLD_GAP:
        f->gap = f->last != NOTHING;
        f->prev = 0;
        f->symbols |= !(c->cp <= 0x20 || c->cp == '.' || c->cp == ',' || c->cp == '-' ||
                        c->cp == '\'' || c->cp == 0x2019);
        break;
    default:
        put(f, c->cp,
            c->kind == SF_FOLD_LETTER || c->kind == SF_FOLD_DIGIT || c->kind == SF_FOLD_UNDERSCORE);
    }
}

static bool alnum_at(const char *p, const char *end) {
    struct sf_fold_char c[SF_FOLD_MAX];
    uint32_t cp;
    if (p >= end || !sf_utf8_decode((const unsigned char *)p, (size_t)(end - p), &cp)) return false;
    int n = sf_fold(cp, c);
    return n > 0 && c[0].kind <= SF_FOLD_DIGIT;
}

/* A symbol that stands for a letter in a phrase ("a$$", "sh!t"): between letters, or, for the two
 * that are hardly ever punctuation, beside one. */
static bool stands_for_letter(char c, bool before, const char *next, const char *end) {
    bool behind = alnum_at(next, end) || (next < end && *next && strchr("@$!|+", *next));
    if (c == '@' || c == '$') return before || behind;
    return (c == '!' || c == '|' || c == '+') && before && behind;
}

/* Folds the phrase at p into the pool. */
static surefoot_status fold_phrase(struct folding *f, const char *p, const char *end, int line) {
    bool before = false; /* the last character was a letter, or a symbol read as one */
    while (p < end) {
        uint32_t cp = 0;
        int k = sf_utf8_decode((const unsigned char *)p, (size_t)(end - p), &cp);
        if (k == 0) return fail(f->b, line, "not valid UTF-8");
        p += k;
        if (f->n > SF_LEXICON_MAX_PHRASE)
            return fail(f->b, line, "the phrase is longer than %d characters",
                        SF_LEXICON_MAX_PHRASE);
        bool word_end = p == end || *p == ' ' || *p == '\t';
        if (cp == '*' && before && word_end && f->last == UNSPACED && p == end) break;
        if (cp == '*' && before && word_end && f->last == WORD && !f->gap) {
            f->out[f->n++] = STAR;
            f->last = STARRED;
            f->gap = true;
            before = false;
            continue;
        }
        if (cp < 0x80 && stands_for_letter((char)cp, before, p, end)) {
            put(f, (unsigned char)*sf_fold_alternatives(cp), true);
            f->for_letters = true;
            before = true;
            continue;
        }
        struct sf_fold_char c[SF_FOLD_MAX];
        int n = sf_fold(cp, c);
        for (int i = 0; i < n; i++) put_folded(f, &c[i]);
        if (n > 0) before = c[n - 1].kind <= SF_FOLD_MARK;
    }
    if (f->last == NOTHING) return fail(f->b, line, "the phrase has no letters");
    if (f->n_letters < 3 && f->symbols)
        return fail(f->b, line, "only %zu letters are left of the phrase: symbols are not matched",
                    f->n_letters);
    if (f->last == WORD) f->out[f->n++] = GAP;
    if (f->last == STARRED) f->n--; /* a prefix at the end needs no star: its letters are enough */
    if (f->n > SF_LEXICON_MAX_PHRASE)
        return fail(f->b, line, "the phrase is longer than %d characters", SF_LEXICON_MAX_PHRASE);
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------------- the file */

static const char *trim_end(const char *p, const char *end) {
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
    return end;
}

/* Cuts off a comment: '#' at the line's start or behind a space. */
static const char *cut_comment(const char *p, const char *end) {
    for (const char *q = p; q < end; q++)
        if (*q == '#' && (q == p || q[-1] == ' ' || q[-1] == '\t')) return q;
    return end;
}

static surefoot_status read_weight(const struct builder *b, int64_t *out, const char *p,
                                   const char *end, int line) {
    char text[32];
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    size_t n = (size_t)(end - p);
    snprintf(text, sizeof text, "%.*s", (int)sf_min(n, sizeof text), p);
    if (n >= sizeof text || !sf_number_millionths(out, text, true))
        return fail(b, line, "weight '%s': a decimal number is needed", text);
    if (*out < 0 && !b->signed_weights) return fail(b, line, "weight '%s' is negative", text);
    return SUREFOOT_OK;
}

static surefoot_status read_line(struct builder *b, const char *p, const char *end, int line) {
    if (memchr(p, 0, (size_t)(end - p))) return fail(b, line, "a NUL byte");
    end = trim_end(p, cut_comment(p, end));
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    if (p == end) return SUREFOOT_OK;
    const char *tab = memchr(p, '\t', (size_t)(end - p));
    struct phrase *phrase = &b->phrase[b->n_phrase];
    phrase->weight = SF_COST_UNIT;
    if (tab) SF_TRY(read_weight(b, &phrase->weight, tab + 1, end, line));
    const char *phrase_end = tab ? trim_end(p, tab) : end;
    b->longest = sf_max(b->longest, (size_t)(phrase_end - p));
    struct folding f = {.b = b, .out = b->pool + b->n_pool};
    SF_TRY(fold_phrase(&f, p, phrase_end, line));
    phrase->cp = f.out;
    phrase->n = (uint32_t)f.n;
    phrase->for_letters = f.for_letters;
    b->n_pool += f.n;
    b->n_phrase++;
    return SUREFOOT_OK;
}

static surefoot_status read_lines(struct builder *b, const char *text, size_t n) {
    int line = 0;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, n -= 3;
    for (const char *p = text, *end = text + n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        SF_TRY(read_line(b, p, stop, ++line));
        p = nl ? nl + 1 : end;
    }
    if (b->n_phrase == 0)
        return fail(b, line, "the lexicon has no phrase: it would protect nothing");
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------------- the trie */

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* GAP and STAR sort as their labels do: before every character. */
static uint32_t rank(uint32_t cp) {
    return cp == GAP ? 0 : cp == STAR ? 1 : cp + 2;
}

static int by_symbols(const void *a, const void *b) {
    const struct phrase *x = a, *y = b;
    for (uint32_t i = 0; i < x->n && i < y->n; i++)
        if (x->cp[i] != y->cp[i]) return rank(x->cp[i]) < rank(y->cp[i]) ? -1 : 1;
    return x->n < y->n ? -1 : x->n > y->n;
}

/* Labels in the order of code points, so that sorted phrases give sorted children. */
static surefoot_status make_labels(struct sf_lexicon *x, const struct builder *b) {
    uint32_t *all = sf_alloc(b->n_pool * sizeof *all);
    if (!all) return sf_fail(b->err, SUREFOOT_E_MEMORY, 0, "no memory for the lexicon");
    memcpy(all, b->pool, b->n_pool * sizeof *all);
    qsort(all, b->n_pool, sizeof *all, by_value);
    size_t n = 0;
    for (size_t i = 0; i < b->n_pool; i++)
        if (all[i] < GAP && (n == 0 || all[n - 1] != all[i])) all[n++] = all[i];
    surefoot_status s = SUREFOOT_OK;
    if (n + SF_LABEL_FIRST >= SF_LABEL_NONE)
        s = fail(b, 0, "more than %d different characters", SF_LABEL_NONE - SF_LABEL_FIRST - 1);
    x->n_labels = (uint32_t)n + SF_LABEL_FIRST;
    memset(x->ascii, 0xFF, sizeof x->ascii);
    size_t narrow = 0;
    while (narrow < n && all[narrow] < 128) narrow++;
    x->n_wide = (uint32_t)(n - narrow);
    x->wide = sf_alloc((n - narrow) * sizeof *x->wide);
    x->wide_label = sf_alloc((n - narrow) * sizeof *x->wide_label);
    x->root_child = sf_alloc(x->n_labels * sizeof *x->root_child);
    x->gap_child = sf_alloc(x->n_labels * sizeof *x->gap_child);
    if (!x->wide || !x->wide_label || !x->root_child || !x->gap_child)
        s = sf_fail(b->err, SUREFOOT_E_MEMORY, 0, "no memory for the lexicon");
    for (size_t i = 0; s == SUREFOOT_OK && i < n; i++) {
        uint16_t label = (uint16_t)(i + SF_LABEL_FIRST);
        if (i < narrow) {
            x->ascii[all[i]] = label;
        } else {
            x->wide[i - narrow] = all[i];
            x->wide_label[i - narrow] = label;
        }
    }
    sf_free(all);
    return s;
}

struct range { /* of sorted phrases, below a node */
    uint32_t lo, hi, depth;
};

/* Ends of phrases at this node; then one child per symbol that follows. */
static void expand(struct sf_lexicon *x, const struct builder *b, struct range *node, uint32_t v) {
    uint32_t i = node[v].lo, depth = node[v].depth;
    for (; i < node[v].hi && b->phrase[i].n == depth; i++) {
        int64_t w = b->phrase[i].weight;
        bool larger = llabs(w) > llabs(x->weight[v]);
        if (!x->is_end[v] || larger) x->weight[v] = w;
        if (x->is_end[v] != SF_END_SYMBOLS)
            x->is_end[v] = b->phrase[i].for_letters ? SF_END_SYMBOLS : SF_END;
    }
    x->first[v] = x->n_nodes;
    while (i < node[v].hi) {
        uint32_t cp = b->phrase[i].cp[depth], lo = i;
        while (i < node[v].hi && b->phrase[i].cp[depth] == cp) i++;
        uint32_t c = x->n_nodes++;
        node[c] = (struct range){lo, i, depth + 1};
        x->label[c] = cp == GAP    ? SF_LABEL_GAP
                      : cp == STAR ? SF_LABEL_STAR
                                   : sf_lexicon_label(x, cp);
    }
}

static surefoot_status make_trie(struct sf_lexicon *x, struct builder *b) {
    qsort(b->phrase, b->n_phrase, sizeof *b->phrase, by_symbols);
    size_t most = b->n_pool + 1; /* nodes */
    SF_TRY(make_labels(x, b));
    struct range *node = most < UINT32_MAX ? sf_alloc(most * sizeof *node) : NULL;
    x->first = sf_alloc((most + 1) * sizeof *x->first);
    x->label = sf_alloc(most * sizeof *x->label);
    x->weight = sf_alloc(most * sizeof *x->weight);
    x->is_end = sf_alloc(most);
    if (!node || !x->first || !x->label || !x->weight || !x->is_end) {
        sf_free(node);
        return sf_fail(b->err, SUREFOOT_E_MEMORY, 0, "no memory for the lexicon");
    }
    node[0] = (struct range){0, (uint32_t)b->n_phrase, 0};
    x->n_nodes = 1;
    x->label[0] = SF_LABEL_NONE;
    for (uint32_t v = 0; v < x->n_nodes; v++) expand(x, b, node, v);
    x->first[x->n_nodes] = x->n_nodes;
    sf_free(node);
    for (uint32_t c = x->first[0]; c < x->first[1]; c++) {
        x->root_child[x->label[c]] = c;
        if (x->label[c] == SF_LABEL_GAP)
            x->gap_node = c;
        else
            x->has_unspaced = true;
    }
    if (x->gap_node)
        for (uint32_t c = x->first[x->gap_node]; c < x->first[x->gap_node + 1]; c++)
            x->gap_child[x->label[c]] = c;
    x->n_phrases = (uint32_t)b->n_phrase;
    x->longest = (uint32_t)b->longest;
    return SUREFOOT_OK;
}

uint16_t sf_lexicon_label(const struct sf_lexicon *x, uint32_t cp) {
    if (cp < 128) return x->ascii[cp];
    size_t lo = 0, hi = x->n_wide;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->wide[mid] < cp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < x->n_wide && x->wide[lo] == cp ? x->wide_label[lo] : SF_LABEL_NONE;
}

uint32_t sf_lexicon_child(const struct sf_lexicon *x, uint32_t node, uint16_t label) {
    if (label >= x->n_labels) return 0;
    if (node == 0) return x->root_child[label];
    if (node == x->gap_node) return x->gap_child[label];
    uint32_t lo = x->first[node], end = x->first[node + 1], hi = end;
    while (hi - lo > 4) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (x->label[mid] <= label)
            lo = mid;
        else
            hi = mid;
    }
    for (; lo < hi; lo++)
        if (x->label[lo] == label) return lo;
    return 0;
}

void sf_lexicon_free(struct sf_lexicon *x) {
    if (!x) return;
    sf_free(x->first);
    sf_free(x->label);
    sf_free(x->weight);
    sf_free(x->is_end);
    sf_free(x->wide);
    sf_free(x->wide_label);
    sf_free(x->root_child);
    sf_free(x->gap_child);
    sf_free(x);
}

/* Room for folded phrases: an ASCII byte becomes at most a symbol and a gap, others may expand, and
 * SF_LEXICON_MAX_PHRASE bounds each line. */
static size_t pool_size(const char *text, size_t n, size_t *lines) {
    size_t total = 0, line = 2;
    *lines = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] != '\n') {
            if (line <= SF_LEXICON_MAX_PHRASE)
                line += (unsigned char)text[i] < 0x80 ? 2 : 2 * SF_FOLD_MAX;
            continue;
        }
        total += sf_min(line, SF_LEXICON_MAX_PHRASE + 2);
        line = 2;
        ++*lines;
    }
    return total + 2 * SF_FOLD_MAX + 4; /* fold_phrase checks behind a character, not before */
}

surefoot_status sf_lexicon_parse(struct sf_lexicon **out, const char *text, size_t n,
                                 const char *name, bool signed_weights, surefoot_error *err) {
    *out = NULL;
    struct builder b = {.name = name, .signed_weights = signed_weights, .err = err};
    if (n > SF_LEXICON_MAX_BYTES)
        return sf_fail(err, SUREFOOT_E_POLICY, 0, "%.60s: larger than %u MiB", name,
                       SF_LEXICON_MAX_BYTES >> 20);
    size_t lines, pool = pool_size(text, n, &lines);
    b.pool = sf_alloc(pool * sizeof *b.pool);
    b.phrase = sf_alloc(lines * sizeof *b.phrase);
    struct sf_lexicon *x = sf_alloc(sizeof *x);
    surefoot_status s = SUREFOOT_OK;
    if (!b.pool || !b.phrase || !x)
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the lexicon");
    if (s == SUREFOOT_OK) s = read_lines(&b, text, n);
    if (s == SUREFOOT_OK) s = make_trie(x, &b);
    sf_free(b.pool);
    sf_free(b.phrase);
    if (s != SUREFOOT_OK) {
        sf_lexicon_free(x);
        return s;
    }
    *out = x;
    return SUREFOOT_OK;
}
