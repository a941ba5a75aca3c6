/* SPDX-License-Identifier: MIT
 * test_encoders.c - what encoders promise beyond valid blocks: how much they lose, that blocks which
 * the format can say are said, that scale does not matter, and that bytes are the same everywhere.
 */
#include <math.h>
#include <stdlib.h>

#include "harness.h"

#include "types.h"

enum { N = 256 * 64 };

static float x[N], y[N], z[N];
static unsigned char blocks[N * 4], again[N * 4];

static double unit(uint64_t *seed) {
    return ((double)(sf_rand(seed) >> 12) + 0.5) * ldexp(1, -52);
}

/* Near a normal distribution; heavy: divided by the root of a sum of squares, so that one in some
 * hundred is far out. Only operations that round alike everywhere. */
static void fill(uint64_t seed, bool heavy) {
    for (int i = 0; i < N; i++) {
        double a = -6, b = 0.05;
        for (int k = 0; k < 12; k++) a += unit(&seed);
        for (int k = 0; k < 3; k++) {
            double u = unit(&seed) - 0.5;
            b += 4 * u * u;
        }
        x[i] = (float)(heavy ? a / sqrt(b) : a) * 0.02f;
    }
}

static double error(const struct sf_qtype *q) {
    double e = 0, v = 0;
    q->encode(blocks, x, N / q->block);
    assert_true(q->finite(blocks, N / q->block));
    q->decode(y, blocks, N / q->block);
    for (int i = 0; i < N; i++) {
        e += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        v += (double)x[i] * (double)x[i];
    }
    return e / v;
}

/* Mean squared error over the mean square: 1.5 % above what the search finds. */
static const struct {
    enum sf_type t;
    double normal, heavy;
    uint64_t hash; /* FNV-1a of the bytes of both */
} want[] = {
    {SF_T_Q8_0, 2.805e-05, 4.520e-05, 0x7a7d126c498ca218},
    {SF_T_Q4_0, 7.307e-03, 1.131e-02, 0x49da47dbfde3ed3b},
    {SF_T_Q4_1, 4.727e-03, 6.324e-03, 0x36dcbe0c092dc1da},
    {SF_T_Q5_0, 1.583e-03, 2.585e-03, 0xb9dcfd36b2c1ff11},
    {SF_T_Q5_1, 1.116e-03, 1.476e-03, 0x70fb4a302816af02},
    {SF_T_IQ4_NL, 5.357e-03, 7.159e-03, 0xcd29457292ab07f7},
    {SF_T_Q2_K, 6.707e-02, 7.823e-02, 0xa8455ddc943abf2c},
    {SF_T_Q3_K, 2.058e-02, 2.774e-02, 0x134dd4e7ebca6362},
    {SF_T_Q4_K, 4.808e-03, 6.470e-03, 0xa0683f7dcd015b18},
    {SF_T_Q5_K, 1.176e-03, 1.568e-03, 0x6b8f7cd27ce99daa},
    {SF_T_Q6_K, 2.880e-04, 4.088e-04, 0xe0b0ad21b60ddd7a},
};

static void losses(void **state) {
    SF_UNUSED(state);
    bool bad = false;
    for (size_t k = 0; k < SF_COUNT(want); k++) {
        const struct sf_qtype *q = &sf_qtypes[want[k].t];
        uint64_t h = 1469598103934665603u;
        double got[2];
        for (int heavy = 0; heavy < 2; heavy++) {
            fill(11 + (uint64_t)heavy, heavy);
            got[heavy] = error(q);
            for (size_t i = 0; i < N / q->block * q->bytes; i++)
                h = (h ^ blocks[i]) * 1099511628211u;
        }
        if (got[0] <= want[k].normal && got[1] <= want[k].heavy && h == want[k].hash) continue;
        print_message("{SF_T_%s, %.3e, %.3e, 0x%016llx},\n", q->name, got[0] * 1.015,
                      got[1] * 1.015, (unsigned long long)h);
        bad = true;
    }
    assert_false(bad);
}

/* Many blocks are one after the other; a factor of a power of two changes nothing but scales. */
static void blocks_are_alone(void **state) {
    SF_UNUSED(state);
    fill(3, true);
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        size_t n = N / q->block / 4;
        q->encode(blocks, x, n);
        for (size_t i = 0; i < n; i++) q->encode(again + i * q->bytes, x + i * q->block, 1);
        assert_memory_equal(blocks, again, n * q->bytes);
        q->decode(y, blocks, n);
        for (size_t i = 0; i < n * q->block; i++) z[i] = x[i] * 64;
        q->encode(again, z, n);
        q->decode(z, again, n);
        if (q->block == 1) continue;
        double off = 0, sum = 0; /* scales near the subnormal halves have fewer bits */
        for (size_t i = 0; i < n * q->block; i++) {
            off += fabs((double)z[i] - 64 * (double)y[i]);
            sum += fabs((double)z[i]);
        }
        if (!(off <= 1e-2 * sum)) fail_msg("%s: scaled by 64 it differs by %g", q->name, off / sum);
    }
}

/* A block that another one decodes to is found again, nearly: its scales are not those of an
 * encoder, but the integers all lie on one grid. */
static void what_can_be_said_is_said(void **state) {
    SF_UNUSED(state);
    fill(5, false);
    for (size_t k = 0; k < SF_COUNT(want); k++) {
        const struct sf_qtype *q = &sf_qtypes[want[k].t];
        double first = error(q);
        memcpy(x, y, sizeof x);
        double second = error(q);
        if (!(second <= 0.35 * first))
            fail_msg("%s: coded twice it loses %g after %g", q->name, second, first);
        fill(5, false);
    }
}

/* Constant blocks lose no more than the rounding of their scales; zeros lose nothing. */
static void constants(void **state) {
    SF_UNUSED(state);
    const float v[] = {0, 1, -1, 0.3f, -0.7f, 1000, -4e-4f, 3e4f};
    for (int t = 0; t < SF_T_COUNT; t++)
        for (size_t k = 0; k < SF_COUNT(v); k++) {
            const struct sf_qtype *q = &sf_qtypes[t];
            for (int i = 0; i < 256; i++) x[i] = v[k];
            q->encode(blocks, x, 256 / q->block);
            q->decode(y, blocks, 256 / q->block);
            double tol = fabs((double)v[k]) * 0.005 + 128 * ldexp(1, -25);
            if (t == SF_T_Q4_0) tol = fabs((double)v[k]) * 0.13; /* one end has a level less */
            for (int i = 0; i < 256; i++)
                if (!(fabs((double)y[i] - (double)v[k]) <= tol))
                    fail_msg("%s: %g became %g", q->name, (double)v[k], (double)y[i]);
        }
}

/* One weight far out beside small ones: it is kept, and they are not lost where parts are small. */
static void one_far_out(void **state) {
    SF_UNUSED(state);
    for (size_t k = 0; k < SF_COUNT(want); k++) {
        const struct sf_qtype *q = &sf_qtypes[want[k].t];
        fill(9, false);
        for (int i = 0; i < N; i += 256) x[i + i / 256 * 4 % 256] = i / 256 % 2 ? 5.0f : -5.0f;
        q->encode(blocks, x, N / q->block);
        q->decode(y, blocks, N / q->block);
        for (int i = 0; i < N; i++)
            if (fabsf(x[i]) == 5 && !(fabsf(x[i] - y[i]) <= 0.7f))
                fail_msg("%s: %g became %g", q->name, (double)x[i], (double)y[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses),      cmocka_unit_test(blocks_are_alone),
        cmocka_unit_test(constants),   cmocka_unit_test(what_can_be_said_is_said),
        cmocka_unit_test(one_far_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
