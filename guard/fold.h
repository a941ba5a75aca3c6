/* SPDX-License-Identifier: MIT
 * fold.h - the folded skeleton of text: what remains of a character when case, compatibility form,
 * accent and disguise are taken away. A lexicon folds its phrases and the text it reads alike.
 * A pure function of one character; what depends on neighbours is left to the reader (lexicon.h).
 */
#ifndef SF_FOLD_H
#define SF_FOLD_H

#include "base.h"

enum sf_fold_kind {
    SF_FOLD_LETTER,     /* of a script with spaces between words                                 */
    SF_FOLD_DIGIT,      /* any number                                                            */
    SF_FOLD_UNDERSCORE,
    SF_FOLD_UNSPACED,   /* letter of a script without spaces: Han, kana, Thai, Lao, Khmer, ...   */
    SF_FOLD_MARK,       /* vowel signs and the like: a letter behind its own script (sf_fold_joins),
                           else nothing                                                          */
    SF_FOLD_SYMBOL,     /* emoji and other pictures: no letter, but a phrase may name one        */
    SF_FOLD_GAP         /* everything else that is seen: space, punctuation, unassigned          */
};
struct sf_fold_char {
    uint32_t cp;
    enum sf_fold_kind kind;
};
#define SF_FOLD_MAX 32 /* characters one may become; longer expansions are cut */

/* Folds cp: case folding, compatibility decomposition, accents off, look-alikes to Latin. Returns
 * how many characters it becomes; 0 for what is not seen: control, zero-width, bidirectional and
 * tag characters, variation selectors, most combining marks. */
int sf_fold(uint32_t cp, struct sf_fold_char out[SF_FOLD_MAX]);

/* Does mark belong to the script of prev, the last folded character that was kept? */
bool sf_fold_joins(uint32_t prev, uint32_t mark);

/* Other letters that cp, a folded character or a symbol, is written for: "il" for '1', "s" for '$',
 * "nv" for Greek nu. Never NULL. These are guesses: a reader asks for more evidence. */
const char *sf_fold_alternatives(uint32_t cp);

#endif
