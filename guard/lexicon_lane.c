/* SPDX-License-Identifier: MIT
 * lexicon_lane.c - one reading of a text: the threads that live in it; see lexicon.h.
 *
 * Every character makes a new list of threads out of the old one. A thread is in a word (its last
 * symbol was a letter) or at a gap (its node was reached by GAP, or it waits for the next letter of
 * a spelled-out word). What a phrase costs is charged when its last node is reached:
 * at the letter for prefixes and scripts without spaces, else at the boundary behind the word.
 */
#include <string.h>

#include "lexicon.h"

enum { /* flags of a thread */
       IN_WORD = 1,
       SPELLED = 2,     /* reads single letters with gaps between them as one word       */
       TAIL = 4,        /* underscores behind the word: emphasis, if nothing else follows */
       UNSPACED = 8,    /* the last symbol is a letter of a script without spaces        */
       SYMBOL = 16,     /* the last symbol is no letter but was read as one              */
       DIGIT = 32,      /* the last symbol is a digit as such                            */
       DECODED = 64,    /* some character, or the one before it, stood encoded in the text */
       FROM_DIGIT = 128 /* some digit was read as a letter                             */
};
enum { /* what the lane's last character was */
       PREV_GAP,
       PREV_EDGE, /* underscores behind a gap: a word may still begin */
       PREV_WORD,
       PREV_UNSPACED
};
enum { MAX_SPELL_GAP = 8, MIN_SPELLED = 3, MIN_SPELLED_UNSPACED = 2 };

struct build { /* the list being made */
    const struct sf_step *s;
    const struct sf_lexicon *x;
    int n;
    bool overflow;
    bool joins; /* single letters of scripts without spaces may be joined over this gap */
    struct sf_thread t[SF_LANE_THREADS];
    int n_found; /* finds of this character: of a phrase one for each place it begins at */
    struct {
        uint64_t begin;
        uint32_t node;
    } find[2 * SF_LANE_THREADS];
};

static void start(struct build *b, const struct sf_step *s) {
    b->s = s;
    b->x = s->x;
    b->n = 0;
    b->overflow = false;
    b->joins = true;
    b->n_found = 0;
}

void sf_sink_add(struct sf_sink *k, int64_t amount, uint64_t begin, uint64_t end) {
    if (k->mute) return;
    if (k->charges)
        sf_charges_add(k->charges, amount, begin, end);
    else if (amount != SF_COST_UNSAFE && __builtin_add_overflow(k->sum, amount, &k->sum))
        k->sum = amount < 0 ? INT64_MIN : INT64_MAX;
}

static bool has_children(const struct sf_lexicon *x, uint32_t node) {
    return x->first[node] != x->first[node + 1];
}

/* Of two partial matches of the same place: whatever may come, what o finds t finds too. Merging by
 * less would let a thread with many characters left to its gap die for one with few. */
static bool covers(const struct sf_thread *t, const struct sf_thread *o) {
    if (t->node != o->node || t->begin != o->begin || t->flags != o->flags) return false;
    if (t->letters < o->letters || t->guesses > o->guesses) return false;
    return t->flags & SPELLED ? t->gap <= o->gap && t->run >= o->run : t->run == o->run;
}

static void push(struct build *b, const struct sf_thread *t) {
    bool proves = (t->flags & SPELLED) && (t->flags & IN_WORD) && b->x->is_end[t->node];
    if (b->s->begin == b->s->end || (!has_children(b->x, t->node) && !proves))
        return; /* nothing can follow, not even the boundary that a spelled word's end needs */
    int n = 0;  /* those that t does not make superfluous stay, in their order */
    for (int i = 0; i < b->n; i++) {
        if (covers(&b->t[i], t)) return; /* then it covers none that t does: nothing has moved */
        if (covers(t, &b->t[i])) continue;
        if (n != i) b->t[n] = b->t[i];
        n++;
    }
    b->n = n;
    if (b->n == SF_LANE_THREADS) {
        if (!b->overflow) sf_sink_add(b->s->sink, SF_COST_UNSAFE, b->s->begin, b->s->end);
        b->overflow = true;
        return;
    }
    b->t[b->n++] = *t;
}

/* A phrase ends at t's node. */
static void found(struct build *b, const struct sf_thread *t) {
    const struct sf_step *s = b->s;
    /* Guesses need as many letters beside them, or the phrase was itself written with symbols. */
    bool weak = t->guesses > 0 && (t->letters < 2 || t->letters < t->guesses);
    bool as_written = b->x->is_end[t->node] == SF_END_SYMBOLS && !(t->flags & FROM_DIGIT);
    if (weak && !as_written) return;
    if (!(t->flags & UNSPACED) && t->letters + t->guesses < s->min_letters) return;
    if (s->need_decoded && !(t->flags & DECODED)) return;
    for (int i = 0; i < b->n_found; i++)
        if (b->find[i].node == t->node && b->find[i].begin == t->begin) return;
    if (b->n_found < (int)SF_COUNT(b->find)) {
        b->find[b->n_found].begin = t->begin;
        b->find[b->n_found++].node = t->node;
    }
    sf_sink_add(s->sink, b->x->weight[t->node], t->begin, t->begin + t->length);
}

/* t has moved to its node. tentative: the letter may yet prove not to be a single one. */
static void arrive(struct build *b, const struct sf_thread *t, bool tentative) {
    if (b->x->is_end[t->node] && !tentative) found(b, t);
    uint32_t star = sf_lexicon_child(b->x, t->node, SF_LABEL_STAR);
    if (star) {
        struct sf_thread any = *t;
        any.node = star;
        push(b, &any);
    }
    push(b, t);
}

/* ---------------------------------------------------------------------------------- boundaries */

/* A copy of t begins (or goes on) to be a spelled-out word, if its word was one letter. */
static void spell(struct build *b, const struct sf_thread *t) {
    bool single = (t->flags & UNSPACED) || (t->run == 1 && !(t->flags & (DIGIT | TAIL)));
    if (!b->s->guess || !single || ((t->flags & UNSPACED) && !b->joins)) return;
    struct sf_thread j = *t;
    j.flags = (uint8_t)((t->flags & (DECODED | FROM_DIGIT | UNSPACED)) | SPELLED);
    j.run = 1;
    j.gap = 0;
    push(b, &j);
}

/* The word that t is in has ended. */
static void boundary(struct build *b, const struct sf_thread *t) {
    uint32_t gap = sf_lexicon_child(b->x, t->node, SF_LABEL_GAP);
    struct sf_thread n = *t;
    n.flags = t->flags & (DECODED | FROM_DIGIT);
    n.node = gap;
    n.run = 0;
    if (!(t->flags & SPELLED)) {
        if (gap && !(t->flags & SYMBOL)) {
            if (b->x->is_end[gap]) found(b, &n);
            if (b->s->decoded) n.flags |= DECODED; /* the gap, of what goes on behind it */
            push(b, &n);
        }
        if (!(t->flags & SYMBOL)) spell(b, t);
        return;
    }
    int need = t->flags & UNSPACED ? MIN_SPELLED_UNSPACED : MIN_SPELLED;
    if (t->run >= need) {
        if (b->x->is_end[t->node] && !(t->flags & UNSPACED)) found(b, t);
        if (gap) arrive(b, &n, false);
    }
    if ((t->flags & UNSPACED) && !b->joins) return;
    struct sf_thread j = *t;
    j.flags &= (uint8_t) ~(IN_WORD | SYMBOL);
    j.gap = 0;
    push(b, &j);
}

/* Gives those threads that are in a word of the given kind (UNSPACED or 0) their boundary, before
 * the character itself is read: where two kinds of script meet. */
static void border(struct build *b, struct sf_lane *lane, int kind) {
    b->n = 0;
    for (int i = 0; i < lane->n; i++) {
        const struct sf_thread *t = &lane->t[i];
        if ((t->flags & IN_WORD) && (t->flags & UNSPACED) == kind)
            boundary(b, t);
        else
            push(b, t);
    }
    memcpy(lane->t, b->t, (size_t)b->n * sizeof *b->t);
    lane->n = (uint8_t)b->n;
    b->n = 0;
}

static bool any_in_word(const struct sf_lane *lane, int kind) {
    for (int i = 0; i < lane->n; i++)
        if ((lane->t[i].flags & (IN_WORD | UNSPACED)) == (IN_WORD | kind)) return true;
    return false;
}

/* ------------------------------------------------------------------------------------- letters */

static uint8_t up(uint8_t v, uint8_t most) {
    return v < most ? (uint8_t)(v + 1) : most;
}

/* t reads one symbol: moves by label, or stays at a star. False: it cannot. */
static bool advance(const struct build *b, struct sf_thread *t, uint16_t label) {
    if (b->x->label[t->node] != SF_LABEL_STAR) {
        t->node = label == SF_LABEL_NONE ? 0 : sf_lexicon_child(b->x, t->node, label);
        if (t->node == 0) return false;
    }
    uint64_t length = b->s->end - t->begin;
    t->length = length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;
    t->run = up(t->run, 3);
    t->flags |= IN_WORD;
    t->flags &= (uint8_t) ~(UNSPACED | SYMBOL | DIGIT);
    if (b->s->decoded) t->flags |= DECODED;
    return true;
}

/* t, whose place in the word allows it, reads the letter or digit c as such and as its guesses. */
static void read_letter(struct build *b, const struct sf_thread *t, const struct sf_fold_char *c,
                        const char *guesses) {
    struct sf_thread n = *t;
    bool spelled = t->flags & SPELLED, digit = c->kind == SF_FOLD_DIGIT;
    if (!(spelled && digit) && advance(b, &n, sf_lexicon_label(b->x, c->cp))) {
        if (digit)
            n.flags |= DIGIT;
        else
            n.letters = up(n.letters, 200);
        arrive(b, &n, spelled);
    }
    if (b->x->label[t->node] == SF_LABEL_STAR) return;
    for (; *guesses; guesses++) {
        n = *t;
        if (!advance(b, &n, sf_lexicon_label(b->x, (unsigned char)*guesses))) continue;
        n.guesses = up(n.guesses, 200);
        if (digit) n.flags |= FROM_DIGIT;
        arrive(b, &n, spelled);
    }
}

/* Behind an encoded character a word begins that plain text does not have. */
static struct sf_thread newborn(const struct sf_lane *lane, const struct sf_step *s,
                                uint32_t node) {
    return (struct sf_thread){
        .begin = s->begin, .node = node, .flags = lane->behind_decoded ? DECODED : 0};
}

static void on_letter(struct build *b, struct sf_lane *lane, const struct sf_fold_char *c) {
    const char *guesses = b->s->guess ? sf_fold_alternatives(c->cp) : "";
    if (any_in_word(lane, UNSPACED)) border(b, lane, UNSPACED);
    for (int i = 0; i < lane->n; i++) {
        const struct sf_thread *t = &lane->t[i];
        /* A second letter: the word was not a single one. Behind a tail: not emphasis. */
        if ((t->flags & IN_WORD) && (t->flags & (TAIL | SPELLED))) continue;
        read_letter(b, t, c, guesses);
    }
    if (lane->prev != PREV_WORD && b->x->gap_node) {
        struct sf_thread t = newborn(lane, b->s, b->x->gap_node);
        read_letter(b, &t, c, guesses);
    }
    lane->prev = PREV_WORD;
}

static void on_unspaced(struct build *b, struct sf_lane *lane, const struct sf_fold_char *c) {
    if (any_in_word(lane, 0)) border(b, lane, 0);
    uint16_t label = sf_lexicon_label(b->x, c->cp);
    for (int i = 0; i <= lane->n; i++) {
        struct sf_thread t = i < lane->n ? lane->t[i] : newborn(lane, b->s, 0);
        if (b->x->label[t.node] == SF_LABEL_STAR || !advance(b, &t, label)) continue;
        t.flags |= UNSPACED;
        t.letters = up(t.letters, 200);
        arrive(b, &t, false);
    }
    lane->prev = PREV_UNSPACED;
}

static void on_underscore(struct build *b, struct sf_lane *lane, const struct sf_fold_char *c) {
    if (any_in_word(lane, UNSPACED)) border(b, lane, UNSPACED);
    uint16_t label = sf_lexicon_label(b->x, c->cp);
    for (int i = 0; i < lane->n; i++) {
        struct sf_thread t = lane->t[i];
        if ((t.flags & IN_WORD) && (t.flags & SPELLED)) {
            boundary(b, &t);
            continue;
        }
        if (t.flags & SPELLED) {
            if (++t.gap <= MAX_SPELL_GAP) push(b, &t);
            continue;
        }
        if (b->s->decoded && !(t.flags & IN_WORD)) t.flags |= DECODED;
        if (t.flags & IN_WORD && !(t.flags & (TAIL | SYMBOL))) spell(b, &t);
        struct sf_thread n = t;
        if (!(t.flags & TAIL) && advance(b, &n, label)) {
            n.run = 2; /* no single letter any more */
            arrive(b, &n, false);
        }
        if (b->x->label[t.node] == SF_LABEL_STAR || (t.flags & SYMBOL)) continue;
        if (t.flags & IN_WORD) {
            if (!sf_lexicon_child(b->x, t.node, SF_LABEL_GAP)) continue;
            t.flags |= TAIL;
        }
        push(b, &t);
    }
    if (lane->prev != PREV_WORD && b->x->gap_node) {
        struct sf_thread t = newborn(lane, b->s, b->x->gap_node);
        if (advance(b, &t, label)) arrive(b, &t, false);
    }
    lane->prev = lane->prev == PREV_WORD ? PREV_WORD : PREV_EDGE;
}

/* ---------------------------------------------------------------------------------------- gaps */

/* t reads a symbol as the letters it may stand for: a letter and a boundary at the same time. */
static void read_symbol(struct build *b, const struct sf_thread *t, const char *guesses) {
    if (b->x->label[t->node] == SF_LABEL_STAR) return;
    for (; *guesses; guesses++) {
        struct sf_thread n = *t;
        if (!advance(b, &n, sf_lexicon_label(b->x, (unsigned char)*guesses))) continue;
        n.guesses = up(n.guesses, 200);
        if (!(n.flags & SPELLED)) {
            struct sf_thread open = n;
            open.flags |= SYMBOL;
            arrive(b, &open, false);
        }
        boundary(b, &n);
    }
}

/* Single letters of scripts without spaces are joined over what hardly ends a sentence. */
static bool joins_unspaced(const struct sf_fold_char *c) {
    if (c->kind == SF_FOLD_SYMBOL) return true;
    if (c->cp < 0x80) return c->cp <= ' ' || strchr("-.*/|~+=", (int)c->cp) != NULL;
    return c->cp == 0xB7 || c->cp == 0x2022 || (c->cp >= 0x2000 && c->cp <= 0x2015);
}

static void on_gap(struct build *b, struct sf_lane *lane, const struct sf_fold_char *c) {
    const char *guesses = b->s->guess ? sf_fold_alternatives(c->cp) : "";
    b->joins = joins_unspaced(c);
    for (int i = 0; i < lane->n; i++) {
        struct sf_thread t = lane->t[i];
        if (*guesses && !(t.flags & (TAIL | UNSPACED)) &&
            !((t.flags & SPELLED) && (t.flags & IN_WORD)))
            read_symbol(b, &t, guesses);
        if (t.flags & IN_WORD) {
            boundary(b, &t);
        } else if (!(t.flags & SPELLED) ||
                   (++t.gap <= MAX_SPELL_GAP && (b->joins || !(t.flags & UNSPACED)))) {
            if (b->s->decoded) t.flags |= DECODED;
            push(b, &t);
        }
    }
    if (*guesses && lane->prev != PREV_WORD && b->x->gap_node) {
        struct sf_thread t = newborn(lane, b->s, b->x->gap_node);
        read_symbol(b, &t, guesses);
    }
    lane->prev = PREV_GAP;
}

/* A picture is a gap; where a phrase names it, it is also a letter. */
static void on_symbol(struct build *b, struct sf_lane *lane, const struct sf_fold_char *c) {
    struct sf_thread old[2 * SF_LANE_THREADS + 1];
    uint16_t label = sf_lexicon_label(b->x, c->cp);
    int n = 0;
    for (int i = 0; i < lane->n; i++)
        if (lane->t[i].flags & IN_WORD && lane->t[i].flags & UNSPACED) old[n++] = lane->t[i];
    on_gap(b, lane, c);
    if (label == SF_LABEL_NONE) return;
    for (int i = 0; i < b->n; i++) /* but for words that are spelled from here on */
        if (!(b->t[i].flags & IN_WORD) && (!(b->t[i].flags & SPELLED) || b->t[i].gap > 0))
            old[n++] = b->t[i];
    old[n++] = newborn(lane, b->s, 0);
    for (int i = 0; i < n; i++) {
        if (b->x->label[old[i].node] == SF_LABEL_STAR || !advance(b, &old[i], label)) continue;
        old[i].flags |= UNSPACED;
        old[i].letters = up(old[i].letters, 200);
        arrive(b, &old[i], false);
    }
}

/* ------------------------------------------------------------------------------------ the lane */

void sf_lane_begin(struct sf_lane *lane) {
    memset(lane, 0, sizeof *lane);
}

static void take(struct sf_lane *lane, const struct build *b) {
    memcpy(lane->t, b->t, (size_t)b->n * sizeof *b->t);
    lane->n = (uint8_t)b->n;
}

void sf_lane_read(struct sf_lane *lane, const struct sf_step *s, const struct sf_fold_char *c,
                  int n) {
    /* What is not seen but stood encoded makes the word around it a decoded one. */
    for (int i = 0; n == 0 && s->decoded && i < lane->n; i++) lane->t[i].flags |= DECODED;
    for (int i = 0; i < n; i++) {
        struct sf_fold_char one = c[i];
        if (one.kind == SF_FOLD_MARK) {
            if (!sf_fold_joins(lane->prev_cp, one.cp)) continue;
            one.kind = lane->prev == PREV_UNSPACED ? SF_FOLD_UNSPACED : SF_FOLD_LETTER;
        }
        /* In a word that no phrase begins with there is nothing to do until it ends. */
        if (lane->n == 0 && lane->prev == PREV_WORD && one.kind <= SF_FOLD_UNDERSCORE) {
            lane->prev_cp = one.cp;
            continue;
        }
        struct build b;
        start(&b, s);
        lane->prev_cp = one.cp;
        switch (one.kind) {
        case SF_FOLD_LETTER:
        case SF_FOLD_DIGIT:
            on_letter(&b, lane, &one);
            break;
        case SF_FOLD_UNDERSCORE:
            on_underscore(&b, lane, &one);
            break;
        case SF_FOLD_UNSPACED:
            on_unspaced(&b, lane, &one);
            break;
        case SF_FOLD_SYMBOL:
            on_symbol(&b, lane, &one);
            break;
        default:
            on_gap(&b, lane, &one);
            break;
        }
        if (lane->prev == PREV_GAP) lane->prev_cp = 0;
        take(lane, &b);
    }
    lane->behind_decoded = s->decoded;
}

void sf_lane_end(struct sf_lane *lane, const struct sf_step *s) {
    struct build b;
    start(&b, s);
    for (int i = 0; i < lane->n; i++)
        if (lane->t[i].flags & IN_WORD) boundary(&b, &lane->t[i]);
    sf_lane_begin(lane);
}

void sf_lane_forget(struct sf_lane *lane, uint64_t at) {
    for (int i = 0; i < lane->n; i++) {
        struct sf_thread *t = &lane->t[i];
        if (at - t->begin <= SF_GUARD_MAX_HOLD) continue;
        t->begin = at - 1;
        t->length = 1;
    }
}

uint64_t sf_lane_held(const struct sf_lane *lane) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < lane->n; i++) least = sf_min(least, lane->t[i].begin);
    return least;
}
