/* SPDX-License-Identifier: MIT
 * slow_runs.h - what slow_lexicon.h finds in a text and in the runs of base64, hex and percent escapes
 * in it: each run as a whole is decoded into a text of its own. Independent of lexicon_runs.c.
 */
#ifndef SF_SLOW_RUNS_H
#define SF_SLOW_RUNS_H

#include "slow_lexicon.h"

enum slow_encoding { SLOW_BASE64, SLOW_HEX, SLOW_PERCENT };
static const char slow_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                  slow_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-._~:/?#[]@!$&'()*+,;=%";
struct slow_run { /* the characters of a run as written, and where each stands */
    uint32_t cp[SLOW_TEXT];
    uint64_t at[SLOW_TEXT];
    int n;
};

static inline int slow_value(uint32_t cp, enum slow_encoding e) {
    if (cp < 1 || cp > 126) return -1;
    if (e == SLOW_PERCENT) return strchr(slow_url, (int)cp) ? 0 : -1;
    if (e == SLOW_HEX) {
        const char *hex = "0123456789abcdef0123456789ABCDEF", *p = strchr(hex, (int)cp);
        return p ? (int)(p - hex) % 16 : -1;
    }
    const char *p = strchr(slow_digits, cp == '-' ? '+' : cp == '_' ? '/' : (int)cp);
    return p ? (int)(p - slow_digits) : -1;
}
/* The text that bytes are, each with the place it stands at. */
static inline void slow_bytes(struct slow_text *t, const unsigned char *byte, const uint64_t *at,
                              const bool *decoded, int n) {
    struct sf_utf8 u = {0};
    for (int i = 0; i < n; i++) {
        char out[SF_UTF8_OUT(1)];
        size_t k = sf_utf8_feed(&u, &byte[i], 1, out);
        for (size_t j = 0; j < k;) {
            uint32_t cp;
            int m = sf_utf8_decode((unsigned char *)out + j, k - j, &cp);
            slow_add(t, cp, at[i], at[i] + 1, decoded[i]);
            j += (size_t)m;
        }
    }
}
static inline void slow_decode(struct slow_text *t, const struct slow_run *r, enum slow_encoding e) {
    static unsigned char byte[SLOW_TEXT];
    static uint64_t at[SLOW_TEXT];
    static bool decoded[SLOW_TEXT];
    int n = 0, width = e == SLOW_HEX ? 4 : 6;
    if (e == SLOW_PERCENT) {
        for (int i = 0; i < r->n; n++) {
            bool one = r->cp[i] == '%' && i + 1 < r->n && slow_value(r->cp[i + 1], SLOW_HEX) >= 0;
            bool two = one && i + 2 < r->n && slow_value(r->cp[i + 2], SLOW_HEX) >= 0;
            int last = i + (r->cp[i] == '%') + one; /* the character at which it is known */
            decoded[n] = two;
            byte[n] = (unsigned char)r->cp[i];
            if (two)
                byte[n] = (unsigned char)(slow_value(r->cp[i + 1], SLOW_HEX) * 16 +
                                          slow_value(r->cp[i + 2], SLOW_HEX));
            at[n] = r->at[last < r->n ? last : r->n - 1];
            i += two ? 3 : 1;
            if (one && !two) { /* the digit is known then too */
                n++;
                decoded[n] = false;
                byte[n] = (unsigned char)r->cp[i++];
                at[n] = at[n - 1];
            }
        }
    } else {
        for (int bit = 0; bit + 8 <= r->n * width; bit += 8, n++) {
            byte[n] = 0;
            decoded[n] = true;
            at[n] = r->at[(bit + 7) / width];
            for (int i = bit; i < bit + 8; i++) {
                int v = slow_value(r->cp[i / width], e) >> (width - 1 - i % width) & 1;
                byte[n] = (unsigned char)(byte[n] << 1 | v);
            }
        }
    }
    slow_bytes(t, byte, at, decoded, n);
}

/* All finds of n_phrase phrases in a text, plain and encoded. */
static inline void slow_find_all(const struct slow_phrase *p, int n_phrase, const char *text,
                                 size_t n, struct slow_find *find, int *n_find) {
    static struct slow_text t;
    static struct slow_run r;
    int step = SLOW_TEXT;
    slow_fold(&t, text, n, 0);
    for (int i = 0; i < n_phrase; i++) slow_read(&p[i], i, &t, find, n_find);
    for (enum slow_encoding e = SLOW_BASE64; e <= SLOW_PERCENT; e++) {
        r.n = 0;
        for (size_t i = 0; i <= n;) {
            struct sf_fold_char c[SF_FOLD_MAX];
            uint32_t cp = ' ';
            int k = i < n ? sf_utf8_decode((const unsigned char *)text + i, n - i, &cp) : 1;
            if (slow_value(cp, e) >= 0) {
                r.cp[r.n] = cp;
                r.at[r.n++] = i;
            } else if (sf_fold(cp, c) > 0) {
                slow_clear(&t, true, step += SLOW_TEXT);
                if (r.n >= 24) slow_decode(&t, &r, e);
                for (int j = 0; j < n_phrase && t.n > 0; j++)
                    slow_read(&p[j], j, &t, find, n_find);
                r.n = 0;
            }
            i += (size_t)k;
        }
    }
}

#endif
