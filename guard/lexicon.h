/* SPDX-License-Identifier: MIT
 * lexicon.h - phrases with weights, as one trie over the folded skeleton (fold.h), and a reader
 * that finds them in a text that arrives in pieces. Shared by cost_lexicon.c and reward_lexicon.c.
 *
 * The skeleton. Folded letters, digits and inner underscores form words; every run of other visible
 * characters is one GAP, and a GAP stands before and behind every word. Letters of scripts without
 * spaces, and symbols, are words of their own without the gaps. Phrases are stored so:
 *     "sad"       GAP s a d GAP          found when a boundary is proved
 *     "sad*"      GAP s a d              found at the d
 *     "kill* me"  GAP k i l l STAR GAP m e GAP
 *     two kanji   k1 k2                  found at once, wherever they stand
 *
 * The reader. A *thread* is a partial match: a node of the trie and where in the text it began.
 * Threads start at word starts only, so few live at a time; their number is bounded, and so is how
 * far the earliest may lie behind the text: more of either is charged as unsafe. Besides the plain
 * reading, threads follow words spelled out in single letters ("s a d", "s-a-d") and letters
 * written as digits or symbols ("5ad", "$ad").
 *
 * Encoded text. A run of 24 or more characters of base64 or hex, and an unbroken stretch of as many
 * characters with percent escapes in it, is decoded as it arrives and read as a text of its own
 * (lexicon_runs.c). Runs are decoded from their first character on; what is found before the 24th
 * waits for it, and is forgotten where the run ends earlier.
 */
#ifndef SF_LEXICON_H
#define SF_LEXICON_H

#include "budget.h"
#include "cost.h"
#include "fold.h"
#include "utf8.h"

#define SF_LEXICON_MAX_BYTES (16u << 20) /* of a file */
#define SF_LEXICON_MAX_PHRASE 64         /* symbols of a phrase in the trie, gaps included */

enum { SF_LABEL_GAP = 0, SF_LABEL_STAR = 1, SF_LABEL_FIRST = 2, SF_LABEL_NONE = 0xFFFF };
enum { SF_END = 1, SF_END_SYMBOLS = 2 /* a phrase written with symbols for letters: "a$$" */ };

struct sf_lexicon {
    /* Nodes in breadth-first order: the children of v are first[v] .. first[v+1]-1, by label. */
    uint32_t n_nodes;
    uint32_t *first;  /* (n_nodes + 1) */
    uint16_t *label;  /* (n_nodes): of the edge that leads here */
    int64_t *weight;  /* (n_nodes): millionths, of the phrase that ends here */
    uint8_t *is_end;  /* (n_nodes): 0 or one of SF_END */
    /* Folded character -> label. */
    uint16_t ascii[128];
    uint32_t n_wide;
    uint32_t *wide;       /* (n_wide) sorted */
    uint16_t *wide_label; /* (n_wide) */
    /* The two nodes with many children have a table each: label -> node, 0 if none. */
    uint32_t n_labels, gap_node; /* gap_node: child of the root by GAP, 0 if none */
    uint32_t *root_child, *gap_child; /* (n_labels) */
    uint32_t n_phrases, longest; /* longest: bytes of a phrase as written */
    bool has_unspaced;                /* some phrase has letters of scripts without spaces */
};

/* Parses a lexicon (n bytes; name is for messages). E_POLICY: .where is the line.
 * signed_weights: weights may be negative (rewards). Fuzz target. */
surefoot_status sf_lexicon_parse(struct sf_lexicon **out, const char *text, size_t n,
                                 const char *name, bool signed_weights, surefoot_error *err);
void sf_lexicon_free(struct sf_lexicon *x); /* NULL is fine */
struct sf_policy_section;
struct sf_policy_env;
/* The same from a section's `file`, relative to the policy. */
surefoot_status sf_lexicon_open(struct sf_lexicon **out, struct sf_policy_section *s,
                                const struct sf_policy_env *env, bool signed_weights,
                                surefoot_error *err);
/* Bytes S may lag: what the reader holds before it calls a match unsafe, or more if the longest
 * phrase needs more, which is then a load error. */
size_t sf_lexicon_hold(const struct sf_lexicon *x);

uint16_t sf_lexicon_label(const struct sf_lexicon *x, uint32_t cp); /* SF_LABEL_NONE: in no phrase */
uint32_t sf_lexicon_child(const struct sf_lexicon *x, uint32_t node, uint16_t label); /* 0: none */

/* ---------------------------------------------------------------------------------- the reader */

/* Where finds go: as charges, or (charges NULL) only summed up. */
struct sf_sink {
    struct sf_charges *charges;
    int64_t sum;
    bool mute; /* nothing counts: text of the prompt */
};

#define SF_LANE_THREADS 24 /* partial matches alive in one reading of the text */
struct sf_thread {
    uint64_t begin;  /* raw byte the match began at                                           */
    uint32_t node;
    uint16_t length; /* bytes from begin to the end of the last letter                        */
    uint8_t flags;   /* lexicon_lane.c                                                        */
    uint8_t letters; /* read as they stand                                                    */
    uint8_t guesses; /* read as a letter they may stand for                                   */
    uint8_t run;     /* letters of the word so far; of a spelled word: joined so far; up to 3 */
    uint8_t gap;     /* characters between spelled letters so far                             */
};
struct sf_lane { /* one reading of the text */
    uint32_t prev_cp; /* last folded character that was kept, 0 behind a gap */
    uint8_t prev;     /* what it was: lexicon_lane.c */
    uint8_t n;
    bool behind_decoded; /* the last character stood encoded */
    struct sf_thread t[SF_LANE_THREADS];
};
struct sf_step { /* what a lane is told about a character */
    const struct sf_lexicon *x;
    struct sf_sink *sink;
    uint64_t begin, end; /* raw bytes it covers; of a decoded one, the character that completes it */
    bool guess;          /* spelled-out words and letters written as symbols are read too */
    bool decoded;        /* the character stood encoded in the text */
    bool need_decoded;   /* only finds with a decoded character count */
    uint8_t min_letters; /* of words, shorter finds do not count */
};
void sf_lane_begin(struct sf_lane *lane);
/* Reads one character: its n folded ones (0: not seen). */
void sf_lane_read(struct sf_lane *lane, const struct sf_step *s, const struct sf_fold_char *c, int n);
/* A boundary that is no character: the end of the text, of a role, of an encoded run. */
void sf_lane_end(struct sf_lane *lane, const struct sf_step *s);
/* Matches that hold S further back than SF_GUARD_MAX_HOLD go on as if they began a byte
 * before `at`. */
void sf_lane_forget(struct sf_lane *lane, uint64_t at);
/* Where the earliest live match begins, UINT64_MAX if none lives. */
uint64_t sf_lane_held(const struct sf_lane *lane);
/* A find goes where finds go. */
void sf_sink_add(struct sf_sink *k, int64_t amount, uint64_t begin, uint64_t end);

enum sf_encoding { SF_BASE64, SF_HEX, SF_PERCENT, SF_ENCODINGS };
#define SF_RUN_MIN 24    /* characters that make a run an encoded one */
#define SF_RUN_WAITING 8 /* finds before that; one more is unsafe, if it comes to that */
struct sf_run {
    uint8_t length;  /* characters of the run in progress, up to SF_RUN_MIN */
    uint8_t n;       /* base64: characters of the group of four; else of the byte or escape */
    uint8_t n_waiting;
    struct sf_utf8 utf8; /* of the decoded text */
    uint32_t bits;   /* decoded so far of the group, byte or escape; of an escape, also as written */
    struct sf_lane lane;
    struct sf_charge waiting[SF_RUN_WAITING];
};
/* Reads the character cp, seen or not, by one encoding: from s, x, sink, begin and end. */
void sf_run_read(struct sf_run *r, enum sf_encoding e, const struct sf_step *s, uint32_t cp,
                 bool seen);
/* The run ends at byte `at`. */
void sf_run_end(struct sf_run *r, enum sf_encoding e, const struct sf_lexicon *x,
                struct sf_sink *sink, uint64_t at);
uint64_t sf_run_held(const struct sf_run *r); /* as sf_lane_held */

/* The whole reader: plain memory, copied with a beam. Bit i of `safe`, for the byte i modulo their
 * number: ending the text there adds no charge. S is such a byte, none later than the earliest live
 * match, so that it is safe whichever of the readings holds it back. */
#define SF_LEXICON_SAFE_BYTES (SF_GUARD_MAX_HOLD / 8 + 4)
struct sf_lexicon_state {
    uint64_t bytes;    /* read so far */
    uint8_t invisible; /* characters in a row that are not seen */
    uint8_t safe[SF_LEXICON_SAFE_BYTES];
    struct sf_lane plain;
    struct sf_run run[SF_ENCODINGS];
};
void sf_lexicon_begin(struct sf_lexicon_state *s);
/* n bytes of whole UTF-8 characters. boundary: as in struct sf_piece. */
void sf_lexicon_read(const struct sf_lexicon *x, struct sf_lexicon_state *s, const char *text,
                     size_t n, bool boundary, struct sf_sink *sink);
void sf_lexicon_end(const struct sf_lexicon *x, struct sf_lexicon_state *s, struct sf_sink *sink);
uint64_t sf_lexicon_settled(const struct sf_lexicon_state *s);

#endif
