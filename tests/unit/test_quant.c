/* SPDX-License-Identifier: MIT
 * test_quant.c - block formats against vectors of an independent decoder (golden/), 16-bit floats
 * exhaustively, encoders at ties and hostile values, finite() at every scale.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "harness.h"

#include "types.h"

static void table(void **state) {
    SF_UNUSED(state);
    size_t n;
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        assert_int_equal(sf_type_by_gguf(q->gguf_id), t);
        assert_int_equal(sf_type_by_name(q->name), t);
        assert_string_equal(sf_gguf_type_name(q->gguf_id), q->name);
        assert_non_null(q->decode);
        assert_non_null(q->encode);
        assert_non_null(q->finite);
        assert_true(sf_type_size(&n, (enum sf_type)t, 3, 512));
        assert_int_equal(n, 3 * (512 / q->block) * q->bytes);
        if (q->block > 1) assert_false(sf_type_size(&n, (enum sf_type)t, 1, q->block + 1));
        assert_false(sf_type_size(&n, (enum sf_type)t, SIZE_MAX, 512));
        assert_false(sf_type_size(&n, (enum sf_type)t, SIZE_MAX / 256, SIZE_MAX - 255));
    }
    assert_int_equal(sf_type_by_name("q4_k"), SF_T_Q4_K);
    assert_int_equal(sf_type_by_name("Iq4_nL"), SF_T_IQ4_NL);
    assert_int_equal(sf_type_by_name("q4_k_m"), SF_T_COUNT);
    assert_int_equal(sf_type_by_name("q4"), SF_T_COUNT);
    assert_int_equal(sf_type_by_name(""), SF_T_COUNT);
    assert_int_equal(sf_type_by_gguf(4), SF_T_COUNT);
    assert_int_equal(sf_type_by_gguf(UINT32_MAX), SF_T_COUNT);
    assert_string_equal(sf_gguf_type_name(39), "MXFP4");
    assert_string_equal(sf_gguf_type_name(23), "IQ4_XS");
    assert_null(sf_gguf_type_name(42));
    assert_null(sf_gguf_type_name(UINT32_MAX));
}

/* ---------------------------------------------------------------- golden/quant_vectors.bin */

struct head {
    char name[8];
    uint32_t block, bytes, n;
};

static bool next_head(FILE *f, struct head *h) {
    size_t got = fread(h, 1, sizeof *h, f);
    if (got == 0) return false;
    assert_int_equal(got, sizeof *h);
    return true;
}

static void read_all(void *p, size_t n, FILE *f) {
    assert_int_equal(fread(p, 1, n, f), n);
}

static void decode_case(const struct head *h, FILE *f) {
    unsigned char blocks[1024 + 1];
    float want[1024], got[1024];
    size_t floats = (size_t)h->block * h->n, bytes = (size_t)h->bytes * h->n;
    assert_true(floats <= 1024 && bytes <= 1024);
    read_all(blocks, bytes, f);
    read_all(want, floats * sizeof *want, f);
    enum sf_type t = sf_type_by_name(h->name);
    assert_true(t != SF_T_COUNT);
    const struct sf_qtype *q = &sf_qtypes[t];
    assert_int_equal(q->block, h->block);
    assert_int_equal(q->bytes, h->bytes);
    for (int shift = 0; shift < 2; shift++) { /* blocks have no alignment */
        memmove(blocks + shift, blocks, bytes);
        memset(got, 0xAA, sizeof got);
        q->decode(got, blocks + shift, h->n);
        for (size_t i = 0; i < floats; i++)
            if (memcmp(&got[i], &want[i], 4) != 0)
                fail_msg("%s weight %zu: %a, not %a", h->name, i, (double)got[i], (double)want[i]);
    }
}

static void encode_case(const struct head *h, FILE *f) {
    char name[5] = {0};
    unsigned char want[1024], got[1024 + 1];
    float x[1024];
    size_t floats = (size_t)h->block * h->n, bytes = (size_t)h->bytes * h->n;
    assert_true(floats <= 1024 && bytes <= 1024);
    read_all(x, floats * sizeof *x, f);
    read_all(want, bytes, f);
    memcpy(name, h->name, 4);
    sf_qtypes[sf_type_by_name(name)].encode(got + 1, x, h->n);
    for (size_t i = 0; i < bytes; i++)
        if (got[i + 1] != want[i])
            fail_msg("%s block %zu byte %zu: %02x, not %02x", name, i / h->bytes, i % h->bytes,
                     got[i + 1], want[i]);
}

static void vectors(void **state) {
    SF_UNUSED(state);
    FILE *f = fopen(SUREFOOT_SOURCE "/tests/golden/quant_vectors.bin", "rb");
    assert_non_null(f);
    struct head h;
    int decoded = 0, encoded = 0;
    while (next_head(f, &h)) {
        if (memcmp(h.name + 4, " enc", 4) == 0) {
            encode_case(&h, f);
            encoded++;
        } else {
            decode_case(&h, f);
            decoded++;
        }
    }
    fclose(f);
    assert_int_equal(decoded, SF_T_COUNT - 3); /* every type but the plain numbers */
    assert_int_equal(encoded, 2);
}

/* ---------------------------------------------------------------- 16-bit floats */

/* What the bits mean, by arithmetic in double instead of by shifting. */
static double half_value(uint16_t h) {
    int exp = h >> 10 & 31, man = h & 0x3FF;
    double v = exp ? ldexp(1024 + man, exp - 25) : ldexp(man, -24);
    return h & 0x8000 ? -v : v;
}

static void halves(void **state) {
    SF_UNUSED(state);
    for (uint32_t h = 0; h <= 0xFFFF; h++) {
        float f = sf_f16_to_f32((uint16_t)h);
        if ((h & 0x7C00) == 0x7C00) {
            if (h & 0x3FF) {
                assert_true(isnan(f));
                uint16_t back = sf_f32_to_f16(f);
                assert_true((back & 0x7C00) == 0x7C00 && (back & 0x3FF) != 0);
                assert_int_equal(back & 0x8000, h & 0x8000);
            } else {
                assert_true(isinf(f) && (f < 0) == (h >= 0x8000));
            }
            continue;
        }
        assert_true((double)f == half_value((uint16_t)h));
        assert_int_equal(signbit(f) != 0, h >> 15);
        assert_int_equal(sf_f32_to_f16(f), h);
    }
}

/* Every midpoint of neighbours goes to the even one; a float beside it to the nearer. */
static void half_midpoints(void **state) {
    SF_UNUSED(state);
    for (uint32_t h = 0; h < 0x7BFF; h++)
        for (int sign = 0; sign < 2; sign++) {
            double mid = (half_value((uint16_t)h) + half_value((uint16_t)(h + 1))) / 2;
            float f = sign ? (float)-mid : (float)mid, out = sign ? -INFINITY : INFINITY;
            assert_true(fabs((double)f) == mid); /* midpoints are exact in float */
            uint32_t s = sign ? 0x8000 : 0;
            assert_int_equal(sf_f32_to_f16(f), s | (h + (h & 1)));
            assert_int_equal(sf_f32_to_f16(nextafterf(f, 0)), s | h);
            assert_int_equal(sf_f32_to_f16(nextafterf(f, out)), s | (h + 1));
        }
    const float large[] = {65504, 65519.996f, 65520, 65536, 1e30f, FLT_MAX, INFINITY};
    for (size_t i = 0; i < SF_COUNT(large); i++) {
        assert_int_equal(sf_f32_to_f16(large[i]), 0x7BFF);
        assert_int_equal(sf_f32_to_f16(-large[i]), 0xFBFF);
    }
    assert_int_equal(sf_f32_to_f16(FLT_TRUE_MIN), 0);
    assert_int_equal(sf_f32_to_f16(-FLT_TRUE_MIN), 0x8000);
    assert_true(isnan(sf_f16_to_f32(sf_f32_to_f16(NAN))));
}

static void bfloats(void **state) {
    SF_UNUSED(state);
    for (uint32_t h = 0; h <= 0xFFFF; h++) {
        float f = sf_bf16_to_f32((uint16_t)h);
        if ((h & 0x7F80) == 0x7F80 && (h & 0x7F)) {
            assert_true(isnan(f));
            assert_true(isnan(sf_bf16_to_f32(sf_f32_to_bf16(f))));
            continue;
        }
        assert_int_equal(sf_f32_to_bf16(f), h);
        if ((h & 0x7F80) == 0x7F80 || (h & 0x7FFF) == 0x7F7F) continue;
        float next = sf_bf16_to_f32((uint16_t)(h + 1)); /* one step away from zero */
        float mid = (float)(((double)f + (double)next) / 2);
        assert_int_equal(sf_f32_to_bf16(mid), h + (h & 1));
        assert_int_equal(sf_f32_to_bf16(nextafterf(mid, f)), h);
        assert_int_equal(sf_f32_to_bf16(nextafterf(mid, next)), h + 1);
    }
    assert_int_equal(sf_f32_to_bf16(FLT_MAX), 0x7F80); /* no saturation: as the format is used */
    uint32_t low_nan = 0x7F800001;                     /* its upper half alone would be infinite */
    float f;
    memcpy(&f, &low_nan, 4);
    assert_true(isnan(sf_bf16_to_f32(sf_f32_to_bf16(f))));
}

/* ---------------------------------------------------------------- encoders */

static void round_trip(void **state) {
    SF_UNUSED(state);
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        float x[32], y[32], amax = 0;
        unsigned char b[128];
        float scale = ldexpf(1, (int)(sf_rand(&seed) % 20) - 12);
        for (int i = 0; i < 32; i++) {
            x[i] = scale * ((float)(int32_t)(uint32_t)sf_rand(&seed) / 2147483648.0f);
            amax = fmaxf(amax, fabsf(x[i]));
        }
        /* half a step, and half a unit of binary16 in the scale (2^-11, or 2^-25 when subnormal) */
        struct {
            enum sf_type t;
            double step, most;
        } bound[] = {{SF_T_Q8_0, (double)amax / 127 * 0.5, 127},
                     {SF_T_Q4_0, (double)amax / 8, 8}, /* the far end is cut at 15: a whole step */
                     {SF_T_F16, 0, 1},
                     {SF_T_F32, 0, 0}};
        for (size_t k = 0; k < SF_COUNT(bound); k++) {
            const struct sf_qtype *q = &sf_qtypes[bound[k].t];
            size_t n = 32 / q->block;
            q->encode(b, x, n);
            assert_true(q->finite(b, n));
            q->decode(y, b, n);
            double d = bound[k].most ? (double)amax / bound[k].most : 0;
            double tol = bound[k].step * 1.00001 +
                         bound[k].most * fmax(d * ldexp(1, -11), bound[k].most ? ldexp(1, -25) : 0);
            for (int i = 0; i < 32; i++)
                if (fabs((double)x[i] - (double)y[i]) > tol)
                    fail_msg("%s: %g became %g (largest %g)", q->name, (double)x[i], (double)y[i],
                             (double)amax);
        }
        sf_qtypes[SF_T_BF16].encode(b, x, 32);
        sf_qtypes[SF_T_BF16].decode(y, b, 32);
        for (int i = 0; i < 32; i++)
            assert_true(fabsf(x[i] - y[i]) <= ldexpf(fabsf(x[i]), -8) + FLT_TRUE_MIN);
    }
}

/* Finite input of any size gives finite blocks, with no undefined conversion on the way. */
static void hostile_encode(void **state) {
    SF_UNUSED(state);
    const float v[] = {0,      -0.0f,  FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MIN, 1e-38f,
                       3e-39f, 1e-30f, -1e-8f,       5.9e-8f,       1,       -1,
                       65504,  1e6f,   8.4e+6f,      FLT_MAX / 127, FLT_MAX, -FLT_MAX};
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        if (!q->encode || t == SF_T_BF16) continue; /* BF16 rounds FLT_MAX to infinity */
        for (size_t a = 0; a < SF_COUNT(v); a++)
            for (size_t b = 0; b < SF_COUNT(v); b++) {
                float x[256], y[256];
                unsigned char out[1024];
                for (int i = 0; i < 256; i++) x[i] = v[i % 3 ? a : b];
                q->encode(out, x, 256 / q->block);
                assert_true(q->finite(out, 256 / q->block));
                q->decode(y, out, 256 / q->block);
                for (int i = 0; i < 256; i++) assert_true(isfinite(y[i]));
            }
    }
}

/* Blocks too small to scale are zero, with the same bytes on every machine. */
static void tiny_encode(void **state) {
    SF_UNUSED(state);
    const float tiny[] = {0, FLT_TRUE_MIN, -FLT_TRUE_MIN, 1e-40f, -3e-39f};
    for (size_t k = 0; k < SF_COUNT(tiny); k++) {
        float x[32];
        unsigned char b[34];
        for (int i = 0; i < 32; i++) x[i] = i % 2 ? tiny[k] : 0;
        sf_qtypes[SF_T_Q8_0].encode(b, x, 1);
        for (int i = 0; i < 34; i++) assert_int_equal(b[i], 0);
        sf_qtypes[SF_T_Q4_0].encode(b, x, 1);
        assert_true(b[0] == 0 && (b[1] & 0x7F) == 0);
        for (int i = 2; i < 18; i++) assert_int_equal(b[i], 0x88);
    }
}

/* ---------------------------------------------------------------- finite */

static void finite_numbers(enum sf_type t, size_t n) {
    const struct sf_qtype *q = &sf_qtypes[t];
    unsigned char b[256];
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < SF_COUNT(bad); k++) {
            uint32_t bits;
            memcpy(&bits, &bad[k], 4);
            memset(b, 0x3C, sizeof b);
            assert_true(q->finite(b, n));
            if (t == SF_T_F16)
                bits = k == 2 ? 0x7C01 : (bits >> 16 & 0x8000) | 0x7C00;
            else if (t == SF_T_BF16)
                bits >>= 16;
            memcpy(b + i * q->bytes, &bits, q->bytes);
            assert_false(q->finite(b, n));
        }
    memset(b, 0, sizeof b);
    assert_true(q->finite(b, n));
}

static void finite(void **state) {
    SF_UNUSED(state);
    uint64_t seed = 11;
    finite_numbers(SF_T_F32, 9);
    finite_numbers(SF_T_F16, 9);
    finite_numbers(SF_T_BF16, 9);
    const uint16_t bad[] = {0x7C00, 0xFC00, 0x7C01, 0x7E00, 0xFFFF}, good[] = {0x7BFF, 0, 0x8001};
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        if (q->block == 1) continue;
        enum { N = 3 };
        unsigned char b[N * 256];
        for (uint32_t i = 0; i < N; i++)
            for (uint32_t h = 0; h < q->n_half; h++)
                for (size_t k = 0; k < SF_COUNT(bad); k++) {
                    for (size_t j = 0; j < sizeof b; j++) b[j] = (unsigned char)sf_rand(&seed);
                    for (uint32_t j = 0; j < N; j++)
                        for (uint32_t g = 0; g < q->n_half; g++)
                            memcpy(b + j * q->bytes + q->half[g], &good[(k + j) % 3], 2);
                    assert_true(q->finite(b, N));
                    memcpy(b + i * q->bytes + q->half[h], &bad[k], 2);
                    assert_false(q->finite(b, N));
                }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),          cmocka_unit_test(vectors),
        cmocka_unit_test(halves),         cmocka_unit_test(half_midpoints),
        cmocka_unit_test(bfloats),        cmocka_unit_test(round_trip),
        cmocka_unit_test(hostile_encode), cmocka_unit_test(tiny_encode),
        cmocka_unit_test(finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
