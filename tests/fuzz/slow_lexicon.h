/* SPDX-License-Identifier: MIT
 * slow_lexicon.h - an independent reader of a text by a lexicon, for tests: every phrase alone, over
 * the whole text, by an unbounded list of partial matches. No trie, no labels, no shared work, no
 * limits; it says what the reader of lexicon.h must find, find by find.
 */
#ifndef SF_SLOW_LEXICON_H
#define SF_SLOW_LEXICON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "utf8.h"

enum { SLOW_GAP = 0x200000, SLOW_STAR, SLOW_PHRASE = 96, SLOW_THREADS = 4096, SLOW_FINDS = 4096 };

struct slow_phrase { /* as symbols: "ab c*" is GAP a b GAP c */
    uint32_t symbol[SLOW_PHRASE];
    int n;
    bool as_written; /* some letter was written as a symbol */
    int64_t weight;
};
struct slow_find {
    int phrase, step; /* step: the folded character that proves it */
    uint64_t begin, end;
};
enum { SLOW_TEXT = 1 << 14, SLOW_UNSEEN = 99 };
struct slow_text { /* folded characters of a text, in order */
    struct sf_fold_char c[SLOW_TEXT]; /* or, of decoded ones, SLOW_UNSEEN */
    uint64_t begin[SLOW_TEXT], end[SLOW_TEXT];
    bool decoded[SLOW_TEXT];
    int n;
    uint32_t kept; /* the last character that is not between words */
    bool unspaced, is_run;
    int step; /* of its first character: every text has steps of its own */
};

static inline void slow_clear(struct slow_text *t, bool is_run, int step) {
    t->n = 0;
    t->kept = 0;
    t->unspaced = false;
    t->is_run = is_run;
    t->step = step;
}
/* Appends what cp folds to. A letter's mark that does not belong to it is left out. */
static inline void slow_add(struct slow_text *t, uint32_t cp, uint64_t begin, uint64_t end,
                            bool decoded) {
    struct sf_fold_char c[SF_FOLD_MAX] = {{0}};
    int m = sf_fold(cp, c), unseen = m == 0 && decoded;
    if (unseen) c[0].kind = (enum sf_fold_kind)SLOW_UNSEEN;
    for (int j = 0; j < m + unseen && t->n < SLOW_TEXT; j++) {
        struct sf_fold_char f = c[j];
        if (f.kind == SF_FOLD_MARK) {
            if (!sf_fold_joins(t->kept, f.cp)) continue;
            f.kind = t->unspaced ? SF_FOLD_UNSPACED : SF_FOLD_LETTER;
        }
        if (!unseen) {
            t->kept = f.kind == SF_FOLD_GAP || f.kind == SF_FOLD_SYMBOL ? 0 : f.cp;
            t->unspaced = f.kind == SF_FOLD_UNSPACED;
        }
        t->c[t->n] = f;
        t->begin[t->n] = begin;
        t->decoded[t->n] = decoded;
        t->end[t->n++] = end;
    }
}
/* Folds n bytes that stand at byte `at`. */
static inline void slow_fold(struct slow_text *t, const char *text, size_t n, uint64_t at) {
    slow_clear(t, false, 0);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int k = sf_utf8_decode((const unsigned char *)text + i, n - i, &cp);
        if (k == 0) k = 1, cp = 0xFFFD;
        slow_add(t, cp, at + i, at + i + (size_t)k, false);
        i += (size_t)k;
    }
}

struct slow_thread {
    int k; /* symbols of the phrase behind it */
    uint64_t begin, end;
    bool in_word, spelled, tail, unspaced, symbol, digit, from_digit, decoded;
    int letters, guesses, run, gap;
};
struct slow {
    const struct slow_phrase *p;
    int index, step;
    struct slow_thread t[SLOW_THREADS];
    int n;
    struct slow_find *find;
    int *n_find;
    bool joins, is_run, decoded; /* decoded: the character in hand */
};

static inline void slow_found(struct slow *s, const struct slow_thread *t) {
    bool weak = t->guesses > 0 && (t->letters < 2 || t->letters < t->guesses);
    if (weak && !(s->p->as_written && !t->from_digit)) return;
    /* Of a run: words of three letters or more, something of them encoded. */
    if (s->is_run && (!t->decoded || (!t->unspaced && t->letters < 3))) return;
    for (int i = 0; i < *s->n_find; i++)
        if (s->find[i].phrase == s->index && s->find[i].begin == t->begin &&
            s->find[i].step == s->step)
            return; /* however many ways lead to it, and wherever they end */
    if (*s->n_find < SLOW_FINDS)
        s->find[(*s->n_find)++] = (struct slow_find){s->index, s->step, t->begin, t->end};
}
static inline void slow_push(struct slow *s, const struct slow_thread *t) {
    bool proves = t->spelled && t->in_word; /* a boundary is all that is missing */
    if ((t->k < s->p->n || proves) && s->n < SLOW_THREADS) s->t[s->n++] = *t;
}
static inline bool slow_next_is(const struct slow *s, const struct slow_thread *t, uint32_t symbol) {
    return t->k < s->p->n && s->p->symbol[t->k] == symbol;
}
static inline bool slow_in_star(const struct slow *s, const struct slow_thread *t) {
    return t->k > 0 && s->p->symbol[t->k - 1] == SLOW_STAR;
}
static inline void slow_arrive(struct slow *s, const struct slow_thread *t, bool tentative) {
    struct slow_thread any = *t;
    if (t->k == s->p->n && !tentative) slow_found(s, t);
    any.k++;
    if (slow_next_is(s, t, SLOW_STAR)) slow_push(s, &any);
    slow_push(s, t);
}
/* A letter of the phrase, or any at a star. */
static inline bool slow_advance(const struct slow *s, struct slow_thread *t, uint32_t cp,
                                uint64_t end) {
    if (!slow_in_star(s, t)) {
        if (!slow_next_is(s, t, cp)) return false;
        t->k++;
    }
    t->end = end;
    t->decoded |= s->decoded;
    t->run++;
    t->in_word = true;
    t->unspaced = t->symbol = t->digit = false;
    return true;
}
/* What else cp may be, in plain text. */
static inline const char *slow_guesses(const struct slow *s, uint32_t cp) {
    return s->is_run ? "" : sf_fold_alternatives(cp);
}
/* One letter alone may begin a word that is spelled out. */
static inline void slow_spell(struct slow *s, const struct slow_thread *t) {
    if (s->is_run) return;
    bool single = t->unspaced || (t->run == 1 && !t->digit && !t->tail);
    if (!single || (t->unspaced && !s->joins)) return;
    struct slow_thread j = *t;
    j.in_word = j.tail = j.symbol = j.digit = false;
    j.spelled = true;
    j.run = 1;
    j.gap = 0;
    slow_push(s, &j);
}
static inline void slow_boundary(struct slow *s, const struct slow_thread *t) {
    struct slow_thread n = *t;
    bool gap = slow_next_is(s, t, SLOW_GAP);
    n.in_word = n.spelled = n.tail = n.unspaced = n.symbol = n.digit = false;
    n.run = 0;
    n.k++;
    if (!t->spelled) {
        if (gap && !t->symbol) {
            if (n.k == s->p->n) slow_found(s, &n);
            n.decoded |= s->decoded;
            slow_push(s, &n);
        }
        if (!t->symbol) slow_spell(s, t);
        return;
    }
    if (t->run >= (t->unspaced ? 2 : 3)) {
        if (t->k == s->p->n && !t->unspaced) slow_found(s, t);
        if (gap) slow_arrive(s, &n, false);
    }
    if (t->unspaced && !s->joins) return;
    struct slow_thread j = *t;
    j.in_word = j.symbol = false;
    j.gap = 0;
    slow_push(s, &j);
}
static inline void slow_letter(struct slow *s, const struct slow_thread *t,
                               const struct sf_fold_char *c, uint64_t end) {
    struct slow_thread n = *t;
    bool digit = c->kind == SF_FOLD_DIGIT;
    if (!(t->spelled && digit) && slow_advance(s, &n, c->cp, end)) {
        n.digit = digit;
        n.letters += !digit;
        slow_arrive(s, &n, t->spelled);
    }
    if (slow_in_star(s, t)) return;
    for (const char *g = slow_guesses(s, c->cp); *g; g++) {
        n = *t;
        if (!slow_advance(s, &n, (unsigned char)*g, end)) continue;
        n.guesses++;
        n.from_digit |= digit;
        slow_arrive(s, &n, t->spelled);
    }
}
static inline void slow_symbol(struct slow *s, const struct slow_thread *t, uint32_t cp,
                               uint64_t end) {
    if (slow_in_star(s, t)) return;
    for (const char *g = slow_guesses(s, cp); *g; g++) {
        struct slow_thread n = *t, open;
        if (!slow_advance(s, &n, (unsigned char)*g, end)) continue;
        n.guesses++;
        open = n;
        open.symbol = true;
        if (!n.spelled) slow_arrive(s, &open, false);
        slow_boundary(s, &n);
    }
}
static inline void slow_unspaced(struct slow *s, struct slow_thread t, uint32_t cp, uint64_t end) {
    if (slow_in_star(s, &t) || !slow_advance(s, &t, cp, end)) return;
    t.unspaced = true;
    t.letters++;
    slow_arrive(s, &t, false);
}
static inline void slow_underscore(struct slow *s, struct slow_thread t, uint64_t end) {
    if (t.in_word && t.spelled) {
        slow_boundary(s, &t);
    } else if (t.spelled) {
        if (++t.gap <= 8) slow_push(s, &t);
    } else {
        t.decoded |= s->decoded && !t.in_word;
        struct slow_thread n = t;
        if (t.in_word && !t.tail && !t.symbol) slow_spell(s, &t);
        if (!t.tail && slow_advance(s, &n, '_', end)) {
            n.run = 2;
            slow_arrive(s, &n, false);
        }
        if (slow_in_star(s, &t) || t.symbol) return;
        if (t.in_word && !slow_next_is(s, &t, SLOW_GAP)) return;
        t.tail |= t.in_word;
        slow_push(s, &t);
    }
}
/* Over what single letters of scripts without spaces are joined. */
static inline bool slow_joins(const struct sf_fold_char *c) {
    if (c->kind == SF_FOLD_SYMBOL) return true;
    if (c->cp > 0 && c->cp < 0x80) return c->cp <= ' ' || strchr("-.*/|~+=", (int)c->cp);
    return c->cp == 0xB7 || c->cp == 0x2022 || (c->cp >= 0x2000 && c->cp <= 0x2015);
}

/* All finds of phrase p in a text that begins and ends with a boundary, appended. */
static inline void slow_read(const struct slow_phrase *p, int index, const struct slow_text *x,
                             struct slow_find *find, int *n_find) {
    static struct slow s;
    static struct slow_thread old[SLOW_THREADS];
    bool word = false; /* the text's last character belongs to a word */
    s.p = p;
    s.index = index;
    s.find = find;
    s.n_find = n_find;
    s.n = 0;
    s.is_run = x->is_run;
    for (int i = 0; i <= x->n; i++) {
        const struct sf_fold_char end = {0, SF_FOLD_GAP}, *c = i < x->n ? &x->c[i] : &end;
        uint64_t at = i < x->n ? x->begin[i] : 0, to = i < x->n ? x->end[i] : 0;
        bool behind = i > 0 && x->decoded[i - 1];
        const struct slow_thread born = {.k = 0, .begin = at, .decoded = behind},
                                 inside = {.k = 1, .begin = at, .decoded = behind};
        bool starts = !word && p->symbol[0] == SLOW_GAP, letterlike = c->kind <= SF_FOLD_UNDERSCORE;
        int n = s.n;
        if ((int)c->kind == SLOW_UNSEEN) { /* what is encoded and not seen: the word around it */
            for (int j = 0; j < n; j++) s.t[j].decoded = true;
            continue;
        }
        s.decoded = i < x->n && x->decoded[i];
        s.step = x->step + i;
        s.joins = true;
        /* Where two kinds of script meet there is a boundary before the character. */
        memcpy(old, s.t, (size_t)n * sizeof *old);
        s.n = 0;
        for (int j = 0; j < n; j++)
            if (old[j].in_word && (letterlike ? old[j].unspaced
                                              : c->kind == SF_FOLD_UNSPACED && !old[j].unspaced))
                slow_boundary(&s, &old[j]);
            else
                slow_push(&s, &old[j]);
        n = s.n;
        memcpy(old, s.t, (size_t)n * sizeof *old);
        s.n = 0;
        switch (c->kind) {
        case SF_FOLD_LETTER:
        case SF_FOLD_DIGIT:
            for (int j = 0; j < n; j++)
                if (!(old[j].in_word && (old[j].tail || old[j].spelled)))
                    slow_letter(&s, &old[j], c, to);
            if (starts) slow_letter(&s, &inside, c, to);
            word = true;
            break;
        case SF_FOLD_UNDERSCORE:
            for (int j = 0; j < n; j++) slow_underscore(&s, old[j], to);
            if (starts) {
                struct slow_thread t = inside;
                if (slow_advance(&s, &t, '_', to)) slow_arrive(&s, &t, false);
            }
            break;
        case SF_FOLD_UNSPACED:
            for (int j = 0; j < n; j++) slow_unspaced(&s, old[j], c->cp, to);
            slow_unspaced(&s, born, c->cp, to);
            word = false;
            break;
        default:
            s.joins = i == x->n || slow_joins(c);
            for (int j = 0; j < n; j++) {
                struct slow_thread t = old[j];
                if (!t.tail && !t.unspaced && !(t.spelled && t.in_word))
                    slow_symbol(&s, &t, c->cp, to);
                if (t.in_word)
                    slow_boundary(&s, &t);
                else if (!t.spelled || (++t.gap <= 8 && (s.joins || !t.unspaced)))
                    t.decoded |= s.decoded, slow_push(&s, &t);
            }
            if (starts && i < x->n) slow_symbol(&s, &inside, c->cp, to);
            word = false;
            if (c->kind == SF_FOLD_SYMBOL) { /* a gap, and a letter of its own */
                int m = s.n;
                struct slow_thread t;
                for (int j = 0; j < n; j++)
                    if (old[j].in_word && old[j].unspaced) slow_unspaced(&s, old[j], c->cp, to);
                for (int j = 0; j < m; j++)
                    if (t = s.t[j], !t.in_word && (!t.spelled || t.gap > 0))
                        slow_unspaced(&s, t, c->cp, to);
                slow_unspaced(&s, born, c->cp, to);
            }
        }
    }
}

/* A phrase as it stands in a lexicon, without symbols for letters: words, a star at a word's end. */
static inline void slow_phrase(struct slow_phrase *p, const char *text, size_t n, int64_t weight) {
    static struct slow_text x;
    bool gap = false, any = false, star = false, was_word = false;
    *p = (struct slow_phrase){.weight = weight};
    slow_fold(&x, text, n, 0);
    for (int i = 0; i < x.n && p->n < SLOW_PHRASE - 4; i++) {
        const struct sf_fold_char *c = &x.c[i];
        bool word = c->kind <= SF_FOLD_UNDERSCORE;
        if (c->kind == SF_FOLD_GAP) {
            const char *raw = text + x.begin[i], *next = text + x.end[i];
            if (*raw == '*' && (next == text + n || *next == ' ') && was_word && !gap) {
                p->symbol[p->n++] = SLOW_STAR;
                star = true;
                was_word = false;
            }
            gap = any;
            continue;
        }
        if (gap || (any && word != was_word) || (!any && word)) p->symbol[p->n++] = SLOW_GAP;
        p->symbol[p->n++] = c->cp;
        any = true;
        was_word = word;
        gap = star = false;
    }
    if (star)
        p->n--;
    else if (was_word)
        p->symbol[p->n++] = SLOW_GAP;
}

#endif
