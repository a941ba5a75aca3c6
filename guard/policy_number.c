/* SPDX-License-Identifier: MIT
 * policy_number.c - strict decimal numbers, the same in every locale; see policy.h.
 * strtod reads the decimal point of the locale, takes hex, nan and inf, and stops silently at junk:
 * a guard whose budget depends on LC_NUMERIC is not one.
 */
#include <math.h>

#include "policy.h"

struct decimal { /* (negative ? -1 : 1) * digits * 10^exponent, digits without trailing zeros */
    bool negative;
    uint64_t digits;
    int exponent;
};

enum { MAX_DIGITS = 15, MAX_EXPONENT = 99 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits from p on, appended to d; zeros wait in *zeros until a digit follows them. */
static const char *read_digits(const char *p, struct decimal *d, int *n, int *zeros,
                               bool fraction) {
    for (; is_digit(*p); p++) {
        if (fraction) d->exponent--;
        if (*p == '0') {
            if (d->digits && ++*zeros > MAX_EXPONENT) return NULL;
            if (fraction && d->exponent < -MAX_EXPONENT) return NULL;
            continue;
        }
        if (d->digits) *n += *zeros;
        if (++*n > MAX_DIGITS) return NULL;
        for (; *zeros > 0; --*zeros) d->digits *= 10;
        d->digits = d->digits * 10 + (uint64_t)(*p - '0');
    }
    return p;
}

static bool read_decimal(struct decimal *d, const char *text) {
    *d = (struct decimal){0};
    const char *p = text;
    int n = 0, zeros = 0;
    if (*p == '-' || *p == '+') d->negative = *p++ == '-';
    if (!is_digit(*p)) return false;
    p = read_digits(p, d, &n, &zeros, false);
    if (p && *p == '.') {
        if (!is_digit(p[1])) return false;
        p = read_digits(p + 1, d, &n, &zeros, true);
    }
    if (!p) return false;
    d->exponent += zeros; /* trailing zeros were never multiplied in */
    if (*p == 'e' || *p == 'E') {
        bool minus = false;
        int e = 0;
        p++;
        if (*p == '-' || *p == '+') minus = *p++ == '-';
        if (!is_digit(*p)) return false;
        for (; is_digit(*p); p++)
            if ((e = e * 10 + (*p - '0')) > MAX_EXPONENT) return false;
        d->exponent += minus ? -e : e;
    }
    if (d->digits == 0) *d = (struct decimal){0}; /* -0 is 0 */
    return *p == 0;
}

bool sf_number_double(double *out, const char *text) {
    /* Both factors are exact in a double, so one operation gives the correctly rounded result. */
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    if (!read_decimal(&d, text)) return false;
    if (d.exponent > 22 || d.exponent < -22) return false;
    double v = (double)d.digits;
    v = d.exponent < 0 ? v / power[-d.exponent] : v * power[d.exponent];
    if (v > 1e12) return false;
    *out = d.negative ? -v : v;
    return true;
}

bool sf_number_millionths(int64_t *out, const char *text, bool round_up) {
    struct decimal d;
    if (!read_decimal(&d, text)) return false;
    int e = d.exponent + 6;
    uint64_t v = d.digits;
    bool rest = false;
    for (; e > 0 && v > 0; e--)
        if (__builtin_mul_overflow(v, 10, &v)) return false;
    for (; e < 0 && v > 0; e++) {
        rest |= v % 10 != 0;
        v /= 10;
    }
    if (v > (uint64_t)SF_COST_UNIT * 1000000000000u) return false;
    if (rest && round_up != d.negative) v++; /* away from zero */
    *out = d.negative ? -(int64_t)v : (int64_t)v;
    return true;
}

bool sf_number_int(int64_t *out, const char *text) {
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    if (!is_digit(*text)) return false;
    int64_t v = 0;
    for (; is_digit(*text); text++)
        if ((v = v * 10 + (*text - '0')) > 1000000000000) return false;
    *out = negative ? -v : v;
    return *text == 0;
}
