/* SPDX-License-Identifier: MIT
 * utf8.c - incremental repair; see utf8.h.
 */
#include "utf8.h"

#include <string.h>

/* Length a lead byte asks for, and the allowed range of the second byte (Unicode table 3-7). */
static int lead(unsigned char c, unsigned char *lo, unsigned char *hi) {
    *lo = 0x80;
    *hi = 0xBF;
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return 2;
    if (c >= 0xE0 && c <= 0xEF) {
        if (c == 0xE0) *lo = 0xA0;
        if (c == 0xED) *hi = 0x9F;
        return 3;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        if (c == 0xF0) *lo = 0x90;
        if (c == 0xF4) *hi = 0x8F;
        return 4;
    }
    return 0;
}

static size_t replacement(char *out) {
    memcpy(out, "\xEF\xBF\xBD", 3);
    return 3;
}

size_t sf_utf8_feed(struct sf_utf8 *u, const void *bytes, size_t n, char *out) {
    const unsigned char *p = bytes;
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char lo, hi;
        if (u->n > 0) {
            int want = lead(u->part[0], &lo, &hi);
            if (u->n > 1) lo = 0x80, hi = 0xBF;
            if (p[i] >= lo && p[i] <= hi) {
                u->part[u->n++] = p[i];
                if (u->n == want) {
                    memcpy(out + o, u->part, u->n);
                    o += u->n;
                    u->n = 0;
                }
                continue;
            }
            o += replacement(out + o); /* the part so far is one maximal invalid piece */
            u->n = 0;
        }
        int want = lead(p[i], &lo, &hi);
        if (want == 1) {
            out[o++] = (char)p[i];
        } else if (want == 0) {
            o += replacement(out + o);
        } else {
            u->part[0] = p[i];
            u->n = 1;
        }
    }
    return o;
}

size_t sf_utf8_end(struct sf_utf8 *u, char *out) {
    if (u->n == 0) return 0;
    u->n = 0;
    return replacement(out);
}

int sf_utf8_decode(const unsigned char *p, size_t n, uint32_t *cp) {
    unsigned char lo, hi;
    if (n == 0) return 0;
    int len = lead(p[0], &lo, &hi);
    if (len == 0 || (size_t)len > n) return 0;
    if (len == 1) {
        *cp = p[0];
        return 1;
    }
    if (p[1] < lo || p[1] > hi) return 0;
    uint32_t c = (uint32_t)(p[0] & (0x7F >> len)) << 6 | (p[1] & 0x3Fu);
    for (int i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *cp = c;
    return len;
}

int sf_utf8_encode(uint32_t cp, char *out) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}
