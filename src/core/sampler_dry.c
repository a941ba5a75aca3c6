/* SPDX-License-Identifier: MIT
 * sampler_dry.c - see sampler_dry.h. Repetitions are the Z-function of the window read backwards:
 * z[i] is how much of the window's end stands again i tokens earlier.
 */
#include "sampler_dry.h"

#include <string.h>

#include "sleef_det.h"

/* Lengths by token. Only the first SF_DRY_MAX values of z are kept: no match is longer, so the
 * recurrence never asks for a later one. right only rises: linear. */
static uint32_t repetitions(uint32_t *z, const int32_t *w, size_t n, uint32_t *len,
                            uint32_t n_vocab) {
    const int32_t *end = w + n - 1; /* end[-i]: the i-th token of the reversed window */
    size_t left = 0, right = 0;     /* [left, right) matches the beginning */
    uint32_t max = 0;
    z[0] = 0; /* not asked for: i > left */
    for (size_t i = 1; i < n; i++) {
        size_t v = 0;
        if (i < right) v = sf_min((size_t)z[i - left], right - i);
        if (i + v >= right) {
            while (v < SF_DRY_MAX && i + v < n && *(end - v) == *(end - (i + v))) v++;
            left = i;
            right = i + v;
        }
        if (i < SF_DRY_MAX) z[i] = (uint32_t)v;
        uint32_t next = (uint32_t)end[1 - (ptrdiff_t)i]; /* what followed */
        if (next < n_vocab && v > len[next]) len[next] = (uint32_t)v;
        if (v > max) max = (uint32_t)v;
    }
    return max;
}

/* Tokens behind the last breaker of w (n), at most enough; the text is read backwards. */
static uint32_t unbroken(const struct sf_dry *d, const int32_t *w, size_t n, uint32_t enough) {
    char ahead[2 * SF_DRY_BREAKER_LEN];     /* the bytes read last, the latest at [at] */
    uint32_t token[2 * SF_DRY_BREAKER_LEN]; /* how many tokens stand behind the one it is of */
    size_t at = sizeof ahead, have = 0, beyond = 0;
    for (size_t back = 0; back < n && beyond < SF_DRY_BREAKER_LEN; back++) {
        struct sf_str s = d->text(d->self, w[n - 1 - back]);
        for (size_t j = s.n; j-- > 0 && beyond < SF_DRY_BREAKER_LEN; beyond += back >= enough) {
            if (at == 0) { /* keep the half that a breaker may still reach into */
                at = SF_DRY_BREAKER_LEN;
                memcpy(ahead + at, ahead, SF_DRY_BREAKER_LEN);
                memcpy(token + at, token, SF_DRY_BREAKER_LEN * sizeof token[0]);
            }
            ahead[--at] = s.p[j];
            token[at] = (uint32_t)sf_min(back, SF_DRY_MAX);
            have = sf_min(have + 1, sizeof ahead - at);
            for (size_t k = 0; k < d->n_breaker; k++) {
                size_t m = strlen(d->breaker[k]);
                if (m > have || memcmp(ahead + at, d->breaker[k], m) != 0) continue;
                if (token[at + m - 1] < enough) enough = token[at + m - 1];
            }
        }
    }
    return enough;
}

static bool holds_breaker(const struct sf_dry *d, int32_t token) {
    struct sf_str s = d->text(d->self, token);
    for (size_t k = 0; k < d->n_breaker; k++) {
        size_t m = strlen(d->breaker[k]);
        for (size_t j = 0; j + m <= s.n; j++)
            if (memcmp(s.p + j, d->breaker[k], m) == 0) return true;
    }
    return false;
}

uint32_t sf_dry_lengths(const struct sf_dry *d, const int32_t *w, size_t n, uint32_t *len,
                        uint32_t n_vocab) {
    memset(len, 0, n_vocab * sizeof *len);
    if (n < 2) return 0;
    uint32_t max = repetitions(d->z, w, n, len, n_vocab);
    if (max == 0 || !d->text || d->n_breaker == 0) return max;
    uint32_t limit = unbroken(d, w, n, max);
    max = 0;
    for (uint32_t t = 0; t < n_vocab; t++) {
        if (len[t] == 0) continue;
        len[t] = limit == 0 || holds_breaker(d, (int32_t)t) ? 0 : (len[t] < limit ? len[t] : limit);
        if (len[t] > max) max = len[t];
    }
    return max;
}

float sf_dry_penalty(float multiplier, float base, uint32_t allowed, uint32_t n) {
    if (n < allowed) return 0;
    double p = (double)multiplier * sf_det_pow((double)base, (double)(n - allowed));
    return p < 1e9 ? (float)p : 1e9f;
}
