/* SPDX-License-Identifier: MIT
 * sleef_det.h - the scalar deterministic functions (SLEEF cinz, no FMA) that core may use: the same
 * bits on every CPU and libm. libm's own exp, log, pow, sin never touch text (rule 13).
 */
#ifndef SF_SLEEF_DET_H
#define SF_SLEEF_DET_H

#include <sleef.h>

static inline double sf_det_pow(double x, double y) {
    return Sleef_cinz_powd1_u10purec(x, y);
}
static inline double sf_det_log(double x) {
    return Sleef_cinz_logd1_u10purec(x);
}
/* *s = sin(x), *c = cos(x); any finite x. */
static inline void sf_det_sincos(double x, double *s, double *c) {
    Sleef_double_2 r = Sleef_cinz_sincosd1_u10purec(x);
    *s = r.x;
    *c = r.y;
}

#endif
