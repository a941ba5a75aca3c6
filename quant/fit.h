/* SPDX-License-Identifier: MIT
 * fit.h - what the encoders share: the scale (and offset) for which rounded weights lie nearest to
 * given ones in weighted squared error, by trying candidates and solving for the best scale of each
 * candidate's integers. Float sums run in eight lanes added in a fixed order, so blocks have the same
 * bytes on every machine.
 *
 * x is normalised (sf_fit_normalise); w holds n weights of the error, finite and >= 0; n is 16 or 32.
 */
#ifndef SF_FIT_H
#define SF_FIT_H

#include "base.h"

enum { SF_FIT_LANES = 8 };

extern const float sf_fit_even[256]; /* ones: every error counts the same */

/* y = x * 2^-e with the largest |y| in [1, 2), so that squares stay far from both ends of float32;
 * returns e. All zero: y = 0, e = 0. n is a multiple of 8. */
int sf_fit_normalise(float *y, const float *x, int n);

/* v rounded to nearest, halves to even, after clamping to lo .. hi (|lo|, |hi| < 2^22). The sum makes
 * the processor round; compilers turn it into vector code where they keep calls of rintf. */
static inline float sf_fit_round(float v, float lo, float hi) {
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    return (v + 12582912.0f) - 12582912.0f;
}
/* 1 / d, or 0 where that is no finite number: then everything rounds to the same integer. */
static inline float sf_fit_inverse(float d) {
    float inv = 1 / d;
    return inv >= -3e38f && inv <= 3e38f ? inv : 0;
}

/* q = integers lo .. hi for which d * q + m is nearest to x. */
void sf_fit_integers(float *q, const float *x, int n, float d, float m, float lo, float hi);
/* Sum of w (x - d q - m)^2 with those integers. */
float sf_fit_error(const float *x, const float *w, int n, float d, float m, float lo, float hi);

/* d for x ~ d * q, q in lo .. hi, lo < 0 < hi. d may be negative, and is 0 where x is. */
float sf_fit_scale(const float *x, const float *w, int n, int lo, int hi);
/* d >= 0 and m for x ~ d * q + m, q in 0 .. hi. below: m <= 0 is required. */
void sf_fit_affine(const float *x, const float *w, int n, int hi, bool below, float *d, float *m);

/* value * 2^e as binary16 (nearest, saturating), and what that is in units of 2^e. */
uint16_t sf_fit_half(float value, int e, float *back);

#endif
