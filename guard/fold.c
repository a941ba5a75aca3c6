/* SPDX-License-Identifier: MIT
 * fold.c - one character's skeleton, by utf8proc's tables and a list of look-alikes; see fold.h.
 */
#include "fold.h"

#include <utf8proc.h>

#include "mutant.h"

struct look_alike {
    uint32_t cp;
    const char *latin;
};

static const char *look_alike(uint32_t cp) {
    static const struct look_alike table[] = {
#define LOOK(cp, latin) {cp, latin},
#include "look_alikes.def"
#undef LOOK
    };
    size_t lo = 0, hi = SF_COUNT(table);
    if (cp < table[0].cp) return NULL;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (table[mid].cp <= cp)
            lo = mid;
        else
            hi = mid;
    }
    return table[lo].cp == cp ? table[lo].latin : NULL;
}

/* Scripts that put no spaces between words. Their own spaces and punctuation are not letters. */
static bool unspaced(uint32_t cp) {
    static const uint32_t range[][2] = {
        {0x0E01, 0x0EFF}, /* Thai, Lao */
        {0x1000, 0x109F}, /* Myanmar */
        {0x1780, 0x17FF}, /* Khmer */
        {0x1950, 0x19FF}, /* Tai Le, New Tai Lue */
        {0x1A20, 0x1AAF}, /* Tai Tham */
        {0x2E80, 0x2FDF}, /* radicals */
        {0x3005, 0x3007}, {0x3021, 0x3029},   {0x3038, 0x303C},
        {0x3041, 0x312F},                                       /* Hiragana, Katakana, Bopomofo */
        {0x31A0, 0x4DBF}, {0x4E00, 0x9FFF},   {0xA000, 0xA4CF}, /* Yi */
        {0xA980, 0xA9FF},                                       /* Javanese, Myanmar */
        {0xAA60, 0xAADF},                                       /* Myanmar, Tai Viet */
        {0xF900, 0xFAFF}, {0x1AFF0, 0x1B16F}, {0x20000, 0x3FFFF},
    };
    for (size_t i = 0; i < SF_COUNT(range) && cp >= range[i][0]; i++)
        if (cp <= range[i][1]) return true;
    return false;
}

bool sf_fold_joins(uint32_t prev, uint32_t mark) {
    if (mark == 0x3099 || mark == 0x309A) return prev >= 0x3041 && prev <= 0x30FF;
    /* From Devanagari on, vowel signs are part of the spelling; blocks there begin at 0x80s. */
    bool spelling = (mark >= 0x0900 && mark < 0x1AB0) || (mark >= 0x1B00 && mark < 0x1DC0) ||
                    (mark >= 0xA800 && mark < 0xAC00) || (mark >= 0x11000 && mark < 0x11FFF);
    return spelling && prev >> 7 == mark >> 7;
}

const char *sf_fold_alternatives(uint32_t cp) {
    switch (cp) {
    case '0':
        return "o";
    case '1':
        return "il";
    case '3':
        return "e";
    case '4':
        return "a";
    case '5':
        return "s";
    case '7':
        return "t";
    case '8':
        return "b";
    case '9':
        return "g";
    case '@':
        return "a";
    case '$':
        return "s";
    case '!':
        return "i";
    case '|':
        return "il";
    case '+':
        return "t";
    case 0xA2:
        return "c"; /* cent */
    case 0xA3:
        return "l"; /* pound */
    case 0xA5:
        return "y"; /* yen */
    case 0x20AC:
        return "e"; /* euro */
    case 0xF0:
        return "d"; /* eth */
    case 0xFE:
        return "p"; /* thorn */
    case 0x0259:
        return "ea"; /* schwa */
    case 0x025B:
        return "e";
    case 0x03B3:
        return "y"; /* gamma */
    case 0x03B7:
        return "nh"; /* eta, in lower and upper case, and so on */
    case 0x03BC:
        return "mu";
    case 0x03BD:
        return "nv";
    case 0x03C0:
        return "n";
    case 0x03C3:
        return "os";
    case 0x03C5:
        return "uy";
    case 0x03C9:
        return "w";
    case 0x0433:
        return "r"; /* Cyrillic ghe */
    case 0x0438:
        return "un";
    case 0x043F:
        return "n";
    case 0x044C:
        return "b";
    case 0x0448:
        return "w";
    case 0x044F:
        return "r";
    case 0x0578:
        return "n"; /* Armenian vo */
    default:
        return "";
    }
}

/* What remains of one decomposed, case-folded code point. */
static bool classify(uint32_t cp, struct sf_fold_char *out) {
    const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)cp);
    *out = (struct sf_fold_char){cp, SF_FOLD_GAP};
    /* Unassigned ones of the kind that is not seen, too. */
    if (p->ignorable || cp == 0x2065 || (cp >= 0xFFF0 && cp <= 0xFFF8)) return false;
    if (cp >= 0xE0000 && cp <= 0xE0FFF) return false;
    if (cp == 0x2800) return true; /* an empty braille cell is a space */
    switch ((utf8proc_category_t)p->category) {
    case UTF8PROC_CATEGORY_LM:
        if (cp == 0x0640) return false; /* kashida stretches a word and says nothing */
        if (cp >= 0x02B0 && cp <= 0x02FF) return true; /* marks between letters, not letters */
        /* fall through */
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LO:
        out->kind = unspaced(cp) ? SF_FOLD_UNSPACED : SF_FOLD_LETTER;
        return true;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        out->kind = SF_FOLD_DIGIT;
        return true;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
        /* Only those that sf_fold_joins may keep are worth a second look. */
        out->kind = SF_FOLD_MARK;
        return sf_fold_joins(cp, cp) || cp == 0x3099 || cp == 0x309A;
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
        return false;
    case UTF8PROC_CATEGORY_CC:
        return (cp >= 0x09 && cp <= 0x0D) || cp == 0x85;
    case UTF8PROC_CATEGORY_PC:
        if (cp == '_') out->kind = SF_FOLD_UNDERSCORE;
        return true;
    case UTF8PROC_CATEGORY_SO:
        out->kind = cp == 0xFFFD ? SF_FOLD_GAP : SF_FOLD_SYMBOL;
        return true;
    case UTF8PROC_CATEGORY_SK:
        return !(cp >= 0x1F3FB && cp <= 0x1F3FF); /* skin tones */
    default:
        return true;
    }
}

/* Alphabets in one piece that decompose to nothing plainer; 0: of none. */
static uint32_t framed_letter(uint32_t cp) {
    static const uint32_t first[] = {0x1F150, 0x1F170, 0x1F1E6}; /* in discs, squares, flags */
    for (size_t i = 0; i < SF_COUNT(first); i++)
        if (cp >= first[i] && cp < first[i] + 26) return 'a' + (cp - first[i]);
    return 0;
}

static int add(struct sf_fold_char *out, int n, uint32_t cp) {
    const uint32_t framed = framed_letter(cp);
    if (framed) cp = framed;
    const char *latin = SF_MUTANT(34, look_alike(cp), NULL);
    for (; latin && *latin && n < SF_FOLD_MAX; latin++)
        out[n++] = (struct sf_fold_char){(unsigned char)*latin, SF_FOLD_LETTER};
    if (latin) return n;
    return n < SF_FOLD_MAX && classify(cp, &out[n]) ? n + 1 : n;
}

static int fold_ascii(uint32_t cp, struct sf_fold_char *out) {
    *out = (struct sf_fold_char){cp, SF_FOLD_GAP};
    if (cp >= 'a' && cp <= 'z')
        out->kind = SF_FOLD_LETTER;
    else if (cp >= 'A' && cp <= 'Z')
        *out = (struct sf_fold_char){cp + 32, SF_FOLD_LETTER};
    else if (cp >= '0' && cp <= '9')
        out->kind = SF_FOLD_DIGIT;
    else if (cp == '_')
        out->kind = SF_FOLD_UNDERSCORE;
    else if (cp == 0x7F || (cp < 0x20 && !(cp >= 0x09 && cp <= 0x0D)))
        return 0;
    return 1;
}

int sf_fold(uint32_t cp, struct sf_fold_char out[SF_FOLD_MAX]) {
    if (cp < 0x80) return fold_ascii(cp, out);
    if (cp > 0x10FFFF) cp = 0xFFFD;
    /* Accents go before case is folded: case folding would turn some of them into letters. */
    const utf8proc_option_t flat = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    if (cp == 0x115F || cp == 0x3164 || cp == 0xFFA0) { /* fillers of Hangul are seen as spaces */
        *out = (struct sf_fold_char){cp, SF_FOLD_GAP};
        return 1;
    }
    if (cp == 0x03F2 || cp == 0x03F9) return add(out, 0, 0x03F2); /* lunate sigma, not a sigma */
    utf8proc_int32_t part[SF_FOLD_MAX], low[SF_FOLD_MAX];
    int bound = 0, n = 0;
    utf8proc_ssize_t k =
        utf8proc_decompose_char((utf8proc_int32_t)cp, part, SF_FOLD_MAX, flat, &bound);
    if (k < 1 || k > SF_FOLD_MAX) part[0] = (utf8proc_int32_t)cp, k = 1;
    for (utf8proc_ssize_t i = 0; i < k; i++) {
        struct sf_fold_char c;
        if (!classify((uint32_t)part[i], &c)) continue;
        utf8proc_ssize_t m =
            utf8proc_decompose_char(part[i], low, SF_FOLD_MAX, flat | UTF8PROC_CASEFOLD, &bound);
        if (m < 1 || m > SF_FOLD_MAX) low[0] = part[i], m = 1;
        for (utf8proc_ssize_t j = 0; j < m; j++) n = add(out, n, (uint32_t)low[j]);
    }
    return n;
}
