/* SPDX-License-Identifier: MIT
 * fit.c - the search for scales. See fit.h.
 */
#include "fit.h"

#include <math.h>

#include "types.h"

enum { L = SF_FIT_LANES };

#define ONE8  1, 1, 1, 1, 1, 1, 1, 1
#define ONE64 ONE8, ONE8, ONE8, ONE8, ONE8, ONE8, ONE8, ONE8
const float sf_fit_even[256] = {ONE64, ONE64, ONE64, ONE64};

int sf_fit_normalise(float *y, const float *x, int n) {
    float amax = 0;
    int e = 0;
    for (int i = 0; i < n; i++) amax = fmaxf(amax, fabsf(x[i]));
    if (amax > 0) {
        (void)frexpf(amax, &e);
        e -= 1;
    }
    /* Two steps: 2^149 is no float, and what is tiny beside the largest may vanish. */
    float a = ldexpf(1, -e / 2), b = ldexpf(1, -e - -e / 2);
    for (int i = 0; i < n; i++) y[i] = x[i] * a * b;
    return e;
}

uint16_t sf_fit_half(float value, int e, float *back) {
    uint16_t h =
        sf_f32_to_f16(ldexpf(value, e)); /* ldexpf is exact, or far out of a half's range */
    *back = ldexpf(sf_f16_to_f32(h), -e);
    return h;
}

static float sum(const float *lane) {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void sf_fit_integers(float *q, const float *x, int n, float d, float m, float lo, float hi) {
    float inv = sf_fit_inverse(d);
    for (int i = 0; i < n; i++) q[i] = sf_fit_round((x[i] - m) * inv, lo, hi);
}

float sf_fit_error(const float *x, const float *w, int n, float d, float m, float lo, float hi) {
    float acc[L] = {0}, inv = sf_fit_inverse(d);
    for (int i = 0; i < n; i += L)
        for (int j = 0; j < L; j++) {
            float q = sf_fit_round((x[i + j] - m) * inv, lo, hi);
            float off = (x[i + j] - m) - d * q;
            acc[j] += w[i + j] * off * off;
        }
    return sum(acc);
}

/* The best d for the integers that inv gives; *gain: by how much it lowers the sum of w x^2. */
static float solve_scale(const float *x, const float *w, int n, float inv, float lo, float hi,
                         float *gain) {
    float xq[L] = {0}, qq[L] = {0};
    for (int i = 0; i < n; i += L)
        for (int j = 0; j < L; j++) {
            float q = sf_fit_round(x[i + j] * inv, lo, hi), wq = w[i + j] * q;
            xq[j] += wq * x[i + j];
            qq[j] += wq * q;
        }
    float a = sum(xq), b = sum(qq), d = b > 0 ? a / b : 0;
    *gain = a * d;
    return d;
}

float sf_fit_scale(const float *x, const float *w, int n, int lo, int hi) {
    float amax = 0, best = 0, most = 0;
    for (int i = 0; i < n; i++) amax = fmaxf(amax, fabsf(x[i]));
    if (!(amax > 0)) return 0;
    /* The largest weight lands between hi - 0.7 and a little beyond -lo (where it is clipped), on
     * either end of the range: few levels gain from clipping, many do not. */
    float first = (float)hi - 0.7f, last = (float)-lo * 1.1f + 0.8f;
    int steps = (int)((last - first) / (-lo > 8 ? 0.25f : 0.125f));
    for (int side = -1; side <= 1; side += 2)
        for (int k = 0; k <= steps; k++) {
            float gain, reach = first + (last - first) * (float)k / (float)steps;
            float d = solve_scale(x, w, n, (float)side * reach / amax, (float)lo, (float)hi, &gain);
            if (gain > most) {
                most = gain;
                best = d;
            }
        }
    for (int round = 0; round < 4; round++) {
        float gain, d = solve_scale(x, w, n, sf_fit_inverse(best), (float)lo, (float)hi, &gain);
        if (!(gain > most)) break;
        most = gain;
        best = d;
    }
    return best;
}

/* The best d and m for the integers that (x - from) * inv gives; returns the error. */
static float solve_affine(const float *x, const float *w, int n, float from, float inv, float hi,
                          bool below, float *d, float *m) {
    float sw[L] = {0}, sx[L] = {0}, sq[L] = {0}, qq[L] = {0}, xq[L] = {0}, xx[L] = {0};
    for (int i = 0; i < n; i += L)
        for (int j = 0; j < L; j++) {
            float v = x[i + j], u = w[i + j], q = sf_fit_round((v - from) * inv, 0, hi);
            sw[j] += u;
            sx[j] += u * v;
            sq[j] += u * q;
            qq[j] += u * q * q;
            xq[j] += u * v * q;
            xx[j] += u * v * v;
        }
    float W = sum(sw), X = sum(sx), Q = sum(sq), QQ = sum(qq), XQ = sum(xq), XX = sum(xx);
    float det = W * QQ - Q * Q;
    *d = 0;
    *m = W > 0 ? X / W : 0;
    if (det > 0) {
        *d = (W * XQ - Q * X) / det;
        *m = (QQ * X - Q * XQ) / det;
    }
    if (below && *m > 0) {
        *m = 0;
        *d = QQ > 0 ? XQ / QQ : 0;
    }
    if (*d < 0) *d = 0; /* cannot happen but for rounding: q rises with x */
    return XX - 2 * (*d * XQ + *m * X) + *d * *d * QQ + 2 * *d * *m * Q + *m * *m * W;
}

void sf_fit_affine(const float *x, const float *w, int n, int hi, bool below, float *d, float *m) {
    float low = x[0], high = x[0], best = INFINITY, f = (float)hi;
    for (int i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    if (below && low > 0) low = 0;
    *d = 0;
    *m = low;
    if (!(high > low)) return;
    /* From one level less than there are to some more, which clips both ends or one of them. */
    const int steps = hi > 8 ? 12 : 16;
    const float first = hi > 8 ? -0.7f : -0.5f, last = hi > 8 ? 2.0f : 1.3f;
    for (int k = 0; k <= steps; k++)
        for (int shift = 0; shift < 3; shift++) { /* which end what exceeds the range is cut from */
            float extra = first + (last - first) * (float)k / (float)steps, a, b;
            float inv = (f + extra) / (high - low);
            float from = low + (extra > 0 ? extra : 0) * 0.5f * (float)shift / inv;
            if (shift && extra <= 0) break;
            float e = solve_affine(x, w, n, from, inv, f, below, &a, &b);
            if (e < best) {
                best = e;
                *d = a;
                *m = b;
            }
        }
    for (int round = 0; round < 4; round++) {
        float a, b, e = solve_affine(x, w, n, *m, sf_fit_inverse(*d), f, below, &a, &b);
        if (!(e < best)) break;
        best = e;
        *d = a;
        *m = b;
    }
}
