/* SPDX-License-Identifier: MIT
 * jinja_text.c - strings by characters: white space, case, trimming, finding, replacing. What comes
 * out keeps the marks of what it was made from.
 */
#include <utf8proc.h>

#include "jinja_i.h"
#include "utf8.h"

size_t sf_jchar(const char *p, size_t n, uint32_t *cp) {
    int k = sf_utf8_decode((const unsigned char *)p, n, cp);
    if (k > 0) return (size_t)k;
    *cp = 0x110000u + (unsigned char)*p;
    return 1;
}

bool sf_jspace(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool sf_jprintable(uint32_t c) {
    if (c < 0x7F) return c >= 0x20;
    if (c > 0x10FFFF) return false;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

size_t sf_jchars(const val *s) {
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < s->n; n++)
        i += (unsigned char)s->p[i] < 0x80 ? 1 : sf_jchar(s->p + i, s->n - i, &cp);
    return n;
}

size_t sf_joffset(const val *s, size_t chars) {
    size_t i = 0;
    uint32_t cp;
    for (; chars > 0 && i < s->n; chars--)
        i += (unsigned char)s->p[i] < 0x80 ? 1 : sf_jchar(s->p + i, s->n - i, &cp);
    return i;
}

/* Start of the character that ends at byte n. */
static size_t before(const val *s, size_t n, uint32_t *cp) {
    for (size_t k = 1; k <= 4 && k <= n; k++)
        if (sf_jchar(s->p + n - k, k, cp) == k && (k > 1 || *cp < 0x80)) return n - k;
    sf_jchar(s->p + n - 1, 1, cp);
    return n - 1;
}

static bool in_set(uint32_t cp, const val *set) {
    if (!set) return sf_jspace(cp);
    uint32_t c;
    for (size_t i = 0; i < set->n;) {
        i += sf_jchar(set->p + i, set->n - i, &c);
        if (c == cp) return true;
    }
    return false;
}

val sf_jstrip(const val *s, const val *chars, unsigned sides) {
    size_t a = 0, b = s->n;
    uint32_t cp;
    while ((sides & SF_JS_LEFT) && a < b) {
        size_t k = sf_jchar(s->p + a, b - a, &cp);
        if (!in_set(cp, chars)) break;
        a += k;
    }
    while ((sides & SF_JS_RIGHT) && a < b) {
        size_t k = before(s, b, &cp);
        if (k < a || !in_set(cp, chars)) break;
        b = k;
    }
    return sf_jsub(s, a, b);
}

size_t sf_jfind(const val *s, const val *what, size_t from) {
    if (what->n > s->n) return SIZE_MAX;
    if (what->n == 0) return from <= s->n ? from : SIZE_MAX;
    for (size_t i = from; i + what->n <= s->n; i++) {
        const char *p = memchr(s->p + i, what->p[0], s->n - what->n - i + 1);
        if (!p) return SIZE_MAX;
        i = (size_t)(p - s->p);
        if (memcmp(p, what->p, what->n) == 0) return i;
    }
    return SIZE_MAX;
}

size_t sf_jrfind(const val *s, const val *what, size_t to) {
    if (to > s->n) to = s->n;
    if (what->n > to) return SIZE_MAX;
    for (size_t i = to - what->n + 1; i-- > 0;)
        if (memcmp(s->p + i, what->p, what->n) == 0) return i;
    return SIZE_MAX;
}

bool sf_jreplace(struct sf_jrun *r, const val *s, const val *old, const val *by, int64_t count,
                 val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    size_t at = 0;
    if (!sf_jtick(r, s->n / 8)) return false;
    while (count != 0) {
        size_t k = sf_jfind(s, old, at);
        if (k == SIZE_MAX || !sf_jtick(r, 1 + by->n / 16)) break;
        val part = sf_jsub(s, at, k);
        sf_jbuf_put_val(&b, &part);
        sf_jbuf_put_val(&b, by);
        at = k + old->n;
        count--;
        if (old->n > 0) continue;
        uint32_t cp;
        if (k >= s->n) break; /* an empty string stands between all characters */
        size_t len = sf_jchar(s->p + k, s->n - k, &cp);
        part = sf_jsub(s, k, k + len);
        sf_jbuf_put_val(&b, &part);
        at = k + len;
    }
    if (r->status != SUREFOOT_OK) return false;
    val rest = sf_jsub(s, at, s->n);
    sf_jbuf_put_val(&b, &rest);
    return sf_jdone(r, &b, out);
}

/* -------------------------------------------------------------------------------------------- case */

/* Letters whose upper or title case are several; their lower case is one. Upper, then title. */
static bool special(uint32_t cp, bool title, char out[13]) {
    static const struct {
        uint32_t cp;
        const char *upper, *title;
    } row[] = {{0xDF, "SS", "Ss"},
               {0x149, "\xCA\xBCN", "\xCA\xBCN"},
               {0x1F0, "J\xCC\x8C", "J\xCC\x8C"},
               {0x390, "\xCE\x99\xCC\x88\xCC\x81", NULL},
               {0x3B0, "\xCE\xA5\xCC\x88\xCC\x81", NULL},
               {0x587, "\xD4\xB5\xD5\x92", "\xD4\xB5\xD6\x82"},
               {0x1E96, "H\xCC\xB1", NULL},
               {0x1E97, "T\xCC\x88", NULL},
               {0x1E98, "W\xCC\x8A", NULL},
               {0x1E99, "Y\xCC\x8A", NULL},
               {0x1E9A, "A\xCA\xBE", NULL},
               {0xFB00, "FF", "Ff"},
               {0xFB01, "FI", "Fi"},
               {0xFB02, "FL", "Fl"},
               {0xFB03, "FFI", "Ffi"},
               {0xFB04, "FFL", "Ffl"},
               {0xFB05, "ST", "St"},
               {0xFB06, "ST", "St"}};
    for (size_t i = 0; i < SF_COUNT(row); i++)
        if (row[i].cp == cp) {
            const char *s = title && row[i].title ? row[i].title : row[i].upper;
            memcpy(out, s, strlen(s) + 1);
            return true;
        }
    return false;
}

static bool cased(uint32_t c) {
    utf8proc_int32_t x = (utf8proc_int32_t)c;
    return c <= 0x10FFFF && (utf8proc_toupper(x) != x || utf8proc_tolower(x) != x || c == 0xDF);
}

/* Sigma at the end of a word is written otherwise. */
static bool final_sigma(const val *s, size_t at, size_t len) {
    uint32_t cp;
    bool letter = false;
    for (size_t k = at; k > 0 && !letter;) {
        k = before(s, k, &cp);
        if (cp <= 0x10FFFF && utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_MN)
            continue;
        letter = cased(cp);
        break;
    }
    if (!letter) return false;
    for (size_t k = at + len; k < s->n;) {
        k += sf_jchar(s->p + k, s->n - k, &cp);
        if (cp <= 0x10FFFF && utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_MN)
            continue;
        return !cased(cp);
    }
    return true;
}

static size_t convert(const val *s, size_t at, size_t len, uint32_t cp, enum sf_jcase how,
                      char out[13]) {
    utf8proc_int32_t x = (utf8proc_int32_t)cp, y;
    if (cp > 0x10FFFF) {
        out[0] = s->p[at];
        return 1;
    }
    if (how == SF_JC_SWAP) how = utf8proc_tolower(x) != x ? SF_JC_LOWER : SF_JC_UPPER;
    if (how == SF_JC_UPPER || how == SF_JC_TITLE) {
        if (special(cp, how == SF_JC_TITLE, out)) return strlen(out);
        y = how == SF_JC_UPPER ? utf8proc_toupper(x) : utf8proc_totitle(x);
    } else if (how == SF_JC_FOLD && cp == 0xDF) {
        memcpy(out, "ss", 2);
        return 2;
    } else if (cp == 0x130) {
        memcpy(out, "i\xCC\x87", 3);
        return 3;
    } else {
        y = utf8proc_tolower(x);
        if (cp == 0x3A3 && how == SF_JC_LOWER && final_sigma(s, at, len)) y = 0x3C2;
    }
    return (size_t)sf_utf8_encode((uint32_t)y, out);
}

bool sf_jcase(struct sf_jrun *r, const val *s, enum sf_jcase how, val *out) {
    struct sf_jbuf b = {.mem = r->mem};
    bool word = false; /* the character before is a letter with case */
    char text[13];
    uint32_t cp;
    if (!sf_jtick(r, s->n)) return false;
    for (size_t i = 0, k; i < s->n; i += k) {
        enum sf_jcase now = how;
        k = sf_jchar(s->p + i, s->n - i, &cp);
        if (how == SF_JC_TITLE && word) now = SF_JC_LOWER;
        if (how == SF_JC_CAPITAL) now = i == 0 ? SF_JC_TITLE : SF_JC_LOWER;
        word = cased(cp);
        size_t n = convert(s, i, k, cp, now, text);
        const unsigned char *mark =
            s->mark && s->mark != SF_JINJA_DATA ? s->mark[i] ? SF_JINJA_DATA : NULL : s->mark;
        sf_jbuf_put(&b, text, n, mark);
    }
    return sf_jdone(r, &b, out);
}
